//! Files on their way: carries out, one command after the other, what the conversation decides.

mod goodbye;

use std::io::Read;

use shared::exit::ExitCode;
use shared::wire::{Ack, ErrorBody, Mode, Reply};

use super::Context;
use super::current::Current;
use super::joined::forget_if_gone;
use crate::conversation::{
    Attempt, Cause, Command, Conversation, Event as Happened, Held, History, Repeatable, Stream,
};
use crate::event::{Event, Novelty};
use crate::failure::{Failure, exit_of_several};
use crate::header::Header;
use crate::remembered::NO_PLACE;
use crate::secret::Secret;
use crate::sources::{Origin, Source};
use crate::text::counted;
use crate::transport::Connection;
use crate::upload::{ExpectsContinue, Outcome, upload};

/// What became of the files so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) failures: Vec<Failure>,
    /// Files behind one after which nothing more could be sent.
    pub(super) untried: u64,
    /// Why the session is not closed. No file failed by that.
    unclosed: Option<Failure>,
}

impl Tally {
    /// The exit code of the whole.
    pub(super) fn exit(&self) -> ExitCode {
        match (exit_of_several(self.files, &self.failures), &self.unclosed) {
            (ExitCode::Success, Some(failure)) => failure.exit(),
            (exit, _) => exit,
        }
    }
}

/// Everything that is sent by one `send`.
pub(super) struct Sending<'a> {
    context: &'a Context,
    ack: Option<Ack>,
    /// Taken while it decides; always there between two steps.
    conversation: Option<Conversation>,
    connection: Option<Connection>,
    input: Option<Box<dyn Read + Send>>,
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

impl<'a> Sending<'a> {
    pub(super) fn new(
        context: &'a Context,
        conversation: Conversation,
        ack: Option<Ack>,
        input: Box<dyn Read + Send>,
    ) -> Self {
        let (conversation, input) = (Some(conversation), Some(input));
        Self { context, ack, conversation, connection: None, input, lost: None, tally: Tally::default() }
    }

    /// Sends everything, and says what became of each.
    pub(super) async fn all(&mut self, sources: &[Source]) {
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
        self.end().await;
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
        if let Err(failure) = current.begin(&mut self.input, self.ack, &self.context.report).await {
            self.fail(Some(&current.label), failure);
            return GoOn::Yes;
        }
        let mut happened = Happened::File;
        loop {
            happened = match self.step(happened) {
                Command::Open => self.open().await,
                Command::Join(session) => self.join(session).await,
                Command::Upload(attempt) => self.upload(&mut current, attempt).await,
                Command::Degrade(body) => {
                    self.degrade(&body);
                    Happened::File
                }
                Command::Keep(reply) => {
                    self.keep(&mut current, *reply).await;
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
                        forget_if_gone(self.context, held.id, &failure).await;
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
        let header = session.as_ref().map_or_else(Header::open, |held| Header::resume(held.id, &held.secret));
        let novelty = if session.is_some() { Novelty::Continued } else { Novelty::Opened };
        let happened = self.ask(&header).await;
        if let Happened::Reply(reply, ..) = &happened
            && let (Some(info), None) = (&reply.session, &reply.error)
        {
            self.context.report.event(&Event::Session {
                session: info.id,
                new: novelty,
                server: self.context.server.to_string(),
                next_sequence: info.next_sequence,
                expires_in_s: info.expires_in_s,
            });
            if let (Some(secret), Novelty::Opened) = (Secret::of(info), novelty) {
                if !self.context.remembered.has_place() {
                    self.context.report.warn(&format!("the session will not be remembered: {NO_PLACE}"));
                }
                // Before the first file: a client that dies in the middle can still find its session.
                let held = Held { id: info.id, secret, next: info.next_sequence };
                self.context.note(self.context.remembered.keep(&self.context.server, &held).await);
            }
        }
        happened
    }

    async fn ask(&mut self, header: &Header) -> Happened {
        let Some(connection) = &mut self.connection else { return Happened::Lost };
        match connection.ask(header).await {
            Ok(reply) => Happened::Reply(Box::new(reply), Stream::AtBoundary, Repeatable::Yes),
            Err(failure) => self.lose(failure),
        }
    }

    fn lose(&mut self, failure: Failure) -> Happened {
        self.connection = None;
        self.lost = Some(failure);
        Happened::Lost
    }

    async fn upload(&mut self, current: &mut Current<'_>, attempt: Attempt) -> Happened {
        let again = attempt.history != History::None;
        if again && matches!(current.source.origin, Origin::File(..)) {
            self.context.report.set_back(current.sent.bytes);
            if let Err(failure) = current.begin(&mut self.input, self.ack, &self.context.report).await {
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
        // What cannot be sent twice is not begun before the server wants it: a pipe may have been silent for longer
        // than the server keeps a silent connection.
        let (header, expects) = if attempt.history == History::Unknown || facts.size.is_none() {
            (header.expecting_continue(), ExpectsContinue::Yes)
        } else {
            (header, ExpectsContinue::No)
        };
        let content = current.reading.as_mut().filter(|reading| reading.is_untouched());
        let (outcome, sent) = upload(connection, &header, expects, content, &self.context.report).await;
        // What an earlier try read to the end of a pipe is still its digest.
        current.sent = if sent.digest.is_some() || current.sent.digest.is_none() { sent } else { current.sent };
        match outcome {
            Outcome::Answered(reply, stream) => Happened::Reply(reply, stream, current.repeatable()),
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
    async fn keep(&mut self, current: &mut Current<'_>, reply: Reply) {
        if let Some(held) =
            self.conversation.as_ref().and_then(Conversation::session).filter(|held| held.secret.changes())
        {
            // An older one would lead back to what was before this file.
            self.context.note(self.context.remembered.advance(&self.context.server, held).await);
        }
        let session = self.conversation.as_ref().and_then(Conversation::session).map(|held| held.id);
        match current.stored(reply, session).await {
            Ok(stored) => {
                self.tally.files = self.tally.files.saturating_add(1);
                self.tally.bytes = self.tally.bytes.saturating_add(stored.size);
                self.context.report.event(&Event::Stored(&stored));
            }
            Err(failure) => self.fail(Some(&current.label), failure),
        }
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

    /// Says why something was not sent, and counts it.
    pub(super) fn fail(&mut self, what: Option<&str>, failure: Failure) {
        self.context.report.failed(what, &failure);
        self.tally.failures.push(failure);
    }
}
