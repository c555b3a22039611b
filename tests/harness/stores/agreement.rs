//! A store against the model: the same calls for both, and after each the same answer and the same records.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;

use proptest::test_runner::{Config, TestError, TestRunner};
use proptest_state_machine::{ReferenceStateMachine as _, StateMachineTest};
use server::sessions::{Janitor, Room, SessionStore, StoreError, Versioned};
use shared::id::{Holder, Sequence, SessionId, Timestamp, Token};
use shared::session::Session;
use tokio::runtime::Runtime;

use super::call::{Answer, Call, Next};
use super::contract::{closed, stored};
use super::model::{Model, Record, limits};
use crate::world::SetClock;

/// Stores over the same sessions, as several servers have them. Calls go to each in turn.
pub type Stores = Vec<Arc<dyn SessionStore>>;

/// Runs so many sequences of at most so many calls against stores that `make` makes, which are empty. It is called
/// inside a runtime; for the first sequence, and after one that failed.
///
/// # Panics
/// When a store disagrees with the model; with the shortest sequence after which it does.
pub fn agrees(sequences: u32, calls_max: usize, make: impl Fn() -> Stores + 'static) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = Rc::new(runtime.expect("a runtime"));
    let place = Place { runtime, make: Box::new(make), idle: None, begun: 0 };
    PLACE.set(Some(place));
    let config = Config { cases: sequences, failure_persistence: None, ..Config::default() };
    let tried =
        TestRunner::new(config.clone()).run(&Model::sequential_strategy(1..=calls_max), |(model, calls, seen)| {
            Agreement::test_sequential(config.clone(), model, calls, seen);
            Ok(())
        });
    drop(PLACE.take());
    match tried {
        Ok(()) => {}
        Err(TestError::Fail(reason, (_, calls, _))) => {
            let calls: Vec<String> = calls.iter().map(|call| format!("  {call:?}")).collect();
            panic!("after these calls:\n{}\n{reason}", calls.join("\n"));
        }
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

thread_local! {
    /// The crate makes what it tests out of nothing, so what outlives a sequence waits here.
    static PLACE: RefCell<Option<Place>> = const { RefCell::new(None) };
}

struct Place {
    runtime: Rc<Runtime>,
    make: Box<dyn Fn() -> Stores>,
    /// What the last sequence left empty. One that failed leaves nothing that could be used again.
    idle: Option<Stores>,
    begun: u64,
}

/// Stores in the course of a sequence.
pub struct Tested {
    runtime: Rc<Runtime>,
    stores: Stores,
    clock: Arc<SetClock>,
    holders: [Holder; 2],
    /// Everything that was ever seen of each session, the newest last.
    seen: BTreeMap<u8, Vec<Versioned>>,
    /// Sets the ids of this sequence apart from those of others, because a real id never comes again.
    salt: u64,
    calls: usize,
}

/// The test of the state machine.
struct Agreement;

impl StateMachineTest for Agreement {
    type SystemUnderTest = Tested;
    type Reference = Model;

    fn init_test(model: &Model) -> Tested {
        PLACE.with_borrow_mut(|place| {
            let place = place.as_mut().expect("a place");
            let runtime = Rc::clone(&place.runtime);
            let stores = place.idle.take().unwrap_or_else(|| {
                let _inside = runtime.enter();
                (place.make)()
            });
            place.begun += 1;
            let clock = Arc::new(SetClock::at(Timestamp::from_millis(model.now)));
            let holders = [0, 1].map(holder_of);
            Tested { runtime, stores, clock, holders, seen: BTreeMap::new(), salt: place.begun, calls: 0 }
        })
    }

    fn apply(mut tested: Tested, model: &Model, call: Call) -> Tested {
        let runtime = Rc::clone(&tested.runtime);
        let answer = runtime.block_on(tested.call(call));
        assert_eq!(answer, model.answer, "answer and what it should be");
        tested.calls += 1;
        tested
    }

    fn check_invariants(tested: &Tested, model: &Model) {
        tested.runtime.block_on(async {
            let all = tested.all().await;
            let records: BTreeMap<u8, Record> = all.iter().map(|seen| (number(seen), tested.record(seen))).collect();
            assert_eq!(records, model.records, "records and what they should be");
        });
    }

    fn teardown(tested: Tested, model: Model) {
        tested.runtime.block_on(async {
            let stats = tested.store().stats().await.unwrap();
            let live = model.records.values().filter(|record| record.ended.is_none()).count();
            let ended = model.records.len() - live;
            assert_eq!(
                (stats.live, stats.tombstones),
                (live, ended),
                "live and ended sessions and what they should be"
            );
            for id in model.records.keys() {
                let newest = tested.seen_before(*id, 0);
                tested.store().remove(newest.session.id(), newest.revision).await.unwrap();
            }
        });
        PLACE.with_borrow_mut(|place| place.as_mut().expect("a place").idle = Some(tested.stores));
    }
}

impl Tested {
    fn store(&self) -> &Arc<dyn SessionStore> {
        &self.stores[self.calls % self.stores.len()]
    }

    async fn all(&self) -> Vec<Versioned> {
        self.store().due_at(Timestamp::from_millis(u64::MAX), usize::MAX).await.unwrap()
    }

    async fn call(&mut self, call: Call) -> Answer {
        match call {
            Call::Open { id, address, holder, room } => {
                let (sessions_max, per_address_max) = room;
                self.insert(self.fresh(id, address, holder), Room { sessions_max, per_address_max }).await
            }
            Call::Bring { id, holder } => {
                let ended = self.fresh(id, 0, holder).expired(self.now());
                self.insert(ended, Room { sessions_max: 0, per_address_max: None }).await
            }
            Call::Change { id, behind, next } => {
                let seen = self.seen_before(id, behind);
                let next = self.next(&seen.session, next);
                let due = next.due(&limits());
                answer(self.store().replace(seen.revision, next, due).await.map(|changed| self.note(changed)))
            }
            Call::Remove { id, behind } => {
                let seen = self.seen_before(id, behind);
                answer(self.store().remove(seen.session.id(), seen.revision).await)
            }
            Call::Load(id) => {
                let found = self.store().load(self.id(id)).await.unwrap();
                assert!(found.iter().all(|seen| seen.session.belongs_to(&token(id))), "of another token");
                Answer::Found(found.map(|seen| self.record(&seen)))
            }
            Call::Pass(millis) => {
                self.clock.pass(millis);
                Answer::Done
            }
            Call::Sweep => self.sweep().await,
            Call::DueAt { later, at_most } => {
                let due = self.store().due_at(self.now().plus_millis(later), at_most).await.unwrap();
                Answer::Due(due.iter().map(number).collect())
            }
        }
    }

    async fn insert(&mut self, session: Session, room: Room) -> Answer {
        let due = session.due(&limits());
        answer(self.store().insert(session, due, room).await.map(|opened| {
            self.seen.insert(number(&opened), Vec::new());
            self.note(opened);
        }))
    }

    async fn sweep(&mut self) -> Answer {
        let janitor = Janitor::new(Arc::clone(self.store()), self.clock.clone(), Arc::new(limits()));
        let swept = janitor.sweep().await.unwrap();
        for seen in self.all().await {
            let known = &self.seen[&number(&seen)];
            if known.iter().all(|known| known.revision != seen.revision) {
                self.note(seen);
            }
        }
        Answer::Swept(swept)
    }

    /// Keeps what was written.
    fn note(&mut self, written: Versioned) {
        let versions = self.seen.entry(number(&written)).or_default();
        let again = versions.iter().any(|known| known.revision == written.revision);
        assert!(!again, "a revision came again: {:?}", written.revision);
        versions.push(written);
    }

    fn seen_before(&self, id: u8, behind: usize) -> Versioned {
        let versions = &self.seen[&id];
        // Of one that was ended and forgotten at once nobody has seen the end.
        versions[(versions.len() - 1).saturating_sub(behind)].clone()
    }

    fn next(&self, session: &Session, next: Next) -> Session {
        let now = self.now();
        match next {
            Next::Heard => session.heard(now),
            Next::Stored(size) => stored(session, size.into(), now, &limits()),
            Next::Moved(to) => session.taken_over(place(to), now),
            Next::Closed => closed(session, now, &limits()),
            Next::Replaced => session.replaced(now),
        }
    }

    /// What the model knows of a session.
    fn record(&self, seen: &Versioned) -> Record {
        let session = &seen.session;
        let number = number(seen);
        let versions = self.seen.get(&number).into_iter().flatten();
        let newest = session.next_sequence().get();
        let kept = (1..newest).filter(|sequence| session.receipt(Sequence::new(*sequence).unwrap()).is_some());
        let IpAddr::V4(address) = session.client_address() else { panic!("{session:?}") };
        Record {
            // 0, which the model never says, for a revision that nobody was told of.
            writes: versions
                .map(|known| known.revision)
                .position(|known| known == seen.revision)
                .map_or(0, |at| at + 1),
            address: address.octets()[3],
            holder: session
                .holder()
                .and_then(|holder| (0..).zip(self.holders).find(|(_, known)| *known == holder))
                .map(|(number, _)| number),
            epoch: session.epoch().get(),
            heard: session.last_activity().as_millis(),
            messages: session.message_count(),
            files: session.files_transferred(),
            bytes: session.total_bytes(),
            kept: kept.count(),
            ended: session.ended().map(|ended| (ended.reason, ended.at.as_millis())),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.millis())
    }

    fn fresh(&self, id: u8, address: u8, holder: Option<u8>) -> Session {
        Session::open(self.id(id), &token(id), place(address), self.now())
            .held_by(holder.map(|number| self.holders[usize::from(number)]))
    }

    /// In the order of their numbers.
    fn id(&self, number: u8) -> SessionId {
        SessionId::from_random((u128::from(number) << 120 | u128::from(self.salt)).to_be_bytes())
    }
}

fn number(seen: &Versioned) -> u8 {
    seen.session.id().as_bytes()[0]
}

fn answer(outcome: Result<(), StoreError>) -> Answer {
    match outcome {
        Ok(()) => Answer::Done,
        Err(StoreError::Exists) => Answer::Exists,
        Err(StoreError::Held(other)) => Answer::Held(other.as_bytes()[0]),
        Err(StoreError::Full) => Answer::Full,
        Err(StoreError::Conflict) => Answer::Conflict,
        Err(error @ (StoreError::Unavailable(_) | StoreError::Damaged(_))) => panic!("{error:?}"),
    }
}

fn place(number: u8) -> IpAddr {
    Ipv4Addr::new(10, 0, 0, number).into()
}

fn token(number: u8) -> Token {
    Token::from_random([number; 32])
}

fn holder_of(number: u8) -> Holder {
    Holder::of_key(&format!("the-key-of-{number}")).expect("an access key")
}
