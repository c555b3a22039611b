//! Sessions in a Redis server, for several servers of ours: each record is a hash that a script compares and swaps,
//! and sorted sets beside them are hints. Whether a change survives is the Redis server's promise, not ours.

mod holders;
mod index;
mod link;
mod records;

use std::collections::HashMap;
use std::sync::Arc;

use ::redis::aio::ConnectionManager;
use ::redis::{RedisError, cmd};
use async_trait::async_trait;
use shared::id::{Holder, SessionId, Timestamp};
use shared::limits::Limits;
use shared::session::{Session, record};

use self::holders::Holders;
use self::index::Index;
use self::link::{Failure, Link};
use self::records::{Facts, Fields, Records, load};
use super::cache::Cache;
use super::{Durability, Revision, Room, SessionStore, Stats, StoreError, Versioned};
use crate::env::Clock;

/// How often what is due is looked for again because hints were wrong. Those behind wait for the next time.
const LOOKS_MAX: usize = 64;

/// How long a record that nobody looks after is kept at least: no tombstone may be gone before its time because a
/// clock is a little fast.
const SPARE_MS: u64 = 60_000;

/// Sessions of a Redis server.
#[derive(Debug)]
pub struct RedisStore {
    link: Link,
    records: Arc<Records>,
    index: Arc<Index>,
    holders: Arc<Holders>,
    cache: Cache,
    tombstones_max: usize,
    remembered_ms: u64,
}

/// The address is none.
#[derive(Debug, thiserror::Error)]
#[error("the address of Redis cannot be used")]
pub struct RedisAddressError(#[source] RedisError);

impl RedisStore {
    /// A store on the server at this `redis://` or `rediss://` address, which need not answer yet. Has to be called
    /// inside a runtime.
    pub fn new(url: &str, clock: Arc<dyn Clock>, limits: &Limits) -> Result<Self, RedisAddressError> {
        Ok(Self {
            link: Link::new(url, clock).map_err(RedisAddressError)?,
            records: Arc::default(),
            index: Arc::default(),
            holders: Arc::default(),
            cache: Cache::default(),
            tombstones_max: limits.sessions_max,
            remembered_ms: limits.tombstone_ms.saturating_add(SPARE_MS),
        })
    }

    fn remember(&self, revision: Revision, session: Session) -> Versioned {
        let seen = Versioned { revision, session: Arc::new(session) };
        self.cache.put(seen.clone());
        seen
    }

    /// Takes a place for a live session, if there is room for it and its holder has no other.
    async fn admit(
        &self,
        link: &mut ConnectionManager,
        facts: &Facts,
        holder: Option<Holder>,
        room: Room,
    ) -> Result<(), Failure> {
        if let Some(holder) = holder
            && let Some(other) = self.holders.living(link, holder).await?
        {
            return Err(StoreError::Held(other).into());
        }
        if self.index.reserve(link, facts, room.sessions_max, room.per_address_max).await? {
            Ok(())
        } else {
            Err(StoreError::Full.into())
        }
    }

    /// Brings the hints after a record. The record is what counts, and it is written: hints that stay behind are put
    /// right when they come up.
    async fn follow(&self, link: &mut ConnectionManager, before: Option<&Facts>, now: Option<&Facts>) {
        if let Err(failure) = self.index.follow(link, before, now).await {
            told(&failure);
            return;
        }
        let ended = |facts: Option<&Facts>| facts.is_some_and(|facts| facts.ended.is_some());
        if ended(now)
            && !ended(before)
            && let Err(failure) = self.forget_oldest(link).await
        {
            told(&failure);
        }
    }

    /// Keeps the holder's key as long as its session lives, and no longer.
    async fn hold_on(&self, link: &mut ConnectionManager, holder: Holder, fields: &Fields) {
        let id = fields.facts.id;
        let held = match fields.facts.ended {
            None => self.holders.hold(link, holder, id, fields.lives_ms).await.map(|_| ()),
            Some(_) => self.holders.release(link, holder, id).await,
        };
        if let Err(failure) = held {
            told(&failure);
        }
    }

    async fn forget_oldest(&self, link: &mut ConnectionManager) -> Result<(), Failure> {
        if let Some(oldest) = self.index.oldest_ended(link, self.tombstones_max).await? {
            self.records.forget(link, oldest.id).await?;
            self.index.give_up(link, &oldest).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl SessionStore for RedisStore {
    fn name(&self) -> &'static str {
        "redis"
    }

    async fn insert(&self, session: Session, due: Timestamp, room: Room) -> Result<Versioned, StoreError> {
        let fields = Fields::of(&session, due, None, self.remembered_ms)?;
        let holder = session.holder();
        let work = |mut link: ConnectionManager| async move {
            let known: bool = cmd("EXISTS").arg(records::key(fields.facts.id)).query_async(&mut link).await?;
            if known {
                return Err(StoreError::Exists.into());
            }
            if fields.facts.ended.is_none() {
                self.admit(&mut link, &fields.facts, holder, room).await?;
            }
            if self.records.write(&mut link, &fields, None).await?.is_none() {
                return Err(StoreError::Exists.into());
            }
            if fields.facts.ended.is_some() {
                self.follow(&mut link, None, Some(&fields.facts)).await;
            } else if let Some(holder) = holder
                // Another one may have come since.
                && let Some(other) = self.holders.hold(&mut link, holder, fields.facts.id, fields.lives_ms).await?
            {
                self.records.remove(&mut link, fields.facts.id, fields.revision(None)).await?;
                self.follow(&mut link, Some(&fields.facts), None).await;
                return Err(StoreError::Held(other).into());
            }
            Ok(fields.revision(None))
        };
        let revision = self.link.ask(work).await?;
        Ok(self.remember(revision, session))
    }

    async fn load(&self, id: SessionId) -> Result<Option<Versioned>, StoreError> {
        let known = self.cache.get(id);
        let work = |mut link: ConnectionManager| async move { load(&mut link, id, known.as_ref()).await };
        let seen = self.link.ask(work).await?;
        match &seen {
            Some(seen) => self.cache.put(seen.clone()),
            None => self.cache.forget(id),
        }
        Ok(seen)
    }

    async fn replace(&self, seen: Revision, next: Session, due: Timestamp) -> Result<Versioned, StoreError> {
        // The receipts that were there at this revision are there still.
        let known = self.cache.at(next.id(), seen).and_then(|before| record::kept(&before.session));
        let fields = Fields::of(&next, due, known.map(|(_, newest)| newest), self.remembered_ms)?;
        let holder = next.holder();
        let work = |mut link: ConnectionManager| async move {
            let before = self.records.write(&mut link, &fields, Some(seen)).await?.ok_or(StoreError::Conflict)?;
            self.follow(&mut link, before.facts.as_ref(), Some(&fields.facts)).await;
            if let Some(holder) = holder {
                self.hold_on(&mut link, holder, &fields).await;
            }
            Ok(fields.revision(Some(seen)))
        };
        let revision = self.link.ask(work).await?;
        Ok(self.remember(revision, next))
    }

    async fn remove(&self, id: SessionId, seen: Revision) -> Result<(), StoreError> {
        let work = |mut link: ConnectionManager| async move {
            let before = self.records.remove(&mut link, id, seen).await?.ok_or(StoreError::Conflict)?;
            self.follow(&mut link, before.facts.as_ref(), None).await;
            Ok(())
        };
        self.link.ask(work).await?;
        self.cache.forget(id);
        Ok(())
    }

    async fn due_at(&self, moment: Timestamp, at_most: usize) -> Result<Vec<Versioned>, StoreError> {
        let work = |mut link: ConnectionManager| async move {
            let mut page = self.index.due_at(&mut link, moment, at_most).await?;
            for _ in 1..LOOKS_MAX {
                if page.corrected == 0 {
                    break;
                }
                page = self.index.due_at(&mut link, moment, at_most).await?;
            }
            Ok(page.due)
        };
        let ids = self.link.ask(work).await?;
        let mut due = Vec::new();
        for id in ids {
            match self.load(id).await {
                Ok(Some(seen)) => due.push(seen),
                Ok(None) => {}
                Err(StoreError::Damaged(error)) => {
                    tracing::error!(session = %id, %error, "a damaged record of a session is set aside");
                    let work = |mut link: ConnectionManager| async move { self.set_aside(&mut link, id).await };
                    self.link.ask(work).await?;
                }
                Err(
                    error @ (StoreError::Conflict
                    | StoreError::Full
                    | StoreError::Exists
                    | StoreError::Held(_)
                    | StoreError::Unavailable(_)),
                ) => return Err(error),
            }
        }
        Ok(due)
    }

    async fn durability(&self) -> Durability {
        self.link.ask(durability).await.unwrap_or(Durability::Unknown)
    }

    async fn stats(&self) -> Result<Stats, StoreError> {
        self.link.ask(|mut link: ConnectionManager| async move { self.index.stats(&mut link).await }).await
    }
}

impl RedisStore {
    async fn set_aside(&self, link: &mut ConnectionManager, id: SessionId) -> Result<(), Failure> {
        let fields: Vec<Option<String>> =
            cmd("HMGET").arg(records::key(id)).arg("due").arg("ended").arg("address").query_async(link).await?;
        match Facts::read(id, &fields) {
            Some(facts) => self.index.give_up(link, &facts).await,
            None => Ok(()),
        }
    }
}

/// What the server says it does with what it is given. One that may not be asked for its settings has said nothing.
async fn durability(mut link: ConnectionManager) -> Result<Durability, Failure> {
    let info: String = cmd("INFO").arg("persistence").query_async(&mut link).await?;
    let appends = info.lines().any(|line| line.trim_end() == "aof_enabled:1");
    if !appends {
        return Ok(Durability::Written);
    }
    let settings: Result<HashMap<String, String>, RedisError> =
        cmd("CONFIG").arg("GET").arg("appendfsync").query_async(&mut link).await;
    Ok(match settings.ok().and_then(|mut settings| settings.remove("appendfsync")).as_deref() {
        Some("always") => Durability::Durable,
        Some(_) => Durability::Written,
        None => Durability::Unknown,
    })
}

fn told(failure: &Failure) {
    match failure {
        Failure::Refused(error) => tracing::warn!(%error, "the hints of a session were not brought after it"),
        Failure::Redis(error) => tracing::warn!(%error, "the hints of a session were not brought after it"),
    }
}
