//! The grader is graded: the server with one mistake in its replies, and the check that is meant for it. Without the
//! mistake it passes, so it is the mistake that fails.

use conform::{Choice, Level, Verdict};
use harness::{Edit, Options, Server, relay};
use serde_json::{Value, json};

/// What the levels from the third on say of the server with this mistake: the sentences that fail.
fn failing(mistake: Edit, level: Level, only: &str) -> Vec<&'static str> {
    let server = Server::start(Options::default());
    let address = relay(server.address, None, Some(mistake));
    let choice = Choice {
        level: Some(level),
        only: Some(only.to_owned()),
        quick: true,
        patience: harness::PATIENCE,
        ..Choice::default()
    };
    let report = conform::server::judge(address, &choice, &mut |_| {}).unwrap();
    assert!(!report.outcomes.is_empty(), "no check has in it: {only}");
    let failed = report.outcomes.iter().filter(|it| matches!(it.verdict, Verdict::Failed { .. }));
    failed.map(|it| it.name).collect()
}

/// The server with this mistake fails exactly this check among those that have its words.
#[track_caller]
fn caught(level: Level, check: &str, mistake: Edit) {
    assert_eq!(failing(mistake, level, check), [check]);
}

/// The reply with a value at this place, if the place is there.
fn set(line: &str, place: &str, value: impl Into<Value>) -> String {
    let mut reply: Value = serde_json::from_str(line).unwrap();
    if let Some(there) = reply.pointer_mut(place) {
        *there = value.into();
    }
    reply.to_string()
}

/// The reply without the member of this name.
fn without(line: &str, member: &str) -> String {
    let mut reply: Value = serde_json::from_str(line).unwrap();
    reply.as_object_mut().unwrap().remove(member);
    reply.to_string()
}

/// Another code in the place of this one.
fn instead(line: &str, code: &str, other: &str) -> String {
    line.replace(&format!("\"code\":\"{code}\""), &format!("\"code\":\"{other}\""))
}

#[test]
fn through_the_relay_and_without_a_mistake_the_server_passes() {
    for level in [Level::Stateless, Level::Sessions, Level::Resuming, Level::Faults] {
        assert_eq!(failing(str::to_owned, level, ""), Vec::<&str>::new());
    }
}

#[test]
fn mistakes_of_stateless_requests_are_caught() {
    use Level::Stateless as Level;
    caught(Level, "a repeated upload finds its file, on any connection", |line| without(line, "replayed"));
    caught(Level, "the promise kept is never weaker than the one asked for", |line| set(line, "/ack", "written"));
    caught(Level, "fetch beyond the end is bad_offset with the size", |line| set(line, "/error/offset", 0));
    caught(Level, "every upload without a transfer_id is a file of its own", |line| {
        set(line, "/file/stored_as", format!("received_{}.txt", "0".repeat(32)))
    });
    caught(Level, "another upload under the same transfer_id is transfer_reused", |line| {
        instead(line, "transfer_reused", "bad_field")
    });
    caught(Level, "a name that could harm is bad_name", |line| instead(line, "bad_name", "bad_field"));
    caught(Level, "a field that is missing is bad_field and named", |line| set(line, "/error/field", "size"));
    caught(Level, "an action of sessions is illegal_action without one", |line| {
        instead(line, "illegal_action", "session_required")
    });
    caught(Level, "hello says what there is", |line| set(line, "/hello/digests", json!(["sha256"])));
}

#[test]
fn mistakes_of_sessions_are_caught() {
    use Level::Sessions as Level;
    caught(Level, "an upload is numbered, and its reply says which number is next", |line| {
        set(line, "/session/next_sequence", 1)
    });
    caught(Level, "the same request under the same number gets the same answer", |line| without(line, "replayed"));
    caught(Level, "a session goes on over a new connection", |line| set(line, "/session/epoch", 1));
    caught(Level, "the newest connection wins, and the older one is told", |line| {
        instead(line, "session_moved", "shutting_down")
    });
    caught(Level, "a wrong proof and an unknown id get the same answer", |line| {
        instead(line, "session_unknown", "session_gone")
    });
    caught(Level, "another request under a used number is sequence_reused and learns nothing", |line| {
        instead(line, "sequence_reused", "sequence_too_old")
    });
    caught(Level, "a number ahead of the next is sequence_gap, which names the next", |line| {
        set(line, "/error/expected_sequence", 2)
    });
    caught(Level, "a frame in a session must name the bound session", |line| {
        instead(line, "session_required", "session_unknown")
    });
    caught(Level, "disconnect ends the session and leaves the connection open", |line| {
        set(line, "/error/reason", "expired")
    });
    caught(Level, "status tells what the server remembers", |line| set(line, "/record/total_bytes", 0));
    caught(Level, "a lost goodbye is said again", |line| instead(line, "session_required", "session_gone"));
}

#[test]
fn mistakes_of_resuming_are_caught() {
    use Level::Resuming as Level;
    caught(Level, "what arrived of a cut upload waits, and status tells how much and its digest", |line| {
        set(line, "/partial/prefix_digest", format!("blake3:{}", "0".repeat(64)))
    });
    caught(Level, "a session goes on in the file that was cut", |line| set(line, "/partial/offset", 0));
    caught(Level, "an offset above what is there is bad_offset with the right one", |line| {
        set(line, "/error/offset", 1)
    });
    caught(Level, "a rest that does not fit is digest_mismatch, and the part is dropped", |line| {
        instead(line, "file_unknown", "bad_offset")
    });
    caught(Level, "a newer upload takes the part over, and the older one is told", |line| {
        instead(line, "transfer_moved", "truncated")
    });
    caught(Level, "the rest completes the file", |line| set(line, "/file/size", 30_000));
    caught(Level, "an offset without a digest is bad_field", |line| instead(line, "bad_field", "bad_offset"));
}

#[test]
fn mistakes_about_faults_are_caught() {
    use Level::Faults as Level;
    caught(Level, "an end inside a header is truncated", |line| instead(line, "truncated", "bad_header"));
    caught(Level, "an end inside a payload, a chunk or a trailer is truncated and stores nothing", |line| {
        without(line, "closing")
    });
    caught(Level, "an endless header is header_too_large, and the connection ends", |line| {
        instead(line, "header_too_large", "bad_header")
    });
    caught(Level, "garbage behind a good frame is bad_header, and the connection ends", |line| {
        without(line, "closing")
    });
    caught(Level, "behind a refusal that closes nothing is carried out", |line| {
        instead(line, "file_unknown", "transfer_reused")
    });
    caught(Level, "a session is taken from a connection that is half open", |line| {
        set(line, "/session/next_sequence", 1)
    });
}
