//! Sessions in a file: they survive the process, and a power cut. One thread writes and one reads; what waits for
//! the writer is committed together.

mod opening;
mod rows;
mod worker;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::TransactionBehavior;
use shared::id::{SessionId, Timestamp};
use shared::session::{Session, record};

pub use self::opening::SqliteError;
use self::rows::Row;
use self::worker::Worker;
use super::cache::Cache;
use super::{Durability, Revision, Room, SessionStore, Stats, StoreError, Versioned};
use crate::env::Clock;

/// A database of sessions. Several processes may have it open.
#[derive(Debug)]
pub struct SqliteStore {
    writer: Worker,
    reader: Worker,
    cache: Cache,
    clock: Arc<dyn Clock>,
    tombstones_max: usize,
}

impl SqliteStore {
    /// Opens the database, and makes it if it is not there. Remembers at most so many ended sessions; the oldest are
    /// forgotten first. Blocks; meant for the start.
    pub fn open(path: &Path, clock: Arc<dyn Clock>, tombstones_max: usize) -> Result<Self, SqliteError> {
        let threadless = |source| SqliteError::Unusable { path: path.into(), source };
        let connection = opening::open(path)?;
        let writer = Worker::start("sessions-write", connection, TransactionBehavior::Immediate).map_err(threadless)?;
        let connection = opening::open_another(path)?;
        let reader = Worker::start("sessions-read", connection, TransactionBehavior::Deferred).map_err(threadless)?;
        Ok(Self { writer, reader, cache: Cache::default(), clock, tombstones_max })
    }

    fn remember(&self, revision: Revision, session: Session) -> Versioned {
        let seen = Versioned { revision, session: Arc::new(session) };
        self.cache.put(seen.clone());
        seen
    }
}

#[async_trait]
impl SessionStore for SqliteStore {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    async fn insert(&self, session: Session, due: Timestamp, room: Room) -> Result<Versioned, StoreError> {
        let row = Row::of(&session, due, None)?;
        let tombstones_max = self.tombstones_max;
        let work = move |connection: &_| rows::insert(connection, &row, room, tombstones_max);
        let revision = self.writer.ask(self.clock.as_ref(), work).await?;
        Ok(self.remember(revision, session))
    }

    async fn load(&self, id: SessionId) -> Result<Option<Versioned>, StoreError> {
        let known = self.cache.get(id);
        let work = move |connection: &_| rows::load(connection, id, known.as_ref());
        let seen = self.reader.ask(self.clock.as_ref(), work).await?;
        match &seen {
            Some(seen) => self.cache.put(seen.clone()),
            None => self.cache.forget(id),
        }
        Ok(seen)
    }

    async fn replace(&self, seen: Revision, next: Session, due: Timestamp) -> Result<Versioned, StoreError> {
        // The receipts that were there at this revision are in the database.
        let known = self.cache.at(next.id(), seen).and_then(|before| record::kept(&before.session));
        let row = Row::of(&next, due, known.map(|(_, newest)| newest))?;
        let tombstones_max = self.tombstones_max;
        let work = move |connection: &_| rows::replace(connection, &row, seen, tombstones_max);
        let revision = self.writer.ask(self.clock.as_ref(), work).await?;
        Ok(self.remember(revision, next))
    }

    async fn remove(&self, id: SessionId, seen: Revision) -> Result<(), StoreError> {
        self.writer.ask(self.clock.as_ref(), move |connection| rows::remove(connection, id, seen)).await?;
        self.cache.forget(id);
        Ok(())
    }

    async fn due_at(&self, moment: Timestamp, at_most: usize) -> Result<Vec<Versioned>, StoreError> {
        // Not by the reader, because damaged ones are set aside.
        self.writer.ask(self.clock.as_ref(), move |connection| rows::due_at(connection, moment, at_most)).await
    }

    async fn durability(&self) -> Durability {
        Durability::Durable
    }

    async fn stats(&self) -> Result<Stats, StoreError> {
        self.reader.ask(self.clock.as_ref(), rows::stats).await
    }
}
