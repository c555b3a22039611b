//! Lab 05, Silence: the words that a keeper of sessions and its checks share, and the checks. Knows no learner's keeper.

mod checks;
mod ladder;
mod scale;
mod silence;
mod strip;
mod study;
mod timestamp;
mod uploads;
mod wire;
mod words;
mod world;

use std::time::Duration;

use lab_kit::Lab;

pub use timestamp::Timestamp;

/// Keeps the sessions of a server, and decides what becomes of each in silence. Owns no socket and no clock: it is told
/// what happened and when, and says what is to be done.
pub trait Keeper {
    /// Something happened on a connection.
    fn on(&mut self, now: Timestamp, from: Connection, event: Event) -> Vec<Output>;

    /// When [`Keeper::on_timeout`] must be called if nothing happens before; never, if nothing is waited for.
    fn poll_timeout(&self) -> Option<Timestamp>;

    /// A timer fired. It may come late, and it may come early.
    fn on_timeout(&mut self, now: Timestamp) -> Vec<Output>;
}

/// What makes the keeper of a server that has just started.
pub type Subject = dyn Fn(Timeouts) -> Box<dyn Keeper> + Send + Sync;

/// How long silence may be.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// Silence that ends a session.
    pub session: Duration,
    /// Silence between two frames that ends a connection, and not its session.
    pub connection: Duration,
    /// Within this time an upload must bring [`Timeouts::progress_bytes`].
    pub progress_window: Duration,
    /// Bytes of payload that begin a new window.
    pub progress_bytes: u64,
    /// How long it is remembered that a session has expired.
    pub tombstone: Duration,
}

/// Those of the wire.
impl Default for Timeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            session: seconds(300),
            connection: seconds(120),
            progress_window: seconds(20),
            progress_bytes: 80 * 1024,
            tombstone: seconds(3600),
        }
    }
}

/// A connection; numbers are never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Connection(pub u16);

/// A session's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// The digest of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(blake3::Hash);

impl Digest {
    /// That of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(blake3::hash(bytes))
    }
}

/// What happens on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// `connect` without an id. The session gets this one, which was never used before.
    Open(SessionId),
    /// `connect` with an id, on a connection that has no session yet.
    Resume(SessionId),
    /// `heartbeat`.
    Heartbeat,
    /// `status`.
    Status,
    /// The header of a `transfer`. The client waits for `continue` before it sends the payload.
    Transfer {
        /// Where in the file the payload begins.
        offset: u64,
        /// Bytes of the payload, at least one; it reaches to the end of the file.
        size: u64,
        /// Digest of the whole file.
        digest: Digest,
    },
    /// The next bytes of a payload, never more than are left of it.
    Payload(Vec<u8>),
    /// FIN: the client sends no more. It still reads.
    Finished,
    /// RST: the connection is gone, and nothing can be said on it.
    Reset,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send this.
    Reply(Connection, Reply),
    /// Close the connection, behind all that was said on it.
    Close(Connection),
    /// This session has expired; whoever keeps anything for it may let go.
    Expired(SessionId),
}

/// What is said to a client, by the names of the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// `session_created`.
    SessionCreated,
    /// `session_resumed`.
    SessionResumed {
        /// How many bytes of a cut upload are there, if one was cut.
        partial: Option<u64>,
    },
    /// `heartbeat_ack`.
    HeartbeatAck {
        /// How long the session lives if it is silent from now on.
        expires_in: Duration,
    },
    /// `session_status`.
    SessionStatus {
        /// What a cut upload has left.
        partial: Option<Partial>,
    },
    /// `continue`: the payload may come.
    Continue,
    /// `stored`: the file is whole, and its digest fits.
    Stored,
    /// `error` with this code.
    Error(Refusal),
}

/// The beginning of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partial {
    /// How many bytes are there.
    pub offset: u64,
    /// Their digest.
    pub prefix_digest: Digest,
}

/// Why something is refused or given up, by the wire's error codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// `session_unknown`: there is no such session, or it was forgotten.
    SessionUnknown,
    /// `session_gone` with the reason `expired`.
    SessionExpired,
    /// `session_moved`: a newer connection holds the session. The connection is closed.
    SessionMoved,
    /// `truncated`: the client ended inside a frame. The connection is closed.
    Truncated,
    /// `payload_timeout`: an upload made too little progress. The connection is closed.
    PayloadTimeout,
    /// `bad_offset`: fewer bytes are there.
    BadOffset {
        /// So many.
        offset: u64,
    },
    /// `digest_mismatch`: the whole file is not what it should be; what was there of it is dropped.
    DigestMismatch,
}

/// This lab.
#[must_use]
pub fn lab() -> Lab<Subject> {
    Lab { number: "05", title: "Silence", checks: checks::all(), study: study::study }
}
