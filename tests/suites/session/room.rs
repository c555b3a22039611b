//! How many sessions there may be, at one below, at and one above, and the record of each.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use harness::orders::finish;
use harness::world::{Client, Sent, Setup, World, sequence};
use server::sessions::{MemoryStore, Room, SessionStore as _};
use shared::error::ErrorCode;
use shared::limits::Limits;
use shared::wire::{ErrorBody, SessionRequest};

fn world(sessions_max: usize, per_address_max: usize) -> Arc<World> {
    let mut setup = Setup::default();
    setup.limits.sessions_max = sessions_max;
    setup.limits.sessions_per_address_max = per_address_max;
    World::with(setup)
}

fn open(world: &World, address: impl Into<IpAddr>) -> Result<Client, ErrorBody> {
    finish(Client::open_on(world, world.peer_at(address.into())))
}

const FAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const FARTHER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

#[test]
fn one_session_more_than_there_may_be_is_refused_until_one_ends() {
    let world = world(3, 3);
    let mut clients: Vec<Client> = (0..3).map(|_| open(&world, Ipv4Addr::LOCALHOST).unwrap()).collect();
    let refused = open(&world, Ipv4Addr::LOCALHOST).unwrap_err();
    assert_eq!(refused.code, ErrorCode::SessionFull);
    // Lost connections keep their sessions, ended sessions free their place.
    drop(clients.pop());
    assert_eq!(open(&world, Ipv4Addr::LOCALHOST).unwrap_err().code, ErrorCode::SessionFull);
    finish(clients[0].ask(&world, SessionRequest::Disconnect(sequence(1)))).unwrap();
    open(&world, Ipv4Addr::LOCALHOST).unwrap();
    assert_eq!(open(&world, Ipv4Addr::LOCALHOST).unwrap_err().code, ErrorCode::SessionFull);
    world.clock.pass(60_000);
    assert_eq!(finish(world.sweep()), 3);
    open(&world, Ipv4Addr::LOCALHOST).unwrap();
}

#[test]
fn an_address_has_a_share_of_the_sessions_and_this_machine_only_if_it_was_configured() {
    let world = world(100, 2);
    for _ in 0..2 {
        open(&world, FAR).unwrap();
    }
    assert_eq!(open(&world, FAR).unwrap_err().code, ErrorCode::SessionFull);
    open(&world, FARTHER).unwrap();
    for _ in 0..2 {
        open(&world, Ipv4Addr::LOCALHOST).unwrap();
        open(&world, Ipv6Addr::LOCALHOST).unwrap();
    }
    assert_eq!(open(&world, Ipv4Addr::LOCALHOST).unwrap_err().code, ErrorCode::SessionFull);
    assert_eq!(open(&world, Ipv6Addr::LOCALHOST).unwrap_err().code, ErrorCode::SessionFull);

    let share = Limits::default().sessions_per_address_max;
    let default = self::world(share * 2, share);
    let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
    for _ in 0..=share / 2 {
        open(&default, Ipv4Addr::LOCALHOST).unwrap();
        open(&default, mapped).unwrap();
    }
}

/// A refused connection can ask again for something else: nothing of it is bound.
#[test]
fn a_connection_refused_a_session_is_still_a_connection() {
    let world = world(1, 1);
    let mut first = open(&world, FAR).unwrap();
    let mut peer = world.peer_at(FAR.into());
    let refused = finish(world.stateful(shared::wire::StatefulRequest::Open(None), &mut peer)).unwrap_err();
    assert_eq!(refused.code, ErrorCode::SessionFull);
    assert!(peer.bound.is_none());
    finish(first.ask(&world, SessionRequest::Disconnect(sequence(1)))).unwrap();
    finish(Client::open_on(&world, peer)).unwrap();
}

#[test]
fn the_record_of_a_session_counts_what_was_said_and_stored() {
    let world = World::new();
    let mut client = open(&world, FAR).unwrap();
    world.clock.pass(1_000);
    finish(client.send(&world, 1, &Sent::text("hello"))).unwrap();
    finish(client.send(&world, 1, &Sent::text("hello"))).unwrap();
    finish(client.send(&world, 3, &Sent::text("hello"))).unwrap_err();
    finish(client.send(&world, 2, &Sent::text("and more"))).unwrap();
    world.clock.pass(1_000);
    let fresh = world.store.session(client.id).unwrap().session.state_bytes();
    let record = finish(client.ask(&world, SessionRequest::Status)).unwrap().reply.record.unwrap();
    let begun = harness::world::BEGINNING;
    assert_eq!(record.client_address, "192.0.2.1");
    assert_eq!((record.created_at, record.last_activity), (begun, begun.plus_millis(1_000)));
    // Opened, stored, repeated, stored: what was refused is not counted, and this question is not answered yet.
    assert_eq!(record.message_count, 4);
    assert_eq!((record.files_transferred, record.total_bytes), (2, 13));
    assert_eq!(record.state_bytes, u64::try_from(fresh).unwrap());

    let mut peer = world.peer_at(FARTHER.into());
    let resume = shared::wire::StatefulRequest::Continue(client.id, shared::wire::Proof::Token(client.token.clone()));
    finish(world.stateful(resume, &mut peer)).unwrap();
    let mut client = Client { peer, ..client };
    let record = finish(client.ask(&world, SessionRequest::Status)).unwrap().reply.record.unwrap();
    assert_eq!((record.client_address.as_str(), record.message_count), ("192.0.2.2", 6));
}

/// Whoever opens and closes sessions all day leaves no more behind than there may be sessions at once.
#[test]
fn no_more_ended_sessions_are_remembered_than_allowed_and_each_keeps_only_its_goodbye() {
    let store = MemoryStore::new(2);
    let limits = Limits::default();
    let now = harness::world::BEGINNING;
    for number in 1..=5 {
        let token = shared::id::Token::from_random([number; 32]);
        let id = shared::id::SessionId::from_random([number; 16]);
        let opened = shared::session::Session::open(id, &token, FAR.into(), now);
        let room = Room { sessions_max: 1, per_address_max: None };
        let seen = finish(store.insert(opened, now, room)).unwrap();
        let ended = seen.session.expired(now.plus_millis(u64::from(number)));
        let due = ended.due(&limits);
        finish(store.replace(seen.revision, ended, due)).unwrap();
        let stats = finish(store.stats()).unwrap();
        assert_eq!((stats.live, stats.tombstones), (0, usize::from(number).min(2)));
        assert!(finish(store.load(id)).unwrap().is_some(), "the newest stays");
    }
}
