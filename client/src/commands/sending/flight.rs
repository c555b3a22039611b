//! The files of one `send`, in their order: those under way, and those to come. Begins a file as soon as the
//! conversation has room for it.

use std::collections::VecDeque;
use std::iter::Peekable;
use std::slice::Iter;

use super::Sending;
use crate::commands::current::Current;
use crate::conversation::{BYTES_AHEAD_MAX, Command, Event as Happened, Reach};
use crate::reading::Reading;
use crate::sources::{Origin, Source};
use crate::text::counted;

/// Files under way and files to come. The conversation bounds how many are under way.
pub(super) struct Flight<'s> {
    /// The one in front is dealt with next; the others were sent ahead, behind it.
    pub(super) files: VecDeque<Current<'s>>,
    sources: Peekable<Iter<'s, Source>>,
}

impl<'s> Flight<'s> {
    pub(super) fn of(sources: &'s [Source]) -> Self {
        Self { files: VecDeque::new(), sources: sources.iter().peekable() }
    }
}

impl Sending<'_> {
    /// Brings a file to the front and says what the conversation is to hear of it; nothing when no file is left.
    pub(super) async fn bring(&mut self, flight: &mut Flight<'_>) -> Option<Happened> {
        if !flight.files.is_empty() {
            return Some(Happened::Next);
        }
        loop {
            let source = flight.sources.next()?;
            if let Some(mut current) = self.begin(source).await {
                let happened = self.offer(&mut current);
                flight.files.push_back(current);
                return Some(happened);
            }
        }
    }

    /// Begins a file to be sent ahead. If none can be, it waits for the answer to the one in front.
    pub(super) async fn more(&mut self, flight: &mut Flight<'_>) -> Happened {
        let Flight { files, sources } = flight;
        while let Some(source) = sources.next_if(|source| self.goes_ahead(source, files)) {
            if let Some(current) = self.begin(source).await {
                let bytes = current.reading.as_ref().and_then(Reading::size).unwrap_or(u64::MAX);
                files.push_back(current);
                return Happened::Ahead(bytes);
            }
        }
        self.wait(files.front()).await
    }

    /// A large file would keep the answers in front of it from being heard, and a kill meanwhile would forget them. A
    /// pipe is not begun before the server wants it, what an earlier run left has a place of its own, and the
    /// journal knows a file by its name.
    fn goes_ahead(&self, source: &Source, files: &VecDeque<Current<'_>>) -> bool {
        let errand = self.errand(source);
        let under_way = errand.is_some() && files.iter().any(|current| current.errand == errand);
        let small = matches!(source.origin, Origin::File(_, size) if size <= BYTES_AHEAD_MAX);
        small && !under_way && self.find_left(errand.as_ref()).is_none()
    }

    /// Opens a file. One that cannot be opened need not trouble the server.
    async fn begin<'s>(&mut self, source: &'s Source) -> Option<Current<'s>> {
        let begun = match Current::new(source) {
            Ok(mut current) => {
                // Before it is opened: one that takes its place meanwhile is not taken for it by a later run.
                current.errand = self.errand(source);
                let mut input = self.input.take();
                let begins = current.begin(&mut input, self.ack, &self.context.report);
                let begun = self.waiting_for(&source.label(), begins).await;
                self.input = input;
                begun.map(|()| current)
            }
            Err(failure) => Err(failure),
        };
        begun.map_err(|failure| self.fail(Some(&source.label()), failure)).ok()
    }

    /// Waits for the next reply. Whoever waits has sent all of the file in front.
    pub(super) async fn wait(&mut self, front: Option<&Current<'_>>) -> Happened {
        let Some(front) = front else { return Happened::NoMore };
        let repeatable = front.repeatable();
        if let Some(last_word) = self.unasked.take() {
            return Happened::Reply(last_word, repeatable);
        }
        let Some(connection) = &mut self.connection else { return Happened::Lost(Reach::Whole, repeatable) };
        match connection.answer().await {
            Ok(reply) => Happened::Reply(Box::new(reply), repeatable),
            Err(failure) => self.lose(failure, Reach::Whole, repeatable),
        }
    }

    /// Nothing more can be sent: tells of files under way that may be stored, and counts those that were not tried.
    pub(super) fn give_up(&mut self, mut flight: Flight<'_>) {
        let mut untried = flight.sources.len();
        while let Some(mut current) = flight.files.pop_front() {
            if let Command::Skip(cause) = self.step(Happened::Next) {
                self.skip(&mut current, cause);
            } else {
                untried = untried.saturating_add(1);
            }
        }
        self.tally.untried = u64::try_from(untried).unwrap_or(u64::MAX);
        if untried > 0 {
            self.context.report.warn(&format!("{} not tried", counted(self.tally.untried, "file")));
        }
    }
}
