//! Sequences through the handler: applied once, answered twice; removals and goodbyes too.

use harness::orders::finish;
use harness::world::{Client, Sent, World, code, entries, sequence};
use shared::digest::DigestKind;
use shared::error::ErrorCode;
use shared::id::{SessionId, Token};
use shared::wire::{FetchRange, Proof, SessionRequest, StatefulRequest, Status};

use super::{assert_one_file, is_kept};

#[test]
fn a_repeated_transfer_gets_its_old_receipt_and_its_payload_is_never_read() {
    let world = World::new();
    let mut client = finish(Client::open(&world));
    let sent = Sent::text("hello").named("a.txt");
    let first = finish(client.send(&world, 1, &sent)).unwrap().reply;
    let unread = || sent.body().broken_after(0, ErrorCode::Internal);
    let same = [
        sent.clone(),
        sent.clone().chunked(),
        sent.clone().wanting(shared::wire::Ack::Written),
        sent.clone().stating(DigestKind::Blake3, b"hello"),
        sent.clone().trailing(DigestKind::Sha256, b"whatever"),
        Sent::text("llo").named("a.txt").from(2).stating(DigestKind::Blake3, b"hello"),
    ];
    for repeat in same {
        let again = finish(client.send_as(&world, 1, &repeat, unread())).unwrap().reply;
        assert!(again.replayed && again.status == Status::Stored && again.sequence == first.sequence);
        assert_eq!((&again.file, again.ack), (&first.file, first.ack));
    }
    let others = [
        Sent::text("hello"),
        Sent::text("hello").named("b.txt"),
        sent.clone().typed("text/html"),
        Sent::text("longer").named("a.txt"),
        sent.clone().stating(DigestKind::Blake3, b"other"),
        // Told in another algorithm, it cannot be compared, so it is not the same.
        sent.clone().stating(DigestKind::Sha256, b"hello"),
    ];
    for other in others {
        let refused = finish(client.send_as(&world, 1, &other, unread())).unwrap_err();
        assert_eq!((refused.code, refused.expected_sequence), (ErrorCode::SequenceReused, Some(sequence(2))));
        assert!(!format!("{refused:?}").contains("file_1"), "nothing of the stored reply is shown");
    }
    assert_one_file(&world, client.id, "after all repeats");
}

#[test]
fn a_gap_names_the_sequence_expected_and_changes_nothing() {
    let world = World::new();
    let mut client = finish(Client::open(&world));
    for ahead in [2, 3, shared::id::INTEGER_MAX] {
        let refused = finish(client.send(&world, ahead, &Sent::text("hello"))).unwrap_err();
        assert_eq!((refused.code, refused.expected_sequence), (ErrorCode::SequenceGap, Some(sequence(1))));
        let refused = finish(client.ask(&world, SessionRequest::Disconnect(sequence(ahead)))).unwrap_err();
        assert_eq!(refused.code, ErrorCode::SequenceGap);
    }
    assert!(world.visible().is_empty());
    finish(client.send(&world, 1, &Sent::text("hello"))).unwrap();
    assert_one_file(&world, client.id, "after gaps");
}

#[test]
fn as_many_receipts_are_kept_as_the_limit_says() {
    let mut setup = harness::world::Setup::default();
    setup.limits.receipts_per_session_max = 3;
    let world = World::with(setup);
    let mut client = finish(Client::open(&world));
    for number in 1..=5 {
        finish(client.send(&world, number, &Sent::text("hello"))).unwrap();
        let oldest = number.saturating_sub(2).max(1);
        for earlier in 1..=number {
            let outcome = finish(client.send(&world, earlier, &Sent::text("hello")));
            let expected = (earlier < oldest).then_some(ErrorCode::SequenceTooOld);
            assert_eq!(code(&outcome), expected, "{earlier} after {number}");
        }
    }
    assert_eq!(world.visible().len(), 5);
}

#[test]
fn a_removal_is_done_once_answered_twice_and_true_of_a_file_that_is_gone() {
    let world = World::new();
    let mut client = finish(Client::open(&world));
    let file = finish(client.send(&world, 1, &Sent::text("hello"))).unwrap().reply.file.unwrap().stored_as;
    let remove = |number, file: &str| SessionRequest::Remove(sequence(number), file.to_owned());
    for replayed in [false, true, true] {
        let reply = finish(client.ask(&world, remove(2, &file))).unwrap().reply;
        assert_eq!((reply.status, reply.replayed, reply.sequence), (Status::Removed, replayed, Some(sequence(2))));
    }
    assert!(world.visible().is_empty());
    let other = finish(client.ask(&world, remove(2, "received_00000000000000000000000000000000.txt")));
    assert_eq!(code(&other), Some(ErrorCode::SequenceReused));
    assert_eq!(code(&finish(client.send(&world, 2, &Sent::text("hello")))), Some(ErrorCode::SequenceReused));
    assert_eq!(finish(client.ask(&world, remove(3, &file))).unwrap().reply.status, Status::Removed);
    // The receipt of the upload is a matter of the upload, not of the file.
    assert!(finish(client.send(&world, 1, &Sent::text("hello"))).unwrap().reply.replayed);
    assert!(world.visible().is_empty());
}

#[test]
fn a_session_reaches_its_own_files_and_no_others() {
    for naming in [server::config::Naming::SessionAware, server::config::Naming::Simple] {
        let world = World::with(harness::world::Setup { naming, ..Default::default() });
        let stateless = finish(world.send(None, &Sent::text("hello"))).unwrap().reply.file.unwrap().stored_as;
        let mut other = finish(Client::open(&world));
        let others = finish(other.send(&world, 1, &Sent::text("hello"))).unwrap().reply.file.unwrap().stored_as;
        let mut client = finish(Client::open(&world));
        let own = finish(client.send(&world, 1, &Sent::text("hello"))).unwrap().reply.file.unwrap().stored_as;
        let not_yet = own.replace("file_1_", "file_2_");
        for file in [&stateless, &others, "received_abcd.txt", "../config.yaml", "", &not_yet] {
            if *file == own {
                continue;
            }
            let range = FetchRange { file: file.to_owned(), offset: 0 };
            let fetched = finish(client.ask(&world, SessionRequest::Fetch(range)));
            assert_eq!(code(&fetched), Some(ErrorCode::FileUnknown), "{file}");
            let removed = finish(client.ask(&world, SessionRequest::Remove(sequence(2), file.to_owned())));
            assert_eq!(code(&removed), Some(ErrorCode::FileUnknown), "{file}");
        }
        assert_eq!(world.visible().len(), 3);
        let range = FetchRange { file: own, offset: 0 };
        assert_eq!(finish(client.ask(&world, SessionRequest::Fetch(range))).unwrap().reply.size, 5);
    }
}

#[test]
fn a_goodbye_can_be_said_again_on_the_same_connection_and_on_another() {
    let world = World::new();
    let mut client = finish(Client::open(&world));
    finish(client.send(&world, 1, &Sent::text("hello"))).unwrap();
    for replayed in [false, true] {
        let reply = finish(client.ask(&world, SessionRequest::Disconnect(sequence(2)))).unwrap().reply;
        assert_eq!((reply.status, reply.replayed), (Status::SessionClosed, replayed));
    }
    let look = finish(client.ask(&world, SessionRequest::Heartbeat)).unwrap_err();
    assert_eq!((look.code, look.reason.as_deref()), (ErrorCode::SessionGone, Some("closed")));
    let late = finish(client.send(&world, 3, &Sent::text("late"))).unwrap_err();
    assert_eq!((late.code, late.reason.as_deref()), (ErrorCode::SessionGone, Some("closed")));
    let mut peer = world.peer();
    let reply =
        finish(world.stateful(StatefulRequest::Continue(client.id, Proof::Token(client.token.clone())), &mut peer));
    let reply = reply.unwrap().reply;
    assert_eq!((reply.status, reply.replayed), (Status::SessionClosed, true));
    assert!(peer.bound.is_none(), "an ended session binds nobody");
    assert_eq!(world.visible().len(), 1, "its files stay");
}

#[test]
fn a_connection_holds_one_session_until_it_ends_it() {
    let world = World::new();
    let mut client = finish(Client::open(&world));
    let other = finish(Client::open(&world));
    let again = finish(world.stateful(StatefulRequest::Open(None), &mut client.peer));
    assert_eq!(code(&again), Some(ErrorCode::IllegalAction));
    let again = StatefulRequest::Continue(client.id, Proof::Token(client.token.clone()));
    assert_eq!(code(&finish(world.stateful(again, &mut client.peer))), Some(ErrorCode::IllegalAction));
    let foreign = StatefulRequest::Inside(other.id, SessionRequest::Heartbeat);
    assert_eq!(code(&finish(world.stateful(foreign, &mut client.peer))), Some(ErrorCode::SessionRequired));
    let unbound = StatefulRequest::Inside(client.id, SessionRequest::Heartbeat);
    assert_eq!(code(&finish(world.stateful(unbound, &mut world.peer()))), Some(ErrorCode::SessionRequired));

    finish(client.ask(&world, SessionRequest::Disconnect(sequence(1)))).unwrap();
    let mut second = finish(Client::open_on(&world, client.peer)).unwrap();
    assert_ne!(second.id, client.id);
    let file = finish(second.send(&world, 1, &Sent::text("hello"))).unwrap().reply.file.unwrap();
    assert!(is_kept(&world, &file));
    let first = StatefulRequest::Inside(client.id, SessionRequest::Heartbeat);
    assert_eq!(code(&finish(world.stateful(first, &mut second.peer))), Some(ErrorCode::SessionRequired));
}

#[test]
fn the_newest_connection_wins_and_the_older_one_is_told() {
    let world = World::new();
    let mut old = finish(Client::open(&world));
    finish(old.send(&world, 1, &Sent::text("hello"))).unwrap();
    let mut new = finish(Client::resume(&world, old.id, old.token.clone())).unwrap();
    assert!(old.peer.bound.as_ref().unwrap().moved.is_cancelled());
    assert!(!new.peer.bound.as_ref().unwrap().moved.is_cancelled());
    let requests = [
        SessionRequest::Heartbeat,
        SessionRequest::Status,
        SessionRequest::List(sequence(1)),
        SessionRequest::Disconnect(sequence(2)),
    ];
    for request in requests {
        assert_eq!(code(&finish(old.ask(&world, request))), Some(ErrorCode::SessionMoved));
    }
    for number in [1, 2] {
        let refused = finish(old.send(&world, number, &Sent::text("hello")));
        assert_eq!(code(&refused), Some(ErrorCode::SessionMoved), "not even a replay");
    }
    drop(old);
    let reply = finish(new.send(&world, 2, &Sent::text("hello"))).unwrap().reply;
    assert_eq!(reply.session.unwrap().epoch.get(), 2);
    let listed = finish(new.ask(&world, SessionRequest::List(sequence(1)))).unwrap();
    assert_eq!(entries(&listed).len(), 2);
}

#[test]
fn a_wrong_token_and_an_id_that_never_was_get_the_same_answer() {
    let world = World::new();
    let client = finish(Client::open(&world));
    let wrong = Token::from_random([9; 32]);
    let unknown = SessionId::from_random([9; 16]);
    let resume = |id, token| finish(Client::resume(&world, id, token)).unwrap_err();
    let answers = [resume(client.id, wrong.clone()), resume(unknown, wrong), resume(unknown, client.token.clone())];
    assert_eq!(answers[0].code, ErrorCode::SessionUnknown);
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    let bound = client.peer.bound.as_ref().unwrap();
    assert!(!bound.moved.is_cancelled(), "a wrong token throws nobody out");
}
