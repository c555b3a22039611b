//! Connections that bring old tickets while others of the same session are still here. A ticket turns the epoch back
//! too, so an epoch may come again; which connection is the newer one must not depend on it.

use std::sync::Arc;

use bytes::Bytes;
use harness::orders::{Course, Explored, Race, Runner, finish, poll_n};
use harness::world::{Carrier, KnownDice, Outcome, Sent, Setup, World, code, sequence};
use server::sessions::{SessionStore, Stats, TicketKeys, TicketStore, Tickets};
use shared::digest::DigestKind;
use shared::error::ErrorCode;
use shared::id::SessionId;
use shared::wire::{SessionRequest, VERSION};

use super::is_kept;

fn world() -> Arc<World> {
    with(Setup::default())
}

fn with(setup: Setup) -> Arc<World> {
    let dice = Arc::new(KnownDice::default());
    let tickets = Tickets::new(TicketKeys::generate(dice.as_ref()).unwrap(), dice, VERSION);
    World::on(Arc::new(TicketStore::new(tickets, 100)), setup)
}

/// A session whose connection is lost, and the ticket of its first reply.
fn opened(world: &World) -> (SessionId, Bytes) {
    let client = finish(Carrier::open(world));
    (client.id, client.ticket.clone())
}

/// Polls of an upload of five bytes after which its first three are in the part.
const POLLS_TO_A_PART: usize = 6;

#[test]
fn an_old_ticket_goes_on_with_a_part_that_newer_connections_left() {
    for takeovers in 0..4 {
        let world = world();
        let (id, first) = opened(&world);
        let mut ticket = first.clone();
        for _ in 0..takeovers {
            ticket = finish(Carrier::resume(&world, id, &ticket)).unwrap().ticket;
        }
        let mut newest = finish(Carrier::resume(&world, id, &ticket)).unwrap();
        assert!(poll_n(POLLS_TO_A_PART, newest.send(&world, 1, &Sent::text("hello"))).is_none());
        drop(newest);
        assert_eq!(world.files.parts().len(), 1, "{takeovers}");

        let mut old = finish(Carrier::resume(&world, id, &first)).unwrap();
        let rest = Sent::text("lo").from(3).stating(DigestKind::Blake3, b"hello");
        let file = finish(old.send(&world, 1, &rest)).unwrap().reply.file.unwrap();
        assert!(is_kept(&world, &file), "{takeovers}");
    }
}

/// The session of the newest connection is not that of one that was overtaken in an epoch of the same number.
#[test]
fn a_connection_that_was_overtaken_takes_nothing_with_it_when_it_ends() {
    let world = world();
    let (id, first) = opened(&world);
    let overtaken = finish(Carrier::resume(&world, id, &first)).unwrap();
    drop(finish(Carrier::resume(&world, id, &first)).unwrap());
    assert_eq!(world.store.held(), Stats::default());
    let mut newest = finish(Carrier::resume(&world, id, &first)).unwrap();
    drop(overtaken);
    finish(newest.send(&world, 1, &Sent::text("hello"))).unwrap();
    assert_eq!(world.store.held(), Stats { live: 1, tombstones: 0 });
    drop(newest);
    assert_eq!(world.store.held(), Stats::default());
}

/// Nothing is remembered of the goodbye, but the connection that said it is still there.
#[test]
fn a_connection_that_said_goodbye_is_in_nobody_s_way() {
    let mut setup = Setup::default();
    setup.limits.tombstone_ms = 0;
    let world = with(setup);
    let (id, first) = opened(&world);
    let mut ticket = first.clone();
    let mut connections = Vec::new();
    for _ in 0..3 {
        let client = finish(Carrier::resume(&world, id, &ticket)).unwrap();
        ticket.clone_from(&client.ticket);
        connections.push(client);
    }
    let newest = connections.last_mut().unwrap();
    finish(newest.ask(&world, SessionRequest::Disconnect(sequence(1)))).unwrap();
    assert_eq!(finish(world.sweep()), 1);
    let mut old = finish(Carrier::resume(&world, id, &first)).unwrap();
    finish(old.send(&world, 1, &Sent::text("hello"))).unwrap();
    drop(connections);
    finish(old.send(&world, 2, &Sent::text("hello"))).unwrap();
}

/// A connection that was overtaken is still in its upload; the one that overtook it is lost, and a third one comes with
/// the same old ticket, so that it is in an epoch that was there before.
fn late_and_newest(late: &Sent, newest: &Sent) -> Explored {
    let template = world();
    let (id, ticket) = opened(&template);
    let start = || {
        let world = world();
        drop(opened(&world));
        let mut overtaken = finish(Carrier::resume(&world, id, &ticket)).unwrap();
        let (here, there) = (Arc::clone(&world), Arc::clone(&world));
        let (late, newest, ticket) = (late.clone(), newest.clone(), ticket.clone());
        let sends: Runner<(Outcome, Carrier)> = Box::pin(async move {
            let outcome = overtaken.send(&here, 1, &late).await;
            (outcome, overtaken)
        });
        let comes: Runner<(Outcome, Carrier)> = Box::pin(async move {
            drop(Carrier::resume(&there, id, &ticket).await.unwrap());
            let mut client = Carrier::resume(&there, id, &ticket).await.unwrap();
            let outcome = client.send(&there, 1, &newest).await;
            (outcome, client)
        });
        Race { world, runners: [sends, comes] }
    };
    let ended = |world: &Arc<World>, results: [Option<(Outcome, Carrier)>; 2]| {
        let [Some((overtaken, _one)), Some((newest, mut client))] = results else { unreachable!("nobody is cut") };
        assert_eq!(world.visible().len(), 1);
        for outcome in [&overtaken, &newest] {
            match outcome {
                Ok(answer) => {
                    assert!(is_kept(world, answer.reply.file.as_ref().unwrap()), "acknowledged and not there");
                }
                Err(error) if error.code == ErrorCode::SessionMoved => {}
                Err(error) => assert_eq!(error.code, ErrorCode::SequenceReused),
            }
        }
        assert_ne!(code(&newest), Some(ErrorCode::SessionMoved), "nobody came after it");
        assert!(overtaken.is_ok() || newest.is_ok());
        finish(client.ask(world, SessionRequest::Heartbeat)).unwrap();
    };
    Course { start: &start, crashed: &|_| (), ended: &ended, first_is_cut: false }.every_order()
}

#[test]
fn an_overtaken_upload_that_comes_late_disturbs_no_newer_one_in_any_order() {
    for newest in [Sent::text("hello"), Sent::text("olleh"), Sent::text("hello").typed("image/png")] {
        let explored = late_and_newest(&Sent::text("hello"), &newest);
        assert!(explored.ends > 10, "{explored:?}");
    }
}

/// Both bring the same old ticket at once, after newer ones were used.
#[test]
fn two_that_bring_one_ticket_at_once_make_one_file_in_every_order() {
    let template = world();
    let (id, ticket) = opened(&template);
    for other in [Sent::text("hello"), Sent::text("olleh")] {
        let start = || {
            let world = world();
            drop(opened(&world));
            let runners = [Sent::text("hello"), other.clone()].map(|sent| -> Runner<(Outcome, Option<Carrier>)> {
                let (world, ticket) = (Arc::clone(&world), ticket.clone());
                Box::pin(async move {
                    match Carrier::resume(&world, id, &ticket).await {
                        Err(error) => (Err(error), None),
                        Ok(mut client) => (client.send(&world, 1, &sent).await, Some(client)),
                    }
                })
            });
            Race { world, runners }
        };
        let ended = |world: &Arc<World>, results: [Option<(Outcome, Option<Carrier>)>; 2]| {
            assert_eq!(world.visible().len(), 1);
            let outcomes: Vec<_> = results.into_iter().flatten().collect();
            let done = outcomes.iter().filter_map(|(outcome, _)| outcome.as_ref().ok());
            let done: Vec<_> = done.filter(|answer| !answer.reply.replayed).collect();
            assert_eq!(done.len(), 1);
            assert!(is_kept(world, done[0].reply.file.as_ref().unwrap()));
            drop(outcomes);
            assert_eq!(world.store.held(), Stats::default());
        };
        let explored = Course { start: &start, crashed: &|_| (), ended: &ended, first_is_cut: false }.every_order();
        assert!(explored.ends > 10, "{explored:?}");
    }
}

/// What was forgotten and brought again is another record, whatever happens to it.
#[test]
fn a_change_that_saw_a_forgotten_record_is_refused() {
    let world = world();
    let (id, ticket) = opened(&world);
    let room = server::sessions::Room { sessions_max: 9, per_address_max: None };
    let client = finish(Carrier::resume(&world, id, &ticket)).unwrap();
    let seen = world.store.session(id).unwrap();
    let due = seen.session.due(world.limits());
    drop(client);
    let again = finish(world.store.insert((*seen.session).clone(), due, room)).unwrap();
    assert_ne!(again.revision, seen.revision);
    let late = finish(world.store.replace(seen.revision, (*seen.session).clone(), due));
    assert!(late.is_err());
}
