//! Timeouts one millisecond before, at and after, through handler and janitor, on a clock that is set.

use std::sync::Arc;

use harness::orders::finish;
use harness::world::{Client, Outcome, Sent, World, sequence};
use server::sessions::{Janitor, SessionStore};
use shared::error::ErrorCode;
use shared::limits::Limits;
use shared::wire::{SessionRequest, Status};

/// A session that stored a file or none, on a connection.
fn session(stores: bool) -> (Arc<World>, Client) {
    let world = World::new();
    let mut client = finish(Client::open(&world));
    if stores {
        finish(client.send(&world, 1, &Sent::text("hello"))).unwrap();
    }
    (world, client)
}

/// What a refusal says: code and reason.
fn refusal(outcome: Outcome) -> Option<(ErrorCode, Option<String>)> {
    outcome.err().map(|error| (error.code, error.reason))
}

fn gone(reason: &str) -> (ErrorCode, Option<String>) {
    (ErrorCode::SessionGone, Some(reason.to_owned()))
}

#[test]
fn a_session_expires_at_its_millisecond_whether_the_janitor_came_or_not() {
    for (stores, timeout) in [(false, 60_000), (true, 300_000)] {
        for sweeps in [false, true] {
            for (silent, expired) in [(timeout - 1, false), (timeout, true), (timeout + 1, true)] {
                let (world, mut client) = session(stores);
                world.clock.pass(silent);
                if sweeps {
                    assert_eq!(finish(world.sweep()), usize::from(expired), "{silent}");
                }
                let expected = expired.then(|| gone("expired"));
                assert_eq!(refusal(finish(client.ask(&world, SessionRequest::Heartbeat))), expected, "{silent}");
                let resumed = finish(Client::resume(&world, client.id, client.token)).err();
                assert_eq!(resumed.map(|error| (error.code, error.reason)), expected, "{silent}");
            }
        }
    }
}

/// Every request of a session counts as a sign of life; a refused one that changed nothing does not have to.
#[test]
fn a_heartbeat_and_whatever_else_is_heard_keeps_a_session_alive() {
    let requests: [fn(u64, &str) -> SessionRequest; 4] = [
        |_, _| SessionRequest::Heartbeat,
        |_, _| SessionRequest::Status,
        |_, _| SessionRequest::List(sequence(1)),
        |number, file| SessionRequest::Remove(sequence(number), file.to_owned()),
    ];
    for request in requests {
        let (world, mut client) = session(true);
        let stored_as = world.files.names()[0].to_wire();
        for number in 2..7 {
            world.clock.pass(299_999);
            let request = request(number, &stored_as);
            let reply = finish(client.ask(&world, request)).unwrap().reply;
            // `status` shows what its question found.
            let left = if reply.status == Status::SessionStatus { 0 } else { 300 };
            assert_eq!(reply.session.unwrap().expires_in_s, left);
            assert_eq!(finish(world.sweep()), 0);
        }
    }
}

#[test]
fn a_replay_and_a_new_connection_are_signs_of_life_too() {
    let (world, mut client) = session(true);
    world.clock.pass(299_999);
    assert!(finish(client.send(&world, 1, &Sent::text("hello"))).unwrap().reply.replayed);
    world.clock.pass(299_999);
    let mut client = finish(Client::resume(&world, client.id, client.token)).unwrap();
    world.clock.pass(299_999);
    assert_eq!(refusal(finish(client.ask(&world, SessionRequest::Heartbeat))), None);
}

#[test]
fn a_first_file_makes_a_minute_five() {
    let (world, mut client) = session(false);
    world.clock.pass(59_999);
    finish(client.send(&world, 1, &Sent::text("hello"))).unwrap();
    world.clock.pass(299_999);
    assert_eq!(refusal(finish(client.ask(&world, SessionRequest::Heartbeat))), None);
}

/// For an hour the right token hears why; then nobody knows of it. A wrong token never hears anything.
#[test]
fn a_tombstone_stands_for_an_hour_and_speaks_to_the_right_token_only() {
    for (ends, reason) in [(false, "expired"), (true, "closed")] {
        for (later, stands) in [(3_599_999, true), (3_600_000, false), (3_600_001, false)] {
            let (world, mut client) = session(true);
            if ends {
                finish(client.ask(&world, SessionRequest::Disconnect(sequence(2)))).unwrap();
            } else {
                world.clock.pass(300_000);
                assert_eq!(finish(world.sweep()), 1);
            }
            world.clock.pass(later);
            assert_eq!(finish(world.sweep()), usize::from(!stands), "{later}");
            let wrong = shared::id::Token::from_random([9; 32]);
            let stranger = finish(Client::resume(&world, client.id, wrong)).unwrap_err();
            assert_eq!((stranger.code, stranger.reason.clone()), (ErrorCode::SessionUnknown, None));
            let mut peer = world.peer();
            let resume =
                shared::wire::StatefulRequest::Continue(client.id, shared::wire::Proof::Token(client.token.clone()));
            let told = finish(world.stateful(resume, &mut peer));
            match (stands, ends) {
                (false, _) => assert_eq!(told.unwrap_err(), stranger),
                // To the one who ended it, the goodbye again and no error.
                (true, true) => assert!(told.unwrap().reply.replayed),
                (true, false) => assert_eq!(refusal(told), Some(gone(reason))),
            }
            let here = refusal(finish(client.ask(&world, SessionRequest::Heartbeat)));
            let expected = Some(if stands { gone(reason) } else { (ErrorCode::SessionUnknown, None) });
            assert_eq!(here, expected);
            assert_eq!(world.visible().len(), 1, "the file outlives its session");
        }
    }
}

/// The janitor takes them in batches, the longest overdue first, and none twice.
#[test]
fn the_janitor_buries_any_number_of_sessions_and_forgets_them_later() {
    let world = World::new();
    for _ in 0..600 {
        drop(finish(Client::open(&world)));
    }
    world.clock.pass(60_000);
    assert_eq!([(); 4].map(|()| finish(world.sweep())), [256, 256, 88, 0]);
    assert_eq!(world.store.all().len(), 600);
    world.clock.pass(3_600_000);
    assert_eq!([(); 4].map(|()| finish(world.sweep())), [256, 256, 88, 0]);
    assert!(world.store.all().is_empty());
}

/// The janitor of a server that was started again with these limits, over what the world's handlers wrote.
fn janitor(world: &World, limits: Limits) -> Janitor {
    let store: Arc<dyn SessionStore> = world.store.clone();
    Janitor::new(store, world.clock.clone(), Arc::new(limits))
}

fn ended(world: &World) -> usize {
    world.store.all().iter().filter(|seen| seen.session.ended().is_some()).count()
}

#[test]
fn a_longer_timeout_holds_for_sessions_that_were_there_before_it() {
    let world = World::new();
    let janitor = janitor(&world, Limits { pending_timeout_ms: 90_000, ..world.limits().clone() });
    for _ in 0..300 {
        drop(finish(Client::open(&world)));
    }
    for (passed, expected) in [(60_000, 0), (29_999, 0), (1, 300)] {
        world.clock.pass(passed);
        finish(janitor.sweep_all());
        assert_eq!(ended(&world), expected);
    }
}

#[test]
fn tombstones_that_stand_longer_than_they_were_to_hold_up_nobody() {
    let world = World::new();
    let janitor = janitor(&world, Limits { tombstone_ms: 7_200_000, ..world.limits().clone() });
    for _ in 0..300 {
        drop(finish(Client::open(&world)));
    }
    world.clock.pass(60_000);
    while finish(world.sweep()) > 0 {}
    world.clock.pass(3_600_000);
    drop(finish(Client::open(&world)));
    world.clock.pass(60_000);
    finish(janitor.sweep_all());
    assert_eq!(ended(&world), 301);
}

/// Somebody speaks between the janitor's look and his change: he loses.
#[test]
fn the_janitor_in_any_order_with_a_heartbeat_ends_nothing_that_was_heard_of() {
    use harness::orders::{Course, Race, Runner};

    let start = || {
        let (world, mut client) = session(true);
        let id = client.id;
        world.clock.pass(299_999);
        let (beating, sweeping) = (Arc::clone(&world), Arc::clone(&world));
        // The heartbeat is in time, and then the time is over: both happen before the janitor's change.
        let beats: Runner<Option<Outcome>> = Box::pin(async move {
            let outcome = client.ask(&beating, SessionRequest::Heartbeat).await;
            assert!(beating.store.session(id).is_some());
            Some(outcome)
        });
        let sweeps: Runner<Option<Outcome>> = Box::pin(async move {
            sweeping.clock.pass(1);
            sweeping.sweep().await;
            None
        });
        Race { world, runners: [beats, sweeps] }
    };
    let ended = |world: &Arc<World>, [beat, _]: [Option<Option<Outcome>>; 2]| {
        let session = Arc::clone(&world.store.all()[0].session);
        match beat.flatten().unwrap() {
            Ok(_) => assert!(session.ended().is_none(), "heard of and ended"),
            Err(error) => assert_eq!(error.code, ErrorCode::SessionGone),
        }
    };
    let explored = Course { start: &start, crashed: &|_| (), ended: &ended, first_is_cut: false }.every_order();
    assert!(explored.ends >= 2, "{explored:?}");
}

/// The advice of `session_gone` and `session_unknown` is a new session, so the connection must be able to open one,
/// however it came to hear it.
#[test]
fn a_connection_that_hears_that_its_session_is_gone_opens_another() {
    type Ends = fn(&World, &mut Client) -> Outcome;
    let beats: Ends = |world, client| finish(client.ask(world, SessionRequest::Heartbeat));
    let ends: [(Ends, ErrorCode, Option<&str>); 4] = [
        (
            |world, client| {
                world.clock.pass(300_000);
                finish(client.ask(world, SessionRequest::Heartbeat))
            },
            ErrorCode::SessionGone,
            Some("expired"),
        ),
        // While an upload came.
        (
            |world, client| {
                let sent = Sent::text("hello");
                let body = sent.body().slowly(Arc::clone(&world.clock), 150_000);
                finish(client.send_as(world, 2, &sent, body))
            },
            ErrorCode::SessionGone,
            Some("expired"),
        ),
        (
            |world, client| {
                world.store.damage(client.id);
                finish(client.ask(world, SessionRequest::Heartbeat))
            },
            ErrorCode::SessionGone,
            Some("damaged"),
        ),
        // Nobody knows of it any more.
        (
            |world, client| {
                for millis in [300_000, 3_600_000] {
                    world.clock.pass(millis);
                    assert_eq!(finish(world.sweep()), 1);
                }
                finish(client.ask(world, SessionRequest::Heartbeat))
            },
            ErrorCode::SessionUnknown,
            None,
        ),
    ];
    for (end, code, reason) in ends {
        let (world, mut client) = session(true);
        assert_eq!(refusal(end(&world, &mut client)), Some((code, reason.map(str::to_owned))));
        assert_eq!(refusal(beats(&world, &mut client)).map(|(code, _)| code), Some(code), "until another is opened");
        let ended = client.id;
        assert_ne!(finish(Client::open_on(&world, client.peer)).unwrap().id, ended, "{code} {reason:?}");
    }
}
