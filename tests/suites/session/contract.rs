//! What every session store must do, whatever it keeps sessions in: functions over any store, run here over the
//! one in memory.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use harness::orders::finish;
use server::sessions::{MemoryStore, Room, SessionStore, StoreError};
use shared::id::{SessionId, Timestamp, Token};
use shared::session::Session;

/// Room nobody fills.
const ROOM: Room = Room { sessions_max: usize::MAX, per_address_max: None };

macro_rules! contract {
    ($($test:ident)*) => {
        mod memory {
            $(#[test]
            fn $test() {
                harness::orders::finish(super::$test(&server::sessions::MemoryStore::default()));
            })*
        }
    };
}

contract! {
    what_was_inserted_is_loaded
    an_id_is_inserted_once
    a_change_needs_the_revision_it_saw
    a_removal_needs_the_revision_it_saw
    a_revision_never_comes_again
    due_sessions_come_the_longest_overdue_first_and_no_more_than_asked
    room_is_counted_in_all_and_by_address_and_only_for_the_living
    a_session_that_moves_to_another_address_is_counted_there
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn session(number: u8, address: u8) -> Session {
    let address = IpAddr::from(Ipv4Addr::new(10, 0, 0, address));
    Session::open(SessionId::from_random([number; 16]), &Token::from_random([number; 32]), address, at(0))
}

async fn what_was_inserted_is_loaded(store: &dyn SessionStore) {
    assert!(store.load(session(1, 1).id()).await.unwrap().is_none());
    let inserted = store.insert(session(1, 1), at(5), ROOM).await.unwrap();
    let loaded = store.load(session(1, 1).id()).await.unwrap().unwrap();
    assert_eq!(loaded.revision, inserted.revision);
    assert!(loaded.session.belongs_to(&Token::from_random([1; 32])));
    assert!(!loaded.session.belongs_to(&Token::from_random([2; 32])));
    assert!(store.load(session(2, 1).id()).await.unwrap().is_none());
}

async fn an_id_is_inserted_once(store: &dyn SessionStore) {
    let first = store.insert(session(1, 1), at(5), ROOM).await.unwrap();
    let again = store.insert(session(1, 2), at(5), ROOM).await;
    assert!(matches!(again, Err(StoreError::Exists)));
    let ended = first.session.expired(at(9));
    store.replace(first.revision, ended, at(9)).await.unwrap();
    let again = store.insert(session(1, 2), at(5), ROOM).await;
    assert!(matches!(again, Err(StoreError::Exists)), "not while it is remembered");
    assert_eq!(store.stats().await.unwrap().live, 0);
}

async fn a_change_needs_the_revision_it_saw(store: &dyn SessionStore) {
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

async fn a_removal_needs_the_revision_it_saw(store: &dyn SessionStore) {
    let first = store.insert(session(1, 1), at(5), ROOM).await.unwrap();
    let second = store.replace(first.revision, first.session.heard(at(1)), at(6)).await.unwrap();
    assert!(matches!(store.remove(first.session.id(), first.revision).await, Err(StoreError::Conflict)));
    store.remove(first.session.id(), second.revision).await.unwrap();
    assert!(store.load(first.session.id()).await.unwrap().is_none());
    assert!(store.due_at(at(u64::MAX), 9).await.unwrap().is_empty());
    assert!(matches!(store.remove(first.session.id(), second.revision).await, Err(StoreError::Conflict)));
}

async fn a_revision_never_comes_again(store: &dyn SessionStore) {
    let mut seen = store.insert(session(1, 1), at(5), ROOM).await.unwrap();
    let mut revisions = vec![seen.revision];
    for _ in 0..100 {
        seen = store.replace(seen.revision, seen.session.heard(at(1)), at(6)).await.unwrap();
        assert!(!revisions.contains(&seen.revision));
        revisions.push(seen.revision);
    }
}

async fn due_sessions_come_the_longest_overdue_first_and_no_more_than_asked(store: &dyn SessionStore) {
    for (number, due) in [(1, 30), (2, 10), (3, 20), (4, 40)] {
        store.insert(session(number, 1), at(due), ROOM).await.unwrap();
    }
    let moved = store.load(session(1, 1).id()).await.unwrap().unwrap();
    store.replace(moved.revision, moved.session.heard(at(1)), at(5)).await.unwrap();
    for (moment, at_most, expected) in [
        (4, 9, &[][..]),
        (5, 9, &[1]),
        (9, 9, &[1]),
        (20, 9, &[1, 2, 3]),
        (20, 2, &[1, 2]),
        (39, 9, &[1, 2, 3]),
        (40, 9, &[1, 2, 3, 4]),
        (40, 0, &[]),
    ] {
        let due = store.due_at(at(moment), at_most).await.unwrap();
        let ids: Vec<SessionId> = due.iter().map(|seen| seen.session.id()).collect();
        let expected: Vec<SessionId> = expected.iter().map(|number| session(*number, 1).id()).collect();
        assert_eq!(ids, expected, "{moment} {at_most}");
    }
}

async fn room_is_counted_in_all_and_by_address_and_only_for_the_living(store: &dyn SessionStore) {
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

async fn a_session_that_moves_to_another_address_is_counted_there(store: &dyn SessionStore) {
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

/// Threads, because a store is shared by them: of many that change what they saw, one does.
#[test]
fn of_many_changes_at_once_each_one_that_succeeds_is_counted() {
    let store = Arc::new(MemoryStore::default());
    let id = session(1, 1).id();
    finish(store.insert(session(1, 1), at(0), ROOM)).unwrap();
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let store = Arc::clone(&store);
            std::thread::spawn(move || {
                let mut done = 0;
                while done < 200 {
                    let seen = finish(store.load(id)).unwrap().unwrap();
                    done += usize::from(finish(store.replace(seen.revision, seen.session.heard(at(1)), at(1))).is_ok());
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let session = finish(store.load(id)).unwrap().unwrap().session;
    assert_eq!(session.message_count(), 1 + 8 * 200);
    assert_eq!(finish(store.due_at(at(9), 9)).unwrap().len(), 1);
}
