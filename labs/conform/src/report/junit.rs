//! For the machines of a course and of CI: XML as `JUnit` writes it, a suite for each level.

use std::fmt::Write as _;

use crate::check::{Level, Outcome, Verdict};
use crate::judge::{Count, Report};
use crate::record;

/// The whole report as XML.
#[must_use]
pub fn junit(report: &Report) -> String {
    let count = report.count();
    let (all, failed) = (report.outcomes.len(), count.failed);
    let subject = escaped(&report.subject);
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"{subject}\" tests=\"{all}\" failures=\"{failed}\">\n"
    );
    for level in Level::ALL {
        let count = Count::of(report.level(level));
        if count == Count::default() {
            continue;
        }
        let (failed, left_out) = (count.failed, count.not_offered + count.skipped);
        let (number, name, all) = (level.number(), level.name(), count.graded() + left_out);
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{number} {name}\" tests=\"{all}\" failures=\"{failed}\" skipped=\"{left_out}\">"
        );
        for outcome in report.level(level) {
            xml.push_str(&case(outcome));
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn case(outcome: &Outcome) -> String {
    let inner = match &outcome.verdict {
        Verdict::Passed => String::new(),
        Verdict::NotOffered(reason) => format!("<skipped message=\"not offered: {}\"/>", escaped(reason)),
        Verdict::Skipped(reason) => format!("<skipped message=\"{}\"/>", escaped(reason)),
        Verdict::Failed { expected, came, exchange } => {
            let message = escaped(&format!("expected {expected}; came {came}"));
            let section = outcome.section;
            let text = escaped(&record::lines(exchange, ""));
            format!("<failure message=\"{message}\">PROTOCOL.md section {section}\n{text}</failure>")
        }
    };
    let (level, name, seconds) = (outcome.level.name(), escaped(outcome.name), outcome.took.as_secs_f64());
    format!("    <testcase classname=\"{level}\" name=\"{name}\" time=\"{seconds:.3}\">{inner}</testcase>\n")
}

/// Text as XML has it. Characters that XML cannot have were escaped when the bytes became text.
fn escaped(text: &str) -> String {
    let mut xml = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\n' | '\t' => xml.push(character),
            _ if character.is_control() => xml.push('\u{fffd}'),
            _ => xml.push(character),
        }
    }
    xml
}
