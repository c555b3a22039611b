//! Sessions that their clients carry: what a ticket continues, what it cannot, and that nothing stays behind.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use harness::orders::finish;
use harness::world::{Carrier, Sent, Setup, World, code, sequence, ticket_store};
use server::config::Naming;
use server::sessions::Stats;
use shared::error::ErrorCode;
use shared::limits::TICKET_BYTES_MAX;
use shared::wire::{SessionRequest, Status};

const ONE: &str = "0101010101010101010101010101010101010101010101010101010101010101";
const TWO: &str = "0202020202020202020202020202020202020202020202020202020202020202";

/// A file of keys, gone when dropped.
pub(super) struct Keys(tempfile::TempDir);

impl Keys {
    pub(super) fn of(keys: &[&str]) -> Self {
        let own = Self(tempfile::tempdir().unwrap());
        own.write(keys);
        own
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("ticket.keys")
    }

    fn write(&self, keys: &[&str]) {
        std::fs::write(self.path(), keys.join("\n")).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(self.path(), std::fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    pub(super) fn world(&self) -> Arc<World> {
        World::on(ticket_store(&self.path()), Setup::default())
    }

    /// Another process with these keys on the same folder, at the same moment.
    fn restarted(&self, world: &World) -> Arc<World> {
        world.restarted_on(ticket_store(&self.path()))
    }
}

fn text(content: &'static str) -> Sent {
    Sent::text(content)
}

/// The code with which a ticket is refused on a connection of its own, and why a session is gone.
fn refusal(world: &World, client: &Carrier, ticket: &Bytes) -> (Option<ErrorCode>, Option<String>) {
    let (outcome, peer) = finish(Carrier::connect(world, client.id, ticket));
    assert!(outcome.is_ok() || peer.bound.is_none());
    (code(&outcome), outcome.err().and_then(|error| error.reason))
}

#[test]
fn a_session_goes_on_with_its_ticket_after_the_connection_and_after_the_server() {
    let keys = Keys::of(&[ONE]);
    let mut world = keys.world();
    let mut client = finish(Carrier::open(&world));
    for number in 1..=6 {
        let stored = finish(client.send(&world, number, &text("hello"))).unwrap().reply;
        let (id, ticket) = (client.id, client.ticket.clone());
        drop(client);
        if number % 2 == 0 {
            world = keys.restarted(&world);
        }
        client = finish(Carrier::resume(&world, id, &ticket)).unwrap();
        // The reply may have been lost: the same request again gets it, and does nothing.
        let again = finish(client.send(&world, number, &text("hello"))).unwrap().reply;
        assert!(again.replayed);
        assert_eq!((again.file, again.sequence), (stored.file, Some(sequence(number))));
        let session = again.session.unwrap();
        assert_eq!((session.next_sequence, session.epoch.get()), (sequence(number + 1), number + 1));
    }
    assert_eq!(world.visible().len(), 6);
    let record = finish(client.ask(&world, SessionRequest::Status)).unwrap().reply.record.unwrap();
    assert_eq!((record.files_transferred, record.total_bytes), (6, 30));
}

#[test]
fn nothing_is_held_beyond_the_connection() {
    let keys = Keys::of(&[ONE]);
    let world = keys.world();
    for number in 1..=3 {
        let mut client = finish(Carrier::open(&world));
        finish(client.send(&world, 1, &text("hello"))).unwrap();
        assert_eq!(world.store.held(), Stats { live: 1, tombstones: 0 });
        let ticket = client.ticket.clone();
        // A connection that took it over holds it alone, whichever ends first.
        let taken = finish(Carrier::resume(&world, client.id, &ticket)).unwrap();
        assert_eq!(world.store.held(), Stats { live: 1, tombstones: 0 });
        if number == 1 {
            drop((taken, client));
        } else {
            drop(client);
            assert_eq!(world.store.held(), Stats { live: 1, tombstones: 0 });
            let mut client = taken;
            if number == 2 {
                finish(client.ask(&world, SessionRequest::Disconnect(sequence(2)))).unwrap();
                assert_eq!(world.store.held(), Stats { live: 0, tombstones: 1 }, "it can be asked for again");
            }
        }
        assert_eq!(world.store.held(), Stats::default(), "{number}");
        assert!(world.store.all().is_empty());
    }
}

#[test]
fn a_ticket_that_does_not_continue_leaves_nothing_behind() {
    let keys = Keys::of(&[ONE]);
    let world = keys.world();
    let mut client = finish(Carrier::open(&world));
    let ended = finish(client.ask(&world, SessionRequest::Disconnect(sequence(1)))).unwrap();
    let (id, ticket) = (client.id, ended.session_data);
    drop(client);
    let (outcome, peer) = finish(Carrier::connect(&world, id, &ticket));
    let reply = outcome.unwrap().reply;
    assert_eq!((reply.status, reply.replayed), (Status::SessionClosed, true));
    assert!(peer.bound.is_none());
    assert_eq!(world.store.held(), Stats::default());
    let unknown = Some(ErrorCode::SessionUnknown);
    for (millis, expected) in [(3_599_999, None), (1, unknown), (1, unknown)] {
        world.clock.pass(millis);
        let (outcome, _) = finish(Carrier::connect(&world, id, &ticket));
        assert_eq!(code(&outcome), expected);
    }
    assert_eq!(world.store.held(), Stats::default());
}

/// The newest connection wins, and what the server holds is newer than any ticket of it.
#[test]
fn an_old_ticket_takes_a_live_session_over_as_it_is_now() {
    let keys = Keys::of(&[ONE]);
    let world = keys.world();
    let mut older = finish(Carrier::open(&world));
    let first = older.ticket.clone();
    for number in 1..=3 {
        finish(older.send(&world, number, &text("hello"))).unwrap();
    }
    let mut newer = finish(Carrier::resume(&world, older.id, &first)).unwrap();
    assert_eq!(code(&finish(older.ask(&world, SessionRequest::Heartbeat))), Some(ErrorCode::SessionMoved));
    assert!(finish(newer.send(&world, 1, &text("hello"))).unwrap().reply.replayed, "the server still has it");
    let session = finish(newer.send(&world, 4, &text("hello"))).unwrap().reply.session.unwrap();
    assert_eq!((session.epoch.get(), session.next_sequence), (2, sequence(5)));
    // What held it before hears the same when nothing of the session is here any more.
    drop(newer);
    assert_eq!(code(&finish(older.send(&world, 5, &text("late")))), Some(ErrorCode::SessionMoved));
    assert_eq!(world.visible().len(), 4);
}

/// The client went on with another server while a dead connection held the session here.
#[test]
fn a_ticket_that_is_ahead_of_what_is_held_goes_on_from_the_ticket() {
    let keys = Keys::of(&[ONE]);
    let here = keys.world();
    let mut dead = finish(Carrier::open(&here));
    finish(dead.send(&here, 1, &text("hello"))).unwrap();
    let there = keys.restarted(&here);
    let mut client = finish(Carrier::resume(&there, dead.id, &dead.ticket)).unwrap();
    finish(client.send(&there, 2, &text("hello"))).unwrap();
    let back = finish(Carrier::resume(&here, client.id, &client.ticket)).unwrap();
    let mut back = Carrier { peer: back.peer, ..client };
    let session = finish(back.send(&here, 3, &text("hello"))).unwrap().reply.session.unwrap();
    assert_eq!((session.epoch.get(), session.next_sequence), (3, sequence(4)));
    assert_eq!(code(&finish(dead.ask(&here, SessionRequest::Heartbeat))), Some(ErrorCode::SessionMoved));
}

#[test]
fn a_ticket_ends_at_the_millisecond_of_its_session() {
    let keys = Keys::of(&[ONE]);
    for (stores, timeout) in [(false, 60_000), (true, 300_000)] {
        for (later, lives) in [(timeout - 1, true), (timeout, false), (timeout + 1, false), (timeout * 100, false)] {
            let world = keys.world();
            let mut client = finish(Carrier::open(&world));
            if stores {
                finish(client.send(&world, 1, &text("hello"))).unwrap();
            }
            client.lose(&world);
            world.clock.pass(later);
            let expected =
                if lives { (None, None) } else { (Some(ErrorCode::SessionGone), Some("expired".to_owned())) };
            assert_eq!(refusal(&world, &client, &client.ticket), expected, "{later}");
            assert_eq!(refusal(&keys.restarted(&world), &client, &client.ticket), expected, "{later}");
            assert_eq!(world.store.held(), Stats::default());
        }
    }
}

#[test]
fn with_every_reply_the_silence_begins_anew() {
    for request in [SessionRequest::Heartbeat, SessionRequest::Status, SessionRequest::List(sequence(1))] {
        let keys = Keys::of(&[ONE]);
        let world = keys.world();
        let mut client = finish(Carrier::open(&world));
        finish(client.send(&world, 1, &text("hello"))).unwrap();
        world.clock.pass(299_999);
        finish(client.ask(&world, request.clone())).unwrap();
        client.lose(&world);
        world.clock.pass(299_999);
        assert_eq!(refusal(&world, &client, &client.ticket), (None, None), "{request:?}");
    }
}

#[test]
fn a_ticket_with_any_flipped_bit_is_as_good_as_none() {
    let keys = Keys::of(&[ONE, TWO]);
    let setup = Setup::default();
    let world = World::on(ticket_store(&keys.path()), setup);
    let mut client = finish(Carrier::open(&world));
    finish(client.send(&world, 1, &text("hello"))).unwrap();
    client.lose(&world);
    for bit in 0..client.ticket.len() * 8 {
        let mut flipped = client.ticket.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(refusal(&world, &client, &flipped.into()).0, Some(ErrorCode::SessionUnknown), "bit {bit}");
    }
    assert_eq!(world.store.held(), Stats::default());
    assert_eq!(refusal(&world, &client, &client.ticket).0, None);
}

#[test]
fn a_ticket_of_another_session_key_or_form_is_unknown() {
    let (keys, others) = (Keys::of(&[ONE]), Keys::of(&[TWO]));
    let world = keys.world();
    let mut client = finish(Carrier::open(&world));
    client.lose(&world);
    let other = finish(Carrier::open(&world));
    let foreign = finish(Carrier::open(&others.world()));
    let ticket = &client.ticket;
    let doubled = Bytes::from([&ticket[..], &ticket[..]].concat());
    for wrong in [
        other.ticket.clone(),
        foreign.ticket.clone(),
        ticket.slice(1..),
        ticket.slice(..ticket.len() - 1),
        doubled,
        Bytes::from_static(b"{"),
        vec![1; TICKET_BYTES_MAX].into(),
        vec![1; TICKET_BYTES_MAX + 1].into(),
        vec![0xff; 65_536].into(),
    ] {
        assert_eq!(refusal(&world, &client, &wrong), (Some(ErrorCode::SessionUnknown), None));
    }
    assert_eq!(refusal(&world, &client, ticket).0, None);
}

/// Each as a wrong token: after so many from one address comes a pause, for true tickets too.
#[test]
fn wrong_tickets_are_counted() {
    let keys = Keys::of(&[ONE]);
    let mut setup = Setup::default();
    setup.limits.wrong_tokens_per_min = 2;
    let world = World::on(ticket_store(&keys.path()), setup);
    let mut client = finish(Carrier::open(&world));
    client.lose(&world);
    let wrong = client.ticket.slice(1..);
    for expected in [ErrorCode::SessionUnknown, ErrorCode::SessionUnknown, ErrorCode::RateLimited] {
        assert_eq!(refusal(&world, &client, &wrong).0, Some(expected));
    }
    assert_eq!(refusal(&world, &client, &client.ticket).0, Some(ErrorCode::RateLimited));
    world.clock.pass(59_999);
    let paused = refusal(&world, &client, &client.ticket);
    assert_ne!(paused.0, Some(ErrorCode::SessionUnknown));
}

#[test]
fn keys_rotate_while_sessions_go_on() {
    let keys = Keys::of(&[ONE]);
    let mut world = keys.world();
    let mut client = finish(Carrier::open(&world));
    let oldest = client.ticket.clone();
    for (number, rotation) in (1..).zip([&[ONE][..], &[ONE, TWO], &[TWO, ONE], &[TWO]]) {
        finish(client.send(&world, number, &text("hello"))).unwrap();
        keys.write(rotation);
        world = keys.restarted(&world);
        client = finish(Carrier::resume(&world, client.id, &client.ticket)).unwrap();
    }
    client.lose(&world);
    assert_eq!(refusal(&world, &client, &oldest).0, Some(ErrorCode::SessionUnknown), "its key is gone");
}

/// What this rung cannot do, because nobody remembers: revoke, use a ticket once only, keep more than one reply, say
/// that a session was closed.
#[test]
fn an_older_ticket_brings_an_older_session_back() {
    let keys = Keys::of(&[ONE]);
    let world = keys.world();
    let mut client = finish(Carrier::open(&world));
    for number in 1..=3 {
        finish(client.send(&world, number, &text("hello"))).unwrap();
    }
    let (id, third) = (client.id, client.ticket.clone());
    finish(client.ask(&world, SessionRequest::Disconnect(sequence(4)))).unwrap();
    drop(client);
    for time in 1..=3 {
        let mut again = finish(Carrier::resume(&world, id, &third)).unwrap();
        assert!(finish(again.send(&world, 3, &text("hello"))).unwrap().reply.replayed, "time {time}");
        let second = finish(again.send(&world, 2, &text("hello")));
        assert_eq!(code(&second), Some(ErrorCode::SequenceTooOld), "only the last reply is kept");
    }
}

/// The counter goes back; the names do not.
#[test]
fn a_sequence_has_one_file_however_old_the_ticket_is() {
    for naming in [Naming::SessionAware, Naming::Simple] {
        let keys = Keys::of(&[ONE]);
        let world = World::on(ticket_store(&keys.path()), Setup { naming, ..Setup::default() });
        let mut client = finish(Carrier::open(&world));
        let first = client.ticket.clone();
        let mut stored = Vec::new();
        for (number, content) in (1..).zip(["one", "two", "six"]) {
            stored.push(finish(client.send(&world, number, &text(content))).unwrap().reply.file.unwrap());
        }
        let before = world.visible();
        drop(client.peer);
        let mut old = finish(Carrier::resume(&world, client.id, &first)).unwrap();
        for other in [text("ONE"), text("longer"), text("one").typed("image/png"), text("one").chunked().typed("a/b")] {
            let refused = finish(old.send(&world, 1, &other)).unwrap_err();
            assert_eq!((refused.code, refused.expected_sequence), (ErrorCode::SequenceReused, Some(sequence(1))));
        }
        assert_eq!((world.visible(), world.files.aside().len(), world.files.partial()), (before.clone(), 0, 0));
        for (number, (content, file)) in (1..).zip(["one", "two"].into_iter().zip(&stored)) {
            let adopted = finish(old.send(&world, number, &text(content))).unwrap().reply;
            assert_eq!((adopted.replayed, adopted.file.as_ref()), (false, Some(file)));
        }
        // A removal has a sequence too, and this one has a file; a goodbye leaves all files where they are.
        let remove = SessionRequest::Remove(sequence(3), stored[0].stored_as.clone());
        assert_eq!(code(&finish(old.ask(&world, remove))), Some(ErrorCode::SequenceReused));
        finish(old.ask(&world, SessionRequest::Disconnect(sequence(3)))).unwrap();
        assert_eq!((world.visible(), world.files.aside().len()), (before, 0));
    }
}
