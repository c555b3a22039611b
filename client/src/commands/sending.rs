//! Files on their way: carries out, one command after the other, what the conversation decides.

mod flight;
mod goodbye;
mod left;
mod opening;
mod stored;
mod uploading;
mod waiting;

use std::io::Read;

use shared::exit::ExitCode;
use shared::wire::{Ack, ErrorBody, Mode, Reply};

use flight::Flight;

use super::Context;
use super::current::Current;
use super::joined::forget_if_gone;
use crate::access_key::AccessKey;
use crate::conversation::{Cause, Command, Conversation, Event as Happened};
use crate::event::Event;
use crate::failure::{Failure, exit_of_several};
use crate::journal::{Errand, Journal, Place};
use crate::reconnect::Reconnect;
use crate::sources::Source;
use crate::transport::Connection;

/// What became of the files so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) files: u64,
    /// Files that a run of the same command stored before it was cut.
    pub(super) already: u64,
    pub(super) bytes: u64,
    pub(super) failures: Vec<Failure>,
    /// Files behind one after which nothing more could be sent.
    pub(super) untried: u64,
    /// Payload bytes that were sent more than once.
    pub(super) sent_again: u64,
    /// Why the session is not closed. No file failed by that.
    unclosed: Option<Failure>,
}

impl Tally {
    /// The exit code of the whole.
    pub(super) fn exit(&self) -> ExitCode {
        match (exit_of_several(self.files.saturating_add(self.already), &self.failures), &self.unclosed) {
            (ExitCode::Success, Some(failure)) => failure.exit(),
            (exit, _) => exit,
        }
    }
}

/// Everything that is sent by one `send`.
pub(super) struct Sending<'a> {
    context: &'a Context,
    ack: Option<Ack>,
    access_key: Option<AccessKey>,
    /// Taken while it decides; always there between two steps.
    conversation: Option<Conversation>,
    connection: Option<Connection>,
    input: Option<Box<dyn Read + Send>>,
    journal: Journal,
    /// How the user wants files to be sent, as an errand says it.
    mode: &'static str,
    /// What ended runs left of these files.
    left: Vec<(Errand, Place)>,
    /// The last word of a connection, said while nothing was asked of it.
    unasked: Option<Box<Reply>>,
    /// How the connection was lost last.
    lost: Option<Failure>,
    tries: Reconnect,
    /// Whether the server was reached at all.
    reached: Reached,
    /// How long the session was to survive silence when it was last heard of.
    expires_in_s: Option<u64>,
    tally: Tally,
}

/// Whether there was a connection in this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reached {
    Yes,
    NotYet,
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
        mode: &'static str,
        ack: Option<Ack>,
        access_key: Option<AccessKey>,
        input: Box<dyn Read + Send>,
    ) -> Self {
        Self {
            context,
            ack,
            access_key,
            conversation: Some(conversation),
            connection: None,
            input: Some(input),
            journal: Journal::at(context.journals.clone()),
            mode,
            left: Vec::new(),
            unasked: None,
            lost: None,
            tries: Reconnect::new(context.bounds),
            reached: Reached::NotYet,
            expires_in_s: None,
            tally: Tally::default(),
        }
    }

    /// Sends everything, and says what became of each.
    pub(super) async fn all(&mut self, sources: &[Source]) {
        let mut flight = Flight::of(sources);
        while let Some(happened) = self.bring(&mut flight).await {
            if self.one(&mut flight, happened).await == GoOn::No {
                return self.give_up(flight);
            }
        }
        self.end().await;
    }

    /// Deals with the file in front, and sends others ahead while it waits for an answer.
    async fn one(&mut self, flight: &mut Flight<'_>, mut happened: Happened) -> GoOn {
        loop {
            let command = self.step(happened);
            self.shed().await;
            let Some(front) = flight.files.front_mut() else { return GoOn::No };
            happened = match command {
                Command::Open => self.open().await,
                Command::Reconnect(why) => self.reconnect(why).await,
                Command::Join(session) => self.join(session).await,
                Command::Ask(attempt) => self.ask_of(front, attempt).await,
                Command::Upload(attempt, partial) => self.upload(front, attempt, partial).await,
                Command::Ahead(attempt) => self.upload_ahead(flight.files.back_mut(), attempt).await,
                Command::More => self.more(flight).await,
                Command::Wait => self.wait(Some(front)).await,
                Command::Degrade(body) => {
                    self.degrade(&body);
                    Happened::File(self.context.clock.now())
                }
                Command::Keep(reply) => {
                    self.keep(front, *reply).await;
                    flight.files.pop_front();
                    return GoOn::Yes;
                }
                Command::Skip(cause) => {
                    self.skip(front, cause);
                    flight.files.pop_front();
                    return GoOn::Yes;
                }
                Command::GiveUp(cause) => {
                    let failure = self.failure_of(cause, front.failure.take());
                    if let Some(held) = self.conversation.as_ref().and_then(Conversation::session) {
                        forget_if_gone(self.context, held.id, &failure).await;
                    }
                    self.strike_unless_open(front, &failure);
                    self.fail(Some(&front.label), failure);
                    flight.files.pop_front();
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

    /// The server says it is stored; is it what was sent?
    async fn keep(&mut self, current: &mut Current<'_>, reply: Reply) {
        self.keep_ticket().await;
        let session = self.conversation.as_ref().and_then(Conversation::session).map(|held| held.id);
        match current.stored(reply, session).await {
            Ok(stored) => {
                self.tries.progress();
                self.write_down(current, &stored);
                self.settle(current);
                self.tally.files = self.tally.files.saturating_add(1);
                self.tally.bytes = self.tally.bytes.saturating_add(stored.size);
                self.context.report.event(&Event::Stored(&stored));
            }
            Err(failure) => {
                // It is stored under this number for good: asked for it again, the server repeats the same answer.
                self.settle(current);
                self.fail(Some(&current.label), failure);
            }
        }
    }

    /// A file is not stored, or nobody knows.
    fn skip(&mut self, current: &mut Current<'_>, cause: Cause) {
        let failure = self.failure_of(cause, current.failure.take());
        self.context.report.set_back(current.sent.bytes);
        self.strike_unless_open(current, &failure);
        self.fail(Some(&current.label), failure);
    }

    fn degrade(&self, body: &ErrorBody) {
        let reason = Failure::Refused(Box::new(body.clone())).to_string();
        let (from, to) = (Mode::Stateful, Mode::Stateless);
        self.context.report.event(&Event::Degraded { from, to, reason });
    }

    fn failure_of(&mut self, cause: Cause, local: Option<Failure>) -> Failure {
        let lost = || Failure::Lost("it is not there".to_owned());
        match cause {
            Cause::Refused(body) => Failure::Refused(body),
            Cause::Lost => self.lost.take().unwrap_or_else(lost),
            // Several files may be unknown for one reason.
            Cause::Unknown => Failure::Unknown(self.lost.get_or_insert_with(lost).to_string()),
            Cause::Broken(what) => Failure::Broken(what.to_owned()),
            Cause::Local => local.unwrap_or_else(|| {
                let lost = self.lost.take().unwrap_or_else(lost);
                let cause = format!("{lost}; and what came through a pipe cannot be sent twice");
                Failure::Local { what: "not sent".to_owned(), cause }
            }),
        }
    }

    /// Says why something was not sent, and counts it.
    pub(super) fn fail(&mut self, what: Option<&str>, failure: Failure) {
        self.context.report.failed(what, &failure);
        self.tally.failures.push(failure);
    }
}
