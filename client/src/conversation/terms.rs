//! The words a conversation is made of: what is wanted, what happened, what is to be done.

use std::time::Duration;

use shared::error::ErrorCode;
use shared::id::{Sequence, SessionId};
use shared::wire::{ErrorBody, Partial, Reply, SessionInfo};

use crate::secret::Secret;

/// How the user wants files to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Each file by itself.
    Stateless,
    /// All in a session, or not at all.
    Stateful,
    /// In a session, if the server can have one.
    Auto,
}

/// What to do with the session when all is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Afterwards {
    /// It stays open for `list`, `fetch` and the others.
    Keep,
    /// It ends.
    Close,
}

/// A session this client holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) id: SessionId,
    pub(crate) secret: Secret,
    /// The sequence of the next request that changes something.
    pub(crate) next: Sequence,
}

impl Held {
    /// Keeps the newest ticket, if tickets are what continues this session.
    pub(crate) fn hear(&mut self, info: Option<&SessionInfo>) {
        let newest = info.filter(|info| info.id == self.id).and_then(Secret::of);
        if let Some(newest) = newest.filter(|newest| newest.changes() && self.secret.changes()) {
            self.secret = newest;
        }
    }

    /// Goes on where the server is. A server that is further back forgot what it had answered: sequences of
    /// this session mean nothing any more.
    pub(crate) fn caught_up(self, next: Sequence) -> Result<Self, Box<ErrorBody>> {
        if next >= self.next {
            return Ok(Self { next, ..self });
        }
        Err(gone("damaged: the server forgot replies it had given"))
    }
}

/// What this client says of a session that can serve no request any more.
pub(crate) fn gone(reason: &str) -> Box<ErrorBody> {
    let body = ErrorBody::from(ErrorCode::SessionGone);
    Box::new(ErrorBody { reason: Some(reason.to_owned()), ..body })
}

/// Whether all that a request is made of can still be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeatable {
    /// It has no payload, or a file's.
    Yes,
    /// It has a pipe's, of which nothing was taken. The server has no part of it.
    Untouched,
    /// Something of a pipe was taken.
    No,
}

/// One try to send one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// Its place in the session; `None` in stateless mode.
    pub(crate) sequence: Option<Sequence>,
    /// What is known of the tries before.
    pub(crate) history: History,
    /// Where it may begin.
    pub(crate) start: Start,
}

/// What is known of the earlier tries to send the same file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum History {
    /// There was none.
    None,
    /// It was refused, and may be tried again.
    Refused,
    /// Its frame did not come to its end: it is not stored, and a part of it may be there.
    Cut,
    /// No answer came: the file may be stored. The server is asked before the payload is sent again.
    Unknown,
    /// The same for a try of a run that ended. Whoever runs the command again wants the file sent, whatever
    /// became of it.
    Left,
}

impl History {
    /// Whether the file may be stored by now, for all this client knows.
    pub(crate) fn is_unknown(self) -> bool {
        match self {
            Self::Unknown | Self::Left => true,
            Self::None | Self::Refused | Self::Cut => false,
        }
    }
}

/// Where in the file a try may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// Behind what the server has of it.
    Behind,
    /// At its first byte: nothing is to be had of earlier tries, or it led to nothing.
    First,
}

/// How much of a transfer's frame left this side before the connection was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// No byte of its payload.
    Nothing,
    /// Not all of it.
    Part,
    /// Perhaps all of it.
    Whole,
}

/// Where the stream to the server stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// The whole frame was sent, as far as the server wanted it: the next one may follow.
    AtBoundary,
    /// The rest of the frame will not be sent, because its reply came first, or because it cannot be.
    InsideFrame,
}

/// What the driver reports.
#[derive(Debug)]
pub(crate) enum Event {
    /// There is a file to send, at this time.
    File(Duration),
    /// There is a file of which a run before sent something, at this place.
    Left(Option<Sequence>),
    /// There is a file of so many bytes to send before the one in front has its answer.
    Ahead(u64),
    /// The file in front is dealt with, and one that was sent ahead comes next.
    Next,
    /// All files are dealt with.
    NoMore,
    /// The connection is open.
    Opened,
    /// A file's frame was sent.
    Sent(Stream),
    /// The reply came to what was asked, or to the file in front; or, where that was refused, to the next behind it.
    Reply(Box<Reply>, Repeatable),
    /// The connection does not take the file that is sent ahead any more.
    Torn(Reach),
    /// The connection is gone, or could not be had, and what was asked has no answer.
    Lost(Reach, Repeatable),
    /// The server said what nobody can understand; the driver knows how.
    Nonsense,
    /// There is no sense in trying to reconnect any more.
    Exhausted,
    /// The file could not be read to its end: its frame was cut, so it is not stored.
    Abandoned,
}

/// What the driver is to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Open a connection, in place of any other.
    Open,
    /// Wait, and open a connection in place of any other; or say that the bounds of trying are reached.
    Reconnect(Why),
    /// Send `connect`: for a new session, or to continue this one.
    Join(Option<Held>),
    /// Send `status`: what is there of the file?
    Ask(Attempt),
    /// Send the file in front, if it can be behind this part of it.
    Upload(Attempt, Option<Partial>),
    /// Send the file offered last, behind those that have no answer yet.
    Ahead(Attempt),
    /// Offer one more file; if there is none that can be sent ahead, wait.
    More,
    /// Wait for the next reply.
    Wait,
    /// Tell the user that it goes on stateless, and offer the file again.
    Degrade(Box<ErrorBody>),
    /// The file is stored, as the reply says.
    Keep(Box<Reply>),
    /// The file is not stored; go on with the next.
    Skip(Cause),
    /// Nothing more can be sent.
    GiveUp(Cause),
    /// Send `disconnect`.
    Leave(SessionId, Sequence),
    /// All is said.
    Finish,
}

/// Why another connection is needed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The last one was lost; the driver knows how.
    Lost,
    /// The server refused, and may not refuse later.
    Refused(Box<ErrorBody>),
    /// The session can serve no request any more, and another one can.
    Gone(Box<ErrorBody>),
}

/// Why a file is not stored.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The server refused it.
    Refused(Box<ErrorBody>),
    /// The connection was lost; the driver knows how.
    Lost,
    /// The connection was lost, and nobody could be asked: whether the file is stored is unknown.
    Unknown,
    /// The server said what it may not say here.
    Broken(&'static str),
    /// The file itself; the driver knows why.
    Local,
}
