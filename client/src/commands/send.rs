//! `send`: finds what is to be sent, and carries out what the conversation decides.

use std::io::Read;

use shared::digest::Digest;
use shared::exit::ExitCode;
use shared::id::TransferId;
use shared::wire::{ErrorBody, MimeType, Mode, Reply};

use super::Context;
use super::joined::forget_if_gone;
use crate::cli::{ModeName, Send};
use crate::conversation::{
    Afterwards, Attempt, Cause, Command, Conversation, Event as Happened, Held, History, Repeatable,
};
use crate::env::{Stopwatch, random};
use crate::event::{Event, Novelty, Stored, Summary};
use crate::failure::{Failure, exit_of_several};
use crate::header::{FileFacts, Header};
use crate::mime::mime_type;
use crate::reading::Reading;
use crate::sources::{Found, Origin, Source, find};
use crate::text::counted;
use crate::transport::Connection;
use crate::upload::{ExpectsContinue, Outcome, Sent, upload, verify};

/// Sends everything and says what became of each.
pub(super) async fn run(send: Send, context: &Context, input: Box<dyn Read + std::marker::Send>) -> ExitCode {
    let watch = Stopwatch::start();
    let (session, found) = match prepare(&send, context).await {
        Ok(prepared) => prepared,
        Err(failure) => {
            context.report.failed(None, &failure);
            return failure.exit();
        }
    };
    let mode = send.mode.or(context.settings.mode).unwrap_or(ModeName::Auto);
    let afterwards = if send.close { Afterwards::Close } else { Afterwards::Keep };
    let mut sending = Sending {
        context,
        ack: send.ack.or(context.settings.ack).map(Into::into),
        conversation: Some(Conversation::new(mode.into(), afterwards, session)),
        connection: None,
        input: Some(input),
        lost: None,
        tally: Tally::default(),
    };
    for (label, failure) in found.failures {
        sending.fail(Some(&label), failure);
    }
    for (label, why) in found.skipped {
        context.report.warn(&format!("{label} skipped: {why}"));
    }
    let total: Option<u64> = found.sources.iter().map(Source::size).sum();
    context.report.start_bar(total);
    let mut interrupt = context.interrupt.clone();
    tokio::select! {
        biased;
        () = sending.all(&found.sources) => {}
        () = interrupt.wait() => sending.fail(None, Failure::Interrupted),
    }
    context.report.end_bar();
    sending.remember();
    let tally = sending.tally;
    let exit = exit_of_several(tally.files, &tally.failures);
    let failed = u64::try_from(tally.failures.len()).unwrap_or(u64::MAX).saturating_add(tally.untried);
    context.report.event(&Event::Summary(Summary {
        done: "stored",
        files: tally.files,
        bytes: tally.bytes,
        failed,
        ms: watch.millis(),
        exit: exit.code(),
    }));
    exit
}

/// What is known before anything is sent.
async fn prepare(send: &Send, context: &Context) -> Result<(Option<Held>, Found), Failure> {
    let stateless = send.mode.or(context.settings.mode) == Some(ModeName::Stateless);
    if stateless && (send.session.is_some() || send.close) {
        return Err(Failure::Usage("--session and --close mean nothing in stateless mode".to_owned()));
    }
    if send.name.is_some() && send.paths.len() > 1 {
        return Err(Failure::Usage("--name is for one file".to_owned()));
    }
    let session = match &send.session {
        Some(wanted) => Some(context.remembered.find(&context.server, Some(wanted))?),
        None => None,
    };
    let (paths, name) = (send.paths.clone(), send.name.clone());
    // A large tree takes its time, and Ctrl-C is to be heard meanwhile.
    let found = tokio::task::spawn_blocking(move || find(&paths, name.as_ref())).await;
    let found = found.map_err(|error| Failure::local("the files", &std::io::Error::other(error.to_string())))?;
    if send.name.is_some() && found.sources.len() > 1 {
        return Err(Failure::Usage("--name is for one file, and this is several".to_owned()));
    }
    let inputs = found.sources.iter().filter(|source| source.origin == Origin::Input).count();
    if inputs > 1 {
        return Err(Failure::Usage("standard input can be sent only once".to_owned()));
    }
    Ok((session, found))
}

/// What became of the files so far.
#[derive(Debug, Default)]
struct Tally {
    files: u64,
    bytes: u64,
    failures: Vec<Failure>,
    /// Files behind one after which nothing more could be sent.
    untried: u64,
}

struct Sending<'a> {
    context: &'a Context,
    ack: Option<shared::wire::Ack>,
    /// Taken while it decides; always there between two steps.
    conversation: Option<Conversation>,
    connection: Option<Connection>,
    input: Option<Box<dyn Read + std::marker::Send>>,
    /// How the connection was lost last.
    lost: Option<Failure>,
    tally: Tally,
}

/// Whether there is any sense in going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GoOn {
    Yes,
    No,
}

/// A file while it is being sent.
struct Current<'a> {
    source: &'a Source,
    label: String,
    watch: Stopwatch,
    transfer: TransferId,
    reading: Option<Reading>,
    facts: Option<FileFacts>,
    mode: Mode,
    sent: Sent,
    failure: Option<Failure>,
}

impl Sending<'_> {
    async fn all(&mut self, sources: &[Source]) {
        for (index, source) in sources.iter().enumerate() {
            if self.one(source).await == GoOn::No {
                let untried = sources.len().saturating_sub(index).saturating_sub(1);
                self.tally.untried = u64::try_from(untried).unwrap_or(u64::MAX);
                if untried > 0 {
                    self.context.report.warn(&format!("{} not tried", counted(self.tally.untried, "file")));
                }
                return;
            }
        }
        let mut happened = Happened::NoMore;
        loop {
            happened = match self.step(happened) {
                Command::Open => self.open().await,
                Command::Join(session) => self.join(session).await,
                Command::Leave(id, sequence) => {
                    let header = Header::change(shared::wire::Action::Disconnect, id, sequence);
                    self.ask(&header).await
                }
                Command::GiveUp(cause) => {
                    let failure = self.failure_of(cause, None);
                    self.fail(Some("closing the session"), failure);
                    return;
                }
                Command::Upload(_) | Command::Degrade(_) | Command::Keep(_) | Command::Skip(_) | Command::Finish => {
                    return;
                }
            };
        }
    }

    async fn one(&mut self, source: &Source) -> GoOn {
        let mut current = match Current::new(source) {
            Ok(current) => current,
            Err(failure) => {
                self.fail(Some(&source.label()), failure);
                return GoOn::Yes;
            }
        };
        // A file that cannot be opened need not trouble the server.
        if let Err(failure) = self.read(&mut current).await {
            self.fail(Some(&current.label), failure);
            return GoOn::Yes;
        }
        let repeatable = if matches!(source.origin, Origin::File(..)) { Repeatable::Yes } else { Repeatable::No };
        let mut happened = Happened::File(repeatable);
        loop {
            happened = match self.step(happened) {
                Command::Open => self.open().await,
                Command::Join(session) => self.join(session).await,
                Command::Upload(attempt) => self.upload(&mut current, attempt).await,
                Command::Degrade(body) => {
                    self.degrade(&body);
                    Happened::File(repeatable)
                }
                Command::Keep(reply) => {
                    self.keep(current, *reply).await;
                    return GoOn::Yes;
                }
                Command::Skip(cause) => {
                    let failure = self.failure_of(cause, current.failure.take());
                    self.context.report.set_back(current.sent.bytes);
                    self.fail(Some(&current.label), failure);
                    return GoOn::Yes;
                }
                Command::GiveUp(cause) => {
                    let failure = self.failure_of(cause, current.failure.take());
                    if let Some(held) = self.conversation.as_ref().and_then(Conversation::session) {
                        forget_if_gone(self.context, held.id, &failure);
                    }
                    self.fail(Some(&current.label), failure);
                    return GoOn::No;
                }
                Command::Leave(..) | Command::Finish => return GoOn::No,
            };
        }
    }

    fn step(&mut self, happened: Happened) -> Command {
        match self.conversation.take() {
            Some(conversation) => {
                let (conversation, command) = conversation.step(happened);
                self.conversation = Some(conversation);
                command
            }
            None => Command::Finish,
        }
    }

    async fn open(&mut self) -> Happened {
        self.connection = None;
        match self.context.connection().await {
            Ok(connection) => {
                self.connection = Some(connection);
                Happened::Opened
            }
            Err(failure) => self.lose(failure),
        }
    }

    async fn join(&mut self, session: Option<Held>) -> Happened {
        let header = session.as_ref().map_or_else(Header::open, |held| Header::resume(held.id, &held.token));
        let novelty = if session.is_some() { Novelty::Continued } else { Novelty::Opened };
        let happened = self.ask(&header).await;
        if let Happened::Reply(reply, _) = &happened
            && let (Some(info), None) = (&reply.session, &reply.error)
        {
            self.context.report.event(&Event::Session {
                session: info.id,
                new: novelty,
                server: self.context.server.to_string(),
                next_sequence: info.next_sequence,
                expires_in_s: info.expires_in_s,
            });
            let token = info.token.as_deref().and_then(shared::id::Token::from_wire);
            if let Some(token) = token {
                // Before the first file: a client that dies in the middle can still find its session.
                let held = Held { id: info.id, token, next: info.next_sequence };
                self.context.note(self.context.remembered.keep(&self.context.server, &held));
            }
        }
        happened
    }

    async fn ask(&mut self, header: &Header) -> Happened {
        let Some(connection) = &mut self.connection else { return Happened::Lost };
        match connection.ask(header).await {
            Ok(reply) => Happened::Reply(Box::new(reply), crate::conversation::Stream::AtBoundary),
            Err(failure) => self.lose(failure),
        }
    }

    fn lose(&mut self, failure: Failure) -> Happened {
        self.connection = None;
        self.lost = Some(failure);
        Happened::Lost
    }

    /// Opens the file and looks at its beginning.
    async fn read(&mut self, current: &mut Current<'_>) -> Result<(), Failure> {
        let (reading, path) = match &current.source.origin {
            Origin::File(path, _) => (Reading::file(path).await?, Some(path.as_path())),
            Origin::Pipe(path) => (Reading::pipe(path).await?, None),
            Origin::Input => match self.input.take() {
                Some(input) => (Reading::stream(input).await?, None),
                None => return Err(Failure::Usage("standard input can be sent only once".to_owned())),
            },
        };
        let name = current.source.name.clone();
        let by_name = name.as_ref().map(|name| std::path::Path::new(name.as_str())).or(path);
        let kind: MimeType = mime_type(by_name, reading.beginning());
        if name.is_none() && path.is_some() {
            self.context
                .report
                .warn(&format!("{} is sent without its name, which the wire cannot carry", current.label));
        }
        current.facts = Some(FileFacts { mime_type: kind, size: reading.size(), name, ack: self.ack });
        current.reading = Some(reading);
        Ok(())
    }

    async fn upload(&mut self, current: &mut Current<'_>, attempt: Attempt) -> Happened {
        let again = attempt.history != History::None;
        if again && matches!(current.source.origin, Origin::File(..)) {
            self.context.report.set_back(current.sent.bytes);
            if let Err(failure) = self.read(current).await {
                return self.abandon(current, failure);
            }
            self.context.report.talk(&format!("{}: sending it again", current.label));
        }
        let (Some(connection), Some(facts)) = (&mut self.connection, &current.facts) else { return Happened::Lost };
        let session = self.conversation.as_ref().and_then(Conversation::session);
        let header = match (attempt.sequence, session) {
            (Some(sequence), Some(held)) => Header::stateful_transfer(facts.clone(), held.id, sequence),
            _ => Header::stateless_transfer(facts.clone(), current.transfer),
        };
        current.mode = if attempt.sequence.is_some() { Mode::Stateful } else { Mode::Stateless };
        let (header, expects) = match attempt.history {
            History::Unknown => (header.expecting_continue(), ExpectsContinue::Yes),
            History::None | History::Refused => (header, ExpectsContinue::No),
        };
        let content = current.reading.as_mut().filter(|_| !again || facts.size.is_some());
        let (outcome, sent) = upload(connection, &header, expects, content, &self.context.report).await;
        // What an earlier try read to the end of a pipe is still its digest.
        current.sent = if sent.digest.is_some() || current.sent.digest.is_none() { sent } else { current.sent };
        match outcome {
            Outcome::Answered(reply, stream) => Happened::Reply(reply, stream),
            Outcome::Lost(failure) => self.lose(failure),
            Outcome::Abandoned(failure) => self.abandon(current, failure),
        }
    }

    fn abandon(&mut self, current: &mut Current<'_>, failure: Failure) -> Happened {
        // Closed inside its frame: the server must not take what was sent for a file.
        self.connection = None;
        current.failure = Some(failure);
        Happened::Abandoned
    }

    /// The server says it is stored; is it what was sent?
    async fn keep(&mut self, mut current: Current<'_>, reply: Reply) {
        let digest = match (current.sent.digest, current.reading.take()) {
            (Some(digest), _) => Ok(digest),
            // The answer came before the payload was sent: the file itself says what it should be.
            (None, Some(reading)) => reading.digest().await,
            (None, None) => Err(Failure::Broken("an answer before the question".to_owned())),
        };
        let verified = match (digest, &current.facts) {
            (Ok(digest), Some(facts)) => verify(&reply, facts, current.sent, digest).map(|()| digest),
            (Ok(digest), None) => Ok(digest),
            (Err(failure), _) => Err(failure),
        };
        match (verified, reply.file) {
            (Ok(digest), Some(file)) => {
                self.stored(&current, digest, file, (reply.ack, reply.sequence, reply.replayed))
            }
            (Ok(_), None) => {}
            (Err(failure), _) => self.fail(Some(&current.label), failure),
        }
    }

    fn stored(
        &mut self,
        current: &Current<'_>,
        digest: Digest,
        file: shared::wire::FileInfo,
        (ack, sequence, replayed): (Option<shared::wire::Ack>, Option<shared::id::Sequence>, bool),
    ) {
        self.tally.files = self.tally.files.saturating_add(1);
        self.tally.bytes = self.tally.bytes.saturating_add(file.size);
        let session = self.conversation.as_ref().and_then(Conversation::session).map(|held| held.id);
        self.context.report.event(&Event::Stored(&Stored {
            path: current.label.clone(),
            name: current.source.name.as_ref().map(|name| name.as_str().to_owned()),
            place: file.stored_as,
            size: file.size,
            digest,
            mode: current.mode,
            session: session.filter(|_| current.mode == Mode::Stateful),
            sequence,
            ack,
            replayed,
            ms: current.watch.millis(),
        }));
    }

    fn degrade(&self, body: &ErrorBody) {
        let reason = Failure::Refused(Box::new(body.clone())).to_string();
        let (from, to) = (Mode::Stateful, Mode::Stateless);
        self.context.report.event(&Event::Degraded { from, to, reason });
    }

    fn failure_of(&mut self, cause: Cause, local: Option<Failure>) -> Failure {
        let lost = self.lost.take().unwrap_or_else(|| Failure::Lost("it is not there".to_owned()));
        match cause {
            Cause::Refused(body) => Failure::Refused(body),
            Cause::Lost => lost,
            // What is no loss but nonsense stays what it is.
            Cause::Unknown if !matches!(lost, Failure::Lost(_) | Failure::Unreachable { .. }) => lost,
            Cause::Unknown => Failure::Unknown(lost.to_string()),
            Cause::Broken(what) => Failure::Broken(what.to_owned()),
            Cause::Local => local.unwrap_or_else(|| Failure::Lost("the file's frame was cut".to_owned())),
        }
    }

    fn fail(&mut self, what: Option<&str>, failure: Failure) {
        self.context.report.failed(what, &failure);
        self.tally.failures.push(failure);
    }

    /// Leaves the session to the next command, or forgets the one that was closed.
    fn remember(&mut self) {
        let Some(conversation) = &self.conversation else { return };
        let Some(held) = conversation.session() else { return };
        let (remembered, server) = (&self.context.remembered, &self.context.server);
        if conversation.is_closed() {
            self.context.note(remembered.forget(server, held.id));
            self.context.report.event(&Event::Closed { session: held.id });
        } else if !conversation.is_gone() {
            self.context.note(remembered.keep(server, held));
        }
    }
}

impl<'a> Current<'a> {
    fn new(source: &'a Source) -> Result<Self, Failure> {
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
}
