//! How many sessions there may be, at one below, at and one above, and the record of each.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use harness::orders::finish;
use harness::world::{Client, Sent, Setup, World, sequence};
use shared::error::ErrorCode;
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
fn an_address_has_a_share_of_the_sessions_and_this_machine_is_exempt() {
    let world = world(100, 2);
    for _ in 0..2 {
        open(&world, FAR).unwrap();
    }
    assert_eq!(open(&world, FAR).unwrap_err().code, ErrorCode::SessionFull);
    open(&world, FARTHER).unwrap();
    let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
    for _ in 0..5 {
        open(&world, Ipv4Addr::LOCALHOST).unwrap();
        open(&world, Ipv6Addr::LOCALHOST).unwrap();
        open(&world, mapped).unwrap();
    }
}

/// A refused connection can ask again for something else: nothing of it is bound.
#[test]
fn a_connection_refused_a_session_is_still_a_connection() {
    let world = world(1, 1);
    let mut first = open(&world, FAR).unwrap();
    let mut peer = world.peer_at(FAR.into());
    let refused = finish(world.stateful(shared::wire::StatefulRequest::Open, &mut peer)).unwrap_err();
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
    let record = finish(client.ask(&world, SessionRequest::Status)).unwrap().reply.record.unwrap();
    let begun = harness::world::BEGINNING;
    assert_eq!(record.client_address, "192.0.2.1");
    assert_eq!((record.created_at, record.last_activity), (begun, begun.plus_millis(2_000)));
    // Opened, stored, repeated, stored, asked: what was refused is not counted.
    assert_eq!(record.message_count, 5);
    assert_eq!((record.files_transferred, record.total_bytes), (2, 13));
    let fresh = world.store.session(client.id).unwrap().session.state_bytes();
    assert_eq!(record.state_bytes, u64::try_from(fresh).unwrap());

    let mut peer = world.peer_at(FARTHER.into());
    let resume = shared::wire::StatefulRequest::Continue(client.id, client.token.clone());
    finish(world.stateful(resume, &mut peer)).unwrap();
    let mut client = Client { peer, ..client };
    let record = finish(client.ask(&world, SessionRequest::Status)).unwrap().reply.record.unwrap();
    assert_eq!((record.client_address.as_str(), record.message_count), ("192.0.2.2", 7));
}
