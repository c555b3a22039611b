//! The command line: what can be typed, and the exit codes. Grades nothing itself.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::check::{Level, Outcome};
use crate::client::{self, Client};
use crate::judge::{Choice, Report};
use crate::{report, server};

/// Grades a server or a client by PROTOCOL.md, level by level.
#[derive(Debug, Parser)]
#[command(name = "conform", version, max_term_width = 110, after_help = EXITS)]
struct Cli {
    #[command(subcommand)]
    subject: Subject,
    #[command(flatten)]
    common: Common,
}

const SERVER_EXAMPLES: &str = "\
Examples:
  conform server 127.0.0.1:65432 --level 1        where to begin
  conform server 127.0.0.1:65432 --quick          all levels, without the checks that wait
  conform server [::1]:65432 --junit report.xml   for a machine that reads reports";

const CLIENT_EXAMPLES: &str = "\
Examples:
  conform client --level 1 -- python3 mine.py --to {host}:{port} --mode {mode} {file}
  conform client --without week01,resuming -- ./mine {host} {port} {mode} {file}
  conform client --json report.json -- java -jar mine.jar {port} {mode} {folder} {file}";

const EXITS: &str = "\
Levels: 1 framing, 2 week 01, 3 stateless, 4 sessions, 5 resuming, 6 faults.
Exit codes: 0 everything that was graded passed, 1 something failed or nothing was graded, 2 nothing could be graded.";

#[derive(Debug, Subcommand)]
enum Subject {
    /// Grade a server that runs
    #[command(after_help = SERVER_EXAMPLES)]
    Server {
        /// Where it listens
        #[arg(value_name = "HOST:PORT")]
        address: String,
    },
    /// Grade a client: a command that sends {file} to {host}:{port} in the mode {mode}
    #[command(after_help = CLIENT_EXAMPLES)]
    Client {
        /// What it does not offer: week01, stateless, sessions, tickets, repeating, resuming, exit-codes
        #[arg(long, value_name = "PART", value_delimiter = ',')]
        without: Vec<String>,
        /// The command, behind --; {folder} in it is a place for what it remembers
        #[arg(required = true, last = true, value_name = "CMD")]
        words: Vec<String>,
    },
}

#[derive(Debug, Args)]
struct Common {
    /// Only this level
    #[arg(long, global = true, value_name = "N", value_parser = level)]
    level: Option<Level>,
    /// Only checks whose sentence has this in it
    #[arg(long, global = true, value_name = "WORDS")]
    only: Option<String>,
    /// Without the checks that wait for a time to pass
    #[arg(long, global = true)]
    quick: bool,
    /// How long an answer may take
    #[arg(long, global = true, value_name = "SECONDS", default_value = "5",
          value_parser = clap::value_parser!(u64).range(1..=600))]
    patience: u64,
    /// Write the report as JSON
    #[arg(long, global = true, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the report as XML, in the form of `JUnit`
    #[arg(long, global = true, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// Runs the program with the arguments of the process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match graded(&cli) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            let _ = writeln!(io::stderr(), "error: {reason}");
            ExitCode::from(2)
        }
    }
}

fn graded(cli: &Cli) -> Result<bool, String> {
    let common = &cli.common;
    let choice = Choice {
        level: common.level,
        only: common.only.clone(),
        quick: common.quick,
        patience: Duration::from_secs(common.patience),
        ..Choice::default()
    };
    let mut level = None;
    let mut told = |outcome: &Outcome| {
        if level.replace(outcome.level) != Some(outcome.level) {
            say(&report::heading(outcome.level));
        }
        say(&report::line(outcome));
    };
    let report = match &cli.subject {
        Subject::Server { address } => server::judge(reached(address, choice.patience)?, &choice, &mut told)?,
        Subject::Client { without, words } => {
            let client = Client { words: words.clone(), without: without.clone() };
            client::judge(&client, &choice, &mut told)?
        }
    };
    say(&report::summary(&report));
    written(common, &report)?;
    Ok(report.count().good())
}

fn written(common: &Common, report: &Report) -> Result<(), String> {
    let write = |path: &Path, text: String| {
        std::fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
    };
    if let Some(path) = &common.json {
        write(path, format!("{:#}\n", report::json(report)))?;
    }
    if let Some(path) = &common.junit {
        write(path, report::junit(report))?;
    }
    Ok(())
}

/// Says it while the checks go on. A reader that is gone does not change the verdict.
fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn level(text: &str) -> Result<Level, String> {
    let found = Level::ALL.into_iter().find(|level| level.number().to_string() == text);
    found.ok_or_else(|| "expected a number from 1 to 6".to_owned())
}

/// The first address of a host at which somebody listens.
fn reached(text: &str, patience: Duration) -> Result<SocketAddr, String> {
    let mut last = "no such host".to_owned();
    for address in text.to_socket_addrs().map_err(|error| format!("{text}: {error}"))? {
        match TcpStream::connect_timeout(&address, patience) {
            Ok(_) => return Ok(address),
            Err(error) => last = error.to_string(),
        }
    }
    Err(format!("no connection to {text}: {last}"))
}
