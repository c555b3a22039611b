//! Names and lists of a session's files, under both namings.

use std::net::Ipv4Addr;
use std::sync::Arc;

use harness::orders::finish;
use harness::world::{Client, Sent, Setup, World, entries, sequence};
use server::config::Naming;
use server::files::memory::{Fault, Operation};
use server::sessions::{MemoryStore, Room, SessionStore as _};
use shared::id::{SessionId, Timestamp, Token};
use shared::limits::Limits;
use shared::session::Session;
use shared::wire::{FetchRange, SessionRequest, Status};

use super::is_kept;

const NAMINGS: [Naming; 2] = [Naming::SessionAware, Naming::Simple];

fn world(naming: Naming, list_entries_max: usize) -> Arc<World> {
    let mut setup = Setup { naming, ..Setup::default() };
    setup.limits.list_entries_max = list_entries_max;
    World::with(setup)
}

#[test]
fn a_name_is_made_of_the_session_and_the_sequence() {
    let world = world(Naming::SessionAware, 10);
    let mut client = finish(Client::open(&world));
    let created = harness::world::BEGINNING.as_millis();
    world.clock.pass(5_000);
    let stored_as = finish(client.send(&world, 1, &Sent::text("hello").named("x/y.png"))).is_ok();
    assert!(stored_as);
    let expected = format!("session_{}/file_1_{created}.txt", client.id.to_wire());
    assert_eq!(world.files.names()[0].to_wire(), expected);
}

#[test]
fn simple_names_tell_nothing_and_are_the_same_for_a_repeat() {
    let world = world(Naming::Simple, 10);
    let mut client = finish(Client::open(&world));
    let mut names = Vec::new();
    for number in 1..=3 {
        names.push(finish(client.send(&world, number, &Sent::text("hello"))).unwrap().reply.file.unwrap().stored_as);
    }
    for name in &names {
        let digits = name.strip_prefix("received_").and_then(|name| name.strip_suffix(".txt")).unwrap();
        assert!(digits.len() == 32 && !client.id.to_wire().replace('-', "").contains(&digits[..8]));
    }
    names.dedup();
    assert_eq!((names.len(), world.visible().len()), (3, 3));
}

/// Whoever reads the wire of one frame, or a log, knows the id, and that must not be enough to fetch the files.
#[test]
fn simple_names_do_not_follow_from_the_session_s_id() {
    let id = SessionId::from_random([5; 16]);
    let names = [1, 2].map(|secret| {
        let token = Token::from_random([secret; 32]);
        let store = MemoryStore::default();
        let session = Session::open(id, &token, Ipv4Addr::LOCALHOST.into(), harness::world::BEGINNING);
        let due = session.due(&Limits::default());
        finish(store.insert(session, due, Room { sessions_max: 1, per_address_max: None })).unwrap();
        let world = World::on(Arc::new(store), Setup { naming: Naming::Simple, ..Setup::default() });
        let mut client = finish(Client::resume(&world, id, token)).unwrap();
        finish(client.send(&world, 1, &Sent::text("hello"))).unwrap().reply.file.unwrap().stored_as
    });
    assert_ne!(names[0], names[1]);
}

#[test]
fn a_list_shows_each_counted_file_once_page_by_page() {
    for naming in NAMINGS {
        for at_most in [1, 2, 4, 5, 6] {
            let world = world(naming, at_most);
            let mut client = finish(Client::open(&world));
            let mut stored = Vec::new();
            for number in 1..=5 {
                let sent = Sent::text("hello").named(&format!("{number}.txt"));
                stored.push(finish(client.send(&world, number, &sent)).unwrap().reply.file.unwrap());
            }
            let (mut found, mut pages, mut from) = (Vec::new(), 0, Some(1));
            while let Some(begin) = from {
                let answer = finish(client.ask(&world, SessionRequest::List(sequence(begin)))).unwrap();
                assert_eq!(answer.reply.status, Status::Files);
                let page = entries(&answer);
                assert!((1..=at_most).contains(&page.len()), "{naming:?} {at_most}");
                found.extend(page);
                pages += 1;
                from = answer.reply.next_offset;
            }
            assert_eq!(pages, 5_usize.div_ceil(at_most), "no page is empty, {naming:?} {at_most}");
            for (number, (entry, file)) in (1..).zip(found.iter().zip(&stored)) {
                assert_eq!((&entry.stored_as, entry.digest), (&file.stored_as, file.digest));
                assert_eq!((entry.sequence, entry.size), (sequence(number), 5));
                assert_eq!(entry.name.as_deref(), Some(format!("{number}.txt").as_str()));
            }
            assert_eq!(found.len(), 5);
        }
    }
}

/// A disk that returns other bytes than it was given is noticed by whoever fetches, as long as the receipt is there.
#[test]
fn what_is_fetched_in_a_session_is_measured_by_its_receipt() {
    for naming in NAMINGS {
        let mut setup = Setup { naming, ..Setup::default() };
        setup.limits.receipts_per_session_max = 1;
        let world = World::with(setup);
        let mut client = finish(Client::open(&world));
        let [older, newer] =
            [1, 2].map(|number| finish(client.send(&world, number, &Sent::text("hello"))).unwrap().reply.file.unwrap());
        for (file, known) in [(older, None), (newer.clone(), newer.digest)] {
            let range = FetchRange { file: file.stored_as, offset: 3 };
            let fetched = finish(client.ask(&world, SessionRequest::Fetch(range))).unwrap().reply.file.unwrap();
            assert_eq!((fetched.size, fetched.digest), (5, known), "{naming:?}");
        }
    }
}

#[test]
fn a_file_nobody_was_told_of_is_not_listed() {
    for naming in NAMINGS {
        let world = world(naming, 10);
        let mut client = finish(Client::open(&world));
        finish(client.send(&world, 1, &Sent::text("told"))).unwrap();
        world.files.fail(Operation::Reveal, 1, Fault::IoButVisible);
        finish(client.send(&world, 2, &Sent::text("untold"))).unwrap_err();
        assert_eq!(world.visible().len(), 2);
        let answer = finish(client.ask(&world, SessionRequest::List(sequence(1)))).unwrap();
        let listed: Vec<u64> = entries(&answer).iter().map(|entry| entry.sequence.get()).collect();
        assert_eq!((listed, answer.reply.next_offset), (vec![1], None));
    }
}

#[test]
fn a_repeat_under_another_type_is_one_file_also_under_simple_names() {
    for naming in NAMINGS {
        let world = world(naming, 10);
        let mut client = finish(Client::open(&world));
        world.files.fail(Operation::Reveal, 1, Fault::IoButVisible);
        finish(client.send(&world, 1, &Sent::text("hello"))).unwrap_err();
        let mut client = finish(Client::resume(&world, client.id, client.token)).unwrap();
        let file = finish(client.send(&world, 1, &Sent::text("hello").typed("image/png"))).unwrap().reply.file.unwrap();
        assert!(is_kept(&world, &file));
        assert_eq!(world.files.names()[0].extension().as_str(), "png");
        assert_eq!(world.visible().len(), 1, "{naming:?}");
        assert_eq!(world.files.aside(), ["hello"], "{naming:?}");
    }
}

/// What was set aside is kept for a day; the moment it was set aside counts, not the session.
#[test]
fn what_was_set_aside_outlives_its_session_and_not_its_day() {
    let world = world(Naming::SessionAware, 10);
    let mut client = finish(Client::open(&world));
    world.files.fail(Operation::Reveal, 1, Fault::IoButVisible);
    finish(client.send(&world, 1, &Sent::text("hello"))).unwrap_err();
    world.files.set_now(Timestamp::from_millis(world.clock.millis()));
    finish(client.send(&world, 1, &Sent::text("other"))).unwrap();
    finish(client.ask(&world, SessionRequest::Disconnect(sequence(2)))).unwrap();
    assert_eq!(world.files.aside(), ["hello"]);
    let files: &dyn server::files::FileStorage = &world.files;
    let begun = world.clock.millis();
    for (later, left) in [(0, 1), (server::files::ASIDE_KEPT_MS, 1), (server::files::ASIDE_KEPT_MS + 1, 0)] {
        finish(files.sweep(Timestamp::from_millis(begun + later), 10)).unwrap();
        assert_eq!(world.files.aside().len(), left, "{later} ms later");
    }
    assert_eq!(world.visible().len(), 1);
}
