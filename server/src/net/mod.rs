//! Sockets, and the waiting on them. What a request means is decided elsewhere.

mod acceptor;
mod body;
mod connection;
mod link;

pub use acceptor::Acceptor;
pub use connection::{Connection, Context};
pub use link::Stream;
