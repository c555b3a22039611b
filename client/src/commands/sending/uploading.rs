//! One try to send one file: whole, or behind what the server has of it.

use shared::wire::{Action, Mode, Partial};

use super::Sending;
use crate::commands::current::Current;
use crate::conversation::{Attempt, Conversation, Event as Happened, History, Reach, Repeatable, Stream};
use crate::event::{Event, Resumed};
use crate::failure::Failure;
use crate::header::Header;
use crate::reading::Reading;
use crate::sources::Origin;
use crate::upload::{ExpectsContinue, Outcome, upload};
impl Sending<'_> {
    /// What is there of the file?
    pub(super) async fn ask_of(&mut self, current: &mut Current<'_>, attempt: Attempt) -> Happened {
        let session = self.conversation.as_ref().and_then(Conversation::session);
        let header = match (attempt.sequence, session) {
            (Some(_), Some(held)) => Header::ask(Action::Status, held.id),
            _ => Header::stateless_status(current.transfer),
        };
        self.ask(&header).await
    }

    /// Sends the file in front.
    pub(super) async fn upload(
        &mut self,
        current: &mut Current<'_>,
        attempt: Attempt,
        partial: Option<Partial>,
    ) -> Happened {
        // More of it there than before is what trying was for.
        if let Some(partial) = partial
            && partial.offset > current.there
        {
            current.there = partial.offset;
            self.tries.progress();
        }
        let begun = !current.reading.as_ref().is_some_and(Reading::is_untouched);
        if (begun || partial.is_some()) && matches!(current.source.origin, Origin::File(..)) {
            self.context.report.set_back(current.sent.bytes);
            let label = current.label.clone();
            if let Err(failure) = self.waiting_for(&label, current.begin_again(partial)).await {
                return self.abandon(current, failure);
            }
        }
        if self.unasked.is_some() {
            // The answer came before the question, and no question will follow.
            return Happened::Sent(Stream::InsideFrame);
        }
        self.tell_resumed(current, attempt);
        match self.send(current, attempt).await {
            Outcome::Sent(stream) => Happened::Sent(stream),
            Outcome::Lost(failure, reach) => self.lose(failure, reach, current.repeatable()),
            Outcome::Abandoned(failure) => self.abandon(current, failure),
        }
    }

    /// Sends a file behind those that have no answer yet. What becomes of it leaves the connection to their answers.
    pub(super) async fn upload_ahead(&mut self, last: Option<&mut Current<'_>>, attempt: Attempt) -> Happened {
        let Some(current) = last else { return Happened::NoMore };
        match self.send(current, attempt).await {
            Outcome::Sent(stream) => Happened::Sent(stream),
            Outcome::Lost(failure @ Failure::Lost(_), reach) => {
                self.lost = Some(failure);
                Happened::Torn(reach)
            }
            Outcome::Lost(failure, reach) => self.lose(failure, reach, Repeatable::Yes),
            Outcome::Abandoned(failure) => {
                current.failure = Some(failure);
                Happened::Abandoned
            }
        }
    }

    /// One try: written down, then sent.
    async fn send(&mut self, current: &mut Current<'_>, attempt: Attempt) -> Outcome {
        self.note(current, attempt);
        let session = self.conversation.as_ref().and_then(Conversation::session);
        let (Some(connection), Some(facts)) = (&mut self.connection, &current.facts) else {
            return Outcome::Lost(Failure::Lost("there is no connection".to_owned()), Reach::Nothing);
        };
        let header = match (attempt.sequence, session) {
            (Some(sequence), Some(held)) => Header::stateful_transfer(facts.clone(), held.id, sequence),
            _ => Header::stateless_transfer(facts.clone(), current.transfer),
        };
        let offset = current.reading.as_ref().map_or(0, Reading::offset);
        let header = header.behind(offset);
        current.mode = if attempt.sequence.is_some() { Mode::Stateful } else { Mode::Stateless };
        // What cannot be sent twice is not begun before the server wants it: a pipe may have been silent for longer
        // than the server keeps a silent connection.
        let asks_first = attempt.history.is_unknown() || attempt.history == History::Cut || facts.size.is_none();
        let (header, expects) = if asks_first {
            (header.expecting_continue(), ExpectsContinue::Yes)
        } else {
            (header, ExpectsContinue::No)
        };
        let content = current.reading.as_mut().filter(|reading| reading.is_untouched());
        let (outcome, sent) = upload(connection, &header, expects, content, &self.context.report).await;
        let again = current.furthest.min(sent.bytes).saturating_sub(offset);
        self.tally.sent_again = self.tally.sent_again.saturating_add(again);
        current.furthest = current.furthest.max(sent.bytes);
        // What an earlier try read to the end of a pipe is still its digest.
        current.sent = if sent.digest.is_some() || current.sent.digest.is_none() { sent } else { current.sent };
        outcome
    }

    /// Says where a file goes on.
    fn tell_resumed(&self, current: &Current<'_>, attempt: Attempt) {
        let (Some(reading), true) = (&current.reading, attempt.history != History::None) else { return };
        let offset = reading.offset();
        if attempt.history.is_unknown() {
            return self.context.report.talk(&format!("{}: asking for the answer that did not come", current.label));
        }
        if offset == 0 {
            return self.context.report.talk(&format!("{}: sending it again from its beginning", current.label));
        }
        self.context.report.advance(offset);
        let session = self.conversation.as_ref().and_then(Conversation::session);
        let session = session.filter(|_| attempt.sequence.is_some()).map(|held| held.id);
        self.context.report.event(&Event::Resumed(Resumed {
            path: current.label.clone(),
            offset,
            size: reading.size().unwrap_or(offset),
            sent_again: current.furthest.saturating_sub(offset),
            session,
            expires_in_s: self.expires_in_s.filter(|_| session.is_some()),
        }));
    }

    fn abandon(&mut self, current: &mut Current<'_>, failure: Failure) -> Happened {
        // Closed inside its frame: the server must not take what was sent for a file.
        self.connection = None;
        current.failure = Some(failure);
        Happened::Abandoned
    }
}
