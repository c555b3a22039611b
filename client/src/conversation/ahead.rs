//! Files sent ahead: behind one whose answer has not come yet, so that nobody waits for the way there and back. Only
//! as long as all goes well. After any trouble the answers still due are heard, and each file that is not stored goes
//! on by itself, in its turn.

use std::collections::VecDeque;

use shared::id::Sequence;
use shared::limits::Limits;
use shared::wire::{Reply, Status};

use super::terms::{Attempt, Cause, Command, History, Reach, Repeatable, Start, Stream, Why};
use super::{Bound, Conversation, Purpose, State, after_loss};

/// Payload bytes sent ahead before the next file waits: they are sent in vain if the file in front is refused. The
/// last one can go beyond it.
pub(crate) const BYTES_AHEAD_MAX: u64 = 1024 * 1024;

/// A file behind the one that is being dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behind {
    /// Its answer is due on this connection. So many bytes were sent.
    Due(Attempt, u64),
    /// The connection took no more of it, and still has answers to those in front of it.
    Torn(Attempt),
    /// Its connection is gone, and its answer with it.
    Again(Attempt),
    /// It was not applied: it may be sent as if for the first time.
    Fresh,
    /// It may be stored, in a session that nobody can be asked about.
    Vanished,
    /// It could not be read to its end.
    Unreadable,
}

/// The files behind the one that is being dealt with, in the order they were sent in.
#[derive(Debug, Default)]
pub(super) struct Ahead(VecDeque<Behind>);

impl Ahead {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the server still owes an answer to one of them.
    pub(super) fn is_due(&self) -> bool {
        self.0.iter().any(|behind| matches!(behind, Behind::Due(..)))
    }

    /// Whether one more may be sent, with the file in front unanswered too.
    fn has_room(&self) -> bool {
        let bytes = self.0.iter().map(|behind| match behind {
            Behind::Due(_, bytes) => Some(*bytes),
            Behind::Torn(_) | Behind::Again(_) | Behind::Fresh | Behind::Vanished | Behind::Unreadable => None,
        });
        let bytes: Option<u64> = bytes.sum();
        let unanswered = self.0.len().saturating_add(1);
        unanswered < Limits::default().in_flight_max && bytes.is_some_and(|bytes| bytes < BYTES_AHEAD_MAX)
    }

    /// The connection is gone, and the answers with it.
    pub(super) fn lose(&mut self) {
        for behind in &mut self.0 {
            match *behind {
                Behind::Due(attempt, _) => {
                    *behind = Behind::Again(Attempt { history: History::Unknown, ..attempt });
                }
                Behind::Torn(attempt) => *behind = Behind::Again(attempt),
                Behind::Again(_) | Behind::Fresh | Behind::Vanished | Behind::Unreadable => {}
            }
        }
    }

    /// What came before them was the last thing the server read: none of them was applied.
    pub(super) fn refuse(&mut self) {
        self.refuse_torn();
        for behind in self.0.iter_mut().filter(|behind| matches!(behind, Behind::Due(..))) {
            *behind = Behind::Fresh;
        }
    }

    /// What came before them was not applied, so neither was the one that was torn. The others have their answers.
    pub(super) fn refuse_torn(&mut self) {
        for behind in self.0.iter_mut().filter(|behind| matches!(behind, Behind::Torn(_))) {
            *behind = Behind::Fresh;
        }
    }

    /// The session goes on with `next`: what comes after it was not applied, and nobody else can apply it any more.
    pub(super) fn resume(&mut self, next: Sequence) {
        for behind in &mut self.0 {
            if matches!(behind, Behind::Again(attempt) if attempt.sequence > Some(next)) {
                *behind = Behind::Fresh;
            }
        }
    }

    /// There is another session, or none.
    pub(super) fn leave_session(&mut self) {
        for behind in &mut self.0 {
            *behind = match *behind {
                Behind::Again(attempt) if attempt.history.is_unknown() && attempt.sequence.is_some() => {
                    Behind::Vanished
                }
                Behind::Again(Attempt { sequence: Some(_), .. }) | Behind::Due(..) => Behind::Fresh,
                other
                @ (Behind::Torn(_) | Behind::Again(_) | Behind::Fresh | Behind::Vanished | Behind::Unreadable) => other,
            };
        }
    }
}

impl Conversation {
    /// A frame was sent.
    pub(super) fn sent(mut self, stream: Stream) -> (Self, Command) {
        self.stream = stream;
        match self.state {
            State::Sending(_) => self.wait(),
            State::Apart
            | State::Opening(_)
            | State::Joining(_)
            | State::Ready
            | State::Asking(_)
            | State::Collecting(_)
            | State::Leaving(_)
            | State::LeavingAgain(_)
            | State::Over => self.give_up(Cause::Lost),
        }
    }

    /// Waits for the answer to the file in front, if no other can be sent meanwhile.
    fn wait(self) -> (Self, Command) {
        let command = if self.place_ahead().is_some() { Command::More } else { Command::Wait };
        (self, command)
    }

    /// Where one more file may be sent ahead, if it may.
    fn place_ahead(&self) -> Option<Attempt> {
        let (State::Sending(front), Some(held)) = (self.state, &self.session) else { return None };
        let well = front.history == History::None && front.sequence == Some(held.next);
        if !well || self.stream == Stream::InsideFrame || !self.ahead.has_room() {
            return None;
        }
        let last = match self.ahead.0.back() {
            Some(Behind::Due(last, _) | Behind::Torn(last) | Behind::Again(last)) => last.sequence,
            Some(Behind::Fresh | Behind::Vanished | Behind::Unreadable) | None => front.sequence,
        };
        Some(Attempt { sequence: last.map(Sequence::next), history: History::None, start: Start::Behind })
    }

    /// A file of so many bytes is sent ahead.
    pub(super) fn ahead(mut self, bytes: u64) -> (Self, Command) {
        let Some(attempt) = self.place_ahead() else { return self.give_up(Cause::Lost) };
        self.ahead.0.push_back(Behind::Due(attempt, bytes));
        (self, Command::Ahead(attempt))
    }

    /// The connection does not take the file that is being sent ahead any more. Those in front of it may have answers.
    pub(super) fn torn(self, reach: Reach) -> (Self, Command) {
        self.cut_ahead(|attempt| Behind::Torn(after_loss(attempt, reach, Repeatable::Yes)))
    }

    /// The file that is being sent cannot be read to its end.
    pub(super) fn abandoned(self) -> (Self, Command) {
        if self.ahead.is_due() {
            return self.cut_ahead(|_| Behind::Unreadable);
        }
        self.to(State::Apart, Command::Skip(Cause::Local))
    }

    fn cut_ahead(mut self, change: impl Fn(Attempt) -> Behind) -> (Self, Command) {
        let Some(last) = self.ahead.0.back_mut() else { return self.give_up(Cause::Lost) };
        if let Behind::Due(attempt, _) = *last {
            *last = change(attempt);
        }
        // Nothing more can be sent behind it.
        self.stream = Stream::InsideFrame;
        (self, Command::Wait)
    }

    /// A file that was sent ahead comes to the front.
    pub(super) fn next(mut self) -> (Self, Command) {
        let spoilt = self.stream == Stream::InsideFrame;
        match (self.ahead.0.pop_front(), self.state) {
            (Some(behind), State::Over) => self.not_tried(behind),
            (Some(Behind::Due(attempt, _)), State::Ready) => {
                self.state = State::Sending(attempt);
                self.wait()
            }
            (Some(Behind::Torn(attempt) | Behind::Again(attempt)), State::Ready) if spoilt => {
                self.reconnect(Purpose::Again(attempt), Why::Lost)
            }
            (Some(Behind::Torn(attempt) | Behind::Again(attempt)), _) => self.take_up(attempt),
            (Some(Behind::Fresh), state) => {
                if spoilt && state == State::Ready {
                    self.state = State::Apart;
                }
                let now = self.now;
                self.file(now)
            }
            (Some(Behind::Vanished), state) => self.to(state, Command::Skip(Cause::Unknown)),
            (Some(Behind::Unreadable), _) => self.to(State::Apart, Command::Skip(Cause::Local)),
            (Some(Behind::Due(..)) | None, _) => self.give_up(Cause::Lost),
        }
    }

    /// Nothing more can be sent. What can be said of a file that was sent ahead?
    fn not_tried(self, behind: Behind) -> (Self, Command) {
        let command = match behind {
            Behind::Due(..) | Behind::Vanished => Command::Skip(Cause::Unknown),
            Behind::Torn(attempt) | Behind::Again(attempt) if attempt.history.is_unknown() => {
                Command::Skip(Cause::Unknown)
            }
            Behind::Unreadable => Command::Skip(Cause::Local),
            Behind::Torn(_) | Behind::Again(_) | Behind::Fresh => Command::Finish,
        };
        (self, command)
    }

    /// Goes on, for this purpose, once every answer that is still due was heard.
    pub(super) fn again(self, purpose: Purpose, rest: State) -> (Self, Command) {
        if self.ahead.is_due() {
            self.to(State::Collecting(purpose), Command::Wait)
        } else if rest == State::Ready && self.stream == Stream::AtBoundary {
            self.go_on(purpose, None)
        } else {
            self.to(State::Opening(purpose), Command::Open)
        }
    }

    /// An answer to a file behind one that was refused. Whatever it says, that file was not applied.
    pub(super) fn collected(mut self, purpose: Purpose, reply: &Reply) -> (Self, Command) {
        if reply.status != Status::Error {
            return self.give_up(Cause::Broken("it applied a request behind one that it refused"));
        }
        if reply.closing {
            self.ahead.refuse();
            return self.again(purpose, State::Apart);
        }
        if let Some(first) = self.ahead.0.iter_mut().find(|behind| matches!(behind, Behind::Due(..))) {
            *first = Behind::Fresh;
        }
        self.again(purpose, State::Ready)
    }

    /// A file of which something was sent goes on.
    pub(super) fn take_up(self, attempt: Attempt) -> (Self, Command) {
        match self.state {
            State::Ready if attempt.sequence.is_some() && self.bound == Bound::No => self.join(Purpose::Again(attempt)),
            State::Ready if attempt.sequence.is_none() || self.waits_for(attempt) => self.ask(attempt),
            State::Ready => self.go_on_with(attempt, None),
            State::Apart => self.to(State::Opening(Purpose::Again(attempt)), Command::Open),
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
}
