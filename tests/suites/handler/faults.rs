//! Storages and stores that fail, at every operation an upload needs.

use std::sync::Arc;

use harness::orders::finish;
use harness::world::{Client, Sent, World, code, sequence};
use server::files::memory::{Fault, Operation};
use server::handler::AnswerPayload;
use shared::digest::DigestKind;
use shared::error::ErrorCode;
use shared::wire::{Ack, FetchRange, FileInfo, SessionRequest, StatelessRequest};

use super::{assert_one_file, is_kept, transfer_id};

/// What an upload does to the storage, and how often for five bytes.
const STEPS: [(Operation, u64); 4] =
    [(Operation::Create, 1), (Operation::Write, 2), (Operation::Seal, 1), (Operation::Reveal, 1)];

const FAULTS: [(Fault, ErrorCode); 2] = [(Fault::Full, ErrorCode::StorageFull), (Fault::Io, ErrorCode::IoError)];

#[test]
fn a_storage_that_fails_at_any_step_leaves_nothing_and_the_next_attempt_works() {
    for (operation, times) in STEPS {
        for nth in 1..=times {
            for (fault, expected) in FAULTS {
                let world = World::new();
                let mut client = finish(Client::open(&world));
                world.files.fail(operation, nth, fault);
                let outcome = finish(client.send(&world, 1, &Sent::text("hello")));
                assert_eq!(code(&outcome), Some(expected), "{operation:?}");
                assert!(world.visible().is_empty() && world.files.partial() == 0, "{operation:?}");
                // Another request may take the sequence: none was used up.
                finish(client.send(&world, 1, &Sent::text("hello").typed("image/png"))).unwrap();
                assert_one_file(&world, client.id, &format!("{operation:?}"));

                let world = World::new();
                world.files.fail(operation, nth, fault);
                let outcome = finish(world.send(Some(transfer_id()), &Sent::text("hello")));
                assert_eq!(code(&outcome), Some(expected), "{operation:?}");
                assert!(world.visible().is_empty() && world.files.partial() == 0, "{operation:?}");
                finish(world.send(Some(transfer_id()), &Sent::text("hello"))).unwrap();
                assert_eq!(world.visible().len(), 1);
            }
        }
    }
}

/// The one failure that leaves a file: it could not be made durable, and could not be taken back either. The
/// client repeats on the same connection, the same or something else.
#[test]
fn a_file_that_could_not_be_taken_back_is_adopted_or_set_aside_on_the_same_connection() {
    for repeated in [Sent::text("hello"), Sent::text("other"), Sent::text("hello").typed("image/png")] {
        for takeovers in [0, 1] {
            let world = World::new();
            let mut client = finish(Client::open(&world));
            for _ in 0..takeovers {
                client = finish(Client::resume(&world, client.id, client.token.clone())).unwrap();
            }
            world.files.fail(Operation::Reveal, 1, Fault::IoButVisible);
            let outcome = finish(client.send(&world, 1, &Sent::text("hello")));
            assert_eq!(code(&outcome), Some(ErrorCode::IoError));
            assert_eq!(world.visible().len(), 1, "the fault is the one that leaves a file");
            let answer = finish(client.send(&world, 1, &repeated)).unwrap();
            assert!(!answer.reply.replayed);
            assert_one_file(&world, client.id, &format!("{:?}, {takeovers} takeovers", repeated.upload.mime_type));
            assert!(world.files.is_durable(&world.files.names()[0]));
        }
    }
}

/// A crash left a file that nobody was told of, and the client gives its sequence to something else.
#[test]
fn a_file_nobody_was_told_of_goes_when_its_sequence_is_used_for_something_else() {
    let world = World::new();
    let mut client = finish(Client::open(&world));
    let kept = finish(client.send(&world, 1, &Sent::text("kept"))).unwrap().reply.file.unwrap().stored_as;
    world.files.fail(Operation::Reveal, 1, Fault::IoButVisible);
    finish(client.send(&world, 2, &Sent::text("untold"))).unwrap_err();
    finish(client.ask(&world, SessionRequest::Remove(sequence(2), kept))).unwrap();
    let listed = finish(client.ask(&world, SessionRequest::List(sequence(1)))).unwrap();
    assert!(harness::world::entries(&listed).is_empty());
    assert!(world.visible().is_empty(), "{:?}", world.files.names());

    world.files.fail(Operation::Reveal, 1, Fault::IoButVisible);
    finish(client.send(&world, 3, &Sent::text("untold"))).unwrap_err();
    finish(client.ask(&world, SessionRequest::Disconnect(sequence(3)))).unwrap();
    assert!(world.visible().is_empty(), "{:?}", world.files.names());
}

#[test]
fn what_stands_in_the_way_is_inspected_adopted_or_set_aside_and_any_of_it_may_fail() {
    let others = [
        (Sent::text("hello"), Operation::Inspect),
        (Sent::text("hello"), Operation::MakeDurable),
        (Sent::text("other"), Operation::SetAside),
        (Sent::text("hello").typed("image/png"), Operation::List),
        (Sent::text("hello").typed("image/png"), Operation::SetAside),
    ];
    for (repeated, operation) in others {
        let world = World::new();
        let mut client = finish(Client::open(&world));
        world.files.fail(Operation::Reveal, 1, Fault::IoButVisible);
        finish(client.send(&world, 1, &Sent::text("hello"))).unwrap_err();
        let mut client = finish(Client::resume(&world, client.id, client.token)).unwrap();
        world.files.fail(operation, 1, Fault::Io);
        assert_eq!(code(&finish(client.send(&world, 1, &repeated))), Some(ErrorCode::IoError), "{operation:?}");
        finish(client.send(&world, 1, &repeated)).unwrap();
        assert_one_file(&world, client.id, &format!("{operation:?}"));
    }
}

/// Two changes of one session at once are rare, and one of them is tried again.
#[test]
fn a_change_that_came_second_is_tried_again() {
    let world = World::new();
    let mut client = finish(Client::open(&world));
    for nth in 1..=7 {
        world.store.conflict_at(nth);
    }
    finish(client.send(&world, 1, &Sent::text("hello"))).unwrap();
    assert_one_file(&world, client.id, "after seven conflicts");
    for nth in 1..=8 {
        world.store.conflict_at(nth);
    }
    assert_eq!(code(&finish(client.send(&world, 2, &Sent::text("more")))), Some(ErrorCode::Busy));
    // The file is visible and not counted; the repeat finds it.
    let answer = finish(client.send(&world, 2, &Sent::text("more"))).unwrap();
    assert!(!answer.reply.replayed && is_kept(&world, &answer.reply.file.unwrap()));
    assert_eq!(world.visible().len(), 2);
}

#[test]
fn a_session_too_busy_to_count_a_file_leaves_no_second_one_under_another_type() {
    let world = World::new();
    let mut client = finish(Client::open(&world));
    for nth in 1..=8 {
        world.store.conflict_at(nth);
    }
    assert_eq!(code(&finish(client.send(&world, 1, &Sent::text("hello")))), Some(ErrorCode::Busy));
    finish(client.send(&world, 1, &Sent::text("hello").typed("image/png"))).unwrap();
    assert_one_file(&world, client.id, "after a busy store");
}

#[test]
fn a_digest_that_does_not_fit_leaves_nothing_and_uses_up_nothing() {
    for kind in DigestKind::ALL {
        let sent = Sent::text("hello");
        for wrong in [sent.clone().stating(kind, b"hallo"), sent.clone().trailing(kind, b"hallo")] {
            let world = World::new();
            let mut client = finish(Client::open(&world));
            let outcome = finish(client.send(&world, 1, &wrong));
            assert_eq!(code(&outcome), Some(ErrorCode::DigestMismatch));
            assert_eq!(code(&finish(world.send(None, &wrong))), Some(ErrorCode::DigestMismatch));
            assert_eq!(code(&finish(world.send(Some(transfer_id()), &wrong))), Some(ErrorCode::DigestMismatch));
            assert!(world.visible().is_empty() && world.files.partial() == 0);
            let right = sent.clone().trailing(kind, b"hello");
            let file = finish(client.send(&world, 1, &right)).unwrap().reply.file.unwrap();
            assert_eq!(file.digest.unwrap(), harness::world::digest(kind, b"hello"), "in the client's algorithm");
        }
    }
}

#[test]
fn the_promise_is_the_one_asked_for_or_the_server_s() {
    for (wanted, given) in
        [(None, Ack::Durable), (Some(Ack::Written), Ack::Written), (Some(Ack::Durable), Ack::Durable)]
    {
        let world = World::new();
        let mut client = finish(Client::open(&world));
        let sent = wanted.map_or(Sent::text("hello"), |ack| Sent::text("hello").wanting(ack));
        let told = finish(client.send(&world, 1, &sent)).unwrap().reply.ack;
        let told_stateless = finish(world.send(Some(transfer_id()), &sent)).unwrap().reply.ack;
        assert_eq!((told, told_stateless), (Some(given), Some(given)));
        world.files.cut_power();
        assert_eq!(world.visible().len(), if given == Ack::Durable { 2 } else { 0 });
    }
}

#[test]
fn a_repeat_that_wants_more_makes_it_durable_without_a_session() {
    let world = World::new();
    finish(world.send(Some(transfer_id()), &Sent::text("hello").wanting(Ack::Written))).unwrap();
    let again = finish(world.send(Some(transfer_id()), &Sent::text("hello").wanting(Ack::Durable))).unwrap().reply;
    assert_eq!((again.ack, again.replayed), (Some(Ack::Durable), true));
    world.files.cut_power();
    assert_eq!(world.visible().len(), 1);
}

/// A file that cannot be read is an error before its header is sent.
#[test]
fn a_fetch_gives_the_bytes_from_its_offset_or_the_failure() {
    let world = World::new();
    let stored_as = finish(world.send(None, &Sent::text("hello"))).unwrap().reply.file.unwrap().stored_as;
    let range = |offset| StatelessRequest::Fetch(FetchRange { file: stored_as.clone(), offset });
    for (offset, rest) in [(0, "hello"), (2, "llo"), (5, "")] {
        let answer = finish(world.stateless(range(offset))).unwrap();
        assert_eq!(answer.reply.size, u64::try_from(rest.len()).unwrap());
        let AnswerPayload::File(mut source) = answer.payload else { panic!("a file follows") };
        assert_eq!(finish(source.next()).unwrap().unwrap_or_default(), rest);
    }
    let beyond = finish(world.stateless(range(6))).unwrap_err();
    assert_eq!((beyond.code, beyond.offset), (ErrorCode::BadOffset, Some(5)));
    world.files.fail(Operation::Open, 1, Fault::Io);
    assert_eq!(code(&finish(world.stateless(range(0)))), Some(ErrorCode::IoError));
}

/// A session with a file, and with a second one that was given up and is counted behind the next look at the session.
fn given_up() -> (Arc<World>, Client, FileInfo) {
    let world = World::new();
    let mut client = finish(Client::open(&world));
    let first = finish(client.send(&world, 1, &Sent::text("first"))).unwrap().reply.file.unwrap();
    world.store.answer_none_of(2);
    let second = finish(client.send(&world, 2, &Sent::text("good")));
    assert_eq!(code(&second), Some(ErrorCode::StoreUnavailable));
    world.store.commit_late();
    (world, client, first)
}

/// The store committed what the server had given up, and just behind the look at the session that the next request on
/// the same connection takes.
#[test]
fn a_change_that_comes_after_it_was_given_up_is_the_one_that_counts() {
    for other in [None, Some(Sent::text("other")), Some(Sent::text("good").typed("image/png"))] {
        let (world, mut client, first) = given_up();
        if let Some(other) = &other {
            assert_eq!(code(&finish(client.send(&world, 2, other))), Some(ErrorCode::SequenceReused));
        }
        let repeated = finish(client.send(&world, 2, &Sent::text("good"))).unwrap().reply;
        assert!(repeated.replayed);
        for file in [first, repeated.file.unwrap()] {
            assert!(is_kept(&world, &file), "{other:?}: acknowledged and not there");
        }
        assert!(world.visible().len() == 2 && world.files.aside().is_empty(), "{other:?}");
    }
}

#[test]
fn a_request_under_a_number_that_was_counted_late_has_no_effect() {
    for request in [
        |file: &str| SessionRequest::Remove(sequence(2), file.to_owned()),
        |_: &str| SessionRequest::Disconnect(sequence(2)),
    ] {
        let (world, mut client, first) = given_up();
        let refused = finish(client.ask(&world, request(&first.stored_as)));
        assert_eq!(code(&refused), Some(ErrorCode::SequenceReused));
        let second = finish(client.send(&world, 2, &Sent::text("good"))).unwrap().reply.file.unwrap();
        for file in [first, second] {
            assert!(is_kept(&world, &file), "acknowledged and not there");
        }
    }
}

/// A removal and a goodbye that are given up themselves, and come.
#[test]
fn what_is_counted_late_is_answered_the_same() {
    for says_goodbye in [false, true] {
        let world = World::new();
        let mut client = finish(Client::open(&world));
        let file = finish(client.send(&world, 1, &Sent::text("first"))).unwrap().reply.file.unwrap().stored_as;
        let request = || {
            if says_goodbye {
                SessionRequest::Disconnect(sequence(2))
            } else {
                SessionRequest::Remove(sequence(2), file.clone())
            }
        };
        world.store.answer_none_of(2);
        assert_eq!(code(&finish(client.ask(&world, request()))), Some(ErrorCode::StoreUnavailable));
        world.store.commit_late();
        assert!(finish(client.ask(&world, request())).unwrap().reply.replayed, "{says_goodbye}");
    }
}
