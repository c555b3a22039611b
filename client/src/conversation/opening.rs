//! A connection is open: into a session, or without one, and on to what it was opened for.

use shared::error::{ErrorCode, Retry};
use shared::wire::{ErrorBody, Partial, Reply, Status};

use super::goodbye::{is_gone, says_that_it_ended};
use super::terms::{Attempt, Cause, Command, Held, History, Start, Stream, Wanted, Why, gone};
use super::{Bound, Choice, Conversation, Purpose, RETURN_AFTER, State, ends_stateful};
use crate::secret::Secret;

impl Conversation {
    pub(super) fn opened(mut self) -> (Self, Command) {
        self.bound = Bound::No;
        self.stream = Stream::AtBoundary;
        match self.state {
            State::Opening(purpose) if self.goes_without(purpose) => self.go_on(purpose, None),
            State::Opening(purpose) => self.join(purpose),
            State::Apart
            | State::Joining(_)
            | State::Ready
            | State::Asking(_)
            | State::Sending(_)
            | State::Collecting(_)
            | State::Leaving(_)
            | State::LeavingAgain(_)
            | State::Over => self.give_up(Cause::Lost),
        }
    }

    /// Whether no session is needed for this.
    fn goes_without(&self, purpose: Purpose) -> bool {
        match purpose {
            Purpose::Fresh => !self.in_session(),
            Purpose::Again(attempt) => attempt.sequence.is_none(),
            Purpose::Leave | Purpose::LeaveAgain(_) => false,
        }
    }

    pub(super) fn join(self, purpose: Purpose) -> (Self, Command) {
        let join = Command::Join(self.session.clone());
        self.to(State::Joining(purpose), join)
    }

    /// The answer to `connect`.
    pub(super) fn joined(mut self, purpose: Purpose, reply: Reply) -> (Self, Command) {
        match purpose {
            Purpose::LeaveAgain(sequence) if says_that_it_ended(&reply) => return self.left_again(sequence, reply),
            // However it ended, that is what was wanted.
            Purpose::Leave if says_that_it_ended(&reply) => return self.closed(),
            Purpose::Fresh | Purpose::Again(_) | Purpose::Leave | Purpose::LeaveAgain(_) => {}
        }
        match (reply.status, reply.session, reply.error) {
            (Status::SessionCreated, Some(info), _) if self.session.is_none() => {
                let Some(secret) = Secret::of(&info) else {
                    return self.give_up(Cause::Broken("a new session without token and ticket"));
                };
                self.session = Some(Held { id: info.id, secret, next: info.next_sequence });
                self.bound = Bound::Yes;
                self.go_on(purpose, None)
            }
            (Status::SessionResumed, Some(info), _) => match self.session.clone() {
                Some(held) if held.id == info.id => match held.caught_up(info.next_sequence) {
                    Ok(held) => {
                        // A ticket says what it knows itself, not what the server has.
                        if !held.secret.changes() {
                            self.ahead.resume(held.next);
                        }
                        self.session = Some(held);
                        self.bound = Bound::Yes;
                        self.go_on(purpose, reply.partial)
                    }
                    // The store lost what it had answered.
                    Err(gone) => self.without_session(purpose, gone),
                },
                Some(_) | None => self.give_up(Cause::Broken("another session than the one asked for")),
            },
            (Status::Error, _, Some(body)) => self.not_joined(purpose, Box::new(body), reply.closing),
            // Somebody ended it, perhaps this client, which did not hear of it.
            (Status::SessionClosed, ..) if self.session.is_some() => self.without_session(purpose, gone("closed")),
            _ => self.give_up(Cause::Broken("no answer to connect")),
        }
    }

    fn not_joined(mut self, purpose: Purpose, body: Box<ErrorBody>, closing: bool) -> (Self, Command) {
        if is_gone(&body) && self.session.is_some() {
            return self.without_session(purpose, body);
        }
        let undecided = match purpose {
            Purpose::Fresh => true,
            Purpose::Again(attempt) => !attempt.history.is_unknown(),
            Purpose::Leave | Purpose::LeaveAgain(_) => false,
        };
        let may_choose = self.wanted == Wanted::Auto && self.choice == Choice::Ours;
        if undecided && may_choose && ends_stateful(body.code) {
            // A mode that is not offered will not be.
            let forever = body.code == ErrorCode::ModeDisabled;
            let later = self.now.saturating_add(RETURN_AFTER);
            self.returns = Some(if forever { std::time::Duration::MAX } else { later });
            let state = if closing { State::Apart } else { State::Ready };
            return self.to(state, Command::Degrade(body));
        }
        match body.code.retry() {
            Retry::Later | Retry::Resume => self.reconnect(purpose, Why::Refused(body)),
            Retry::Never | Retry::Same | Retry::NewSession => self.give_up(Cause::Refused(body)),
        }
    }

    /// What the connection was opened for. `partial` is what the session says a cut transfer left.
    pub(super) fn go_on(self, purpose: Purpose, partial: Option<Partial>) -> (Self, Command) {
        match purpose {
            Purpose::Fresh => self.upload_first(),
            Purpose::Again(attempt) => self.go_on_with(attempt, partial),
            Purpose::Leave => self.leave(),
            Purpose::LeaveAgain(sequence) => self.leave_again(sequence),
        }
    }

    pub(super) fn go_on_with(self, attempt: Attempt, partial: Option<Partial>) -> (Self, Command) {
        let beyond = self.is_beyond(attempt);
        // A ticket says no more than the answer that brought it.
        let counts = self.session.as_ref().is_some_and(|held| !held.secret.changes());
        match attempt.history {
            // Whether its ticket is the newest that was given, nobody can tell.
            History::Unknown if beyond && !counts => return self.to(State::Ready, Command::Skip(Cause::Unknown)),
            // One in front of it was not applied, so neither was this one.
            History::None | History::Refused | History::Cut | History::Unknown | History::Left if beyond => {
                return self.upload_first();
            }
            History::None | History::Refused | History::Cut | History::Unknown | History::Left => {}
        }
        let waits_for_it = self.waits_for(attempt);
        let attempt = if waits_for_it && attempt.history.is_unknown() && counts {
            // The session counts what it stores, and nobody else can make it count this any more.
            Attempt { history: History::Cut, ..attempt }
        } else {
            attempt
        };
        let cut = attempt.history != History::Refused && attempt.start == Start::Behind;
        let there = match attempt.sequence {
            Some(sequence) => waits_for_it && partial.is_some_and(|partial| partial.sequence == Some(sequence)),
            None => true,
        };
        if cut && there { self.ask(attempt) } else { self.upload(attempt, None) }
    }

    /// Whether the session is to go on with another file first.
    pub(super) fn is_beyond(&self, attempt: Attempt) -> bool {
        self.session.as_ref().is_some_and(|held| attempt.sequence > Some(held.next))
    }

    /// Whether the session is to go on with this very file.
    pub(super) fn waits_for(&self, attempt: Attempt) -> bool {
        self.session.as_ref().is_some_and(|held| Some(held.next) == attempt.sequence)
    }

    pub(super) fn ask(self, attempt: Attempt) -> (Self, Command) {
        self.to(State::Asking(attempt), Command::Ask(attempt))
    }

    pub(super) fn upload(self, attempt: Attempt, partial: Option<Partial>) -> (Self, Command) {
        self.to(State::Sending(attempt), Command::Upload(attempt, partial))
    }
}
