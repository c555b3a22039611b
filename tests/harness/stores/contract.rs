//! What every session store must do, whatever it keeps sessions in: functions over any empty store.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use server::sessions::{Janitor, Room, SessionStore, StoreError};
use shared::codec::Payload;
use shared::id::{Holder, Sequence, SessionId, Timestamp, Token};
use shared::limits::Limits;
use shared::session::{Admission, EndReason, Fingerprint, Outcome, Receipt, Session};
use shared::wire::{Ack, FileInfo, MimeType, SessionRequest, Upload};

use crate::world::SetClock;

/// Room nobody fills.
pub const ROOM: Room = Room { sessions_max: usize::MAX, per_address_max: None };

/// Makes a test of every function here; each calls the given one with the function.
#[macro_export]
macro_rules! store_contract {
    ($run:path) => {
        $crate::store_contract! { $run:
            what_was_inserted_is_loaded
            an_id_is_inserted_once
            a_change_needs_the_revision_it_saw
            a_removal_needs_the_revision_it_saw
            a_revision_never_comes_again
            due_sessions_come_the_longest_overdue_first_and_no_more_than_asked
            a_holder_has_one_live_session
            of_many_sessions_of_one_holder_at_once_one_lives
            a_holder_hears_of_its_session_also_when_there_is_no_room
            an_ended_session_from_elsewhere_needs_no_room_and_takes_nobodys_place
            room_is_counted_in_all_and_by_address_and_only_for_the_living
            a_session_that_moves_to_another_address_is_counted_there
            the_last_receipts_are_kept_and_no_others
            a_goodbye_can_be_asked_for_again_and_nothing_else
            of_many_changes_at_once_each_one_that_succeeds_is_counted
            timeouts_and_tombstones_end_at_their_millisecond
        }
    };
    ($run:path: $($test:ident)*) => {
        $(#[test]
        fn $test() {
            $run(|store| ::std::boxed::Box::pin(async move {
                $crate::stores::contract::$test(&store).await;
            }));
        })*
    };
}

/// A moment.
#[must_use]
pub fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// The session of this number, of this address in `10.0.0.0`, opened at 0.
#[must_use]
pub fn session(number: u8, address: u8) -> Session {
    let address = IpAddr::from(Ipv4Addr::new(10, 0, 0, address));
    Session::open(SessionId::from_random([number; 16]), &Token::from_random([number; 32]), address, at(0))
}

/// A `transfer` under this sequence.
#[must_use]
pub fn transfer(sequence: Sequence, size: u64) -> SessionRequest {
    let upload = Upload {
        mime_type: MimeType::octet_stream(),
        name: None,
        payload: Payload::Sized(size),
        offset: 0,
        digest: None,
        trailer: None,
        ack: None,
    };
    SessionRequest::Transfer(sequence, upload)
}

/// The session after it stored a file of this size under its next sequence.
#[must_use]
pub fn stored(session: &Session, size: u64, now: Timestamp, limits: &Limits) -> Session {
    let sequence = session.next_sequence();
    let request = Fingerprint::of(&transfer(sequence, size)).expect("a changing request");
    let file = FileInfo { stored_as: format!("file_{sequence}"), size, digest: None };
    session.advanced(Receipt::new(sequence, request, Outcome::Stored(file, Ack::Durable)), now, limits)
}

/// The session after its goodbye.
#[must_use]
pub fn closed(session: &Session, now: Timestamp, limits: &Limits) -> Session {
    let sequence = session.next_sequence();
    let request = Fingerprint::of(&SessionRequest::Disconnect(sequence)).expect("a changing request");
    session.advanced(Receipt::new(sequence, request, Outcome::Closed), now, limits)
}

/// What goes in comes out.
pub async fn what_was_inserted_is_loaded(store: &Arc<dyn SessionStore>) {
    assert!(store.load(session(1, 1).id()).await.unwrap().is_none());
    let inserted = store.insert(session(1, 1), at(5), ROOM).await.unwrap();
    let loaded = store.load(session(1, 1).id()).await.unwrap().unwrap();
    assert_eq!(loaded.revision, inserted.revision);
    assert!(loaded.session.belongs_to(&Token::from_random([1; 32])));
    assert!(!loaded.session.belongs_to(&Token::from_random([2; 32])));
    assert!(store.load(session(2, 1).id()).await.unwrap().is_none());
}

/// Also not again while it is only remembered.
pub async fn an_id_is_inserted_once(store: &Arc<dyn SessionStore>) {
    let first = store.insert(session(1, 1), at(5), ROOM).await.unwrap();
    let again = store.insert(session(1, 2), at(5), ROOM).await;
    assert!(matches!(again, Err(StoreError::Exists)));
    let ended = first.session.expired(at(9));
    store.replace(first.revision, ended, at(9)).await.unwrap();
    let again = store.insert(session(1, 2), at(5), ROOM).await;
    assert!(matches!(again, Err(StoreError::Exists)), "not while it is remembered");
    assert_eq!(store.stats().await.unwrap().live, 0);
}

/// The next one is taken when the first has ended, however it ended.
pub async fn a_holder_has_one_live_session(store: &Arc<dyn SessionStore>) {
    let holder = Holder::of_key("a-key-of-somebody").unwrap();
    let other = Holder::of_key("somebody-else's-key");
    let of = |number: u8| session(number, 1).held_by(Some(holder));
    let mut living = store.insert(of(1), at(5), ROOM).await.unwrap();
    for number in 2..5 {
        let id = living.session.id();
        let refused = store.insert(of(number), at(5), ROOM).await;
        assert!(matches!(refused, Err(StoreError::Held(held)) if held == id), "{refused:?}");
        assert!(store.load(of(number).id()).await.unwrap().is_none());
        living = store.replace(living.revision, living.session.heard(at(1)), at(6)).await.unwrap();
        let refused = store.insert(of(number), at(5), ROOM).await;
        assert!(matches!(refused, Err(StoreError::Held(held)) if held == id), "still after a change");
        if number == 2 {
            store.remove(id, living.revision).await.unwrap();
        } else {
            store.replace(living.revision, living.session.replaced(at(2)), at(9)).await.unwrap();
        }
        living = store.insert(of(number), at(5), ROOM).await.unwrap();
        let loaded = store.load(of(number).id()).await.unwrap().unwrap();
        assert_eq!(loaded.session.holder(), Some(holder));
    }
    store.insert(session(7, 1).held_by(other), at(5), ROOM).await.unwrap();
    store.insert(session(8, 1), at(5), ROOM).await.unwrap();
    store.insert(session(9, 1), at(5), ROOM).await.unwrap();
    assert_eq!(store.stats().await.unwrap().live, 4);
}

/// Also when all come at the same moment.
pub async fn of_many_sessions_of_one_holder_at_once_one_lives(store: &Arc<dyn SessionStore>) {
    let holder = Holder::of_key("a-key-of-somebody");
    let tasks: Vec<_> = (1..=16)
        .map(|number| {
            let store = Arc::clone(store);
            tokio::spawn(async move { store.insert(session(number, 1).held_by(holder), at(5), ROOM).await })
        })
        .collect();
    let mut taken = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => taken += 1,
            Err(error) => assert!(matches!(error, StoreError::Held(_)), "{error}"),
        }
    }
    assert_eq!(taken, 1);
    assert_eq!(store.stats().await.unwrap().live, 1);
}

/// Or it could not end the one that takes the room.
pub async fn a_holder_hears_of_its_session_also_when_there_is_no_room(store: &Arc<dyn SessionStore>) {
    let holder = Holder::of_key("a-key-of-somebody");
    let room = Room { sessions_max: 1, per_address_max: Some(1) };
    let living = store.insert(session(1, 1).held_by(holder), at(5), room).await.unwrap();
    let refused = store.insert(session(2, 1).held_by(holder), at(5), room).await;
    assert!(matches!(refused, Err(StoreError::Held(held)) if held == session(1, 1).id()), "{refused:?}");
    assert!(matches!(store.insert(session(3, 1), at(5), room).await, Err(StoreError::Full)));
    store.replace(living.revision, living.session.replaced(at(2)), at(9)).await.unwrap();
    store.insert(session(2, 1).held_by(holder), at(5), room).await.unwrap();
}

/// What is only remembered is no session of anybody, also when it comes after a live one of the same holder.
pub async fn an_ended_session_from_elsewhere_needs_no_room_and_takes_nobodys_place(store: &Arc<dyn SessionStore>) {
    let holder = Holder::of_key("a-key-of-somebody");
    let room = Room { sessions_max: 1, per_address_max: Some(1) };
    store.insert(session(1, 1).held_by(holder), at(5), room).await.unwrap();
    let ended = session(2, 1).held_by(holder).replaced(at(1));
    store.insert(ended, at(9), room).await.unwrap();
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.live, stats.tombstones), (1, 1));
    let refused = store.insert(session(3, 2).held_by(holder), at(5), ROOM).await;
    assert!(matches!(refused, Err(StoreError::Held(held)) if held == session(1, 1).id()), "{refused:?}");
}

/// Compare-and-swap.
pub async fn a_change_needs_the_revision_it_saw(store: &Arc<dyn SessionStore>) {
    let first = store.insert(session(1, 1), at(5), ROOM).await.unwrap();
    let second = store.replace(first.revision, first.session.heard(at(1)), at(6)).await.unwrap();
    assert_ne!(second.revision, first.revision);
    let late = store.replace(first.revision, first.session.heard(at(2)), at(7)).await;
    assert!(matches!(late, Err(StoreError::Conflict)));
    let loaded = store.load(session(1, 1).id()).await.unwrap().unwrap();
    assert_eq!((loaded.revision, loaded.session.last_activity()), (second.revision, at(1)));
    let unknown = store.replace(first.revision, session(2, 1), at(7)).await;
    assert!(matches!(unknown, Err(StoreError::Conflict)));
    assert!(store.load(session(2, 1).id()).await.unwrap().is_none(), "a change makes no session");
}

/// The same for forgetting.
pub async fn a_removal_needs_the_revision_it_saw(store: &Arc<dyn SessionStore>) {
    let first = store.insert(session(1, 1), at(5), ROOM).await.unwrap();
    let second = store.replace(first.revision, first.session.heard(at(1)), at(6)).await.unwrap();
    assert!(matches!(store.remove(first.session.id(), first.revision).await, Err(StoreError::Conflict)));
    store.remove(first.session.id(), second.revision).await.unwrap();
    assert!(store.load(first.session.id()).await.unwrap().is_none());
    assert!(store.due_at(at(u64::MAX), 9).await.unwrap().is_empty());
    assert!(matches!(store.remove(first.session.id(), second.revision).await, Err(StoreError::Conflict)));
}

/// Or a change that saw an older state could pass for one that saw this.
pub async fn a_revision_never_comes_again(store: &Arc<dyn SessionStore>) {
    let mut seen = store.insert(session(1, 1), at(5), ROOM).await.unwrap();
    let mut revisions = vec![seen.revision];
    for _ in 0..100 {
        seen = store.replace(seen.revision, seen.session.heard(at(1)), at(6)).await.unwrap();
        assert!(!revisions.contains(&seen.revision));
        revisions.push(seen.revision);
    }
}

/// What the janitor relies on.
pub async fn due_sessions_come_the_longest_overdue_first_and_no_more_than_asked(store: &Arc<dyn SessionStore>) {
    for (number, due) in [(1, 30), (2, 10), (3, 20), (4, 40)] {
        store.insert(session(number, 1), at(due), ROOM).await.unwrap();
    }
    let moved = store.load(session(1, 1).id()).await.unwrap().unwrap();
    store.replace(moved.revision, moved.session.heard(at(1)), at(5)).await.unwrap();
    // What is put off more than once comes when it is due at last.
    let mut put_off = store.insert(session(5, 1), at(1), ROOM).await.unwrap();
    for due in [7, 25] {
        put_off = store.replace(put_off.revision, put_off.session.heard(at(1)), at(due)).await.unwrap();
    }
    for (moment, at_most, expected) in [
        (4, 9, &[][..]),
        (5, 9, &[1]),
        (9, 9, &[1]),
        (20, 9, &[1, 2, 3]),
        (20, 2, &[1, 2]),
        (39, 9, &[1, 2, 3, 5]),
        (40, 9, &[1, 2, 3, 5, 4]),
        (40, 0, &[]),
    ] {
        let due = store.due_at(at(moment), at_most).await.unwrap();
        let ids: Vec<SessionId> = due.iter().map(|seen| seen.session.id()).collect();
        let expected: Vec<SessionId> = expected.iter().map(|number| session(*number, 1).id()).collect();
        assert_eq!(ids, expected, "{moment} {at_most}");
    }
}

/// A flood from one place leaves room for others.
pub async fn room_is_counted_in_all_and_by_address_and_only_for_the_living(store: &Arc<dyn SessionStore>) {
    let room = Room { sessions_max: 3, per_address_max: Some(2) };
    let first = store.insert(session(1, 1), at(5), room).await.unwrap();
    store.insert(session(2, 1), at(5), room).await.unwrap();
    assert!(matches!(store.insert(session(3, 1), at(5), room).await, Err(StoreError::Full)), "of this address");
    store.insert(session(4, 2), at(5), room).await.unwrap();
    assert!(matches!(store.insert(session(5, 3), at(5), room).await, Err(StoreError::Full)), "in all");
    store.insert(session(6, 1), at(5), ROOM).await.unwrap();
    assert_eq!(store.stats().await.unwrap().live, 4);

    store.replace(first.revision, first.session.expired(at(9)), at(9)).await.unwrap();
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.live, stats.tombstones), (3, 1));
    let room = Room { sessions_max: 4, per_address_max: Some(3) };
    store.insert(session(7, 1), at(5), room).await.unwrap();
    assert!(matches!(store.insert(session(8, 1), at(5), room).await, Err(StoreError::Full)));
}

/// And no more where it came from.
pub async fn a_session_that_moves_to_another_address_is_counted_there(store: &Arc<dyn SessionStore>) {
    let room = Room { sessions_max: 9, per_address_max: Some(1) };
    let first = store.insert(session(1, 1), at(5), room).await.unwrap();
    let elsewhere = first.session.taken_over(Ipv4Addr::new(10, 0, 0, 2).into(), at(1));
    let moved = store.replace(first.revision, elsewhere, at(6)).await.unwrap();
    store.insert(session(2, 1), at(5), room).await.unwrap();
    assert!(matches!(store.insert(session(3, 2), at(5), room).await, Err(StoreError::Full)));
    store.remove(moved.session.id(), moved.revision).await.unwrap();
    store.insert(session(3, 2), at(5), room).await.unwrap();
    assert_eq!(store.stats().await.unwrap().live, 2);
}

/// As many as allowed, the newest, whole.
pub async fn the_last_receipts_are_kept_and_no_others(store: &Arc<dyn SessionStore>) {
    let limits = Limits { receipts_per_session_max: 5, ..Limits::default() };
    let mut seen = store.insert(session(1, 1), at(5), ROOM).await.unwrap();
    for number in 1..=12_u64 {
        let next = stored(&seen.session, number * 100, at(number), &limits);
        // Every other time from what was loaded, as a server does that has just begun.
        seen = store.replace(seen.revision, next, at(5)).await.unwrap();
        if number % 2 == 0 {
            seen = store.load(seen.session.id()).await.unwrap().unwrap();
        }
        for asked in 1..=number {
            let sequence = Sequence::new(asked).unwrap();
            let request = Fingerprint::of(&transfer(sequence, asked * 100)).unwrap();
            let admitted = seen.session.admit(sequence, &request);
            if asked + 5 > number {
                let Ok(Admission::Replay(receipt)) = admitted else { panic!("{asked} of {number}: {admitted:?}") };
                assert!(matches!(&receipt.outcome, Outcome::Stored(file, _) if file.size == asked * 100));
            } else {
                assert!(admitted.is_err(), "{asked} of {number}");
            }
        }
    }
    assert_eq!((seen.session.files_transferred(), seen.session.total_bytes()), (12, 7_800));
}

/// Of an ended session one receipt stays; of an expired one none.
pub async fn a_goodbye_can_be_asked_for_again_and_nothing_else(store: &Arc<dyn SessionStore>) {
    let limits = Limits::default();
    for (number, expires) in [(1, false), (2, true)] {
        let mut seen = store.insert(session(number, 1), at(5), ROOM).await.unwrap();
        for _ in 0..3 {
            let next = stored(&seen.session, 5, at(1), &limits);
            seen = store.replace(seen.revision, next, at(5)).await.unwrap();
        }
        let ended = if expires { seen.session.expired(at(2)) } else { closed(&seen.session, at(2), &limits) };
        store.replace(seen.revision, ended, at(9)).await.unwrap();
        let seen = store.load(session(number, 1).id()).await.unwrap().unwrap();
        let reason = if expires { EndReason::Expired } else { EndReason::Closed };
        assert_eq!(seen.session.ended().map(|ended| (ended.reason, ended.at)), Some((reason, at(2))));
        assert_eq!(seen.session.last_receipt().map(|receipt| receipt.sequence.get()), (!expires).then_some(4));
        let third = Sequence::new(3).unwrap();
        assert!(seen.session.receipt(third).is_none());
    }
}

/// Many in flight, because a store is shared: of those that change what they saw, one does.
pub async fn of_many_changes_at_once_each_one_that_succeeds_is_counted(store: &Arc<dyn SessionStore>) {
    let id = session(1, 1).id();
    store.insert(session(1, 1), at(0), ROOM).await.unwrap();
    let changes = (0..8).map(|_| async {
        let mut done = 0;
        while done < 25 {
            let seen = store.load(id).await.unwrap().unwrap();
            crate::orders::give_way().await;
            done += usize::from(store.replace(seen.revision, seen.session.heard(at(1)), at(1)).await.is_ok());
        }
    });
    crate::stores::together(changes).await;
    let seen = store.load(id).await.unwrap().unwrap();
    assert_eq!(seen.session.message_count(), 1 + 8 * 25);
    assert_eq!(store.due_at(at(9), 9).await.unwrap().len(), 1);
}

/// Through the janitor, who looks at one millisecond before, at, and after each timeout, and an hour later again.
pub async fn timeouts_and_tombstones_end_at_their_millisecond(store: &Arc<dyn SessionStore>) {
    let limits = Arc::new(Limits::default());
    for (number, fresh) in [(1, true), (2, false)] {
        let timeout = if fresh { limits.pending_timeout_ms } else { limits.session_timeout_ms };
        let opened = session(number, 1);
        let used = if fresh { opened.clone() } else { stored(&opened, 5, at(0), &limits) };
        let seen = store.insert(opened, at(0), ROOM).await.unwrap();
        store.replace(seen.revision, used.clone(), used.due(&limits)).await.unwrap();
        for (millis, ended) in [(timeout - 1, false), (timeout, true), (timeout + 1, true)] {
            sweep(store, millis, &limits).await;
            let seen = store.load(used.id()).await.unwrap().unwrap();
            assert_eq!(seen.session.ended().is_some(), ended, "{millis} of {timeout}");
        }
        // It was ended when the janitor came, and that is when its hour begins.
        for (millis, remembered) in [(timeout + limits.tombstone_ms - 1, true), (timeout + limits.tombstone_ms, false)]
        {
            sweep(store, millis, &limits).await;
            let seen = store.load(used.id()).await.unwrap();
            let reason = seen.and_then(|seen| seen.session.end_reason(at(millis), &limits));
            assert_eq!(reason, remembered.then_some(EndReason::Expired), "{millis}");
        }
    }
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.live, stats.tombstones), (0, 0));
}

/// What the janitor does at this moment.
async fn sweep(store: &Arc<dyn SessionStore>, millis: u64, limits: &Arc<Limits>) {
    let clock = Arc::new(SetClock::at(at(millis)));
    Janitor::new(Arc::clone(store), clock, Arc::clone(limits)).sweep().await.unwrap();
}
