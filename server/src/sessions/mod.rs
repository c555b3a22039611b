//! Where sessions are remembered. A store keeps values and compares revisions; it does not know what a
//! session means.

mod janitor;
mod memory;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use shared::id::{SessionId, Timestamp};
use shared::session::Session;

pub use janitor::Janitor;
pub use memory::MemoryStore;

/// Counts the changes of one record; a change names the one it saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revision(u64);

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

    /// Remembers a new session, if there is room for it. Somebody should look at it when it is `due`.
    async fn insert(&self, session: Session, due: Timestamp, room: Room) -> Result<Versioned, StoreError>;

    /// The session of this id, live or ended.
    async fn load(&self, id: SessionId) -> Result<Option<Versioned>, StoreError>;

    /// Replaces what was seen by `next`; [`StoreError::Conflict`] if it is no longer what was seen.
    async fn replace(&self, seen: Revision, next: Session, due: Timestamp) -> Result<Versioned, StoreError>;

    /// Forgets a session, if it is still what was seen.
    async fn remove(&self, id: SessionId, seen: Revision) -> Result<(), StoreError>;

    /// At most `at_most` sessions, live or ended, that are due at `moment`; the longest overdue first.
    async fn due_at(&self, moment: Timestamp, at_most: usize) -> Result<Vec<Versioned>, StoreError>;

    /// What it holds.
    async fn stats(&self) -> Result<Stats, StoreError>;
}
