//! How a session ends: asked for when all is sent, and what the server says to it.

use shared::wire::{Reply, Status};

use super::terms::{Afterwards, Cause, Command};
use super::{Conversation, Purpose, State};

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
            State::Ready if leaves => self.leave(),
            State::Apart if leaves => self.to(State::Opening(Purpose::Leave), Command::Open),
            State::Apart
            | State::Opening(_)
            | State::Joining(_)
            | State::Ready
            | State::Sending(_)
            | State::Leaving
            | State::Over => self.to(State::Over, Command::Finish),
        }
    }

    pub(super) fn leave(self) -> (Self, Command) {
        match self.session.clone() {
            Some(held) => self.to(State::Leaving, Command::Leave(held.id, held.next)),
            None => self.to(State::Over, Command::Finish),
        }
    }

    /// The answer to `disconnect`.
    pub(super) fn left(mut self, reply: Reply) -> (Self, Command) {
        let asked = self.session.as_ref().map(|held| held.next);
        match (reply.status, reply.error) {
            (Status::SessionClosed, _) if reply.sequence == asked => {
                self.end = End::Closed;
                self.to(State::Over, Command::Finish)
            }
            (Status::Error, Some(body)) => self.give_up(Cause::Refused(Box::new(body))),
            _ => self.give_up(Cause::Broken("no answer to disconnect")),
        }
    }
}
