//! Carries out checks one after the other and counts what came of them.

use std::time::Duration;

use crate::check::{Checked, Group, Level, Need, Outcome, Stop, Verdict};
use crate::env::Deadline;
use crate::record::Record;

/// Which checks are wanted, and how long something may take.
#[derive(Debug, Clone)]
pub struct Choice {
    /// Only this level.
    pub level: Option<Level>,
    /// Only checks whose sentence has this in it.
    pub only: Option<String>,
    /// Without the checks that wait for a time to pass.
    pub quick: bool,
    /// How long an answer may take.
    pub patience: Duration,
    /// How long an end may take that comes by a timeout.
    pub slow_patience: Duration,
}

impl Default for Choice {
    fn default() -> Self {
        let (patience, slow_patience) = (Duration::from_secs(5), Duration::from_secs(60));
        Self { level: None, only: None, quick: false, patience, slow_patience }
    }
}

/// What came of all checks.
#[derive(Debug, Clone)]
pub struct Report {
    /// Who was graded.
    pub subject: String,
    /// What the reader must know about how it was graded.
    pub notes: Vec<String>,
    /// Each check, in order.
    pub outcomes: Vec<Outcome>,
}

/// How many checks came to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Passed.
    pub passed: usize,
    /// Failed.
    pub failed: usize,
    /// Not offered, so not graded.
    pub not_offered: usize,
    /// Left out, so not graded.
    pub skipped: usize,
}

impl Count {
    /// Of these outcomes.
    pub fn of<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> Self {
        let mut count = Self::default();
        for outcome in outcomes {
            match outcome.verdict {
                Verdict::Passed => count.passed += 1,
                Verdict::Failed { .. } => count.failed += 1,
                Verdict::NotOffered(_) => count.not_offered += 1,
                Verdict::Skipped(_) => count.skipped += 1,
            }
        }
        count
    }

    /// How many were graded.
    #[must_use]
    pub fn graded(self) -> usize {
        self.passed + self.failed
    }

    /// Whether everything that was graded passed. Nothing graded is nothing passed.
    #[must_use]
    pub fn good(self) -> bool {
        self.failed == 0 && self.passed > 0
    }
}

impl Report {
    /// Over all levels.
    #[must_use]
    pub fn count(&self) -> Count {
        Count::of(&self.outcomes)
    }

    /// The outcomes of one level.
    pub fn level(&self, level: Level) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(move |outcome| outcome.level == level)
    }
}

/// Carries out what is wanted, each check on a ground of its own, and tells of each when it is done.
pub(crate) fn all<G>(
    groups: &[Group<G>],
    choice: &Choice,
    lacks: &dyn Fn(Need) -> Option<String>,
    mut ground: impl FnMut() -> G,
    record: impl Fn(&G) -> &Record,
    told: &mut dyn FnMut(&Outcome),
) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for group in groups.iter().filter(|group| choice.level.is_none_or(|level| level == group.level)) {
        for check in group.checks {
            if choice.only.as_ref().is_some_and(|only| !check.name.contains(only.as_str())) {
                continue;
            }
            let begun = Deadline::after(Duration::MAX);
            let lacking = group.needs.iter().chain(check.needs).find_map(|need| lacks(*need));
            let verdict = match lacking {
                Some(lacking) => Verdict::NotOffered(lacking),
                None if check.slow && choice.quick => Verdict::Skipped("it waits for a time to pass".to_owned()),
                None => {
                    let ground = ground();
                    verdict((check.run)(&ground), record(&ground))
                }
            };
            let (level, name, section) = (group.level, check.name, check.section);
            let outcome = Outcome { level, name, section, verdict, took: begun.elapsed() };
            told(&outcome);
            outcomes.push(outcome);
        }
    }
    outcomes
}

fn verdict(checked: Checked, record: &Record) -> Verdict {
    match checked {
        Ok(()) => Verdict::Passed,
        Err(Stop::NotOffered(reason)) => Verdict::NotOffered(reason),
        Err(Stop::Failed { expected, came }) => Verdict::Failed { expected, came, exchange: record.last() },
    }
}

/// A stop in one sentence.
pub(crate) fn reason(stop: &Stop) -> String {
    match stop {
        Stop::NotOffered(reason) => reason.clone(),
        Stop::Failed { expected, came } => format!("expected {expected}; came {came}"),
    }
}
