//! Sessions that stay alive while something takes long, and those that do not.

use std::pin::pin;
use std::sync::Arc;

use harness::orders::{finish, poll_n};
use harness::world::{Client, Sent, World, code, sequence};
use server::files::memory::Operation;
use server::sessions::SessionStore;
use shared::error::ErrorCode;
use shared::wire::SessionRequest;

#[test]
fn an_upload_slower_than_its_session_s_timeout_hears_that_it_is_gone() {
    let world = World::new();
    let mut client = finish(Client::open(&world));
    let sent = Sent::text("hello");
    let body = sent.body().slowly(Arc::clone(&world.clock), 60_000);
    let refused = finish(client.send_as(&world, 1, &sent, body)).unwrap_err();
    assert_eq!((refused.code, refused.reason.as_deref()), (ErrorCode::SessionGone, Some("expired")));
    assert!(world.visible().is_empty() && world.files.partial() == 0);
}

#[test]
fn an_expired_session_takes_nothing_before_the_janitor_came_and_after() {
    for sweeps in [false, true] {
        let world = World::new();
        let mut client = finish(Client::open(&world));
        world.clock.pass(world.limits().pending_timeout_ms);
        if sweeps {
            assert_eq!(finish(world.sweep()), 1);
        }
        let refused = finish(client.send(&world, 1, &Sent::text("hello"))).unwrap_err();
        assert_eq!((refused.code, refused.reason.as_deref()), (ErrorCode::SessionGone, Some("expired")));
        let resumed = finish(Client::resume(&world, client.id, client.token)).unwrap_err();
        assert_eq!((resumed.code, resumed.reason.as_deref()), (ErrorCode::SessionGone, Some("expired")));
        assert!(world.visible().is_empty());
    }
}

#[test]
fn an_upload_whose_session_moved_while_it_came_counts_nothing() {
    let world = World::new();
    let mut old = finish(Client::open(&world));
    let sent = Sent::text("hello");
    for renewing in [0, 31_000] {
        let body = sent.body().slowly(Arc::clone(&world.clock), renewing);
        let mut upload = Box::pin(old.send_as(&world, 1, &sent, body));
        // Polled into the payload, and then overtaken.
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        for _ in 0..4 {
            assert!(upload.as_mut().poll(&mut context).is_pending());
        }
        let (id, token) = (world.store.all()[0].session.id(), token_of(&world));
        let new = finish(Client::resume(&world, id, token)).unwrap();
        assert_eq!(code(&finish(upload)), Some(ErrorCode::SessionMoved));
        assert!(world.visible().is_empty() && world.files.partial() == 0);
        old = new;
    }
}

/// The older connection hangs in a write of the disk. The newer one has the session all the same, and what it asks
/// for then is answered as soon.
#[test]
fn a_change_waits_for_an_older_connection_no_longer_than_its_connect_did() {
    for late in [0, 1] {
        let world = World::new();
        let mut older = finish(Client::open(&world));
        let (id, token) = (older.id, older.token.clone());
        let hello = Sent::text("hello").chunked();
        let mut hanging = Box::pin(older.send(&world, 1, &hello));
        while world.files.calls(Operation::Reveal) == 0 {
            assert!(poll_n(1, &mut hanging).is_none());
        }
        let mut newer = waited(&world, late, Client::resume(&world, id, token)).unwrap();
        assert_eq!(code(&waited(&world, late, newer.send(&world, 1, &hello))), Some(ErrorCode::Busy));
        let goodbye = SessionRequest::Disconnect(sequence(1));
        assert_eq!(code(&waited(&world, late, newer.ask(&world, goodbye))), Some(ErrorCode::Busy));
        assert_eq!(code(&finish(hanging)), Some(ErrorCode::SessionMoved));
        finish(newer.send(&world, 1, &hello)).unwrap();
        super::assert_one_file(&world, id, "when the older connection has let go");
    }
}

/// A store that lost its newest changes gives epochs once more. Whoever continues the session has it all the same, and
/// not a half-open connection that is of an epoch nobody knows any more.
#[test]
fn a_newer_connection_has_the_session_though_its_store_went_back() {
    let world = World::new();
    let client = finish(Client::open(&world));
    let (id, token) = (client.id, client.token.clone());
    let saved = world.store.session(id).unwrap().session;
    drop(client);
    let mut half_open = finish(Client::resume(&world, id, token.clone())).unwrap();
    for _ in 0..3 {
        half_open = finish(Client::resume(&world, id, token.clone())).unwrap();
    }
    let lost = world.store.session(id).unwrap();
    finish(world.store.replace(lost.revision, saved.as_ref().clone(), saved.due(world.limits()))).unwrap();

    let mut newest = finish(Client::resume(&world, id, token)).unwrap();
    finish(newest.send(&world, 1, &Sent::text("hello"))).unwrap();
    assert_eq!(code(&finish(half_open.ask(&world, SessionRequest::Heartbeat))), Some(ErrorCode::SessionMoved));
    finish(newest.ask(&world, SessionRequest::Heartbeat)).unwrap();
}

/// What comes of a request that waits for two seconds, and not a millisecond less, when it is looked at so late.
fn waited<T>(world: &World, late: u64, request: impl Future<Output = T>) -> T {
    let mut request = pin!(request);
    assert!(poll_n(64, &mut request).is_none());
    world.clock.pass(1_999);
    assert!(poll_n(64, &mut request).is_none());
    world.clock.pass(1 + late);
    finish(request)
}

/// Dice that count give the first session of every world the same token.
fn token_of(world: &World) -> shared::id::Token {
    let twin = World::with(world.setup.clone());
    finish(Client::open(&twin)).token
}
