//! What the server says to a file, or of one.

use shared::error::{ErrorClass, ErrorCode, Retry};
use shared::wire::{ErrorBody, Reply, Status};

use super::goodbye::is_gone;
use super::terms::{Attempt, Cause, Command, History, Repeatable, Start, Stream, Why};
use super::{Conversation, Purpose, State};

impl Conversation {
    /// The answer to `status`.
    pub(super) fn asked(self, attempt: Attempt, reply: Reply) -> (Self, Command) {
        let rest = if reply.closing { State::Apart } else { State::Ready };
        match (reply.status, reply.error) {
            // Whole. The repeated request gets the answer to it, and the promise asked for.
            (Status::Stored, _) => {
                self.upload(Attempt { history: History::Unknown, start: Start::First, ..attempt }, None)
            }
            (Status::SessionStatus, _) => {
                let partial = reply.partial.filter(|partial| partial.sequence == attempt.sequence);
                self.upload(attempt, partial)
            }
            (Status::Error, Some(body)) if body.code == ErrorCode::FileUnknown && rest == State::Ready => {
                self.upload(attempt, None)
            }
            (Status::Error, Some(body)) => self.refused(attempt, rest, body, Repeatable::Yes),
            _ => self.give_up(Cause::Broken("no answer to status")),
        }
    }

    /// The answer to a transfer.
    pub(super) fn answered(
        mut self,
        mut attempt: Attempt,
        reply: Box<Reply>,
        repeatable: Repeatable,
    ) -> (Self, Command) {
        let whole = self.stream == Stream::AtBoundary || !self.ahead.is_empty();
        if reply.closing {
            self.ahead.refuse();
        }
        let rest = if reply.closing || !whole { State::Apart } else { State::Ready };
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
                // The file may be there and only its number not counted.
                if body.code == ErrorCode::StoreUnavailable && whole {
                    attempt.history = History::Unknown;
                }
                self.refused(attempt, rest, body, repeatable)
            }
            _ => self.give_up(Cause::Broken("no answer to transfer")),
        }
    }

    /// An error uses up no sequence: what comes next takes the same one.
    fn refused(mut self, attempt: Attempt, rest: State, body: ErrorBody, repeatable: Repeatable) -> (Self, Command) {
        // What may pass may have been applied all the same.
        let passes = repeatable != Repeatable::No && may_pass(&body);
        if !passes {
            self.ahead.refuse_torn();
        }
        let untried = attempt.history == History::None && repeatable != Repeatable::No;
        if body.code == ErrorCode::SequenceGap
            && let (true, Some(expected), Some(held)) = (untried, body.expected_sequence, self.session.clone())
        {
            // Where one in front of it was refused, it is as if it was never sent.
            let purpose = if attempt.sequence > Some(held.next) {
                Purpose::Fresh
            } else {
                Purpose::Again(Attempt { sequence: Some(expected), history: History::Refused, start: Start::First })
            };
            return match held.caught_up(expected) {
                Ok(held) => {
                    self.session = Some(held);
                    self.again(purpose, rest)
                }
                Err(gone) => self.without_session(Purpose::Again(attempt), gone),
            };
        }
        let body = Box::new(body);
        if is_gone(&body) && self.session.is_some() && repeatable != Repeatable::No {
            return self.without_session(Purpose::Again(attempt), body);
        }
        if passes {
            let history = if attempt.history.is_unknown() { attempt.history } else { History::Refused };
            return self.reconnect(Purpose::Again(Attempt { history, ..attempt }), Why::Refused(body));
        }
        // The number of an earlier try is another file's, or long past. The other files can go on.
        if attempt.history.is_unknown() && body.code == ErrorCode::SequenceReused {
            return self.to(rest, Command::Skip(Cause::Refused(body)));
        }
        if attempt.history.is_unknown() && body.code == ErrorCode::SequenceTooOld {
            return self.to(rest, Command::Skip(Cause::Unknown));
        }
        if ends_conversation(body.code) {
            return self.give_up(Cause::Refused(body));
        }
        // Once more from the beginning, whatever was tried before.
        let once = attempt.start == Start::Behind && repeatable != Repeatable::No;
        if once && body.code.retry() == Retry::Same {
            let attempt = Attempt { history: History::Refused, start: Start::First, ..attempt };
            return self.again(Purpose::Again(attempt), rest);
        }
        self.to(rest, Command::Skip(Cause::Refused(body)))
    }
}

/// Refusals the same request may not meet on another connection, or later.
pub(super) fn may_pass(body: &ErrorBody) -> bool {
    match body.code.retry() {
        Retry::Resume => true,
        // A full disk is seldom empty soon; the server would say when.
        Retry::Later => {
            let soon = [ErrorCode::Busy, ErrorCode::RateLimited, ErrorCode::StoreUnavailable, ErrorCode::SessionFull];
            soon.contains(&body.code) || body.retry_after_ms.is_some()
        }
        Retry::Never | Retry::Same | Retry::NewSession => false,
    }
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
