//! The store in memory against a list of records, through any operations in any order.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use harness::orders::finish;
use proptest::prelude::*;
use server::sessions::{MemoryStore, Revision, Room, SessionStore, StoreError};
use shared::id::{SessionId, Timestamp, Token};
use shared::session::Session;

/// What is done to a store. Few ids, addresses and moments, so that they meet.
#[derive(Clone, Debug)]
enum Call {
    Insert { id: u8, address: u8, due: u64, sessions_max: usize, per_address_max: Option<usize> },
    Replace { id: u8, stale: bool, next: Next, due: u64 },
    Remove { id: u8, stale: bool },
    DueAt { moment: u64, at_most: usize },
}

#[derive(Clone, Copy, Debug)]
enum Next {
    Heard,
    Moved(u8),
    Ended,
}

/// What is kept, the plainest way.
struct Record {
    revision: Revision,
    first: Revision,
    due: u64,
    address: u8,
    ended: bool,
    messages: u64,
}

fn call() -> impl Strategy<Value = Call> {
    let next = prop_oneof![Just(Next::Heard), (0..3_u8).prop_map(Next::Moved), Just(Next::Ended)];
    prop_oneof![
        3 => (0..6_u8, 0..3_u8, 0..10_u64, 1..6_usize, prop::option::of(1..3_usize)).prop_map(
            |(id, address, due, sessions_max, per_address_max)| Call::Insert {
                id,
                address,
                due,
                sessions_max,
                per_address_max
            }
        ),
        4 => (0..6_u8, any::<bool>(), next, 0..10_u64)
            .prop_map(|(id, stale, next, due)| Call::Replace { id, stale, next, due }),
        1 => (0..6_u8, any::<bool>()).prop_map(|(id, stale)| Call::Remove { id, stale }),
        1 => (0..10_u64, 0..4_usize).prop_map(|(moment, at_most)| Call::DueAt { moment, at_most }),
    ]
}

fn id(number: u8) -> SessionId {
    SessionId::from_random([number; 16])
}

fn address(number: u8) -> IpAddr {
    Ipv4Addr::new(10, 0, 0, number).into()
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn run(store: &MemoryStore, model: &mut BTreeMap<u8, Record>, call: &Call) {
    match *call {
        Call::Insert { id: number, address: from, due, sessions_max, per_address_max } => {
            let session = Session::open(id(number), &Token::from_random([number; 32]), address(from), at(0));
            let result = finish(store.insert(session, at(due), Room { sessions_max, per_address_max }));
            let live = model.values().filter(|record| !record.ended);
            let beside = live.clone().filter(|record| record.address == from).count();
            let full = live.count() >= sessions_max || per_address_max.is_some_and(|max| beside >= max);
            match result {
                Err(StoreError::Exists) => assert!(model.contains_key(&number)),
                Err(StoreError::Full) => assert!(full && !model.contains_key(&number)),
                Err(error @ (StoreError::Conflict | StoreError::Unavailable(_) | StoreError::Damaged(_))) => {
                    panic!("an insert came to {error:?}")
                }
                Ok(seen) => {
                    assert!(!full);
                    let (revision, first) = (seen.revision, seen.revision);
                    let record = Record { revision, first, due, address: from, ended: false, messages: 1 };
                    assert!(model.insert(number, record).is_none());
                }
            }
        }
        Call::Replace { id: number, stale, next, due } => {
            let Some(seen) = finish(store.load(id(number))).unwrap() else { return };
            let record = model.get_mut(&number).unwrap();
            let session = match next {
                Next::Heard => seen.session.heard(at(1)),
                Next::Moved(to) => seen.session.taken_over(address(to), at(1)),
                Next::Ended => seen.session.expired(at(1)),
            };
            let revision = if stale { record.first } else { seen.revision };
            let result = finish(store.replace(revision, session, at(due)));
            assert_eq!(result.is_ok(), revision == record.revision);
            if let Ok(replaced) = result {
                record.revision = replaced.revision;
                record.due = due;
                match next {
                    Next::Heard => record.messages += 1,
                    Next::Moved(to) => {
                        record.messages += 1;
                        record.address = to;
                    }
                    Next::Ended => record.ended = true,
                }
            }
        }
        Call::Remove { id: number, stale } => {
            let Some(record) = model.get(&number) else { return };
            let revision = if stale { record.first } else { record.revision };
            let fits = revision == record.revision;
            assert_eq!(finish(store.remove(id(number), revision)).is_ok(), fits);
            if fits {
                model.remove(&number);
            }
        }
        Call::DueAt { moment, at_most } => {
            let due = finish(store.due_at(at(moment), at_most)).unwrap();
            let mut expected: Vec<u64> = model.values().map(|record| record.due).filter(|due| *due <= moment).collect();
            expected.sort_unstable();
            expected.truncate(at_most);
            let found: Vec<u64> = due
                .iter()
                .map(|seen| model.iter().find(|(number, _)| id(**number) == seen.session.id()).unwrap().1.due)
                .collect();
            assert_eq!(found, expected);
        }
    }
}

fn agree(store: &MemoryStore, model: &BTreeMap<u8, Record>) {
    for number in 0..6 {
        let loaded = finish(store.load(id(number))).unwrap();
        match (loaded, model.get(&number)) {
            (None, None) => {}
            (Some(seen), Some(record)) => {
                assert_eq!(seen.revision, record.revision);
                assert_eq!(seen.session.message_count(), record.messages);
                assert_eq!(seen.session.ended().is_some(), record.ended);
                assert_eq!(seen.session.client_address(), address(record.address));
            }
            (loaded, _) => panic!("{number}: {loaded:?}"),
        }
    }
    let stats = finish(store.stats()).unwrap();
    let live = model.values().filter(|record| !record.ended).count();
    assert_eq!((stats.live, stats.tombstones), (live, model.len() - live));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_in_memory_does_what_a_list_of_records_does(calls in prop::collection::vec(call(), 0..60)) {
        let (store, mut model) = (MemoryStore::default(), BTreeMap::new());
        for call in &calls {
            run(&store, &mut model, call);
            agree(&store, &model);
        }
    }
}
