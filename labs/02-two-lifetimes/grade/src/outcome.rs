//! What a connection is tried with besides its client, and what came of it.

use std::time::Duration;

use lab_kit::{Ending, Recording, Step};

/// What a server finds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Setting {
    /// The client's receive buffer is full: nothing can be said.
    pub(crate) deaf: bool,
    /// So many files have room on the disk.
    pub(crate) room: Option<usize>,
}

/// What came of a connection.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The files on the disk, in order.
    pub(crate) stored: Vec<Vec<u8>>,
    /// All that the client has read.
    pub(crate) heard: Vec<u8>,
    /// How reading ended for it.
    pub(crate) heard_end: Option<Ending>,
    /// When that was.
    pub(crate) heard_at: Duration,
    /// It waited for an answer in vain.
    pub(crate) gave_up: bool,
    /// Something was said while the client could be sending.
    pub(crate) early: bool,
    /// All that was said, even if nobody reads it.
    pub(crate) said: Vec<u8>,
    /// Bytes that the server dropped.
    pub(crate) dropped: usize,
    /// When the server closed the connection.
    pub(crate) closed_at: Duration,
    /// The server closed with bytes unread, so its system reset the connection.
    pub(crate) reset: bool,
    /// Bytes of the client that never came out of its system.
    pub(crate) died: usize,
    /// What the server did.
    pub(crate) steps: Vec<Step>,
    /// What the wire carried.
    pub(crate) recording: Recording,
    /// It did not come to an orderly end.
    pub(crate) panic: Option<String>,
}
