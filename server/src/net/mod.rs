//! Sockets, and the waiting on them. What a request means is decided elsewhere.

mod acceptor;
mod body;
mod congestion;
mod connection;
mod context;
mod event_loops;
mod fetch;
mod link;
mod request;
mod run;
mod tally;
mod week01;

pub use acceptor::Acceptor;
pub use connection::Connection;
pub use context::Context;
pub use link::Stream;
