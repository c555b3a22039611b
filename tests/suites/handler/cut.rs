//! Uploads cut at every await there is, by dropping them after so many polls.

use harness::orders::{finish, poll_n};
use harness::world::{Client, Sent, World, code};
use shared::error::ErrorCode;
use shared::id::Sequence;
use shared::wire::{SessionRequest, StatelessRequest, Status};

use super::{assert_one_file, is_kept, receipt, transfer_id};

/// Polls of a whole stateless upload of two chunks with an id: size, claim, create, three chunks, two writes, seal,
/// reveal twice, and the last.
const STATELESS_POLLS: usize = 12;

/// Of the same in a session: load, claim, create, three chunks, two writes, seal, load, reveal twice, replace twice,
/// and the last.
const STATEFUL_POLLS: usize = 15;

#[test]
fn a_stateless_upload_cut_at_any_await_is_whole_or_was_never_there() {
    let sent = Sent::text("hello");
    for polls in 0.. {
        let world = World::new();
        let ended = poll_n(polls, world.send(Some(transfer_id()), &sent));
        assert_eq!(world.files.partial(), 0, "cut at {polls}");
        assert!(world.visible().iter().all(|(_, bytes)| bytes == "hello"), "cut at {polls}");
        assert!(ended.is_none() || world.visible().len() == 1, "acknowledged and not there");

        let was_there = !world.visible().is_empty();
        let again = finish(world.send(Some(transfer_id()), &sent)).unwrap().reply;
        assert_eq!((again.status, again.replayed), (Status::Stored, was_there), "cut at {polls}");
        assert!(is_kept(&world, &again.file.unwrap()), "cut at {polls}");
        assert_eq!(world.visible().len(), 1, "cut at {polls}");
        assert!(world.files.is_durable(&world.files.names()[0]), "cut at {polls}");
        if ended.is_some() {
            assert_eq!(polls, STATELESS_POLLS);
            break;
        }
    }
}

#[test]
fn a_stateless_upload_without_an_id_cut_at_any_await_leaves_at_most_one_whole_file() {
    for polls in 0.. {
        let world = World::new();
        let ended = poll_n(polls, world.send(None, &Sent::text("hello").chunked()));
        assert_eq!(world.files.partial(), 0, "cut at {polls}");
        assert!(world.visible().len() <= 1 && world.visible().iter().all(|(_, bytes)| bytes == "hello"));
        if let Some(outcome) = ended {
            assert!(is_kept(&world, &outcome.unwrap().reply.file.unwrap()));
            break;
        }
    }
}

/// The connection is cut at any await; the session goes on from another one, on the same process or on the next.
#[test]
fn a_stateful_upload_cut_at_any_await_is_counted_or_not_and_its_repeat_makes_one_file() {
    let sent = Sent::text("hello");
    let mut cuts = 0;
    for restarts in [false, true] {
        for repeated in [sent.clone(), Sent::text("other"), Sent::text("hello").typed("image/png")] {
            for polls in 0.. {
                let when = format!("cut at {polls}, restarts {restarts}, {:?}", repeated.content);
                let world = World::new();
                let mut client = finish(Client::open(&world));
                let ended = poll_n(polls, client.send(&world, 1, &sent)).is_some();
                let (id, token) = (client.id, client.token.clone());
                drop(client);
                cuts += 1;

                assert_eq!(world.files.partial(), 0, "{when}");
                let counted = receipt(&world, id, Sequence::FIRST);
                assert!(
                    counted.as_ref().is_none_or(|file| is_kept(&world, file)),
                    "acknowledged and not there, {when}"
                );
                assert!(!ended || counted.is_some(), "{when}");

                let world = if restarts { world.restarted() } else { world };
                let mut client = finish(Client::resume(&world, id, token)).unwrap();
                let outcome = finish(client.send(&world, 1, &repeated));
                match &outcome {
                    Ok(answer) => assert_eq!(answer.reply.replayed, counted.is_some(), "{when}"),
                    Err(error) => {
                        assert_eq!(error.code, ErrorCode::SequenceReused, "{when}");
                        assert!(counted.is_some() && repeated.upload.mime_type != sent.upload.mime_type, "{when}");
                    }
                }
                assert_one_file(&world, id, &when);
                if counted.is_none() {
                    assert_eq!(world.visible()[0].1, repeated.content, "{when}");
                }
                let next = finish(client.send(&world, 2, &sent)).unwrap();
                assert_eq!(next.reply.session.unwrap().next_sequence.get(), 3, "{when}");
                if ended {
                    assert_eq!(polls, STATEFUL_POLLS);
                    break;
                }
            }
        }
    }
    assert_eq!(cuts, 6 * (STATEFUL_POLLS + 1));
}

/// What is cut is not only uploads: opening, continuing, removing, ending.
#[test]
fn every_other_change_cut_at_any_await_was_made_or_not() {
    for number in 0..4 {
        for polls in 0.. {
            let world = World::new();
            let mut client = finish(Client::open(&world));
            let file = finish(client.send(&world, 1, &Sent::text("hello"))).unwrap().reply.file.unwrap().stored_as;
            let (id, token) = (client.id, client.token.clone());
            let ended = match number {
                0 => poll_n(polls, Client::open(&world)).map(drop),
                1 => poll_n(polls, Client::resume(&world, id, token.clone())).map(drop),
                2 => {
                    poll_n(polls, client.ask(&world, SessionRequest::Remove(harness::world::sequence(2), file.clone())))
                        .map(drop)
                }
                _ => {
                    poll_n(polls, client.ask(&world, SessionRequest::Disconnect(harness::world::sequence(2)))).map(drop)
                }
            };
            drop(client);
            let resumed = finish(Client::resume(&world, id, token));
            let mut client = resumed.unwrap();
            if number == 2 {
                let request = SessionRequest::Remove(harness::world::sequence(2), file);
                finish(client.ask(&world, request)).unwrap();
                assert!(world.visible().is_empty());
            } else if client.peer.bound.is_some() {
                assert_one_file(&world, id, "cut");
                assert_eq!(code(&finish(client.send(&world, 2, &Sent::text("more")))), None);
            }
            if ended.is_some() {
                break;
            }
        }
    }
}

#[test]
fn a_payload_that_breaks_off_leaves_nothing_and_uses_up_nothing() {
    let world = World::new();
    let sent = Sent::text("hello");
    let mut client = finish(Client::open(&world));
    for chunks in 0..=2 {
        let body = sent.body().broken_after(chunks, ErrorCode::Truncated);
        let outcome = finish(client.send_as(&world, 1, &sent, body));
        assert_eq!(code(&outcome), Some(ErrorCode::Truncated));
        let body = sent.body().broken_after(chunks, ErrorCode::PayloadTimeout);
        let request = StatelessRequest::Transfer(Some(transfer_id()), sent.upload());
        let outcome = finish(world.ask(shared::wire::Request::Stateless(request), body, &mut world.peer()));
        assert_eq!(code(&outcome), Some(ErrorCode::PayloadTimeout));
        assert!(world.visible().is_empty() && world.files.partial() == 0);
    }
    finish(client.send(&world, 1, &sent)).unwrap();
    assert_one_file(&world, client.id, "after three broken ones");
}
