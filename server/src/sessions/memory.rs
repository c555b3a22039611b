//! Sessions in the memory of this process: the fastest rung of the ladder, and gone with the process.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use shared::id::{Epoch, Holder, SessionId, Timestamp};
use shared::limits::Limits;
use shared::session::Session;

use super::{Durability, Revision, Room, SessionStore, Stats, StoreError, Versioned};

/// A map behind a mutex that is never held across an await.
#[derive(Debug)]
pub struct MemoryStore {
    tombstones_max: usize,
    records: Mutex<Records>,
}

#[derive(Debug, Default)]
struct Records {
    by_id: HashMap<SessionId, Entry>,
    /// The same ids by a moment that is not after the one when somebody should look at them, so that nobody has to
    /// look at all. Most changes only move that moment on; the id follows when it is come to.
    by_due: BTreeSet<(Timestamp, SessionId)>,
    /// The ended ones among them, oldest first.
    tombstones: BTreeSet<(Timestamp, SessionId)>,
    live_by_address: HashMap<IpAddr, usize>,
    live_by_holder: HashMap<Holder, SessionId>,
    live: usize,
    /// Changes so far. The revision of a record is its place among them, so that none comes again when a record was
    /// forgotten and is there anew.
    changes: u64,
}

#[derive(Debug)]
struct Entry {
    record: Versioned,
    due: Timestamp,
    /// Where its id is among those by due.
    filed: Timestamp,
}

impl Entry {
    /// Whether `next` may take the place of what was `seen`, and nothing else that is known changes with it.
    fn takes(&self, seen: Revision, next: &Session, due: Timestamp) -> bool {
        let session = &self.record.session;
        self.record.revision == seen
            && self.filed <= due
            && session.ended().is_none()
            && next.ended().is_none()
            && session.client_address() == next.client_address()
            && session.holder() == next.holder()
    }
}

impl Records {
    /// Whether there is room for a live session, and none of its holder.
    fn admit(&self, session: &Session, room: Room) -> Result<(), StoreError> {
        if let Some(other) = session.holder().and_then(|holder| self.live_by_holder.get(&holder)) {
            return Err(StoreError::Held(*other));
        }
        let beside = self.live_by_address.get(&session.client_address()).copied().unwrap_or(0);
        if self.live >= room.sessions_max || room.per_address_max.is_some_and(|max| beside >= max) {
            return Err(StoreError::Full);
        }
        Ok(())
    }

    /// The session at a revision that no other had.
    fn revised(&mut self, session: Session) -> Versioned {
        self.changes = self.changes.saturating_add(1);
        Versioned { revision: Revision::of(self.changes), session: Arc::new(session) }
    }

    fn add(&mut self, record: Versioned, due: Timestamp) {
        let session = &record.session;
        self.by_due.insert((due, session.id()));
        match session.ended() {
            None => {
                self.live = self.live.saturating_add(1);
                let count = self.live_by_address.entry(session.client_address()).or_default();
                *count = count.saturating_add(1);
                if let Some(holder) = session.holder() {
                    self.live_by_holder.insert(holder, session.id());
                }
            }
            Some(ended) => {
                self.tombstones.insert((ended.at, session.id()));
            }
        }
        self.by_id.insert(session.id(), Entry { record, due, filed: due });
    }

    fn replace(&mut self, seen: Revision, next: Session, due: Timestamp) -> Result<Versioned, StoreError> {
        // After a conflict, a revision that nobody has.
        let record = self.revised(next);
        let session = &record.session;
        match self.by_id.get_mut(&session.id()) {
            Some(entry) if entry.takes(seen, session, due) => {
                entry.record = record.clone();
                entry.due = due;
            }
            Some(_) | None => {
                self.take(session.id(), seen)?;
                self.add(record.clone(), due);
            }
        }
        Ok(record)
    }

    /// Files those anew that were due at `moment` when they were filed, and are due later now; of the first so many, as
    /// long as there are some among them.
    fn follow_up(&mut self, moment: Timestamp, at_most: usize) {
        loop {
            let filed = self.by_due.iter().take_while(|(filed, _)| *filed <= moment);
            let filed: Vec<_> = filed.take(at_most).copied().collect();
            let mut anew = false;
            for (at, id) in filed {
                if let Some(entry) = self.by_id.get_mut(&id).filter(|entry| entry.due > at) {
                    entry.filed = entry.due;
                    self.by_due.remove(&(at, id));
                    self.by_due.insert((entry.due, id));
                    anew = true;
                }
            }
            if !anew {
                return;
            }
        }
    }

    fn take(&mut self, id: SessionId, seen: Revision) -> Result<(), StoreError> {
        if self.by_id.get(&id).is_none_or(|entry| entry.record.revision != seen) {
            return Err(StoreError::Conflict);
        }
        let entry = self.by_id.remove(&id).ok_or(StoreError::Conflict)?;
        let session = &entry.record.session;
        self.by_due.remove(&(entry.filed, id));
        if let Some(ended) = session.ended() {
            self.tombstones.remove(&(ended.at, id));
        } else {
            self.live = self.live.saturating_sub(1);
            if let Some(holder) = session.holder() {
                self.live_by_holder.remove(&holder);
            }
            if let Some(count) = self.live_by_address.get_mut(&session.client_address()) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.live_by_address.remove(&session.client_address());
                }
            }
        }
        Ok(())
    }

    /// Every change adds one ended session at most, so one at most is too many.
    fn forget_oldest(&mut self, tombstones_max: usize) {
        if self.tombstones.len() > tombstones_max
            && let Some((_, oldest)) = self.tombstones.first().copied()
            && let Some(revision) = self.by_id.get(&oldest).map(|entry| entry.record.revision)
        {
            // It was seen under this lock, so nothing has come between.
            let _ = self.take(oldest, revision);
        }
    }
}

impl Default for MemoryStore {
    /// A store for the default limits.
    fn default() -> Self {
        Self::new(Limits::default().sessions_max)
    }
}

impl MemoryStore {
    /// An empty store that remembers at most so many ended sessions; the oldest are forgotten first.
    #[must_use]
    pub fn new(tombstones_max: usize) -> Self {
        Self { tombstones_max, records: Mutex::default() }
    }

    /// Forgets a session that is in this epoch still.
    pub(super) fn forget(&self, id: SessionId, epoch: Epoch) {
        let mut records = self.records();
        let held = records.by_id.get(&id).map(|entry| &entry.record).filter(|held| held.session.epoch() == epoch);
        if let Some(revision) = held.map(|held| held.revision) {
            // It was seen under this lock, so nothing has come between.
            let _ = records.take(id, revision);
        }
    }

    /// A panic elsewhere cannot have left half a change: each is made of steps that do not panic.
    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SessionStore for MemoryStore {
    fn name(&self) -> &'static str {
        "memory"
    }

    async fn insert(&self, session: Session, due: Timestamp, room: Room) -> Result<Versioned, StoreError> {
        let mut records = self.records();
        if records.by_id.contains_key(&session.id()) {
            return Err(StoreError::Exists);
        }
        if session.ended().is_none() {
            records.admit(&session, room)?;
        }
        let record = records.revised(session);
        records.add(record.clone(), due);
        records.forget_oldest(self.tombstones_max);
        Ok(record)
    }

    async fn load(&self, id: SessionId) -> Result<Option<Versioned>, StoreError> {
        Ok(self.records().by_id.get(&id).map(|entry| entry.record.clone()))
    }

    async fn replace(&self, seen: Revision, next: Session, due: Timestamp) -> Result<Versioned, StoreError> {
        let mut records = self.records();
        let record = records.replace(seen, next, due)?;
        records.forget_oldest(self.tombstones_max);
        Ok(record)
    }

    async fn remove(&self, id: SessionId, seen: Revision) -> Result<(), StoreError> {
        self.records().take(id, seen)
    }

    async fn due_at(&self, moment: Timestamp, at_most: usize) -> Result<Vec<Versioned>, StoreError> {
        let mut records = self.records();
        records.follow_up(moment, at_most);
        let due = records.by_due.iter().take_while(|(due, _)| *due <= moment);
        Ok(due.take(at_most).filter_map(|(_, id)| Some(records.by_id.get(id)?.record.clone())).collect())
    }

    async fn durability(&self) -> Durability {
        Durability::Process
    }

    async fn stats(&self) -> Result<Stats, StoreError> {
        let records = self.records();
        Ok(Stats { live: records.live, tombstones: records.tombstones.len() })
    }
}
