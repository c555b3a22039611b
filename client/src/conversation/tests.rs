use shared::id::{Epoch, Sequence, SessionId, Token};
use shared::wire::{FileInfo, Mode, SessionInfo};

use super::*;

fn session(next: u64) -> Held {
    let (id, token) = (SessionId::from_random([1; 16]), Token::from_random([2; 32]));
    Held { id, secret: Secret::Token(token), next: Sequence::new(next).unwrap() }
}

fn info(next: u64, token: Option<String>) -> SessionInfo {
    SessionInfo {
        id: session(1).id,
        mode: Mode::Stateful,
        state: "active".into(),
        epoch: Epoch::FIRST,
        next_sequence: Sequence::new(next).unwrap(),
        expires_in_s: 300,
        data_size: 0,
        token,
        ticket: bytes::Bytes::new(),
    }
}

/// An event by its short name: what a server or the network can do to a client.
fn event(name: &str) -> Event {
    let (name, closing) = name.strip_suffix('!').map_or((name, false), |name| (name, true));
    let (name, stream) =
        name.strip_prefix("early ").map_or((name, Stream::AtBoundary), |name| (name, Stream::InsideFrame));
    let (name, repeatable) = name.strip_prefix("spent ").map_or((name, Repeatable::Yes), |name| (name, Repeatable::No));
    let reply = match name.split_once(' ').unwrap_or((name, "")) {
        ("file", _) => return Event::File,
        ("done", _) => return Event::NoMore,
        ("opened", _) => return Event::Opened,
        ("lost", _) => return Event::Lost,
        ("cut", _) => return Event::Abandoned,
        ("created", _) => {
            let session = info(1, Some(session(1).secret.to_text()));
            Reply { session: Some(session), ..Reply::new(Status::SessionCreated) }
        }
        ("tokenless", _) => Reply { session: Some(info(1, None)), ..Reply::new(Status::SessionCreated) },
        ("resumed", next) => {
            Reply { session: Some(info(next.parse().unwrap(), None)), ..Reply::new(Status::SessionResumed) }
        }
        ("stored", sequence) => Reply {
            sequence: sequence.parse().ok().and_then(Sequence::new),
            file: Some(FileInfo { stored_as: "x".into(), size: 0, digest: None }),
            ..Reply::new(Status::Stored)
        },
        ("nameless", _) => Reply::new(Status::Stored),
        ("closed", sequence) => {
            Reply { sequence: sequence.parse().ok().and_then(Sequence::new), ..Reply::new(Status::SessionClosed) }
        }
        ("hello", _) => Reply::new(Status::Hello),
        ("gap", expected) => Reply::error(ErrorBody {
            expected_sequence: expected.parse().ok().and_then(Sequence::new),
            ..ErrorCode::SequenceGap.into()
        }),
        (code, _) => {
            let code = ErrorCode::ALL.iter().find(|known| known.as_str() == code);
            Reply::error((*code.unwrap_or_else(|| panic!("{name}"))).into())
        }
    };
    Event::Reply(Box::new(Reply { closing, ..reply }), stream, repeatable)
}

/// A command by its short name.
fn name(command: &Command) -> String {
    let cause = |cause: &Cause| match cause {
        Cause::Refused(body) => body.code.to_string(),
        Cause::Lost => "lost".into(),
        Cause::Unknown => "unknown".into(),
        Cause::Broken(_) => "broken".into(),
        Cause::Local => "local".into(),
    };
    match command {
        Command::Open => "open".into(),
        Command::Join(None) => "join".into(),
        Command::Join(Some(held)) => format!("rejoin {}", held.next),
        Command::Upload(attempt) => {
            let place = attempt.sequence.map_or("stateless".into(), |sequence| format!("#{sequence}"));
            match attempt.history {
                History::None => format!("upload {place}"),
                History::Refused => format!("upload {place} again"),
                History::Unknown => format!("ask for {place}"),
            }
        }
        Command::Degrade(body) => format!("degrade {}", body.code),
        Command::Keep(_) => "keep".into(),
        Command::Skip(why) => format!("skip {}", cause(why)),
        Command::GiveUp(why) => format!("give up {}", cause(why)),
        Command::Leave(_, sequence) => format!("leave #{sequence}"),
        Command::Finish => "finish".into(),
    }
}

fn trace(mut conversation: Conversation, events: &str) -> String {
    let mut commands = Vec::new();
    for event in events.split(", ").map(event) {
        let (next, command) = conversation.step(event);
        commands.push(name(&command));
        conversation = next;
    }
    commands.join(", ")
}

fn check(wanted: Wanted, afterwards: Afterwards, held: Option<&Held>, table: &[(&str, &str)]) {
    for (events, commands) in table {
        assert_eq!(trace(Conversation::new(wanted, afterwards, held.cloned()), events), *commands, "{events}");
    }
}

#[test]
fn stateless_files_go_one_by_one_without_a_session() {
    check(
        Wanted::Stateless,
        Afterwards::Keep,
        None,
        &[
            (
                "file, opened, stored, file, stored, done",
                "open, upload stateless, keep, upload stateless, keep, finish",
            ),
            // The connection is gone after `closing` or a frame that was not sent to its end.
            ("file, opened, size_too_large!, file", "open, upload stateless, skip size_too_large, open"),
            ("file, opened, early size_too_large, file", "open, upload stateless, skip size_too_large, open"),
            ("file, opened, bad_name, file", "open, upload stateless, skip bad_name, upload stateless"),
            ("file, opened, cut, file", "open, upload stateless, skip local, open"),
            ("file, opened, stored 3", "open, upload stateless, give up broken"),
        ],
    );
}

#[test]
fn a_session_counts_what_it_stores() {
    check(
        Wanted::Stateful,
        Afterwards::Close,
        None,
        &[
            (
                "file, opened, created, stored 1, file, stored 2, done, closed 3",
                "open, join, upload #1, keep, upload #2, keep, leave #3, finish",
            ),
            // An error uses up no sequence.
            (
                "file, opened, created, bad_name, file, stored 1",
                "open, join, upload #1, skip bad_name, upload #1, keep",
            ),
            (
                "file, opened, created, size_too_large!, done, opened, resumed 1, closed 1",
                "open, join, upload #1, skip size_too_large, open, rejoin 1, leave #1, finish",
            ),
            ("file, opened, created, stored 2", "open, join, upload #1, give up broken"),
            // A goodbye to another request is none to this one.
            (
                "file, opened, created, stored 1, done, closed 3",
                "open, join, upload #1, keep, leave #2, give up broken",
            ),
            ("file, opened, created, nameless", "open, join, upload #1, give up broken"),
            ("file, opened, tokenless", "open, join, give up broken"),
            ("file, opened, hello", "open, join, give up broken"),
            ("done", "finish"),
        ],
    );
}

#[test]
fn an_unknown_outcome_is_asked_for_under_the_same_sequence_and_only_once() {
    let again = "open, join, upload #1, open, rejoin 1, ask for #1";
    check(
        Wanted::Auto,
        Afterwards::Keep,
        None,
        &[
            ("file, opened, created, lost, opened, resumed 1, stored 1, done", &format!("{again}, keep, finish")),
            ("file, opened, created, lost, opened, resumed 2, stored 1, file", &format!("{again}, keep, upload #2")),
            ("file, opened, created, lost, opened, resumed 1, lost", &format!("{again}, give up unknown")),
            ("file, opened, created, lost, lost", "open, join, upload #1, open, give up unknown"),
            ("file, opened, created, lost, opened, lost", "open, join, upload #1, open, rejoin 1, give up unknown"),
            // Not a new number for it, whatever the server thinks.
            ("file, opened, created, lost, opened, resumed 1, gap 7", &format!("{again}, give up sequence_gap")),
            // Nor another mode: the session may have stored it.
            (
                "file, opened, created, lost, opened, session_full",
                "open, join, upload #1, open, rejoin 1, give up session_full",
            ),
            ("lost", "give up lost"),
        ],
    );
    check(
        Wanted::Stateless,
        Afterwards::Keep,
        None,
        &[("file, opened, lost, opened, stored", "open, upload stateless, open, ask for stateless, keep")],
    );
}

#[test]
fn a_client_that_may_choose_goes_on_stateless_before_any_sequence() {
    check(
        Wanted::Auto,
        Afterwards::Close,
        None,
        &[
            (
                "file, opened, mode_disabled, file, stored, done",
                "open, join, degrade mode_disabled, upload stateless, keep, finish",
            ),
            ("file, opened, session_full, file", "open, join, degrade session_full, upload stateless"),
            ("file, opened, store_unavailable!, file", "open, join, degrade store_unavailable, open"),
            ("file, opened, busy!", "open, join, give up busy"),
            ("file, opened, created, store_unavailable", "open, join, upload #1, give up store_unavailable"),
        ],
    );
    check(
        Wanted::Stateful,
        Afterwards::Keep,
        None,
        &[("file, opened, mode_disabled", "open, join, give up mode_disabled")],
    );
}

#[test]
fn a_continued_session_goes_on_where_the_server_is() {
    check(
        Wanted::Auto,
        Afterwards::Keep,
        Some(&session(4)),
        &[
            ("file, opened, resumed 4, stored 4", "open, rejoin 4, upload #4, keep"),
            ("file, opened, resumed 6, stored 6", "open, rejoin 4, upload #6, keep"),
            ("file, opened, resumed 3", "open, rejoin 4, give up session_gone"),
            ("file, opened, session_unknown", "open, rejoin 4, give up session_unknown"),
            ("file, opened, mode_disabled", "open, rejoin 4, give up mode_disabled"),
            ("file, opened, created", "open, rejoin 4, give up broken"),
        ],
    );
}

#[test]
fn a_refusal_is_tried_again_once_where_that_can_help() {
    check(
        Wanted::Stateful,
        Afterwards::Keep,
        None,
        &[
            ("file, opened, created, gap 5, stored 5", "open, join, upload #1, upload #5 again, keep"),
            ("file, opened, created, gap 5, gap 6", "open, join, upload #1, upload #5 again, give up sequence_gap"),
            (
                "file, opened, created, stored 1, file, gap 1",
                "open, join, upload #1, keep, upload #2, give up session_gone",
            ),
            ("file, opened, created, digest_mismatch, stored 1", "open, join, upload #1, upload #1 again, keep"),
            (
                "file, opened, created, digest_mismatch, digest_mismatch, file",
                "open, join, upload #1, upload #1 again, skip digest_mismatch, upload #1",
            ),
            (
                "file, opened, created, payload_timeout!, opened, resumed 1",
                "open, join, upload #1, open, rejoin 1, upload #1 again",
            ),
            // What came through a pipe and was taken is gone.
            ("file, opened, created, spent digest_mismatch", "open, join, upload #1, skip digest_mismatch"),
            ("file, opened, created, spent gap 5", "open, join, upload #1, give up sequence_gap"),
            ("file, opened, created, sequence_reused", "open, join, upload #1, give up sequence_reused"),
            ("file, opened, created, session_moved!", "open, join, upload #1, give up session_moved"),
            ("file, opened, created, shutting_down!", "open, join, upload #1, give up shutting_down"),
        ],
    );
}

#[test]
fn a_lost_goodbye_is_said_again_under_its_own_sequence_and_only_once() {
    let again = "open, join, upload #1, keep, leave #2, open, rejoin 2";
    check(
        Wanted::Auto,
        Afterwards::Close,
        None,
        &[
            // It had been heard: `connect` is answered with it.
            ("file, opened, created, stored 1, done, lost, opened, closed 2", &format!("{again}, finish")),
            ("file, opened, created, stored 1, done, lost, opened, session_gone", &format!("{again}, finish")),
            ("file, opened, created, stored 1, done, lost, opened, session_unknown", &format!("{again}, finish")),
            // It had not.
            (
                "file, opened, created, stored 1, done, lost, opened, resumed 2, closed 2",
                &format!("{again}, leave #2, finish"),
            ),
            (
                "file, opened, created, stored 1, done, lost, opened, resumed 2, session_gone",
                &format!("{again}, leave #2, finish"),
            ),
            // Not a new number for it, whatever the server thinks.
            (
                "file, opened, created, stored 1, done, lost, opened, resumed 3, sequence_reused",
                &format!("{again}, leave #2, give up sequence_reused"),
            ),
            (
                "file, opened, created, stored 1, done, lost, opened, resumed 2, lost",
                &format!("{again}, leave #2, give up lost"),
            ),
            (
                "file, opened, created, stored 1, done, lost, lost",
                "open, join, upload #1, keep, leave #2, open, give up lost",
            ),
            ("file, opened, created, stored 1, done, lost, opened, lost", &format!("{again}, give up lost")),
            ("file, opened, created, stored 1, done, lost, opened, busy", &format!("{again}, give up busy")),
            // The goodbye to another request is none to this one.
            ("file, opened, created, stored 1, done, lost, opened, closed 1", &format!("{again}, give up broken")),
            // A server that ended the session before it was asked to is not what was asked for.
            (
                "file, opened, created, stored 1, done, session_gone",
                "open, join, upload #1, keep, leave #2, give up session_gone",
            ),
        ],
    );
}

#[test]
fn whatever_comes_whenever_it_comes_there_is_an_answer() {
    let alphabet = [
        "file",
        "done",
        "opened",
        "lost",
        "cut",
        "created",
        "tokenless",
        "resumed 1",
        "stored 1",
        "stored",
        "nameless",
        "closed",
        "hello",
        "gap 2",
        "gap",
        "early busy",
        "digest_mismatch!",
        "spent digest_mismatch",
        "internal",
    ];
    for first in alphabet {
        for second in alphabet {
            for third in alphabet {
                for wanted in [Wanted::Auto, Wanted::Stateless] {
                    let conversation = Conversation::new(wanted, Afterwards::Close, None);
                    trace(conversation, &format!("file, opened, {first}, {second}, {third}"));
                }
            }
        }
    }
}
