//! What a server of Week 01 clients has in its hands: one connection, whose frames are found already, and a disk.

use std::time::Duration;

/// A client that sends several files without waiting is silent for less than this between them; one that waits for an
/// answer is silent for longer.
pub const SILENCE: Duration = Duration::from_secs(1);

/// Bytes that are dropped at most before a connection is closed.
pub const DRAIN_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How long bytes are dropped at most before a connection is closed.
pub const DRAIN_TIME: Duration = Duration::from_secs(2);

/// The line for a stored file.
pub const OK: &[u8] = b"OK\n";

/// The line for a header that is none.
pub const INVALID: &[u8] = b"ERROR: Invalid header\n";

/// The line for a file that could not be stored.
pub const FAILED: &[u8] = b"ERROR: File write failed\n";

/// A Week 01 connection, as its server sees it. When the server returns, the connection is closed; bytes that were not
/// read by then make the system send a reset.
pub trait Link {
    /// Waits for what the client sends next, but no longer than `patience`.
    fn next(&mut self, patience: Duration) -> Arrival;

    /// Stores a file on the disk.
    ///
    /// # Errors
    /// When there is no room; then nothing of it is stored.
    fn store(&mut self, mime_type: &str, bytes: &[u8]) -> Result<(), Full>;

    /// Writes to the client. That it worked means that the system has the bytes, and not that the client has them.
    ///
    /// # Errors
    /// When they cannot be sent. What the client sends may still come.
    fn say(&mut self, bytes: &[u8]) -> Result<(), Unsaid>;

    /// Ends the sending side (half-close): the client reads all that was said, and then the end.
    fn finish(&mut self);

    /// Reads some bytes, whatever they are, and drops them. Waits for them no longer than `patience`.
    fn discard(&mut self, patience: Duration) -> Dropped;

    /// The time since the connection was accepted. It passes only while somebody waits.
    fn now(&self) -> Duration;
}

/// What came of waiting for a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// A whole file.
    File {
        /// What it is.
        mime_type: String,
        /// All its bytes.
        bytes: Vec<u8>,
    },
    /// A header that is none. Nobody knows where the next frame begins.
    Invalid,
    /// Nothing, for as long as the patience was.
    Silence,
    /// The client ends its sending side between two files. Whether it still reads cannot be seen.
    End,
    /// The client ends its sending side inside a file.
    Cut,
    /// The connection was reset, and what was on the way is lost.
    Reset,
}

/// What came of dropping bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// So many are gone; there may be more.
    Bytes(usize),
    /// None came, for as long as the patience was.
    Silence,
    /// The client has ended its sending side.
    End,
    /// The connection was reset.
    Reset,
}

/// The disk has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// Bytes that could not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsaid;
