//! Uploads that are cut and go on: in both modes, wherever they are cut, and whoever comes between.

mod user;

use std::sync::Arc;

use bytes::Bytes;
use harness::orders::{Course, Explored, Race, Runner, finish, poll_n};
use harness::world::{Client, Outcome, Sent, World, code, digest, sequence};
use server::files::memory::{Fault, Operation};
use shared::digest::DigestKind;
use shared::error::ErrorCode;
use shared::wire::{ErrorBody, SessionRequest};

use self::user::User;
use super::{assert_one_file, is_kept, transfer_id};

const CONTENT: &[u8] = b"a file of thirty bytes, or so.";

fn whole() -> Sent {
    Sent::bytes(Bytes::from_static(CONTENT))
}

/// What comes behind `offset`, with the digest of the whole.
fn rest(content: &'static [u8], offset: u64) -> Sent {
    let begin = usize::try_from(offset).unwrap();
    Sent::bytes(Bytes::from_static(&content[begin..])).from(offset).stating(DigestKind::Blake3, content)
}

fn assert_whole(world: &World, outcome: Outcome, when: &str) {
    let file = outcome.unwrap().reply.file.unwrap();
    assert!(is_kept(world, &file), "{when}");
    assert_eq!(file.digest, Some(digest(DigestKind::Blake3, CONTENT)), "{when}");
    assert_eq!(world.visible().len(), 1, "{when}");
    assert_eq!(world.files.partial(), 0, "{when}");
    assert!(world.files.parts().is_empty(), "{when}");
}

#[test]
fn an_upload_cut_at_any_await_goes_on_where_the_server_says() {
    for mode in 0..2 {
        for (power, restarts) in [(false, false), (false, true), (true, true)] {
            for polls in 0.. {
                let when = format!("mode {mode}, cut at {polls}, power {power}, restarts {restarts}");
                let mut world = World::new();
                let mut user = User::both(&world).into_iter().nth(mode).unwrap();
                let ended = poll_n(polls, user.send(&world, &whole())).is_some();
                assert_eq!(world.files.partial(), 0, "{when}");
                let there = world.files.parts().first().map_or(0, |(_, bytes, _)| bytes.len());
                let (mut user, told) = user.again(&world);
                if world.visible().is_empty() {
                    let partial = finish(user.partial(&world));
                    let offset = partial.map_or(0, |partial| partial.offset);
                    assert_eq!(offset, u64::try_from(there).unwrap(), "what was received is told, {when}");
                    assert!(told.is_none_or(|told| told.offset == offset && told.prefix_digest.is_none()));
                    if power {
                        world.files.cut_power();
                    }
                    if restarts {
                        world = world.restarted();
                        (user, _) = user.again(&world);
                    }
                    let again = finish(user.partial(&world));
                    assert_eq!(again, partial, "an offset once told never decreases, {when}");
                    let prefix = &CONTENT[..there];
                    assert!(
                        partial.is_none_or(|partial| {
                            partial.prefix_digest == Some(digest(DigestKind::Blake3, prefix))
                        })
                    );
                    assert_whole(&world, finish(user.send(&world, &rest(CONTENT, offset))), &when);
                } else {
                    let there = world.visible()[0].1.clone();
                    assert_eq!(there, CONTENT, "{when}");
                    assert_whole(&world, finish(user.send(&world, &whole())), &when);
                }
                if let User::Stateful(client) = &user {
                    assert_one_file(&world, client.id, &when);
                }
                if ended {
                    break;
                }
            }
        }
    }
}

#[test]
fn a_file_cut_again_and_again_is_byte_identical_and_counted_once() {
    for mode in 0..2 {
        for seed in 0..200_u64 {
            let world = World::new();
            let mut user = User::both(&world).into_iter().nth(mode).unwrap();
            let mut random = seed;
            let (mut offset, mut there) = (0, 0);
            for _ in 0..8 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let sent = if offset == 0 { whole() } else { rest(CONTENT, offset) };
                let left = CONTENT.len() - usize::try_from(offset).unwrap();
                let chunks = usize::try_from(random >> 33).unwrap() % (left / 3 + 1);
                assert_eq!(finish(user.cut(&world, &sent, chunks)), Some(ErrorCode::Truncated));
                (user, _) = user.again(&world);
                let told = finish(user.partial(&world)).map_or(0, |partial| partial.offset);
                // A request that brought nothing took nothing away.
                let came = u64::try_from((chunks * 3).min(left)).unwrap();
                assert_eq!(told, if came == 0 { there } else { offset + came });
                there = told;
                // Some begin a little before the end of what is there.
                offset = told - told.min(random % 3);
            }
            assert_whole(&world, finish(user.send(&world, &rest(CONTENT, offset))), &format!("seed {seed}"));
            if let User::Stateful(client) = &user {
                assert_one_file(&world, client.id, &format!("seed {seed}"));
            }
        }
    }
}

#[test]
fn an_offset_beyond_what_is_there_is_told_the_right_one_for_good() {
    for mode in 0..2 {
        let world = World::new();
        let mut user = User::both(&world).into_iter().nth(mode).unwrap();
        for (chunks, offset) in [(0, 0), (1, 3), (4, 12)] {
            finish(user.cut(&world, &whole(), chunks));
            let refused = finish(user.send(&world, &rest(CONTENT, offset + 1))).unwrap_err();
            assert_eq!((refused.code, refused.offset), (ErrorCode::BadOffset, Some(offset)));
            world.files.cut_power();
            assert_eq!(finish(user.partial(&world)).map_or(0, |partial| partial.offset), offset);
        }
        // Chunks have no length yet, so they begin at the beginning; and then nothing is left of the part.
        let chunked = finish(user.send(&world, &rest(CONTENT, 12).chunked())).unwrap_err();
        assert_eq!((chunked.code, chunked.offset), (ErrorCode::BadOffset, Some(0)));
        assert_whole(&world, finish(user.send(&world, &whole().chunked())), "chunks");
    }
}

#[test]
fn what_has_no_name_or_no_length_leaves_nothing() {
    let world = World::new();
    let mut client = finish(Client::open(&world));
    for polls in 0..30 {
        let _ = poll_n(polls, world.send(None, &whole()));
        let _ = poll_n(polls, world.send(Some(transfer_id()), &whole().chunked()));
        let _ = poll_n(polls, client.send(&world, 1, &whole().chunked()));
        assert!(world.files.parts().is_empty(), "{polls}");
        assert_eq!(world.files.partial(), 0);
    }
}

/// The client's file changed between the cut and the rest.
#[test]
fn a_changed_source_never_makes_a_mixture() {
    const OTHER: &[u8] = b"A FILE OF THIRTY BYTES, OR SO!";
    for mode in 0..2 {
        for restated in [rest(OTHER, 12), rest(OTHER, 12).trailing(DigestKind::Sha256, OTHER)] {
            let world = World::new();
            let mut user = User::both(&world).into_iter().nth(mode).unwrap();
            finish(user.cut(&world, &whole(), 4));
            let prefix = finish(user.partial(&world)).unwrap().prefix_digest;
            assert_ne!(prefix, Some(digest(DigestKind::Blake3, &OTHER[..12])), "a client that asks sees it");
            let mut restated = restated;
            if restated.upload.trailer.is_some() {
                restated.upload.digest = None;
            }
            let refused = finish(user.send(&world, &restated));
            assert_eq!(code(&refused), Some(ErrorCode::DigestMismatch));
            assert!(world.visible().is_empty() && world.files.parts().is_empty(), "the part is dropped");
            assert_eq!(finish(user.partial(&world)), None);
            finish(user.send(&world, &rest(OTHER, 0))).unwrap();
            assert_eq!(world.visible()[0].1, OTHER);
        }
    }
}

#[test]
fn the_limit_of_size_is_that_of_the_whole() {
    let mut setup = harness::world::Setup::default();
    setup.limits.stateless_request_bytes_max = 29;
    setup.limits.stateful_request_bytes_max = 29;
    for mode in 0..2 {
        let world = World::with(setup.clone());
        let mut user = User::both(&world).into_iter().nth(mode).unwrap();
        let short = Sent::bytes(Bytes::from_static(&CONTENT[..29]));
        finish(user.cut(&world, &short, 4));
        let refused = finish(user.send(&world, &rest(CONTENT, 12)));
        assert_eq!(code(&refused), Some(ErrorCode::SizeTooLarge));
        finish(user.send(&world, &rest(&CONTENT[..29], 12))).unwrap();
        assert_eq!(world.visible()[0].1, &CONTENT[..29]);
    }
}

#[test]
fn a_full_disk_leaves_what_is_there_and_any_other_failure_nothing() {
    for (fault, refusal, there) in
        [(Fault::Full, ErrorCode::StorageFull, Some(6)), (Fault::Io, ErrorCode::IoError, None)]
    {
        for mode in 0..2 {
            let world = World::new();
            let mut user = User::both(&world).into_iter().nth(mode).unwrap();
            world.files.fail(Operation::Write, 3, fault);
            assert_eq!(code(&finish(user.send(&world, &whole()))), Some(refusal));
            let partial = finish(user.partial(&world));
            assert_eq!(partial.map(|partial| partial.offset), there);
            let offset = there.unwrap_or(0);
            assert_whole(&world, finish(user.send(&world, &rest(CONTENT, offset))), "afterwards");
        }
    }
}

#[test]
fn a_part_that_cannot_be_looked_at_stands_in_no_session_s_way() {
    let world = World::new();
    let mut user = User::Stateful(finish(Client::open(&world)));
    finish(user.cut(&world, &whole(), 4));
    world.files.fail(Operation::Kept, 1, Fault::Io);
    let (mut user, told) = user.again(&world);
    assert_eq!(told, None);
    assert_eq!(finish(user.partial(&world)).unwrap().offset, 12);
}

/// The sequence of a cut upload is used for something else.
#[test]
fn a_part_goes_when_its_sequence_is_used_up() {
    for number in 0..2 {
        let world = World::new();
        let mut client = finish(Client::open(&world));
        let kept = finish(client.send(&world, 1, &Sent::text("kept"))).unwrap().reply.file.unwrap().stored_as;
        let body = whole().body().broken_after(4, ErrorCode::Truncated);
        finish(client.send_as(&world, 2, &whole(), body)).unwrap_err();
        assert_eq!(world.files.parts().len(), 1);
        let request = match number {
            0 => SessionRequest::Remove(sequence(2), kept),
            _ => SessionRequest::Disconnect(sequence(2)),
        };
        finish(client.ask(&world, request)).unwrap();
        assert!(world.files.parts().is_empty());
    }
}

/// The older request is taken over after any number of polls; it hears so, and nothing it brings counts.
#[test]
fn a_newer_request_takes_a_transfer_over() {
    for polls in 3..12 {
        let world = World::new();
        let sent = whole();
        let mut older = Box::pin(world.send(Some(transfer_id()), &sent));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        for _ in 0..polls {
            assert!(older.as_mut().poll(&mut context).is_pending());
        }
        let partial = finish(User::Stateless.partial(&world));
        let offset = partial.map_or(0, |partial| partial.offset);
        let newer = finish(world.send(Some(transfer_id()), &rest(CONTENT, offset)));
        assert_eq!(code(&finish(older)), Some(ErrorCode::TransferMoved), "{polls}");
        assert_whole(&world, newer, &format!("taken over at {polls}"));
    }
}

/// Two that go on with one part, in every order.
fn two_that_go_on(first_is_cut: bool) -> Explored {
    let goes_on = |world: &Arc<World>, offset| -> Runner<Outcome> {
        let (world, mut peer) = (Arc::clone(world), world.peer());
        let sent = rest(CONTENT, offset).in_chunks_of(10);
        Box::pin(async move { world.send_from(&mut peer, Some(transfer_id()), &sent).await })
    };
    let start = || {
        let world = World::new();
        finish(User::Stateless.cut(&world, &whole(), 3));
        let runners = [goes_on(&world, 9), goes_on(&world, 5)];
        Race { world, runners }
    };
    let sound = |world: &World| {
        assert_eq!(world.files.partial(), 0);
        assert!(world.visible().iter().all(|(_, bytes)| *bytes == CONTENT), "never a mixture");
        assert!(world.files.parts().iter().all(|(_, bytes, _)| CONTENT.starts_with(bytes)));
    };
    let crashed = |world: &Arc<World>| {
        sound(world);
        let offset = finish(User::Stateless.partial(world)).map_or(0, |partial| partial.offset);
        assert_whole(world, finish(world.send(Some(transfer_id()), &rest(CONTENT, offset))), "after a crash");
    };
    let ended = |world: &Arc<World>, results: [Option<Outcome>; 2]| {
        sound(world);
        let allowed = [ErrorCode::TransferMoved, ErrorCode::BadOffset];
        for outcome in results.iter().flatten() {
            assert!(outcome.as_ref().err().is_none_or(|ErrorBody { code, .. }| allowed.contains(code)));
        }
        assert!(first_is_cut || results.iter().flatten().any(Result::is_ok));
    };
    Course { start: &start, crashed: &crashed, ended: &ended, first_is_cut }.every_order()
}

#[test]
fn two_that_go_on_with_one_part_make_one_file_in_every_order() {
    for first_is_cut in [false, true] {
        let explored = two_that_go_on(first_is_cut);
        assert!(explored.orders > 4_000, "{explored:?}");
    }
}
