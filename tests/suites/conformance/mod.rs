//! The conformance kit, which shares no code with the server, grades it: with sessions and with tickets, in every mode,
//! and by the waits too, because their limits are short here.

mod clients;
mod wrong_clients;
mod wrong_servers;

use conform::{Choice, Report, Verdict};
use harness::{Options, Server};
use server::config::{Config, Persistence, ServerMode};

/// Grades a server with these settings, without the checks that wait for a time to pass.
fn graded(adjust: impl FnOnce(&mut Config)) -> Report {
    let server = Server::start(Options::with(adjust));
    let choice = Choice { quick: true, patience: harness::PATIENCE, ..Choice::default() };
    conform::server::judge(server.address, &choice, &mut |_| {}).unwrap()
}

/// The sentences of the checks that were not graded; none failed.
#[track_caller]
fn not_graded(report: &Report) -> Vec<&'static str> {
    let failed: String = report
        .outcomes
        .iter()
        .filter(|it| matches!(it.verdict, Verdict::Failed { .. }))
        .map(conform::report::line)
        .collect();
    assert_eq!(failed, "", "{:?}", report.notes);
    assert!(report.notes.is_empty(), "{:?}", report.notes);
    report.outcomes.iter().filter(|it| !matches!(it.verdict, Verdict::Passed)).map(|it| it.name).collect()
}

/// Those among them that were not left out for the time they take.
fn not_offered(report: &Report) -> Vec<&'static str> {
    let slow: Vec<_> = report.outcomes.iter().filter(|it| matches!(it.verdict, Verdict::Skipped(_))).collect();
    not_graded(report).into_iter().filter(|name| slow.iter().all(|it| it.name != *name)).collect()
}

#[test]
fn the_server_passes_every_check() {
    let report = graded(|_| {});
    assert_eq!(not_offered(&report), Vec::<&str>::new());
    assert!(report.count().passed > 100, "{:?}", report.count());
}

#[test]
fn the_server_ends_every_wait() {
    let server = Server::start(Options::with(|config| {
        config.limits.header_timeout_ms = 1000;
        config.limits.request_timeout_ms = 1500;
        config.limits.progress_window_ms = 1000;
        config.limits.session_timeout_ms = 2000;
        config.limits.heartbeat_interval_ms = 1000;
    }));
    for only in ["header_timeout", "payload_timeout", "closed without a word", "hears its OK", "has expired"] {
        let choice = Choice { only: Some(only.to_owned()), patience: harness::PATIENCE, ..Choice::default() };
        let report = conform::server::judge(server.address, &choice, &mut |_| {}).unwrap();
        assert_eq!(not_graded(&report), Vec::<&str>::new());
        assert_eq!(report.count().passed, 1, "{only}");
    }
}

#[test]
fn with_tickets_only_what_they_forget_is_not_graded() {
    let report = graded(|config| config.persistence = Persistence::Ticket);
    assert_eq!(
        not_offered(&report),
        ["offset, ack, expect and ext make no other request", "a session that was silent too long has expired"]
    );
}

#[test]
fn a_server_of_one_mode_is_graded_by_what_it_offers() {
    let stateless = graded(|config| config.mode = ServerMode::Stateless);
    let lacking = not_offered(&stateless).len();
    assert!(lacking > 20 && stateless.count().passed > 80, "{:?}", stateless.count());
    let stateful = graded(|config| config.mode = ServerMode::Stateful);
    let lacking = not_offered(&stateful).len();
    assert!(lacking > 40 && stateful.count().passed > 50, "{:?}", stateful.count());
}
