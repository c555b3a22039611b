//! A client as the kit grades it: a command that sends files, and the checks of each level. The kit is the server,
//! and a demanding one: what it is sent must be right to the byte, whatever it answers.

mod answers;
mod command;
mod deeds;
mod faults;
mod framing;
mod host;
mod memory;
mod replies;
mod request;
mod resuming;
mod rules;
mod sessions;
mod stateless;
mod story;
mod week01;

use std::time::Duration;

use crate::check::{Group, Level, Need, Outcome};
use crate::judge::{self, Choice, Report};
use crate::record::Record;

/// The checks of all levels.
const GROUPS: &[Group<Ground>] = &[
    Group { level: Level::Framing, needs: &[], checks: framing::CHECKS },
    Group { level: Level::Week01, needs: &[Need::Week01], checks: week01::CHECKS },
    Group { level: Level::Stateless, needs: &[Need::Stateless], checks: stateless::CHECKS },
    Group { level: Level::Sessions, needs: &[Need::Stateful], checks: sessions::CHECKS },
    Group { level: Level::Resuming, needs: &[Need::Repeating, Need::Resuming], checks: resuming::CHECKS },
    Group { level: Level::Faults, needs: &[], checks: faults::CHECKS },
];

/// What a client may say that it lacks, as it is typed.
const PARTS: [(&str, Need); 7] = [
    ("week01", Need::Week01),
    ("stateless", Need::Stateless),
    ("sessions", Need::Stateful),
    ("tickets", Need::Tickets),
    ("repeating", Need::Repeating),
    ("resuming", Need::Resuming),
    ("exit-codes", Need::ExitCodes),
];

/// A client that is to be graded.
#[derive(Debug, Clone)]
pub struct Client {
    /// The command that sends files, with placeholders.
    pub words: Vec<String>,
    /// What it does not offer: words of the README.
    pub without: Vec<String>,
}

/// What a check of a client stands on.
#[derive(Debug)]
pub(crate) struct Ground {
    words: Vec<String>,
    patience: Duration,
    lacks: Vec<Need>,
    pub(crate) record: Record,
}

/// Grades a client. Says why nothing could be graded.
pub fn judge(client: &Client, choice: &Choice, told: &mut dyn FnMut(&Outcome)) -> Result<Report, String> {
    for placeholder in ["{port}", "{file}"] {
        if !client.words.iter().any(|word| word.contains(placeholder)) {
            return Err(format!("the command has no {placeholder}"));
        }
    }
    let part = |word: &String| {
        let found = PARTS.iter().find(|(name, _)| name == word);
        let all = || PARTS.map(|(name, _)| name).join(", ");
        found
            .map(|(_, need)| *need)
            .ok_or_else(|| format!("{word} is nothing that a client may lack; that is {}", all()))
    };
    let lacks: Vec<Need> = client.without.iter().map(part).collect::<Result<_, _>>()?;
    if lacks.contains(&Need::Stateless) && lacks.contains(&Need::Stateful) {
        return Err("a client without both modes has nothing to be graded".to_owned());
    }
    command::startable(&client.words)?;
    let ground = || Ground {
        words: client.words.clone(),
        patience: choice.patience,
        lacks: lacks.clone(),
        record: Record::default(),
    };
    let lacking = |need| {
        let (name, _) = PARTS.iter().find(|(_, part)| *part == need)?;
        lacks.contains(&need).then(|| format!("left out by --without {name}"))
    };
    let outcomes = judge::all(GROUPS, choice, &lacking, ground, |ground| &ground.record, told);
    Ok(Report { subject: format!("client {}", client.words.join(" ")), notes: Vec::new(), outcomes })
}
