//! Lab 04, Say It Once: the words that a gate and its checks share, and the checks. Knows no learner's gate.

mod any_course;
mod checks;
mod judged;
mod memory;
mod model;
mod orders;
mod painting;
mod study;
mod two_clients;
mod upload;
mod wire;
mod words;
mod world;

use lab_kit::Lab;

pub use upload::Upload;

/// How many replies a session keeps.
pub const KEPT_MAX: usize = 64;

/// Decides for one session what becomes of each request that changes something. Owns no socket, no file and no clock:
/// it is told what arrived and what was stored.
pub trait Gate {
    /// A connection opens the session, or continues it. From now on this one holds the session, and no other.
    fn connect(&mut self) -> Welcome;

    /// The header of a request has arrived on the connection of this epoch. Is it to be carried out?
    fn admit(&mut self, from: Epoch, sequence: Sequence, request: &Request) -> Result<Admission, Refusal>;

    /// A request that was admitted is done: its file is whole, and nobody sees it yet. With `Ok` the file becomes
    /// visible and `receipt` is the reply; with an error the file is thrown away. Of an upload that fails the gate hears
    /// nothing.
    fn commit(&mut self, from: Epoch, sequence: Sequence, request: &Request, receipt: Receipt) -> Result<(), Refusal>;
}

/// Which connection of a session: the first is 1, and each that continues it is one more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

impl Epoch {
    /// That of the next connection.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// A request's number in its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

impl Sequence {
    /// That of a session's first request.
    pub const FIRST: Self = Self(1);

    /// The number behind this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl Default for Sequence {
    fn default() -> Self {
        Self::FIRST
    }
}

/// What the header of an upload says about it. It brings `size` bytes of a file, from `offset` on to its end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    /// The client's name for the file.
    pub name: String,
    /// Where in the file the payload begins; above 0 when the rest of a cut upload is sent.
    pub offset: u64,
    /// Bytes of the payload.
    pub size: u64,
    /// Digest of the whole file, if the header states it.
    pub digest: Option<String>,
}

/// The reply to an upload that was stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Receipt {
    /// The file's name on the server.
    pub stored_as: String,
    /// Bytes of the whole file.
    pub size: u64,
    /// Digest of the whole file.
    pub digest: String,
}

/// What a connection is told when it holds the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// Which connection it is.
    pub epoch: Epoch,
    /// The number that is expected next.
    pub next_sequence: Sequence,
}

/// What becomes of a request that is not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is new: carry it out.
    Proceed,
    /// It was done already: do nothing, and answer this again.
    Replay(Receipt),
}

/// Why a request is refused, by the names of the wire's error codes. None of them uses up a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// `sequence_gap`: the number is above the next one.
    SequenceGap {
        /// The next one.
        expected: Sequence,
    },
    /// `sequence_reused`: the number was used, by another request.
    SequenceReused,
    /// `sequence_too_old`: the number was used, and its reply is kept no more.
    SequenceTooOld,
    /// `session_moved`: a newer connection holds the session.
    SessionMoved,
}

/// What makes a gate for a fresh session.
pub type Fresh = dyn Fn() -> Box<dyn Gate> + Send + Sync;

/// What a learner hands in.
pub struct Work {
    /// The gate.
    pub gate: Box<Fresh>,
    /// The test: it panics when a gate that it is given is wrong.
    pub test: fn(&Fresh),
}

/// This lab.
#[must_use]
pub fn lab() -> Lab<Work> {
    Lab { number: "04", title: "Say It Once", checks: checks::all(), study: study::study }
}
