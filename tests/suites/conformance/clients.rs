//! The conformance kit, which shares no code with the client, grades it: everything but Week 01, which it does not
//! speak.

use conform::client::{self, Client};
use conform::{Choice, Level, Report};

use super::not_graded;

/// Grades the client with the words that a test puts before its own, but for the parts that it lacks.
pub(super) fn graded(program: &[&str], without: &[&str], choice: &Choice) -> Report {
    let words = ["--to", "{host}:{port}", "--retries", "4", "send", "--mode", "{mode}", "{file}"];
    let words = program.iter().chain(&words).map(ToString::to_string).collect();
    let graded = Client { words, without: without.iter().map(ToString::to_string).collect() };
    client::judge(&graded, choice, &mut |_| {}).unwrap()
}

#[test]
fn the_client_passes_every_check_of_what_it_offers() {
    let choice = Choice { patience: harness::PATIENCE, ..Choice::default() };
    let report = graded(&[env!("CARGO_BIN_EXE_test-client")], &["week01"], &choice);
    let left_out = not_graded(&report);
    assert_eq!(left_out.len(), report.count().not_offered);
    assert!(report.count().passed > 30, "{:?}", report.count());
    for outcome in report.outcomes.iter().filter(|it| left_out.contains(&it.name)) {
        assert_eq!(outcome.level, Level::Week01, "{outcome:?}");
    }
}
