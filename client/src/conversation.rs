//! What a client does next, decided from what it knows and what it hears. No I/O, no clock: whoever drives
//! it carries out the command and reports what came of it.
//!
//! Two rules stand above the others. A request whose outcome is unknown is repeated under its own sequence
//! (or transfer id), never under a new one. And a client that may choose its mode goes on stateless only
//! with files that were not sent under a sequence, or of which the server cannot have all.

mod ahead;
mod answers;
mod goodbye;
mod opening;
mod terms;

use std::time::Duration;

use shared::error::ErrorCode;
use shared::id::{Sequence, SessionId};
use shared::wire::{ErrorBody, Reply};

use ahead::Ahead;
pub(crate) use ahead::BYTES_AHEAD_MAX;
use goodbye::{End, is_gone};
pub(crate) use terms::{
    Afterwards, Attempt, Cause, Command, Event, Held, History, Reach, Repeatable, Start, Stream, Wanted, Why, gone,
};

/// How long files go without a session before one is asked for again.
const RETURN_AFTER: Duration = Duration::from_secs(15);

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
    /// `status` has no answer yet.
    Asking(Attempt),
    /// A transfer has no answer yet. There may be others behind it.
    Sending(Attempt),
    /// A transfer was refused, and answers to some behind it are due.
    Collecting(Purpose),
    /// `disconnect` has no answer yet.
    Leaving(Sequence),
    /// `disconnect` was repeated and has no answer yet.
    LeavingAgain(Sequence),
    /// Nothing more will be said.
    Over,
}

/// Whether the connection belongs to the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    Yes,
    No,
}

/// Whether another session would do as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    /// The user named this one.
    OfTheUser,
    Ours,
}

/// The conversation of one `send`.
#[derive(Debug)]
pub(crate) struct Conversation {
    wanted: Wanted,
    afterwards: Afterwards,
    session: Option<Held>,
    choice: Choice,
    bound: Bound,
    ahead: Ahead,
    /// Where the frame that was sent last ended.
    stream: Stream,
    /// When a session is asked for again, after it went on without one.
    returns: Option<Duration>,
    /// When the file under way was offered.
    now: Duration,
    /// Why it is trying to reconnect, if that is no loss.
    refused: Option<Box<ErrorBody>>,
    /// A session that was given up and not yet spoken of.
    shed: Option<SessionId>,
    end: End,
    state: State,
}

impl Conversation {
    /// A conversation that has not begun; with `session`, one the user wants to be continued.
    pub(crate) fn new(wanted: Wanted, afterwards: Afterwards, session: Option<Held>) -> Self {
        let choice = if session.is_some() { Choice::OfTheUser } else { Choice::Ours };
        Self {
            wanted,
            afterwards,
            session,
            choice,
            bound: Bound::No,
            ahead: Ahead::default(),
            stream: Stream::AtBoundary,
            returns: None,
            now: Duration::ZERO,
            refused: None,
            shed: None,
            end: End::Open,
            state: State::Apart,
        }
    }

    /// The same conversation, going on with a session of a run that ended. If the user named another one, with that.
    pub(crate) fn after(self, session: Held) -> Self {
        let another = self.session.as_ref().is_some_and(|named| named.id != session.id);
        if another { self } else { Self { session: Some(session), ..self } }
    }

    /// The session, once there is one.
    pub(crate) fn session(&self) -> Option<&Held> {
        self.session.as_ref()
    }

    /// The session, if the connection belongs to it and a frame may begin on it.
    pub(crate) fn bound_session(&self) -> Option<&Held> {
        let may_begin = matches!(self.state, State::Ready | State::Sending(_));
        self.session.as_ref().filter(|_| may_begin && self.bound == Bound::Yes)
    }

    /// Hears what a reply says of the session beside what it answers.
    pub(crate) fn hear(&mut self, reply: &Reply) {
        if let Some(held) = &mut self.session {
            held.hear(reply.session.as_ref());
        }
    }

    /// A session that can serve no request any more; told once.
    pub(crate) fn take_shed(&mut self) -> Option<SessionId> {
        self.shed.take()
    }

    /// Takes what happened, gives what is to be done.
    pub(crate) fn step(mut self, event: Event) -> (Self, Command) {
        if let Event::Reply(reply, ..) = &event {
            self.hear(reply);
        }
        match event {
            Event::File(now) => self.file(now),
            Event::Left(sequence) => self.take_up(Attempt { sequence, history: History::Left, start: Start::Behind }),
            Event::Ahead(bytes) => self.ahead(bytes),
            Event::Next => self.next(),
            Event::NoMore => self.no_more(),
            Event::Opened => self.opened(),
            Event::Sent(stream) => self.sent(stream),
            Event::Reply(reply, repeatable) => match self.state {
                State::Joining(purpose) => self.joined(purpose, *reply),
                State::Asking(attempt) => self.asked(attempt, *reply),
                State::Sending(attempt) => self.answered(attempt, reply, repeatable),
                State::Collecting(purpose) => self.collected(purpose, &reply),
                State::Leaving(sequence) => self.left(sequence, *reply),
                State::LeavingAgain(sequence) => self.left_again(sequence, *reply),
                State::Apart | State::Opening(_) | State::Ready | State::Over => {
                    self.give_up(Cause::Broken("a reply to nothing"))
                }
            },
            Event::Torn(reach) => self.torn(reach),
            Event::Lost(reach, repeatable) => self.lost(reach, repeatable),
            Event::Nonsense => self.give_up(Cause::Lost),
            Event::Exhausted => self.exhausted(),
            Event::Abandoned => self.abandoned(),
        }
    }

    fn file(mut self, now: Duration) -> (Self, Command) {
        self.now = now;
        if self.returns.is_some_and(|returns| now >= returns) {
            self.returns = None;
        }
        match self.state {
            State::Ready if self.in_session() && self.bound == Bound::No => self.join(Purpose::Fresh),
            State::Ready => self.upload_first(),
            State::Apart => self.to(State::Opening(Purpose::Fresh), Command::Open),
            State::Opening(_)
            | State::Joining(_)
            | State::Asking(_)
            | State::Sending(_)
            | State::Collecting(_)
            | State::Leaving(_)
            | State::LeavingAgain(_)
            | State::Over => self.give_up(Cause::Lost),
        }
    }

    fn lost(mut self, reach: Reach, repeatable: Repeatable) -> (Self, Command) {
        self.refused = None;
        let purpose = match self.state {
            // One in front of it was refused, so its number was none that could be applied.
            State::Sending(attempt) if self.is_beyond(attempt) => {
                self.ahead.refuse();
                Purpose::Fresh
            }
            State::Sending(attempt) => {
                let attempt = after_loss(attempt, reach, repeatable);
                if repeatable == Repeatable::No && !attempt.history.is_unknown() {
                    // What was taken from a pipe is gone, and the server does not have it.
                    self.ahead.lose();
                    return self.to(State::Apart, Command::Skip(Cause::Local));
                }
                Purpose::Again(attempt)
            }
            State::Asking(attempt) => Purpose::Again(attempt),
            State::Collecting(purpose) => {
                self.ahead.refuse();
                purpose
            }
            State::Opening(purpose) | State::Joining(purpose) => purpose,
            State::Leaving(sequence) | State::LeavingAgain(sequence) => Purpose::LeaveAgain(sequence),
            State::Apart | State::Ready | State::Over => return self.give_up(Cause::Lost),
        };
        self.reconnect(purpose, Why::Lost)
    }

    /// Another connection for the same purpose. What the server refused is kept for the case that it stays so.
    fn reconnect(mut self, purpose: Purpose, why: Why) -> (Self, Command) {
        self.ahead.lose();
        self.refused = match &why {
            Why::Lost => None,
            Why::Refused(body) | Why::Gone(body) => Some(body.clone()),
        };
        self.to(State::Opening(purpose), Command::Reconnect(why))
    }

    fn exhausted(mut self) -> (Self, Command) {
        let refused = self.refused.take();
        let unknown = matches!(self.state, State::Opening(Purpose::Again(attempt)) if attempt.history.is_unknown());
        let may_go_on = refused.as_ref().is_some_and(|body| self.wanted == Wanted::Auto && ends_stateful(body.code));
        let cause = match refused {
            _ if unknown => Cause::Unknown,
            Some(body) => Cause::Refused(body),
            None => Cause::Lost,
        };
        // Those behind it that may be stored are told of one by one; the others were not applied.
        if unknown && may_go_on { self.to(State::Apart, Command::Skip(cause)) } else { self.give_up(cause) }
    }

    /// The session can serve no request any more. Another one takes its place, unless the user wanted this one, or
    /// somebody wanted it to end.
    fn without_session(mut self, purpose: Purpose, body: Box<ErrorBody>) -> (Self, Command) {
        let meant = body.reason.as_deref().is_some_and(|reason| reason == "replaced" || reason == "killed");
        if meant || self.choice == Choice::OfTheUser {
            return self.give_up(Cause::Refused(body));
        }
        let purpose = match purpose {
            Purpose::Again(Attempt { history: History::Unknown, .. }) => None,
            Purpose::Fresh | Purpose::Again(_) => Some(Purpose::Fresh),
            Purpose::Leave | Purpose::LeaveAgain(_) => return self.give_up(Cause::Refused(body)),
        };
        self.shed = self.session.take().map(|held| held.id);
        self.ahead.leave_session();
        match purpose {
            Some(purpose) => self.reconnect(purpose, Why::Gone(body)),
            // It may be stored there, and nobody is left to ask: another number could make two of it.
            None => self.to(State::Apart, Command::Skip(Cause::Unknown)),
        }
    }

    /// Whether the next file goes into a session.
    fn in_session(&self) -> bool {
        self.wanted != Wanted::Stateless && self.returns.is_none()
    }

    fn upload_first(self) -> (Self, Command) {
        let sequence = self.session.as_ref().filter(|_| self.in_session()).map(|held| held.next);
        let attempt = Attempt { sequence, history: History::None, start: Start::Behind };
        self.to(State::Sending(attempt), Command::Upload(attempt, None))
    }

    fn give_up(mut self, cause: Cause) -> (Self, Command) {
        if let Cause::Refused(body) = &cause {
            self.ahead.refuse();
            if is_gone(body) {
                self.end = End::Gone;
            }
        }
        self.to(State::Over, Command::GiveUp(cause))
    }

    fn to(self, state: State, command: Command) -> (Self, Command) {
        (Self { state, ..self }, command)
    }
}

/// What is known of a file once the connection it was sent on is gone.
fn after_loss(attempt: Attempt, reach: Reach, repeatable: Repeatable) -> Attempt {
    let history = match (reach, attempt.history) {
        (Reach::Whole, _) => History::Unknown,
        // The payload was wanted, so the server did not have it; and now it has no more than a part.
        (Reach::Part, _) | (Reach::Nothing, History::None | History::Refused | History::Cut) => History::Cut,
        (Reach::Nothing, History::Unknown | History::Left) => attempt.history,
    };
    let start = if repeatable == Repeatable::Yes { attempt.start } else { Start::First };
    Attempt { history, start, ..attempt }
}

/// Refusals after which the same files can still go without a session.
fn ends_stateful(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::ModeDisabled | ErrorCode::SessionFull | ErrorCode::StoreUnavailable)
}

#[cfg(test)]
mod tests;
