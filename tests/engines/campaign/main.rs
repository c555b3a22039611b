//! Campaigns: the promises about sessions that survive, tried so often that chance finds what was not thought of.
//! Each prints what it did; a broken promise ends it with a sentence, the seed, and exit code 1. What was found is
//! kept in `docs/evidence`.
#![expect(clippy::indexing_slicing, reason = "a campaign that cannot go on says where, and ends")]

mod cuts;
mod dice;
mod kills;
mod network;
mod programs;
mod report;
mod takeovers;

use std::panic::catch_unwind;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use dice::Dice;

/// What came of something; otherwise a sentence about what was found instead.
type Outcome<T> = Result<T, String>;

const EXAMPLES: &str = "\
Examples:
  campaign kills                       1,000 kills of a server under load
  campaign kills --kills 60 --files 0 --seed 7
  campaign cuts --mib 64 --cuts 4      an upload of 64 MiB cut in each of the four ways, over each store
  campaign takeovers --report takeovers.md

A seed makes the same choices again. The moments, which threads and the system decide, are others each time.

Exit codes: 0 everything held, 1 something did not, 2 the command line makes no sense.";

/// Tries the promises about sessions that survive, many times.
#[derive(Parser, Debug)]
#[command(name = "campaign", after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    campaign: Campaign,
    #[command(flatten)]
    common: Common,
}

/// What every campaign takes.
#[derive(Args, Debug)]
struct Common {
    /// What decides all choices [default: another one each time]
    #[arg(long, global = true, value_name = "NUMBER")]
    seed: Option<u64>,
    /// A file for what is printed, with command, date and machine
    #[arg(long, global = true, value_name = "FILE")]
    report: Option<PathBuf>,
}

#[derive(Subcommand, Debug)]
enum Campaign {
    /// Kill the server at random moments while clients send, remove and ask; sessions are in SQLite
    Kills(kills::Options),
    /// Cut one large upload of the real client at random places
    Cuts(cuts::Options),
    /// Take a session over from connections that are half open; sessions are in SQLite
    Takeovers(takeovers::Options),
}

fn main() -> ExitCode {
    if let Some(exit) = programs::played() {
        return exit;
    }
    let Cli { campaign, common } = Cli::parse();
    let seed = common.seed.unwrap_or_else(Dice::fresh_seed);
    println!("seed {seed}");
    let dice = Dice::new(seed);
    // The harness panics where it does not get what it asks for.
    let done = catch_unwind(|| match &campaign {
        Campaign::Kills(options) => kills::run(options, dice),
        Campaign::Cuts(options) => cuts::run(options, dice),
        Campaign::Takeovers(options) => takeovers::run(options, dice),
    });
    match done
        .unwrap_or_else(|_| Err("see above".to_owned()))
        .and_then(|report| report.end(common.report.as_deref(), seed))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("FAILED with seed {seed}: {fault}");
            ExitCode::FAILURE
        }
    }
}
