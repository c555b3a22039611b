//! What a client does next, decided from what it knows and what it hears. No I/O, no clock: whoever drives
//! it carries out the command and reports what came of it.
//!
//! Two rules stand above the others. A request whose outcome is unknown is repeated under its own sequence
//! (or transfer id), never under a new one. And a client that may choose its mode goes on stateless only
//! before any file was sent under a sequence.

mod goodbye;
mod terms;

use shared::error::{ErrorClass, ErrorCode, Retry};
use shared::id::Sequence;
use shared::wire::{ErrorBody, Reply, Status};

use crate::secret::Secret;
use goodbye::{End, is_gone, says_that_it_ended};
pub(crate) use terms::{Afterwards, Attempt, Cause, Command, Event, Held, History, Repeatable, Stream, Wanted, gone};

/// Why a connection is being opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// A file waits that was never sent.
    Fresh,
    /// A file waits that was.
    Again(Attempt),
    /// The session is to be closed.
    Leave,
    /// The session is to be closed under this sequence, and perhaps was.
    LeaveAgain(Sequence),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No connection.
    Apart,
    /// A connection is being opened.
    Opening(Purpose),
    /// `connect` has no answer yet.
    Joining(Purpose),
    /// Nothing is owed by either side.
    Ready,
    /// A transfer has no answer yet.
    Sending(Attempt),
    /// `disconnect` has no answer yet.
    Leaving(Sequence),
    /// `disconnect` was repeated and has no answer yet.
    LeavingAgain(Sequence),
    /// Nothing more will be said.
    Over,
}

/// The conversation of one `send`.
#[derive(Debug)]
pub(crate) struct Conversation {
    wanted: Wanted,
    afterwards: Afterwards,
    session: Option<Held>,
    end: End,
    state: State,
}

impl Conversation {
    /// A conversation that has not begun; with `session`, one to be continued.
    pub(crate) fn new(wanted: Wanted, afterwards: Afterwards, session: Option<Held>) -> Self {
        Self { wanted, afterwards, session, end: End::Open, state: State::Apart }
    }

    /// The session, once there is one.
    pub(crate) fn session(&self) -> Option<&Held> {
        self.session.as_ref()
    }

    /// Takes what happened, gives what is to be done.
    pub(crate) fn step(mut self, event: Event) -> (Self, Command) {
        if let (Event::Reply(reply, ..), Some(held)) = (&event, &mut self.session) {
            held.hear(reply.session.as_ref());
        }
        match event {
            Event::File => self.file(),
            Event::NoMore => self.no_more(),
            Event::Opened => self.opened(),
            Event::Reply(reply, stream, repeatable) => match self.state {
                State::Joining(purpose) => self.joined(purpose, *reply),
                State::Sending(attempt) => self.answered(attempt, reply, stream, repeatable),
                State::Leaving(sequence) => self.left(sequence, *reply),
                State::LeavingAgain(sequence) => self.left_again(sequence, *reply),
                State::Apart | State::Opening(_) | State::Ready | State::Over => {
                    self.give_up(Cause::Broken("a reply to nothing"))
                }
            },
            Event::Lost => self.lost(),
            Event::Abandoned => self.to(State::Apart, Command::Skip(Cause::Local)),
        }
    }

    fn file(self) -> (Self, Command) {
        match self.state {
            State::Ready => self.upload_first(),
            State::Apart => self.to(State::Opening(Purpose::Fresh), Command::Open),
            State::Opening(_)
            | State::Joining(_)
            | State::Sending(_)
            | State::Leaving(_)
            | State::LeavingAgain(_)
            | State::Over => self.give_up(Cause::Lost),
        }
    }

    fn opened(self) -> (Self, Command) {
        match self.state {
            State::Opening(purpose) if self.wanted == Wanted::Stateless => self.go_on(purpose),
            State::Opening(purpose) => {
                let join = Command::Join(self.session.clone());
                self.to(State::Joining(purpose), join)
            }
            State::Apart
            | State::Joining(_)
            | State::Ready
            | State::Sending(_)
            | State::Leaving(_)
            | State::LeavingAgain(_)
            | State::Over => self.give_up(Cause::Lost),
        }
    }

    /// The answer to `connect`.
    fn joined(mut self, purpose: Purpose, reply: Reply) -> (Self, Command) {
        if let Purpose::LeaveAgain(sequence) = purpose
            && says_that_it_ended(&reply)
        {
            return self.left_again(sequence, reply);
        }
        let (info, error) = (reply.session, reply.error);
        match (reply.status, info, error) {
            (Status::SessionCreated, Some(info), _) if self.session.is_none() => {
                let Some(secret) = Secret::of(&info) else {
                    return self.give_up(Cause::Broken("a new session without token and ticket"));
                };
                self.session = Some(Held { id: info.id, secret, next: info.next_sequence });
                self.go_on(purpose)
            }
            (Status::SessionResumed, Some(info), _) => match self.session.clone() {
                Some(held) if held.id == info.id => match held.caught_up(info.next_sequence) {
                    Ok(held) => {
                        self.session = Some(held);
                        self.go_on(purpose)
                    }
                    Err(gone) => self.give_up(Cause::Refused(gone)),
                },
                Some(_) | None => self.give_up(Cause::Broken("another session than the one asked for")),
            },
            (Status::Error, _, Some(body)) => {
                let may_degrade = self.wanted == Wanted::Auto && self.session.is_none();
                if may_degrade && ends_stateful(body.code) {
                    self.wanted = Wanted::Stateless;
                    let state = if reply.closing { State::Apart } else { State::Ready };
                    return self.to(state, Command::Degrade(Box::new(body)));
                }
                self.give_up(Cause::Refused(Box::new(body)))
            }
            // Somebody ended it, perhaps this client, which did not hear of it.
            (Status::SessionClosed, ..) if self.session.is_some() => self.give_up(Cause::Refused(gone("closed"))),
            _ => self.give_up(Cause::Broken("no answer to connect")),
        }
    }

    /// The answer to a transfer.
    fn answered(
        mut self,
        attempt: Attempt,
        reply: Box<Reply>,
        stream: Stream,
        repeatable: Repeatable,
    ) -> (Self, Command) {
        let rest = if reply.closing || stream == Stream::InsideFrame { State::Apart } else { State::Ready };
        match (reply.status, &reply.error) {
            (Status::Stored, _) if reply.file.is_none() => {
                self.give_up(Cause::Broken("it stored a file and does not say which"))
            }
            (Status::Stored, _) if reply.sequence != attempt.sequence => {
                self.give_up(Cause::Broken("the answer to another sequence"))
            }
            (Status::Stored, _) => {
                if let (Some(held), Some(sequence)) = (&mut self.session, attempt.sequence) {
                    held.next = held.next.max(sequence.next());
                }
                self.to(rest, Command::Keep(reply))
            }
            (Status::Error, Some(body)) => {
                let body = body.clone();
                self.refused(attempt, rest, body, repeatable)
            }
            _ => self.give_up(Cause::Broken("no answer to transfer")),
        }
    }

    /// An error uses up no sequence: what comes next takes the same one.
    fn refused(mut self, attempt: Attempt, rest: State, body: ErrorBody, repeatable: Repeatable) -> (Self, Command) {
        let untried = attempt.history == History::None && repeatable == Repeatable::Yes;
        if body.code == ErrorCode::SequenceGap
            && let (true, Some(expected), Some(held)) = (untried, body.expected_sequence, self.session.clone())
        {
            match held.caught_up(expected) {
                Ok(held) => self.session = Some(held),
                Err(gone) => return self.give_up(Cause::Refused(gone)),
            }
            return self.again(Attempt { sequence: Some(expected), history: History::Refused }, rest);
        }
        if ends_conversation(body.code) {
            return self.give_up(Cause::Refused(Box::new(body)));
        }
        let worth_it = matches!(body.code.retry(), Retry::Same | Retry::Resume);
        if untried && worth_it {
            return self.again(Attempt { history: History::Refused, ..attempt }, rest);
        }
        self.to(rest, Command::Skip(Cause::Refused(Box::new(body))))
    }

    fn again(self, attempt: Attempt, rest: State) -> (Self, Command) {
        if rest == State::Ready {
            self.to(State::Sending(attempt), Command::Upload(attempt))
        } else {
            self.to(State::Opening(Purpose::Again(attempt)), Command::Open)
        }
    }

    fn lost(self) -> (Self, Command) {
        match self.state {
            State::Sending(attempt) if attempt.history != History::Unknown => {
                let attempt = Attempt { history: History::Unknown, ..attempt };
                self.to(State::Opening(Purpose::Again(attempt)), Command::Open)
            }
            State::Sending(_)
            | State::Opening(Purpose::Again(Attempt { history: History::Unknown, .. }))
            | State::Joining(Purpose::Again(Attempt { history: History::Unknown, .. })) => self.give_up(Cause::Unknown),
            State::Leaving(sequence) => self.to(State::Opening(Purpose::LeaveAgain(sequence)), Command::Open),
            State::Apart
            | State::Opening(Purpose::Fresh | Purpose::Again(_) | Purpose::Leave | Purpose::LeaveAgain(_))
            | State::Joining(Purpose::Fresh | Purpose::Again(_) | Purpose::Leave | Purpose::LeaveAgain(_))
            | State::Ready
            | State::LeavingAgain(_)
            | State::Over => self.give_up(Cause::Lost),
        }
    }

    fn go_on(self, purpose: Purpose) -> (Self, Command) {
        match purpose {
            Purpose::Fresh => self.upload_first(),
            Purpose::Again(attempt) => self.to(State::Sending(attempt), Command::Upload(attempt)),
            Purpose::Leave => self.leave(),
            Purpose::LeaveAgain(sequence) => self.leave_again(sequence),
        }
    }

    fn upload_first(self) -> (Self, Command) {
        let sequence = self.session.as_ref().filter(|_| self.wanted != Wanted::Stateless).map(|held| held.next);
        let attempt = Attempt { sequence, history: History::None };
        self.to(State::Sending(attempt), Command::Upload(attempt))
    }

    fn give_up(mut self, cause: Cause) -> (Self, Command) {
        if let Cause::Refused(body) = &cause
            && is_gone(body)
        {
            self.end = End::Gone;
        }
        self.to(State::Over, Command::GiveUp(cause))
    }

    fn to(self, state: State, command: Command) -> (Self, Command) {
        (Self { state, ..self }, command)
    }
}

/// Refusals of `connect` after which the same files can still go without a session.
fn ends_stateful(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::ModeDisabled | ErrorCode::SessionFull | ErrorCode::StoreUnavailable)
}

/// Refusals that would meet every other file too.
fn ends_conversation(code: ErrorCode) -> bool {
    let everywhere = matches!(
        code,
        ErrorCode::UnsupportedVersion
            | ErrorCode::ModeDisabled
            | ErrorCode::ShuttingDown
            | ErrorCode::Busy
            | ErrorCode::RateLimited
            | ErrorCode::StoreUnavailable
    );
    everywhere || code.class() == ErrorClass::Session
}

#[cfg(test)]
mod tests;
