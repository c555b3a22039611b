//! What happens on a connection, as both ends and the network between them would agree on it. Knows no frames.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

/// One of the two ends of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Side {
    /// The one that opened it.
    Client,
    /// The one that accepted it.
    Server,
}

impl Side {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// A connection by the addresses of its ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Ends {
    /// Where it comes from.
    pub client: SocketAddr,
    /// Where it leads to.
    pub server: SocketAddr,
}

impl Ends {
    /// Both in the form in which IPv4 is IPv4, though a socket for both kinds tells it otherwise.
    #[must_use]
    pub fn new(client: SocketAddr, server: SocketAddr) -> Self {
        let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
        Self { client: canonical(client), server: canonical(server) }
    }

    pub(crate) fn of(self, side: Side) -> SocketAddr {
        match side {
            Side::Client => self.client,
            Side::Server => self.server,
        }
    }
}

/// Something that happened on a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// When, since 1970.
    pub at: Duration,
    /// On which connection.
    pub ends: Ends,
    /// What.
    pub what: What,
}

/// What can happen on a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// It is there.
    Opened,
    /// One side sent bytes.
    Bytes {
        /// Which one.
        from: Side,
        /// How many it had sent before.
        offset: u64,
        /// How many the other side had sent.
        heard: u64,
        /// The bytes; never more than [`Event::BYTES_MAX`].
        bytes: Bytes,
    },
    /// One side will send no more.
    Ended {
        /// Which one.
        by: Side,
        /// In an orderly way or not.
        how: Ending,
        /// How many bytes it had sent.
        offset: u64,
        /// How many the other side had sent; its end counts as one.
        heard: u64,
    },
}

/// How a side ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// It says so, behind its last byte (FIN).
    Finished,
    /// It gives the whole connection up (RST).
    Reset,
}

impl Event {
    /// Bytes of the longest piece; with its headers it fits into one packet of IP.
    pub const BYTES_MAX: usize = 32 * 1024;
}
