//! A frame as a story tells it: a few words and how many bytes. Holds no secret and nothing that a peer could make
//! longer than a line.

use crate::Side;

/// Something that one side said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Who said it.
    pub from: Side,
    /// What, in a few words: `transfer #3 a.txt`, `stored #3 next 4`.
    pub words: String,
    /// How it sounds.
    pub tone: Tone,
    /// The session it belongs to, counted from 0.
    pub session: Option<usize>,
    /// What it changes in that session's life.
    pub change: Option<Change>,
    /// Bytes of its header line.
    pub header: u64,
    /// Bytes behind the header, as far as they came: session data, payload, trailer.
    pub body: u64,
    /// Whether all of it came.
    pub whole: bool,
}

/// How something sounds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    /// A request or a reply as it should be.
    Plain,
    /// A kept reply: nothing was done.
    Replay,
    /// A refusal.
    Refusal,
    /// No frame at all.
    Noise,
}

/// What becomes of a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// It begins.
    Opened,
    /// It goes on over this connection.
    Resumed,
    /// This connection is told that a newer one holds it.
    Moved,
    /// It is over.
    Ended,
}
