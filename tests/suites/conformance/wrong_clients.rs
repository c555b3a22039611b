//! The grader of clients is graded: the client with one mistake, and the check that is meant for it.

use conform::{Choice, Level, Verdict};

use super::clients::graded;

/// The client with this mistake fails the check that has these words in its sentence.
#[track_caller]
fn caught(mistake: &str, check: &str) {
    let choice = Choice { only: Some(check.to_owned()), patience: harness::PATIENCE, ..Choice::default() };
    let report = graded(&[env!("CARGO_BIN_EXE_wrong-client"), mistake], &[], &choice);
    assert!(!report.outcomes.is_empty(), "no check has in it: {check}");
    let failed = report.outcomes.iter().any(|it| matches!(it.verdict, Verdict::Failed { .. }));
    assert!(failed, "{mistake} is not caught by: {check}");
}

#[test]
fn without_a_mistake_it_passes() {
    let choice = Choice { patience: harness::PATIENCE, ..Choice::default() };
    let report = graded(&[env!("CARGO_BIN_EXE_wrong-client"), "none"], &[], &choice);
    assert_eq!(super::not_graded(&report), Vec::<&str>::new());
    // One that does not end, but waits for its answer, is right too.
    let choice = Choice { level: Some(Level::Week01), ..choice };
    let report = graded(&[env!("CARGO_BIN_EXE_wrong-client"), "week01_waits"], &[], &choice);
    assert_eq!(super::not_graded(&report), Vec::<&str>::new());
}

#[test]
fn a_command_that_does_nothing_gets_no_point() {
    let choice = Choice { patience: harness::PATIENCE, ..Choice::default() };
    let report = graded(&[env!("CARGO_BIN_EXE_wrong-client"), "does_nothing"], &[], &choice);
    assert_eq!((report.count().passed, report.count().not_offered), (0, 0));
}

#[test]
fn mistakes_of_framing_are_caught() {
    caught("double_key", "a strict reader takes");
    caught("unknown_field", "a strict reader takes");
    caught("wrong_size", "a strict reader takes");
    caught("always_content", "what is no reply is no success");
}

#[test]
fn mistakes_of_week_01_are_caught() {
    caught("week01_newline_behind", "exactly its bytes");
    caught("week01_of_tomorrow", "exactly its bytes");
    caught("week01_size_as_text", "no bytes is sent too");
    caught("week01_text_mode", "its bytes are sent as they are");
    caught("week01_one_file", "one behind the other");
}

#[test]
fn mistakes_of_stateless_uploads_are_caught() {
    caught("another_transfer_id_each_time", "sent again under the same transfer_id");
    caught("one_transfer_id_for_all", "has a transfer_id of its own");
    caught("digest_not_compared", "another digest is no success");
    caught("always_content", "an error is no success");
}

#[test]
fn mistakes_in_sessions_are_caught() {
    caught("counts_from_two", "numbered from 1");
    caught("counts_refusals", "uses up no number");
    caught("keeps_the_first_ticket", "continued with the newest one");
    caught("wrong_token", "continued by id and token");
    caught("takes_the_session_back", "does not take the session back");
}

#[test]
fn mistakes_of_resuming_are_caught() {
    caught("prefix_not_compared", "is not gone on with");
    caught("begins_behind_a_gap", "goes on behind what arrived");
    caught("begins_anew", "goes on behind what arrived");
}

#[test]
fn mistakes_about_faults_are_caught() {
    caught("does_not_wait", "who is asked to wait does");
    caught("asks_for_ever", "a file comes whole");
    caught("tries_again_for_ever", "refused while it is sent ends");
    caught("always_content", "the exit code is the one");
}
