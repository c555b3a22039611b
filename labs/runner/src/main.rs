//! `cargo lab`: finds a lab, builds its checks and runs them. Knows no check; each lab's own program tells what it found.

mod chosen;
mod hint;
mod score;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::chosen::{Chosen, Whose};

/// What stands below the help.
const EXAMPLES: &str = "\
Examples:
  cargo lab check 01                                    what is to be done first
  cargo lab watch 01                                    the same, whenever you save
  cargo lab hint 01 a_header_in_two_pieces --level 2    an idea
  cargo lab replay 01 7 a_header_in_two_pieces          what failed with the seed 7
  cargo lab check 01 --solution                         that it can be done
  cargo lab score --gradescope results.json             points of all labs

Ends with 0 when all checks pass, 1 when one fails or nothing compiles, 2 when the question is wrong.";

/// The labs: what a session layer is, by building one.
#[derive(Parser)]
#[command(name = "cargo lab", bin_name = "cargo lab", disable_help_subcommand = true, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// All labs
    List,
    /// Run the checks of a lab; the first that fails is shown
    Check {
        /// The lab's number
        number: String,
        /// Check the reference solution instead of your work
        #[arg(long)]
        solution: bool,
        /// Take this seed instead of that of predict.toml
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Check again whenever you save
    Watch {
        /// The lab's number
        number: String,
    },
    /// A hint for a check; higher levels say more
    Hint {
        /// The lab's number
        number: String,
        /// The check, as the failure names it
        check: Option<String>,
        /// How much to tell, from 1 to 3
        #[arg(long, default_value_t = 1)]
        level: usize,
    },
    /// Run checks again with the seed that a failure named
    Replay {
        /// The lab's number
        number: String,
        /// The seed
        seed: u64,
        /// A check; all of them unless stated
        check: Option<String>,
        /// Check the reference solution instead of your work
        #[arg(long)]
        solution: bool,
    },
    /// What you make predictions about; what happened, also as a picture, once all are made
    Trace {
        /// The lab's number
        number: String,
    },
    /// Points of all labs, or of one
    Score {
        /// The lab's number
        number: Option<String>,
        /// Take this seed instead of that of predict.toml
        #[arg(long)]
        seed: Option<u64>,
        /// Score the reference solutions instead of your work
        #[arg(long)]
        solution: bool,
        /// Print everything as JSON
        #[arg(long)]
        json: bool,
        /// Write results.json for Gradescope into this file
        #[arg(long, value_name = "FILE")]
        gradescope: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().verb) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn run(verb: Verb) -> Result<ExitCode, String> {
    match verb {
        Verb::List => {
            for lab in chosen::all()? {
                println!("{}", lab.title()?);
            }
            Ok(ExitCode::SUCCESS)
        }
        Verb::Check { number, solution, seed } => {
            let seed = seed.map(|seed| seed.to_string());
            let arguments = seed.iter().flat_map(|seed| ["--seed", seed]);
            Chosen::find(&number, Whose::of(solution))?.run(arguments)
        }
        Verb::Watch { number } => watch::watch(&Chosen::find(&number, Whose::Learner)?),
        Verb::Hint { number, check, level } => {
            print!("{}", hint::hint(&Chosen::find(&number, Whose::Learner)?, check.as_deref(), level)?);
            Ok(ExitCode::SUCCESS)
        }
        Verb::Replay { number, seed, check, solution } => {
            let seed = seed.to_string();
            let arguments = ["--seed", &seed].into_iter().chain(check.as_deref());
            Chosen::find(&number, Whose::of(solution))?.run(arguments)
        }
        Verb::Trace { number } => Chosen::find(&number, Whose::Learner)?.run(["--trace"]),
        Verb::Score { number, seed, solution, json, gradescope } => {
            let labs = match number {
                Some(number) => vec![Chosen::find(&number, Whose::of(solution))?],
                None => chosen::all()?.into_iter().map(|lab| Chosen { whose: Whose::of(solution), ..lab }).collect(),
            };
            let scores = labs.iter().map(|lab| score::score(lab, seed)).collect::<Result<Vec<_>, _>>()?;
            if let Some(path) = gradescope {
                std::fs::write(&path, score::gradescope(&scores))
                    .map_err(|error| format!("{}: {error}", path.display()))?;
            }
            print!("{}", if json { score::json(&scores) } else { score::table(&scores) });
            Ok(ExitCode::SUCCESS)
        }
    }
}
