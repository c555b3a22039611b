//! Where sessions are remembered. A store keeps values and compares revisions; it does not know what a
//! session means.

mod cache;
mod janitor;
mod memory;
mod migrate;
mod redis;
mod sqlite;
mod ticket;

use std::error::Error;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use shared::id::{Epoch, SessionId, Timestamp};
use shared::session::Session;
use shared::session::record::RecordError;

pub use janitor::Janitor;
pub use memory::MemoryStore;
pub use migrate::{MigrateError, Migrated, migrate};
pub use redis::{RedisAddressError, RedisStore};
pub use sqlite::{SqliteError, SqliteStore};
pub use ticket::{OpenError, SealError, TicketKeyError, TicketKeys, TicketStore, Tickets};

/// Counts the changes of one record; a change names the one it saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revision {
    count: u64,
    /// What was written with it, in a store that may lose its newest changes: then a count comes again, for
    /// something else.
    mark: u64,
}

impl Revision {
    const FIRST: Self = Self::of(1);

    const fn of(count: u64) -> Self {
        Self { count, mark: 0 }
    }

    fn next(self) -> Self {
        Self::of(self.count.saturating_add(1))
    }
}

/// A session as it was at a revision.
#[derive(Clone, Debug)]
pub struct Versioned {
    /// The record's revision.
    pub revision: Revision,
    /// The record.
    pub session: Arc<Session>,
}

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another change came first; load again.
    #[error("the session was changed meanwhile")]
    Conflict,
    /// As many sessions as allowed, in all or of one address.
    #[error("the store holds as many sessions as it may")]
    Full,
    /// There is a session of this id already.
    #[error("the session exists already")]
    Exists,
    /// Its holder has this live session already.
    #[error("the holder of the session has another one")]
    Held(SessionId),
    /// The store does not answer, or not in time. Whether it did what it was asked is not known: load again.
    #[error("the session store is not available")]
    Unavailable(#[source] Cause),
    /// The record is there and is no session any more. The others are as they were.
    #[error("the record of the session is damaged")]
    Damaged(#[from] RecordError),
}

/// What a change came to that can be tried again: `None` when another one came first.
pub fn unless_conflict<T>(outcome: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match outcome {
        Ok(changed) => Ok(Some(changed)),
        Err(StoreError::Conflict) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What is behind a failure. Shared, because one failure can be that of many changes.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// What becomes of a session that a store was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It ends with this process.
    Process,
    /// It survives this process. The newest changes may not survive the machine or the store's own end.
    Written,
    /// It survives a power cut.
    Durable,
    /// The store has not said.
    Unknown,
}

impl Durability {
    /// A word for the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Written => "written",
            Self::Durable => "durable",
            Self::Unknown => "unknown",
        }
    }
}

/// What a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Live sessions.
    pub live: usize,
    /// Ended ones that are remembered.
    pub tombstones: usize,
}

/// How many live sessions there may be.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// In all.
    pub sessions_max: usize,
    /// Of one address; `None` for one that is not counted.
    pub per_address_max: Option<usize>,
}

/// Remembers sessions. A stored session changes only by compare-and-swap: there is no other verb.
#[async_trait]
pub trait SessionStore: Send + Sync + Debug {
    /// The store's name in `hello`, and what `stateful.persistence` calls it.
    fn name(&self) -> &'static str;

    /// What seals sessions for their clients to carry; `None` from a store that remembers them itself.
    fn tickets(&self) -> Option<&Tickets> {
        None
    }

    /// The connection that held the session in this `epoch` has ended. Only a store that remembers nothing beyond
    /// a connection cares. Called where nobody can wait.
    fn left(&self, _id: SessionId, _epoch: Epoch) {}

    /// Remembers a new session, if there is room for it and its holder has no other live one; of the two reasons the
    /// holder's is told first. An ended session, from another store, needs neither. Somebody should look at it when
    /// it is `due`.
    async fn insert(&self, session: Session, due: Timestamp, room: Room) -> Result<Versioned, StoreError>;

    /// The session of this id, live or ended; [`StoreError::Damaged`] if it is one no longer.
    async fn load(&self, id: SessionId) -> Result<Option<Versioned>, StoreError>;

    /// Replaces what was seen by `next`; [`StoreError::Conflict`] if it is no longer what was seen.
    async fn replace(&self, seen: Revision, next: Session, due: Timestamp) -> Result<Versioned, StoreError>;

    /// Forgets a session, if it is still what was seen.
    async fn remove(&self, id: SessionId, seen: Revision) -> Result<(), StoreError>;

    /// At most `at_most` sessions, live or ended, that are due at `moment`; the longest overdue first. Damaged
    /// ones that are due are set aside, so that they hold up nobody and take no room.
    async fn due_at(&self, moment: Timestamp, at_most: usize) -> Result<Vec<Versioned>, StoreError>;

    /// What becomes of what it was given. A store that must ask for it waits for the answer.
    async fn durability(&self) -> Durability;

    /// What it holds.
    async fn stats(&self) -> Result<Stats, StoreError>;
}
