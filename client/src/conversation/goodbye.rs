//! How a session ends: asked for when all is sent, and what the server says to it.

use shared::error::ErrorCode;
use shared::id::Sequence;
use shared::wire::{ErrorBody, Reply, Status};

use super::answers::may_pass;
use super::terms::{Afterwards, Cause, Command, Why};
use super::{Bound, Conversation, Purpose, State};

/// What became of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It is open, as far as anybody knows.
    Open,
    /// It was closed.
    Closed,
    /// The server does not have it any more.
    Gone,
}

impl Conversation {
    /// Whether the server said that the session has ended as it was asked to.
    pub(crate) fn is_closed(&self) -> bool {
        self.end == End::Closed
    }

    /// Whether the session can serve no later command.
    pub(crate) fn is_gone(&self) -> bool {
        self.end == End::Gone
    }

    /// What is to be done when no file is left.
    pub(super) fn no_more(self) -> (Self, Command) {
        let leaves = self.afterwards == Afterwards::Close && self.session.is_some();
        match self.state {
            State::Ready if leaves && self.bound == Bound::No => self.join(Purpose::Leave),
            State::Ready if leaves => self.leave(),
            State::Apart if leaves => self.to(State::Opening(Purpose::Leave), Command::Open),
            State::Apart
            | State::Opening(_)
            | State::Joining(_)
            | State::Ready
            | State::Asking(_)
            | State::Sending(_)
            | State::Collecting(_)
            | State::Leaving(_)
            | State::LeavingAgain(_)
            | State::Over => self.to(State::Over, Command::Finish),
        }
    }

    pub(super) fn leave(self) -> (Self, Command) {
        match self.session.clone() {
            Some(held) => self.to(State::Leaving(held.next), Command::Leave(held.id, held.next)),
            None => self.to(State::Over, Command::Finish),
        }
    }

    /// The same request, whatever number the server would like now: another one could not be its repetition.
    pub(super) fn leave_again(self, sequence: Sequence) -> (Self, Command) {
        match self.session.clone() {
            Some(held) => self.to(State::LeavingAgain(sequence), Command::Leave(held.id, sequence)),
            None => self.to(State::Over, Command::Finish),
        }
    }

    /// The answer to `disconnect`.
    pub(super) fn left(self, sequence: Sequence, reply: Reply) -> (Self, Command) {
        match (reply.status, reply.error) {
            (Status::SessionClosed, _) if reply.sequence == Some(sequence) => self.closed(),
            (Status::Error, Some(body)) if may_pass(&body) => {
                self.reconnect(Purpose::LeaveAgain(sequence), Why::Refused(Box::new(body)))
            }
            (Status::Error, Some(body)) => self.give_up(Cause::Refused(Box::new(body))),
            _ => self.give_up(Cause::Broken("no answer to disconnect")),
        }
    }

    /// The answer to a repeated `disconnect`, or to the `connect` before it.
    pub(super) fn left_again(self, sequence: Sequence, reply: Reply) -> (Self, Command) {
        // The server may have forgotten why the session is gone, and that is what was asked for.
        if reply.error.as_ref().is_some_and(is_gone) { self.closed() } else { self.left(sequence, reply) }
    }

    pub(super) fn closed(mut self) -> (Self, Command) {
        self.end = End::Closed;
        self.to(State::Over, Command::Finish)
    }
}

/// Whether there is no session any more to repeat a goodbye in.
pub(super) fn says_that_it_ended(reply: &Reply) -> bool {
    reply.status == Status::SessionClosed || reply.error.as_ref().is_some_and(is_gone)
}

/// Whether the session can serve no request any more.
pub(super) fn is_gone(body: &ErrorBody) -> bool {
    matches!(body.code, ErrorCode::SessionGone | ErrorCode::SessionUnknown)
}
