//! The file being sent right now: opened, described, and compared with what the server says of it.

use std::io::Read;
use std::path::Path;

use shared::id::{SessionId, TransferId};
use shared::wire::{Ack, Mode, Reply};

use crate::conversation::Repeatable;
use crate::env::{Stopwatch, random};
use crate::event::Stored;
use crate::failure::Failure;
use crate::header::FileFacts;
use crate::mime::mime_type;
use crate::reading::Reading;
use crate::report::Report;
use crate::sources::{Origin, Source};
use crate::upload::{Sent, verify};

/// A file while it is being sent.
pub(super) struct Current<'a> {
    pub(super) source: &'a Source,
    pub(super) label: String,
    watch: Stopwatch,
    /// Makes it safe to send the file twice without a session.
    pub(super) transfer: TransferId,
    pub(super) reading: Option<Reading>,
    pub(super) facts: Option<FileFacts>,
    pub(super) mode: Mode,
    pub(super) sent: Sent,
    /// Why it could not be read to its end.
    pub(super) failure: Option<Failure>,
}

impl<'a> Current<'a> {
    pub(super) fn new(source: &'a Source) -> Result<Self, Failure> {
        let transfer = random().map_err(|error| Failure::local("no random numbers", &error))?;
        Ok(Self {
            source,
            label: source.label(),
            watch: Stopwatch::start(),
            transfer: TransferId::from_random(transfer),
            reading: None,
            facts: None,
            mode: Mode::Stateless,
            sent: Sent::default(),
            failure: None,
        })
    }

    /// Opens the file and looks at its beginning.
    pub(super) async fn begin(
        &mut self,
        input: &mut Option<Box<dyn Read + Send>>,
        ack: Option<Ack>,
        report: &Report,
    ) -> Result<(), Failure> {
        let (reading, path) = match &self.source.origin {
            Origin::File(path, _) => (Reading::file(path).await?, Some(path.as_path())),
            Origin::Pipe(path) => (Reading::pipe(path).await?, None),
            Origin::Input => match input.take() {
                Some(input) => (Reading::stream(input).await?, None),
                None => return Err(Failure::Usage("standard input can be sent only once".to_owned())),
            },
        };
        let name = self.source.name.clone();
        let by_name = name.as_ref().map(|name| Path::new(name.as_str())).or(path);
        let mime_type = mime_type(by_name, reading.beginning());
        if name.is_none() && path.is_some() {
            report.warn(&format!("{} is sent without its name, which the wire cannot carry", self.label));
        }
        self.facts = Some(FileFacts { mime_type, size: reading.size(), name, ack });
        self.reading = Some(reading);
        Ok(())
    }

    /// Whether it can be sent from its beginning once more.
    pub(super) fn repeatable(&self) -> Repeatable {
        let untouched = self.reading.as_ref().is_some_and(Reading::is_untouched);
        if untouched || matches!(self.source.origin, Origin::File(..)) { Repeatable::Yes } else { Repeatable::No }
    }

    /// What there is to say of it now that the server says it is stored: only if it is what was sent.
    pub(super) async fn stored(&mut self, reply: Reply, session: Option<SessionId>) -> Result<Stored, Failure> {
        let digest = match (self.sent.digest, self.reading.take()) {
            (Some(digest), _) => digest,
            // The answer came before the payload was sent: the file itself says what it should be.
            (None, Some(reading)) => reading.digest().await?,
            (None, None) => return Err(Failure::Broken("an answer before the question".to_owned())),
        };
        if let Some(facts) = &self.facts {
            verify(&reply, facts, self.sent, digest)?;
        }
        let file = reply.file.ok_or_else(|| Failure::Broken("it does not say what it stored".to_owned()))?;
        Ok(Stored {
            path: self.label.clone(),
            name: self.source.name.as_ref().map(|name| name.as_str().to_owned()),
            place: file.stored_as,
            size: file.size,
            digest,
            mode: self.mode,
            session: session.filter(|_| self.mode == Mode::Stateful),
            sequence: reply.sequence,
            ack: reply.ack,
            replayed: reply.replayed,
            ms: self.watch.millis(),
        })
    }
}
