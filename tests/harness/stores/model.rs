//! A store against a list of records too plain to be wrong, through any operations in any order, while time passes
//! and the janitor comes.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use proptest::prelude::*;
use server::sessions::{Janitor, Revision, Room, SessionStore, StoreError};
use shared::id::{Sequence, SessionId, Timestamp, Token};
use shared::limits::Limits;
use shared::session::{EndReason, Session};

use super::contract::{closed, stored};
use crate::world::SetClock;

/// What is done to a store. Few ids, addresses and moments, so that they meet.
#[derive(Clone, Copy, Debug)]
pub enum Call {
    /// A session is opened.
    Open {
        /// Its number.
        id: u8,
        /// Where its client is.
        address: u8,
        /// How many there may be.
        room: (usize, Option<usize>),
    },
    /// A session is changed, from what it is or from what it was first.
    Change(u8, Stale, Next),
    /// A session is forgotten.
    Remove(u8, Stale),
    /// Time passes.
    Pass(u64),
    /// The janitor comes.
    Sweep,
    /// What is due is asked for, so much later and no more than so many.
    DueAt(u64, usize),
}

/// Whether a change saw the newest revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stale {
    /// It saw the first one.
    Yes,
    /// It saw the newest one.
    No,
}

/// What a session becomes.
#[derive(Clone, Copy, Debug)]
pub enum Next {
    /// It was heard of.
    Heard,
    /// It stored a file of so many bytes.
    Stored(u8),
    /// It was continued from another address.
    Moved(u8),
    /// It said goodbye.
    Closed,
}

/// What is kept, the plainest way.
#[derive(Clone, Debug)]
struct Record {
    revision: Revision,
    first: Revision,
    address: u8,
    heard: u64,
    messages: u64,
    /// Of every file ever stored, its bytes.
    files: Vec<u64>,
    /// How many receipts are kept.
    kept: usize,
    ended: Option<(EndReason, u64)>,
}

/// How the model forgets, in milliseconds that calls can reach.
fn limits() -> Limits {
    Limits {
        pending_timeout_ms: 4,
        session_timeout_ms: 7,
        tombstone_ms: 5,
        receipts_per_session_max: 3,
        ..Limits::default()
    }
}

/// Any sequence of at most so many calls.
pub fn calls(at_most: usize) -> impl Strategy<Value = Vec<Call>> {
    let stale = || prop_oneof![1 => Just(Stale::Yes), 3 => Just(Stale::No)];
    let next = prop_oneof![
        2 => Just(Next::Heard),
        5 => any::<u8>().prop_map(Next::Stored),
        2 => (0..3_u8).prop_map(Next::Moved),
        1 => Just(Next::Closed),
    ];
    let room = (1..6_usize, prop::option::of(1..3_usize));
    let call = prop_oneof![
        5 => (0..5_u8, 0..3_u8, room).prop_map(|(id, address, room)| Call::Open { id, address, room }),
        9 => (0..5_u8, stale(), next).prop_map(|(id, stale, next)| Call::Change(id, stale, next)),
        1 => (0..5_u8, stale()).prop_map(|(id, stale)| Call::Remove(id, stale)),
        3 => (0..6_u64).prop_map(Call::Pass),
        2 => Just(Call::Sweep),
        1 => (0..9_u64, 0..4_usize).prop_map(|(later, at_most)| Call::DueAt(later, at_most)),
    ];
    prop::collection::vec(call, 1..=at_most)
}

/// A store, and what should be in it.
#[derive(Debug)]
pub struct Run {
    store: Arc<dyn SessionStore>,
    clock: Arc<SetClock>,
    janitor: Janitor,
    limits: Arc<Limits>,
    model: BTreeMap<u8, Record>,
    /// Sets the ids of this run apart from those of others.
    salt: u64,
}

impl Run {
    /// Begins with an empty store.
    #[must_use]
    pub fn new(store: Arc<dyn SessionStore>, salt: u64) -> Self {
        let clock = Arc::new(SetClock::at(Timestamp::from_millis(1)));
        let limits = Arc::new(limits());
        let janitor = Janitor::new(Arc::clone(&store), clock.clone(), Arc::clone(&limits));
        Self { store, clock, janitor, limits, model: BTreeMap::new(), salt }
    }

    /// Does one thing to the store and to the model.
    pub async fn call(&mut self, call: Call) {
        match call {
            Call::Open { id, address, room } => self.open(id, address, room).await,
            Call::Change(id, stale, next) => self.change(id, stale, next).await,
            Call::Remove(id, stale) => self.remove(id, stale).await,
            Call::Pass(millis) => self.clock.pass(millis),
            Call::Sweep => self.sweep().await,
            Call::DueAt(later, at_most) => self.due_at(later, at_most).await,
        }
    }

    /// Compares all there is.
    pub async fn agree(&self) {
        let all = self.store.due_at(Timestamp::from_millis(u64::MAX), usize::MAX).await.unwrap();
        assert_eq!(all.len(), self.model.len());
        for (number, record) in &self.model {
            let seen = all.iter().find(|seen| seen.session.id() == self.id(*number)).unwrap();
            let session = &seen.session;
            assert_eq!(seen.revision, record.revision);
            assert_eq!((session.message_count(), session.last_activity().as_millis()), (record.messages, record.heard));
            assert_eq!(session.client_address(), place(record.address));
            assert_eq!(session.total_bytes(), record.files.iter().sum::<u64>());
            assert_eq!(session.ended().map(|ended| (ended.reason, ended.at.as_millis())), record.ended);
            assert!(session.belongs_to(&token(*number)));
            let newest = session.last_receipt().map_or(0, |receipt| receipt.sequence.get());
            let kept = (1..=newest).filter(|sequence| session.receipt(Sequence::new(*sequence).unwrap()).is_some());
            assert_eq!(kept.count(), record.kept);
        }
        let stats = self.store.stats().await.unwrap();
        let live = self.model.values().filter(|record| record.ended.is_none()).count();
        assert_eq!((stats.live, stats.tombstones), (live, self.model.len() - live));
    }

    /// Leaves the store as it was found.
    pub async fn clear(self) {
        for (number, record) in &self.model {
            self.store.remove(self.id(*number), record.revision).await.unwrap();
        }
    }

    fn id(&self, number: u8) -> SessionId {
        SessionId::from_random((u128::from(self.salt) << 64 | u128::from(number)).to_be_bytes())
    }

    fn due(&self, record: &Record) -> u64 {
        match record.ended {
            Some((_, at)) => at + self.limits.tombstone_ms,
            None if record.files.is_empty() => record.heard + self.limits.pending_timeout_ms,
            None => record.heard + self.limits.session_timeout_ms,
        }
    }

    async fn open(&mut self, id: u8, address: u8, room: (usize, Option<usize>)) {
        let now = self.clock.millis();
        let session = Session::open(self.id(id), &token(id), place(address), Timestamp::from_millis(now));
        let (sessions_max, per_address_max) = room;
        let room = Room { sessions_max, per_address_max };
        let due = session.due(&self.limits);
        let live = self.model.values().filter(|record| record.ended.is_none());
        let beside = live.clone().filter(|record| record.address == address).count();
        let full = live.count() >= sessions_max || per_address_max.is_some_and(|max| beside >= max);
        match self.store.insert(session, due, room).await {
            Err(StoreError::Exists) => assert!(self.model.contains_key(&id)),
            Err(StoreError::Full) => assert!(full && !self.model.contains_key(&id)),
            Err(error @ (StoreError::Conflict | StoreError::Unavailable(_) | StoreError::Damaged(_))) => {
                panic!("an insert came to {error:?}")
            }
            Ok(seen) => {
                assert!(!full);
                let (revision, first) = (seen.revision, seen.revision);
                let (files, kept, ended) = (Vec::new(), 0, None);
                let record = Record { revision, first, address, heard: now, messages: 1, files, kept, ended };
                assert!(self.model.insert(id, record).is_none());
            }
        }
    }

    async fn change(&mut self, number: u8, stale: Stale, next: Next) {
        let Some(seen) = self.store.load(self.id(number)).await.unwrap() else {
            assert!(!self.model.contains_key(&number));
            return;
        };
        let now = self.clock.millis();
        let record = self.model.get_mut(&number).unwrap();
        assert_eq!(seen.revision, record.revision);
        // Nobody changes what has ended.
        if record.ended.is_some() {
            return;
        }
        let moment = Timestamp::from_millis(now);
        let session = match next {
            Next::Heard => seen.session.heard(moment),
            Next::Stored(size) => stored(&seen.session, size.into(), moment, &self.limits),
            Next::Moved(to) => seen.session.taken_over(place(to), moment),
            Next::Closed => closed(&seen.session, moment, &self.limits),
        };
        let revision = if stale == Stale::Yes { record.first } else { seen.revision };
        let due = session.due(&self.limits);
        let result = self.store.replace(revision, session, due).await;
        assert_eq!(result.is_ok(), revision == record.revision, "{result:?}");
        let Ok(replaced) = result else { return };
        record.revision = replaced.revision;
        record.messages += 1;
        record.heard = now;
        match next {
            Next::Heard => {}
            Next::Stored(size) => {
                record.files.push(size.into());
                record.kept = (record.kept + 1).min(self.limits.receipts_per_session_max);
            }
            Next::Moved(to) => record.address = to,
            Next::Closed => {
                record.ended = Some((EndReason::Closed, now));
                record.kept = 1;
            }
        }
    }

    async fn remove(&mut self, number: u8, stale: Stale) {
        let Some(record) = self.model.get(&number) else { return };
        let revision = if stale == Stale::Yes { record.first } else { record.revision };
        let fits = revision == record.revision;
        assert_eq!(self.store.remove(self.id(number), revision).await.is_ok(), fits);
        if fits {
            self.model.remove(&number);
        }
    }

    async fn sweep(&mut self) {
        self.janitor.sweep().await.unwrap();
        let now = self.clock.millis();
        let due: Vec<u8> =
            self.model.iter().filter(|(_, record)| self.due(record) <= now).map(|(number, _)| *number).collect();
        for number in due {
            let id = self.id(number);
            let record = self.model.get_mut(&number).unwrap();
            if record.ended.is_some() {
                self.model.remove(&number);
            } else {
                record.ended = Some((EndReason::Expired, now));
                record.kept = 0;
                record.revision = self.store.load(id).await.unwrap().unwrap().revision;
                assert_ne!(record.revision, record.first);
            }
        }
    }

    async fn due_at(&mut self, later: u64, at_most: usize) {
        let moment = self.clock.millis() + later;
        let due = self.store.due_at(Timestamp::from_millis(moment), at_most).await.unwrap();
        let mut expected: Vec<u64> =
            self.model.values().map(|record| self.due(record)).filter(|due| *due <= moment).collect();
        expected.sort_unstable();
        expected.truncate(at_most);
        let numbers = due.iter().map(|seen| {
            let known = self.model.iter().find(|(number, _)| self.id(**number) == seen.session.id());
            self.due(known.unwrap().1)
        });
        assert_eq!(numbers.collect::<Vec<_>>(), expected);
    }
}

/// Runs one sequence of calls against an empty store, and leaves it empty.
pub async fn run(store: &Arc<dyn SessionStore>, salt: u64, calls: &[Call]) {
    let mut run = Run::new(Arc::clone(store), salt);
    for call in calls {
        run.call(*call).await;
    }
    run.agree().await;
    run.clear().await;
}

fn place(number: u8) -> IpAddr {
    Ipv4Addr::new(10, 0, 0, number).into()
}

fn token(number: u8) -> Token {
    Token::from_random([number; 32])
}
