//! For people: a line for each check, below a failure what was sent and what came.

use std::fmt::Write as _;

use crate::check::{Level, Outcome, Verdict};
use crate::judge::{Count, Report};
use crate::record;

/// What stands before the checks of a level.
#[must_use]
pub fn heading(level: Level) -> String {
    format!("\nlevel {}: {}\n", level.number(), level.name())
}

/// One check, and below a failure its bytes.
#[must_use]
pub fn line(outcome: &Outcome) -> String {
    let mut text = String::new();
    let name = outcome.name;
    let _ = match &outcome.verdict {
        Verdict::Passed => writeln!(text, "  pass         {name}"),
        Verdict::NotOffered(reason) => writeln!(text, "  NOT OFFERED  {name}\n               {reason}"),
        Verdict::Skipped(reason) => writeln!(text, "  skipped      {name} ({reason})"),
        Verdict::Failed { expected, came, exchange } => {
            let events = record::lines(exchange, "        ");
            let section = outcome.section;
            writeln!(
                text,
                "  FAIL         {name}   [PROTOCOL.md section {section}]\n{events}        expected  {expected}\n        but came  {came}"
            )
        }
    };
    text
}

/// The counts of each level, and the score.
#[must_use]
pub fn summary(report: &Report) -> String {
    let mut text = format!("\n{}\n", report.subject);
    for level in Level::ALL {
        let count = Count::of(report.level(level));
        if count != Count::default() {
            let _ = writeln!(text, "  level {} {:<10} {}", level.number(), level.name(), told(count));
        }
    }
    for note in &report.notes {
        let _ = writeln!(text, "  NOTE: {note}");
    }
    let failing = Level::ALL.into_iter().find(|level| Count::of(report.level(*level)).failed > 0);
    if let Some(level) = failing {
        let (number, name) = (level.number(), level.name());
        let _ = writeln!(text, "next: level {number}, {name}; --level {number} grades it alone");
    }
    let count = report.count();
    let _ = writeln!(text, "score: {} of {}", count.passed, count.graded());
    if count.not_offered + count.skipped > 0 {
        let _ = writeln!(text, "not graded: {} not offered, {} skipped", count.not_offered, count.skipped);
    }
    text
}

fn told(count: Count) -> String {
    let mut text = format!("{} of {} passed", count.passed, count.graded());
    for (number, word) in [(count.not_offered, "not offered"), (count.skipped, "skipped")] {
        if number > 0 {
            let _ = write!(text, ", {number} {word}");
        }
    }
    text
}
