use shared::error::ErrorCode;
use shared::id::{Epoch, Sequence, SessionId, Token};
use shared::wire::{ErrorBody, FileInfo, Mode, Partial, Reply, SessionInfo, Status};

use super::*;
use crate::secret::Secret;

mod ahead;
mod loss;

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

/// `sequence@offset`, or `@offset` without a session.
fn part(text: &str) -> Option<Partial> {
    let (sequence, offset) = text.split_once('@')?;
    let sequence = sequence.parse().ok().and_then(Sequence::new);
    Some(Partial { sequence, offset: offset.parse().unwrap(), prefix_digest: None })
}

/// An event by its short name: what a server or the network can do to a client.
fn event(name: &str) -> Event {
    let (name, closing) = name.strip_suffix('!').map_or((name, false), |name| (name, true));
    let (name, repeatable) = name.strip_prefix("spent ").map_or((name, Repeatable::Yes), |name| (name, Repeatable::No));
    let reply = match name.split_once(' ').unwrap_or((name, "")) {
        ("file", _) => return Event::File(Duration::ZERO),
        ("later", _) => return Event::File(RETURN_AFTER),
        ("left", sequence) => return Event::Left(sequence.parse().ok().and_then(Sequence::new)),
        ("ahead", bytes) => return Event::Ahead(bytes.parse().unwrap_or(1)),
        ("next", _) => return Event::Next,
        ("done", _) => return Event::NoMore,
        ("sent", _) => return Event::Sent(Stream::AtBoundary),
        // Its answer came first.
        ("early", _) => return Event::Sent(Stream::InsideFrame),
        // The connection is lost while a file is sent ahead: behind its frame, in its payload, or before it.
        ("torn-behind", _) => return Event::Torn(Reach::Whole),
        ("torn-inside", _) => return Event::Torn(Reach::Part),
        ("torn-before", _) => return Event::Torn(Reach::Nothing),
        ("opened", _) => return Event::Opened,
        // The connection is lost behind the whole frame, in its payload, or before it.
        ("lost", _) => return Event::Lost(Reach::Whole, repeatable),
        ("torn", _) => return Event::Lost(Reach::Part, repeatable),
        ("unheard", _) => return Event::Lost(Reach::Nothing, repeatable),
        ("garbage", _) => return Event::Nonsense,
        ("enough", _) => return Event::Exhausted,
        ("cut", _) => return Event::Abandoned,
        ("created", _) => {
            let session = info(1, Some(session(1).secret.to_text()));
            Reply { session: Some(session), ..Reply::new(Status::SessionCreated) }
        }
        ("tokenless", _) => Reply { session: Some(info(1, None)), ..Reply::new(Status::SessionCreated) },
        ("resumed", next) => {
            let (next, partial) = next.split_once('+').unwrap_or((next, ""));
            let reply =
                Reply { session: Some(info(next.parse().unwrap(), None)), ..Reply::new(Status::SessionResumed) };
            Reply { partial: part(partial), ..reply }
        }
        ("there", partial) => Reply { partial: part(partial), ..Reply::new(Status::SessionStatus) },
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
        (code, reason) => {
            let code = ErrorCode::ALL.iter().find(|known| known.as_str() == code);
            let body = ErrorBody::from(*code.unwrap_or_else(|| panic!("{name}")));
            Reply::error(ErrorBody { reason: Some(reason.to_owned()), ..body })
        }
    };
    Event::Reply(Box::new(Reply { closing, ..reply }), repeatable)
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
        Command::Reconnect(Why::Lost) => "reconnect".into(),
        Command::Reconnect(Why::Refused(body)) => format!("reconnect {}", body.code),
        Command::Reconnect(Why::Gone(_)) => "renew".into(),
        Command::Ask(attempt) => format!("status of {}", place(attempt)),
        Command::Upload(attempt, partial) => {
            let place = place(attempt);
            let from = partial.map_or(String::new(), |partial| format!(" behind {}", partial.offset));
            match attempt.history {
                History::None => format!("upload {place}"),
                History::Refused => format!("upload {place} again"),
                History::Cut => format!("go on with {place}{from}"),
                History::Unknown | History::Left => format!("ask for {place}{from}"),
            }
        }
        Command::Ahead(attempt) => format!("ahead {}", place(attempt)),
        Command::More => "more".into(),
        Command::Wait => "wait".into(),
        Command::Degrade(body) => format!("degrade {}", body.code),
        Command::Keep(_) => "keep".into(),
        Command::Skip(why) => format!("skip {}", cause(why)),
        Command::GiveUp(why) => format!("give up {}", cause(why)),
        Command::Leave(_, sequence) => format!("leave #{sequence}"),
        Command::Finish => "finish".into(),
    }
}

fn place(attempt: &Attempt) -> String {
    attempt.sequence.map_or("stateless".into(), |sequence| format!("#{sequence}"))
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
            ("file, opened, early, size_too_large, file", "open, upload stateless, wait, skip size_too_large, open"),
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
fn a_session_that_is_gone_is_replaced_unless_somebody_wants_it_gone() {
    let begun = "open, join, upload #1, keep, upload #2";
    check(
        Wanted::Stateful,
        Afterwards::Keep,
        None,
        &[
            (
                "file, opened, created, stored 1, file, session_gone expired, opened, created",
                &format!("{begun}, renew, join, upload #1"),
            ),
            // The store lost what it had answered.
            (
                "file, opened, created, stored 1, file, torn, opened, resumed 1, opened, created",
                &format!("{begun}, reconnect, rejoin 2, renew, join, upload #1"),
            ),
            // The file may be stored in what is gone: it is not sent under another number.
            (
                "file, opened, created, stored 1, file, lost, opened, session_unknown, file, opened, created",
                &format!("{begun}, reconnect, rejoin 2, skip unknown, open, join, upload #1"),
            ),
            ("file, opened, created, stored 1, file, session_gone replaced", &format!("{begun}, give up session_gone")),
            ("file, opened, created, stored 1, file, session_gone killed", &format!("{begun}, give up session_gone")),
            ("file, opened, created, stored 1, file, session_moved!", &format!("{begun}, give up session_moved")),
        ],
    );
}

#[test]
fn a_refusal_that_may_pass_is_waited_for() {
    check(
        Wanted::Stateful,
        Afterwards::Keep,
        None,
        &[
            ("file, opened, busy!, opened, created", "open, join, reconnect busy, join, upload #1"),
            ("file, opened, busy!, enough", "open, join, reconnect busy, give up busy"),
            ("file, opened, busy!, lost, enough", "open, join, reconnect busy, reconnect, give up lost"),
            (
                "file, opened, created, shutting_down!, opened, resumed 1, stored 1",
                "open, join, upload #1, reconnect shutting_down, rejoin 1, upload #1 again, keep",
            ),
            ("file, opened, created, storage_full, file", "open, join, upload #1, skip storage_full, upload #1"),
            // It may be stored and not counted.
            (
                "file, opened, created, store_unavailable, enough",
                "open, join, upload #1, reconnect store_unavailable, give up unknown",
            ),
            ("file, opened, created, spent busy", "open, join, upload #1, give up busy"),
        ],
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
            ("file, opened, busy!", "open, join, reconnect busy"),
            // A file sent under a sequence stays with it; those behind it were not.
            (
                "file, opened, created, store_unavailable, enough, file, opened, store_unavailable, file",
                "open, join, upload #1, reconnect store_unavailable, skip unknown, open, rejoin 1, degrade \
                 store_unavailable, upload stateless",
            ),
            // A frame that did not come to its end is stored nowhere.
            (
                "file, opened, created, torn, opened, session_full, file",
                "open, join, upload #1, reconnect, rejoin 1, degrade session_full, upload stateless",
            ),
            // A later file asks for a session again.
            (
                "file, opened, session_full, file, stored, later, created",
                "open, join, degrade session_full, upload stateless, keep, join, upload #1",
            ),
            (
                "file, opened, mode_disabled, file, stored, later",
                "open, join, degrade mode_disabled, upload stateless, keep, upload stateless",
            ),
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
            ("file, opened, created, stored 1, file, gap 1", "open, join, upload #1, keep, upload #2, renew"),
            ("file, opened, created, digest_mismatch, stored 1", "open, join, upload #1, upload #1 again, keep"),
            (
                "file, opened, created, digest_mismatch, digest_mismatch, file",
                "open, join, upload #1, upload #1 again, skip digest_mismatch, upload #1",
            ),
            (
                "file, opened, created, payload_timeout!, opened, resumed 1",
                "open, join, upload #1, reconnect payload_timeout, rejoin 1, upload #1 again",
            ),
            // What came through a pipe and was taken is gone.
            ("file, opened, created, spent digest_mismatch", "open, join, upload #1, skip digest_mismatch"),
            ("file, opened, created, spent gap 5", "open, join, upload #1, give up sequence_gap"),
            ("file, opened, created, sequence_reused", "open, join, upload #1, give up sequence_reused"),
            ("file, opened, created, session_moved!", "open, join, upload #1, give up session_moved"),
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
        "torn",
        "unheard",
        "enough",
        "later",
        "left 1",
        "left",
        "there @1",
        "session_gone expired",
        "store_unavailable",
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
        "early",
        "sent",
        "ahead",
        "next",
        "torn-inside",
        "busy",
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
