//! What the program can be told to do, one command a file, and what they share.

mod again;
mod current;
mod fetch;
mod inquire;
mod joined;
mod send;
mod sending;
mod sessions;

use std::ffi::OsString;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use shared::exit::ExitCode;
use trace::Recorder;

use crate::address::Address;
use crate::cli::Command;
use crate::env::{Clock, Interrupt};
use crate::event::Event;
use crate::explain::Watch;
use crate::failure::Failure;
use crate::reconnect::{Bounds, Insistence, Reconnect};
use crate::remembered::Remembered;
use crate::report::Report;
use crate::settings::Settings;
use crate::transport::Connection;

/// What every command has at hand.
pub(crate) struct Context {
    pub(crate) server: Address,
    pub(crate) settings: Settings,
    pub(crate) patience: Duration,
    pub(crate) bounds: Bounds,
    /// Whether trying again makes sense before the server was ever reached.
    pub(crate) insistence: Insistence,
    pub(crate) clock: Clock,
    pub(crate) watch: Watch,
    /// Records every connection, for `--ladder`.
    pub(crate) recorder: Option<Recorder>,
    pub(crate) report: Report,
    pub(crate) remembered: Remembered,
    /// Where runs write down what they have under way.
    pub(crate) journals: Option<PathBuf>,
    /// What the user typed.
    pub(crate) command_line: Vec<OsString>,
    pub(crate) interrupt: Interrupt,
}

impl Context {
    /// A new connection to the server.
    async fn connection(&self) -> Result<Connection, Failure> {
        let congestion = self.settings.congestion.unwrap_or_default();
        Connection::open(&self.server, congestion, self.patience, self.watch.clone(), self.recorder.as_ref()).await
    }

    /// Waits for the next try, and says so; `None` when the bounds of trying are reached.
    async fn wait_for_try(&self, tries: &mut Reconnect, reason: String, advised: Option<Duration>) -> Option<()> {
        let next = tries.next(self.clock.now(), self.clock.roll(), advised)?;
        let wait_ms = u64::try_from(next.wait.as_millis()).unwrap_or(u64::MAX);
        let (attempt, attempts_max) = (next.number, next.of);
        self.report.event(&Event::Waiting { reason, wait_ms, attempt, attempts_max });
        self.clock.sleep(next.wait).await;
        Some(())
    }

    /// Shows progress, unless frames are shown: they tell more, and the bar would cut through them.
    fn start_bar(&self, bytes: Option<u64>) {
        if !self.watch.is_on() {
            self.report.start_bar(bytes);
        }
    }

    /// What cannot be remembered is told and no reason to stop.
    fn note(&self, remembered: Result<(), Failure>) {
        if let Err(failure) = remembered {
            self.report.warn(&format!("the session will not be remembered: {failure}"));
        }
    }
}

/// Carries out a command.
pub(crate) async fn run(command: Command, context: Context, input: Box<dyn Read + Send>) -> ExitCode {
    let mut interrupt = context.interrupt.clone();
    let report = context.report.clone();
    // What a command keeps over its waits takes tens of kilobytes, too much to carry from future to future.
    let done = Box::pin(async {
        match command {
            // It tells what was stored before it was interrupted.
            Command::Send(send) => return Ok(send::run(send, &context, input).await),
            Command::Fetch(fetch) => fetch::run(&fetch, &context).await,
            Command::List(which) => inquire::list(&which, &context).await,
            Command::Status(which) => inquire::status(&which, &context).await,
            Command::Remove(remove) => inquire::remove(&remove, &context).await,
            Command::Sessions(what) => sessions::run(&what, &context).await,
            Command::Ping => inquire::ping(&context).await,
        }
    });
    let watched = async {
        tokio::select! {
            biased;
            done = done => done,
            () = interrupt.wait() => Err(Failure::Interrupted),
        }
    };
    watched.await.unwrap_or_else(|failure| {
        report.failed(None, &failure);
        failure.exit()
    })
}
