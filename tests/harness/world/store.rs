//! A session store that never waits, made to give way before every call, and after those that change something, so that
//! others come between; and of which any change can be made to fail or to come late, and any record to be damaged.

use std::collections::{BTreeSet, HashSet};
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use server::sessions::{Durability, MemoryStore, Revision, Room, SessionStore, Stats, StoreError, Tickets, Versioned};
use shared::id::{Epoch, SessionId, Timestamp};
use shared::session::Session;
use shared::session::record::RecordError;

use crate::orders::give_way;

/// A store that takes its time.
#[derive(Debug)]
pub struct YieldingStore {
    inner: Arc<dyn SessionStore>,
    calls: AtomicU64,
    replaces: AtomicU64,
    conflicts: Mutex<BTreeSet<u64>>,
    late: Mutex<Late>,
    damaged: Mutex<HashSet<SessionId>>,
}

/// Changes whose asker was told that the store does not answer.
#[derive(Debug, Default)]
struct Late {
    /// How many of the next changes are such.
    next: u64,
    changes: Vec<(Revision, Session, Timestamp)>,
    /// They are committed behind the next look at a session.
    come: bool,
}

impl Default for YieldingStore {
    fn default() -> Self {
        Self::over(Arc::new(MemoryStore::default()))
    }
}

impl YieldingStore {
    /// The same as `inner`, which must be one that never waits.
    #[must_use]
    pub fn over(inner: Arc<dyn SessionStore>) -> Self {
        let (conflicts, late, damaged) = Default::default();
        Self { inner, calls: AtomicU64::new(0), replaces: AtomicU64::new(0), conflicts, late, damaged }
    }

    /// What it holds.
    #[must_use]
    pub fn held(&self) -> Stats {
        at_once(self.inner.stats()).unwrap()
    }

    /// How often it was asked for anything.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// How often it was asked to change a session.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.replaces.load(Ordering::SeqCst)
    }

    /// Makes the `nth` change from now on fail as if another had come first, 1 being the next.
    pub fn conflict_at(&self, nth: u64) {
        let count = self.replaces.load(Ordering::SeqCst) + nth;
        self.conflicts.lock().unwrap().insert(count);
    }

    /// Lets the next changes be given up by those who ask for them, and not be forgotten.
    pub fn answer_none_of(&self, changes: u64) {
        self.late.lock().unwrap().next = changes;
    }

    /// Commits what was given up, behind the next look at a session.
    pub fn commit_late(&self) {
        self.late.lock().unwrap().come = true;
    }

    /// Makes the record of a session one that cannot be read.
    pub fn damage(&self, id: SessionId) {
        self.damaged.lock().unwrap().insert(id);
    }

    /// Every session there is, live or ended.
    #[must_use]
    pub fn all(&self) -> Vec<Versioned> {
        at_once(self.inner.due_at(Timestamp::from_millis(u64::MAX), usize::MAX)).unwrap()
    }

    /// A session as it is now.
    #[must_use]
    pub fn session(&self, id: SessionId) -> Option<Versioned> {
        at_once(self.inner.load(id)).unwrap()
    }

    async fn begin(&self) {
        give_way().await;
        self.calls.fetch_add(1, Ordering::SeqCst);
    }
}

/// A store in memory never waits.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("the memory store waits for nothing"),
    }
}

#[async_trait]
impl SessionStore for YieldingStore {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn tickets(&self) -> Option<&Tickets> {
        self.inner.tickets()
    }

    fn left(&self, id: SessionId, epoch: Epoch) {
        self.inner.left(id, epoch);
    }

    async fn insert(&self, session: Session, due: Timestamp, room: Room) -> Result<Versioned, StoreError> {
        self.begin().await;
        let inserted = self.inner.insert(session, due, room).await;
        give_way().await;
        inserted
    }

    async fn load(&self, id: SessionId) -> Result<Option<Versioned>, StoreError> {
        self.begin().await;
        if self.damaged.lock().unwrap().contains(&id) {
            return Err(StoreError::Damaged(RecordError::Checksum));
        }
        let loaded = self.inner.load(id).await;
        let late = {
            let mut late = self.late.lock().unwrap();
            if std::mem::take(&mut late.come) { std::mem::take(&mut late.changes) } else { Vec::new() }
        };
        for (seen, next, due) in late {
            // All were made of one record, so all but the first come too late.
            let _ = self.inner.replace(seen, next, due).await;
        }
        loaded
    }

    async fn replace(&self, seen: Revision, next: Session, due: Timestamp) -> Result<Versioned, StoreError> {
        self.begin().await;
        let nth = self.replaces.fetch_add(1, Ordering::SeqCst) + 1;
        if self.conflicts.lock().unwrap().remove(&nth) {
            return Err(StoreError::Conflict);
        }
        {
            let mut late = self.late.lock().unwrap();
            if late.next > 0 {
                late.next -= 1;
                late.changes.push((seen, next, due));
                return Err(StoreError::Unavailable(Arc::new(std::io::Error::other("no answer in time"))));
            }
        }
        let replaced = self.inner.replace(seen, next, due).await;
        give_way().await;
        replaced
    }

    async fn remove(&self, id: SessionId, seen: Revision) -> Result<(), StoreError> {
        self.begin().await;
        let removed = self.inner.remove(id, seen).await;
        give_way().await;
        removed
    }

    async fn due_at(&self, moment: Timestamp, at_most: usize) -> Result<Vec<Versioned>, StoreError> {
        self.begin().await;
        self.inner.due_at(moment, at_most).await
    }

    async fn durability(&self) -> Durability {
        self.inner.durability().await
    }

    async fn stats(&self) -> Result<Stats, StoreError> {
        self.begin().await;
        self.inner.stats().await
    }
}
