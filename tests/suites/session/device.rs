//! One device at a time: how many sessions an access key holds, and what the device hears that had to go.

use std::sync::Arc;

use harness::orders::{Course, Race, Runner, finish, poll_n};
use harness::world::{Client, Outcome, Sent, Setup, World, code, sequence};
use harness::{Options, Server, Session, frame};
use server::config::Exclusive;
use server::files::memory::{Fault, Operation};
use shared::error::ErrorCode;
use shared::id::{Holder, Token};
use shared::wire::{ErrorBody, SessionRequest};

/// What one of two devices came to, with the world it lives in.
type Opened = (Arc<World>, Result<(Client, bool), ErrorBody>);

fn world(exclusive: Exclusive) -> Arc<World> {
    World::with(Setup { exclusive, ..Setup::default() })
}

fn holder() -> Holder {
    Holder::of_key("somebody's-key").unwrap()
}

fn live(world: &World) -> usize {
    world.store.all().iter().filter(|seen| seen.session.ended().is_none()).count()
}

fn reason(outcome: &Outcome) -> Option<&str> {
    outcome.as_ref().err().filter(|error| error.code == ErrorCode::SessionGone)?.reason.as_deref()
}

#[test]
fn where_nobody_asks_a_key_may_hold_any_number() {
    let world = world(Exclusive::None);
    for _ in 0..3 {
        let (_, replaced) = finish(Client::open_as(&world, holder())).unwrap();
        assert!(!replaced);
    }
    assert_eq!(live(&world), 3);
}

#[test]
fn where_keys_hold_one_session_a_client_without_a_key_opens_none() {
    for exclusive in [Exclusive::Reject, Exclusive::Replace] {
        let world = world(exclusive);
        let refused = finish(Client::open_on(&world, world.peer())).unwrap_err();
        assert_eq!((refused.code, refused.field.as_deref()), (ErrorCode::BadField, Some("auth.access_key")));
        assert_eq!(live(&world), 0);
    }
}

#[test]
fn a_second_device_is_refused_until_the_first_is_gone() {
    for late in [0, 1] {
        let world = world(Exclusive::Reject);
        let (mut first, _) = finish(Client::open_as(&world, holder())).unwrap();
        finish(first.send(&world, 1, &Sent::text("hello"))).unwrap();
        let timeout = world.limits().session_timeout_ms;
        for silent in [0, timeout - 1] {
            world.clock.pass(silent);
            let refused = finish(Client::open_as(&world, holder())).map(|_| ());
            assert_eq!(code(&refused), Some(ErrorCode::SessionExists), "{silent} ms of silence");
        }
        // The first is silent for long enough, although no janitor has come.
        world.clock.pass(1 + late);
        let (_, replaced) = finish(Client::open_as(&world, holder())).unwrap();
        assert!(!replaced, "it had gone by itself");
        assert_eq!(reason(&finish(first.ask(&world, SessionRequest::Heartbeat))), Some("expired"));
        assert_eq!(live(&world), 1);
    }
}

/// The session may be the client's own, opened by a `connect` whose answer it did not hear.
#[test]
fn a_key_whose_session_has_stored_nothing_is_told_when_that_ends() {
    let world = world(Exclusive::Reject);
    let unheard = finish(Client::open_as(&world, holder())).unwrap();
    world.clock.pass(1);
    let refused = finish(Client::open_as(&world, holder())).map(|_| ()).unwrap_err();
    assert_eq!((refused.code, refused.retry_after_ms), (ErrorCode::SessionExists, Some(59_999)));
    world.clock.pass(59_999);
    let (mut client, _) = finish(Client::open_as(&world, holder())).unwrap();
    drop(unheard);
    finish(client.send(&world, 1, &Sent::text("hello"))).unwrap();
    let refused = finish(Client::open_as(&world, holder())).map(|_| ()).unwrap_err();
    assert_eq!(refused.retry_after_ms, None, "nobody knows when that one ends");
}

#[test]
fn a_second_device_ends_the_first_which_hears_why_at_its_next_request() {
    let world = world(Exclusive::Replace);
    let (mut first, _) = finish(Client::open_as(&world, holder())).unwrap();
    finish(first.send(&world, 1, &Sent::text("hello"))).unwrap();
    let (mut second, replaced) = finish(Client::open_as(&world, holder())).unwrap();
    assert!(replaced);
    assert_eq!(reason(&finish(first.send(&world, 2, &Sent::text("late")))), Some("replaced"));
    let again = finish(Client::resume(&world, first.id, first.token.clone())).map(|_| ()).unwrap_err();
    assert_eq!((again.code, again.reason.as_deref()), (ErrorCode::SessionGone, Some("replaced")));
    let stranger = finish(Client::resume(&world, first.id, Token::from_random([9; 32]))).map(|_| ());
    assert_eq!(code(&stranger), Some(ErrorCode::SessionUnknown), "only its own client is told");
    finish(second.send(&world, 1, &Sent::text("mine"))).unwrap();
    assert_eq!(world.visible().len(), 2, "what was stored stays");
    assert_eq!(live(&world), 1);
}

/// Nobody can end a session whose record cannot be read; it is out of the way when it is due.
#[test]
fn a_key_whose_session_is_damaged_is_told_to_come_later() {
    for exclusive in [Exclusive::Reject, Exclusive::Replace] {
        let world = world(exclusive);
        let (first, _) = finish(Client::open_as(&world, holder())).unwrap();
        world.store.damage(first.id);
        let refused = finish(Client::open_as(&world, holder())).map(|_| ());
        assert_eq!(code(&refused), Some(ErrorCode::SessionExists));
    }
}

/// What the first device is just making visible is counted, if that takes no longer than two seconds.
#[test]
fn a_second_device_waits_two_seconds_for_the_file_of_the_first() {
    for late in [0, 1] {
        let world = world(Exclusive::Replace);
        let (mut first, _) = finish(Client::open_as(&world, holder())).unwrap();
        world.files.fail(Operation::Reveal, 1, Fault::Never);
        let here = Arc::clone(&world);
        let mut upload = Box::pin(async move { first.send(&here, 1, &Sent::text("hello")).await });
        assert!(poll_n(64, &mut upload).is_none());
        let mut opens = Box::pin(Client::open_as(&world, holder()));
        assert!(poll_n(64, &mut opens).is_none());
        world.clock.pass(1_999);
        assert!(poll_n(64, &mut opens).is_none());
        world.clock.pass(1 + late);
        let (_, replaced) = poll_n(64, &mut opens).unwrap().unwrap();
        assert!(replaced);
    }
}

/// Two devices start at the same moment, in every order of what they do.
#[test]
fn of_two_devices_that_start_at_once_exactly_one_has_the_session() {
    for (exclusive, before) in [(Exclusive::Reject, 0), (Exclusive::Replace, 0), (Exclusive::Replace, 1)] {
        let start = || {
            let world = world(exclusive);
            for _ in 0..before {
                drop(finish(Client::open_as(&world, holder())).unwrap());
            }
            let runners = [(), ()].map(|()| -> Runner<Opened> {
                let world = Arc::clone(&world);
                Box::pin(async move {
                    let opened = Client::open_as(&world, holder()).await;
                    (world, opened)
                })
            });
            Race { world, runners }
        };
        let crashed = |world: &Arc<World>| assert!(live(world) <= 1);
        let ended = |world: &Arc<World>, results: [Option<Opened>; 2]| {
            let mut winners = 0;
            for (_, opened) in results.into_iter().flatten() {
                match opened {
                    Ok((mut client, _)) => match finish(client.ask(world, SessionRequest::Heartbeat)) {
                        Ok(_) => winners += 1,
                        outcome => assert_eq!(reason(&outcome), Some("replaced")),
                    },
                    Err(error) => assert_eq!(error.code, ErrorCode::SessionExists),
                }
            }
            assert_eq!((winners, live(world)), (1, 1));
        };
        let explored = Course { start: &start, crashed: &crashed, ended: &ended, first_is_cut: false }.every_order();
        assert!(explored.orders > 10, "{explored:?}");
    }
}

/// More than a server tries to make way for one another.
#[test]
fn of_many_devices_that_start_at_once_one_has_the_session() {
    let world = world(Exclusive::Replace);
    let mut starts: Vec<_> = (0..20).map(|_| Some(Box::pin(opens(Arc::clone(&world))))).collect();
    let mut clients = Vec::new();
    while starts.iter().any(Option::is_some) {
        for start in &mut starts {
            let Some(future) = start else { continue };
            if let Some(opened) = poll_n(1, future) {
                *start = None;
                match opened {
                    Ok((client, _)) => clients.push(client),
                    Err(error) => assert_eq!(error.code, ErrorCode::Busy),
                }
            }
        }
    }
    assert_eq!(live(&world), 1);
    let mut outcomes = Vec::new();
    for client in &mut clients {
        outcomes.push(finish(client.ask(&world, SessionRequest::Heartbeat)));
    }
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
}

async fn opens(world: Arc<World>) -> Result<(Client, bool), ErrorBody> {
    Client::open_as(&world, holder()).await
}

/// Whoever was replaced while it waited for its turn changes nothing any more.
#[test]
fn a_removal_that_hears_that_its_session_is_gone_has_removed_nothing_in_any_order() {
    let start = || {
        let world = world(Exclusive::Replace);
        let (mut first, _) = finish(Client::open_as(&world, holder())).unwrap();
        let file = finish(first.send(&world, 1, &Sent::text("hello"))).unwrap().reply.file.unwrap().stored_as;
        let (here, there) = (Arc::clone(&world), Arc::clone(&world));
        let removes: Runner<Option<ErrorCode>> =
            Box::pin(async move { code(&first.ask(&here, SessionRequest::Remove(sequence(2), file)).await) });
        let opens: Runner<Option<ErrorCode>> = Box::pin(async move {
            drop(Client::open_as(&there, holder()).await.unwrap());
            None
        });
        Race { world, runners: [removes, opens] }
    };
    let ended = |world: &Arc<World>, [removed, _]: [Option<Option<ErrorCode>>; 2]| {
        let refused = removed.unwrap();
        assert!(matches!(refused, None | Some(ErrorCode::SessionGone)), "{refused:?}");
        assert_eq!(world.visible().len(), usize::from(refused.is_some()));
    };
    let explored = Course { start: &start, crashed: &|_| (), ended: &ended, first_is_cut: false }.every_order();
    assert!(explored.ends > 10, "{explored:?}");
}

#[test]
fn the_second_client_is_told_and_the_first_one_too() {
    let server = Server::start(Options::with(|config| config.exclusive = Exclusive::Replace));
    let connect = frame::with(frame::stateful("connect"), "auth", serde_json::json!({"access_key": "somebody's-key"}));
    let mut first = server.connect();
    let created = first.ask(&connect, b"").is("session_created");
    assert!(created.header.get("replaced").is_none());
    let held = Session::of(&created);
    held.store(&mut first, 1, b"hello");
    let mut second = server.connect();
    let created = second.ask(&connect, b"").is("session_created");
    assert_eq!(created.header["replaced"], true);
    let gone = first.ask(&held.upload(2, "text/plain", 4), b"late").refuses("session_gone");
    assert_eq!(gone.header["error"]["reason"], "replaced");
    for key in ["short", "with a blank", &"x".repeat(257)] {
        let wrong = frame::with(connect.clone(), "auth.access_key", key);
        let refused = server.connect().ask(&wrong, b"").refuses("bad_field");
        assert_eq!(refused.header["error"]["field"], "auth.access_key", "{key}");
        assert!(!refused.header.to_string().contains(key), "a key is never repeated");
    }
}
