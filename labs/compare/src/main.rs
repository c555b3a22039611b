//! What state costs and what it buys: the same uploads through the same faults, with a server that is killed in the
//! middle, once for every rung of the ladder. Prints a table, and writes a page to look at and the numbers behind it.

mod found;
mod memory;
mod naive;
mod page;
mod question;
mod rung;
mod storm;
mod table;
mod tally;
mod workload;

use std::error::Error;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use engines::redis::Redis;

use crate::found::{Found, Missing, Row};
use crate::rung::Rung;
use crate::storm::Weather;
use crate::workload::Workload;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Sends the same files through the same faults, stateless and on every rung of the ladder of state, and shows what
/// state costs and what it buys
#[derive(Debug, Parser)]
#[command(name = "compare", max_term_width = 110, after_help = EXAMPLES)]
struct Arguments {
    /// What the network does is made from this number; the same number makes the same faults
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only these rungs [default: all]
    #[arg(long, value_enum, value_name = "RUNG")]
    rungs: Vec<Rung>,
    /// A smaller workload, to see whether everything works
    #[arg(long)]
    quick: bool,
    /// Compare nothing, but show what this file, written by --json, holds
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "rungs", "quick"])]
    from: Option<PathBuf>,
    /// Write the page, with charts, to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write all numbers to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Put the table into this document, between its two marks
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
}

const EXAMPLES: &str = "Examples:
  cargo compare                                                the table
  cargo compare --html compare.html --json compare.json        a page for a lecture, and its numbers
  cargo compare --from compare.json --table README.md          the same numbers again, in a document
  cargo compare --seed 7 --rungs stateless --rungs memory      other faults, two rungs";

fn main() -> ExitCode {
    // The server that is killed is this program too, started with a server's arguments.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == "--host") {
        return server::program::main();
    }
    match show(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn show(arguments: &Arguments) -> Outcome<()> {
    let found = match &arguments.from {
        Some(file) => read(file).map_err(|error| format!("{}: {error}", file.display()))?,
        None => compare(arguments)?,
    };
    write!(io::stdout(), "{}", table::text(&found))?;
    if let Some(file) = &arguments.json {
        write_file(file, &(serde_json::to_string_pretty(&found)? + "\n"))?;
    }
    if let Some(file) = &arguments.html {
        write_file(file, &page::html(&found))?;
    }
    if let Some(file) = &arguments.table {
        table::put(file, &table::markdown(&found))?;
    }
    Ok(())
}

fn read(file: &Path) -> Outcome<Found> {
    Ok(serde_json::from_slice(&fs::read(file)?)?)
}

fn write_file(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}

fn compare(arguments: &Arguments) -> Outcome<Found> {
    let folder = tempfile::tempdir()?;
    let workload = if arguments.quick { Workload::SMALL } else { Workload::USUAL };
    let files = workload.files(&folder.path().join("files"))?;
    let redis = Redis::start(&[]);
    let mut found =
        Found { seed: arguments.seed, workload, faults: storm::faults(), rungs: Vec::new(), missing: Vec::new() };
    for rung in Rung::ALL.into_iter().filter(|rung| arguments.rungs.is_empty() || arguments.rungs.contains(rung)) {
        let place = match rung.place(folder.path(), redis.as_ref()) {
            Ok(place) => place,
            Err(why) => {
                say(&format!("NOT COMPARED: {}, {why}", rung.name()))?;
                found.missing.push(Missing { rung, why });
                continue;
            }
        };
        say(&format!("{} ...", rung.name()))?;
        let run = |weather| storm::run(&place, weather, &workload, &files);
        let (calm, storm) = (run(Weather::Calm)?, run(Weather::Storm(arguments.seed))?);
        let bytes_per_session = memory::per_session(&place, workload.sessions, redis.as_ref().ok())?;
        found.rungs.push(Row { rung, calm, storm, bytes_per_session });
    }
    Ok(found)
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stderr(), "{line}")
}
