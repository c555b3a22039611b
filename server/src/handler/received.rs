//! An upload between its two halves: its bytes have come, and nobody can see it yet. Several of them that follow each
//! other in a session are shown and counted together.

use std::sync::Arc;

use shared::digest::DigestKind;
use shared::id::Sequence;
use shared::session::{Fingerprint, Session};
use shared::wire::Ack;

use super::Answer;
use crate::files::{ObjectName, Part};

/// Uploads that are shown and counted together at most: as many as a client may have unanswered by default.
pub const RUN_MAX: usize = 32;

/// What came of the first half of a request.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "moved once, right after it was made")]
pub enum Begun {
    /// All there is to do.
    Answered(Answer),
    /// An upload of a session that waits for its second half.
    Received(Received),
}

impl From<Answer> for Begun {
    fn from(answer: Answer) -> Self {
        Self::Answered(answer)
    }
}

impl From<Received> for Begun {
    fn from(received: Received) -> Self {
        Self::Received(received)
    }
}

/// An upload of a session that is here whole.
#[derive(Debug)]
pub struct Received {
    pub(super) session: Arc<Session>,
    pub(super) sequence: Sequence,
    pub(super) fingerprint: Fingerprint,
    pub(super) name: ObjectName,
    pub(super) part: Box<dyn Part>,
    pub(super) kind: DigestKind,
    pub(super) ack: Ack,
    /// Its header told its length.
    pub(super) sized: bool,
}

impl Received {
    /// The session, as it was when the first upload of its run came.
    #[must_use]
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Its place in the session.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        self.sequence
    }
}
