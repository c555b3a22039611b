//! The life of a session: its timeouts to the millisecond, what its store promises, and its sequences against a
//! model too simple to be wrong.

mod admission;
mod closing;
mod contract;
mod device;
mod migrate;
mod model;
mod record;
mod room;
mod sqlite;
mod states;
mod timeouts;
