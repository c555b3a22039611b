//! The client of the dual-mode file transfer: sends files stateless or in a session, and gets them back.
//!
//! [`run`] is the whole program, with its arguments, environment and streams handed in, so that other
//! programs can run it and look at what it says:
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let (console, captured) = client::Console::captured("");
//! let environment = client::Environment::new::<String, String>([]);
//! let exit = client::run(["client", "--version"], environment, console).await;
//! assert_eq!(exit.code(), 0);
//! assert!(captured.output_text().starts_with("client "));
//! # });
//! ```

mod access_key;
mod address;
mod cli;
mod commands;
mod congestion;
mod console;
mod conversation;
mod env;
mod event;
mod explain;
mod failure;
mod header;
mod journal;
mod ladder;
mod landing;
mod mime;
mod private;
pub mod program;
mod reading;
mod reconnect;
mod remembered;
mod report;
mod secret;
mod settings;
mod signals;
mod sources;
mod text;
mod transport;
mod upload;

use std::ffi::OsString;
use std::io::Write as _;
use std::time::Duration;

use shared::exit::ExitCode;

use crate::cli::{Cli, FormatName};
use crate::commands::Context;
use crate::console::Seen;
pub use crate::console::{Captured, Console};
pub use crate::env::{Environment, Interrupt};
use crate::explain::Watch;
use crate::journal::Journal;
use crate::ladder::Ladder;
use crate::reconnect::{Bounds, Insistence, RETRIES_DEFAULT};
use crate::remembered::Remembered;
use crate::report::{Colour, Report};
use crate::settings::Settings;

/// The client's program. `args` begins with the program's name, as the system hands it over.
pub async fn run<A: Into<OsString>>(
    args: impl IntoIterator<Item = A>,
    environment: Environment,
    mut console: Console,
) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
    match cli::parse(args.iter().cloned()) {
        Ok(cli) => run_command(cli, args, &environment, console).await,
        Err(error) => {
            let colour =
                colour(&environment, if error.use_stderr() { console.errors_seen } else { console.output_seen });
            let text = match colour {
                Colour::Yes => error.render().ansi().to_string(),
                Colour::No => error.render().to_string(),
            };
            let stream = if error.use_stderr() { &mut console.errors } else { &mut console.output };
            // Nobody may be left to read it.
            let _ = write!(stream, "{text}").and_then(|()| stream.flush());
            if error.use_stderr() { ExitCode::Usage } else { ExitCode::Success }
        }
    }
}

async fn run_command(cli: Cli, command_line: Vec<OsString>, environment: &Environment, console: Console) -> ExitCode {
    let settings = Settings::load(environment);
    let configured = settings.as_ref().ok().and_then(|settings| settings.output);
    let format = cli.common.format().or(configured).unwrap_or(FormatName::Human);
    let colour = colour(environment, console.errors_seen);
    let (output, errors) = ((console.output, console.output_seen), (console.errors, console.errors_seen));
    let report = Report::new(output, errors, format.into(), colour);
    let settings = match settings {
        Ok(settings) => settings,
        Err(failure) => {
            report.failed(None, &failure);
            return failure.exit();
        }
    };
    // With --json the events are what was asked for; otherwise a transfer stands by itself.
    let owes_output = format == FormatName::Json || cli.command.only_asks();
    let said = report.clone();
    let time = Duration::from_secs(cli.common.timeout);
    let ladder = cli.command.ladder().map(Ladder::new);
    let context = Context {
        server: cli.common.to.or_else(|| settings.server.clone()).unwrap_or_default(),
        settings,
        patience: one_wait(time),
        bounds: Bounds { retries: cli.common.retries.unwrap_or(RETRIES_DEFAULT), time },
        insistence: if cli.common.retries.is_some() { Insistence::OfTheUser } else { Insistence::None },
        clock: environment.clock(),
        watch: if cli.common.explain { Watch::on(report.clone()) } else { Watch::off() },
        recorder: ladder.as_ref().map(Ladder::recorder).or_else(|| environment.recorder()),
        report,
        remembered: Remembered::new(environment),
        journals: Journal::folder(environment),
        command_line,
        interrupt: environment.interrupt(),
    };
    let mut exit = commands::run(cli.command, context, console.input).await;
    if let Some(Err(failure)) = ladder.map(Ladder::draw) {
        said.failed(None, &failure);
        exit = if exit == ExitCode::Success { failure.exit() } else { exit };
    }
    match said.lost_output() {
        Some(failure) if owes_output => {
            said.failed(None, &failure);
            if exit == ExitCode::Success { failure.exit() } else { exit }
        }
        Some(_) | None => exit,
    }
}

/// The longest wait for one reply. A connection that is dead without saying so must leave time for another one.
fn one_wait(time: Duration) -> Duration {
    (time / 5).max(Duration::from_secs(60)).min(time)
}

/// Colour is for people, unless they do not want it (no-color.org).
fn colour(environment: &Environment, seen: Seen) -> Colour {
    let dumb = environment.variable("TERM").is_some_and(|term| term == "dumb");
    let unwanted = environment.variable("NO_COLOR").is_some();
    if seen == Seen::ByPerson && !dumb && !unwanted { Colour::Yes } else { Colour::No }
}

#[cfg(test)]
mod tests;
