//! Sessions that their clients carry, sealed, and bring back: the lowest rung of the ladder. Here a session is held
//! in memory while a connection of this process is bound to it, and no longer.

mod keys;
mod seal;

use async_trait::async_trait;
use shared::id::{Epoch, SessionId, Timestamp};
use shared::session::Session;

pub use keys::{TicketKeyError, TicketKeys};
pub use seal::{OpenError, SealError, Tickets};

use super::{Durability, MemoryStore, Revision, Room, SessionStore, Stats, StoreError, Versioned};

/// The sessions that have a connection; all others are with their clients.
#[derive(Debug)]
pub struct TicketStore {
    /// It answers without waiting. So a change and what its connection does next are one step, and no session stays
    /// behind without a connection that ends.
    held: MemoryStore,
    tickets: Tickets,
}

impl TicketStore {
    /// A store that seals with `tickets`, and remembers at most so many sessions that ended before their
    /// connection did.
    #[must_use]
    pub fn new(tickets: Tickets, tombstones_max: usize) -> Self {
        Self { held: MemoryStore::new(tombstones_max), tickets }
    }
}

#[async_trait]
impl SessionStore for TicketStore {
    fn name(&self) -> &'static str {
        "ticket"
    }

    fn tickets(&self) -> Option<&Tickets> {
        Some(&self.tickets)
    }

    fn left(&self, id: SessionId, epoch: Epoch) {
        self.held.forget(id, epoch);
    }

    async fn insert(&self, session: Session, due: Timestamp, room: Room) -> Result<Versioned, StoreError> {
        self.held.insert(session, due, room).await
    }

    async fn load(&self, id: SessionId) -> Result<Option<Versioned>, StoreError> {
        self.held.load(id).await
    }

    async fn replace(&self, seen: Revision, next: Session, due: Timestamp) -> Result<Versioned, StoreError> {
        self.held.replace(seen, next, due).await
    }

    async fn remove(&self, id: SessionId, seen: Revision) -> Result<(), StoreError> {
        self.held.remove(id, seen).await
    }

    async fn due_at(&self, moment: Timestamp, at_most: usize) -> Result<Vec<Versioned>, StoreError> {
        self.held.due_at(moment, at_most).await
    }

    async fn durability(&self) -> Durability {
        if self.tickets.are_lasting() { Durability::Durable } else { Durability::Process }
    }

    async fn stats(&self) -> Result<Stats, StoreError> {
        self.held.stats().await
    }
}
