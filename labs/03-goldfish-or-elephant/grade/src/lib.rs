//! Lab 03, Goldfish or Elephant: the words that two handlers and their checks share, the checks, and what is measured.
//! Knows no handler.

mod checks;
mod client;
mod curves;
mod due;
mod frame;
mod id;
mod key;
mod measure;
mod memory;
mod scene;
mod study;
mod world;

use lab_kit::Lab;

pub use id::SessionId;
pub use key::{Key, MAC_BYTES};
pub use measure::{Measured, Row, measure, program};
pub use world::World;

/// Bytes that all files of one upload may have together.
pub const QUOTA_BYTES: u64 = 10_000;

/// Milliseconds that a client may be silent. One more, and its upload is over.
pub const SILENCE_MS_MAX: u64 = 300_000;

/// Bytes of the longest context. Every request carries it, and so does every reply.
pub const CONTEXT_BYTES_MAX: usize = 256;

/// Bytes of memory that one session may take, measured over many.
pub const SESSION_BYTES_MAX: usize = 256;

/// Serves uploads and remembers nothing: what it knows of a client is what the request says. It owns no socket, no clock
/// and no disk.
pub trait StatelessHandler {
    /// Answers a request.
    fn answer(&self, request: &Request, world: &mut World) -> Result<Progress, ErrorCode>;
}

/// Serves uploads and remembers each. It owns no socket, no clock and no disk.
pub trait StatefulHandler {
    /// Answers a request.
    fn answer(&mut self, request: &Request, world: &mut World) -> Result<Progress, ErrorCode>;
}

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// To begin an upload.
    Connect,
    /// To store one more file.
    Transfer {
        /// What the last reply gave the client to bring.
        carried: Carried,
        /// Bytes of the file.
        size: u64,
    },
}

/// What a client carries from a reply to its next request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carried {
    /// The name of a session that the server remembers.
    Session(SessionId),
    /// All that is known of the upload, in bytes that only their maker needs to understand.
    Context(Vec<u8>),
}

/// Where an upload stands after a request: `session_created` without files, `stored` with some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Files of this upload so far; the newest one has this number as its sequence.
    pub files: u32,
    /// Bytes of all of them.
    pub bytes: u64,
    /// What the client brings with its next request.
    pub carried: Carried,
    /// The mode that was wanted and cannot be had, when this upload is served in the other.
    pub degraded_from: Option<Mode>,
}

/// Who remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The client.
    Stateless,
    /// The server.
    Stateful,
}

/// Why a request is refused, by the names of the wire's error codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// `quota_exceeded`: with this file the upload would have more than [`QUOTA_BYTES`].
    QuotaExceeded,
    /// `session_unknown`: nobody here knows this session, or the context is not one of ours.
    SessionUnknown,
    /// `session_gone`: the context is ours, and its client was silent for too long.
    SessionGone,
    /// `sequence_reused`: there is another file under this number.
    SequenceReused,
}

/// What starts a server, again and again.
pub trait Build: Send + Sync {
    /// A stateless server that has just been started.
    fn stateless(&self, key: Key) -> Box<dyn StatelessHandler>;

    /// A stateful server that has just been started, with room for so many sessions. The key is for those it has no room
    /// for.
    fn stateful(&self, key: Key, sessions_max: usize) -> Box<dyn StatefulHandler>;
}

/// What is checked.
pub type Subject = dyn Build;

/// This lab.
#[must_use]
pub fn lab() -> Lab<Subject> {
    Lab { number: "03", title: "Goldfish or Elephant", checks: checks::all(), study: study::study }
}
