//! Moves all sessions from one store to another, live and ended ones, while no server uses either. Cut at any
//! moment, it can be begun again: a session is forgotten here only when it is remembered there.

use std::collections::HashSet;
use std::sync::Arc;

use shared::id::{SessionId, Timestamp};
use shared::limits::Limits;
use shared::session::Session;
use shared::session::record::Record;

use super::{Room, SessionStore, StoreError, Versioned};

/// Sessions looked at in one go.
const BATCH: usize = 256;

/// Whoever moves in was let in already.
const ROOM: Room = Room { sessions_max: usize::MAX, per_address_max: None };

/// What became of the sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Migrated {
    /// Live sessions that were moved.
    pub live: usize,
    /// Ended ones that were moved.
    pub tombstones: usize,
    /// Those of them that an earlier attempt had brought already.
    pub there_already: usize,
    /// Sessions that are in both stores and differ, or whose holder has another one there; all were left as they are.
    pub differing: usize,
}

/// Why sessions were not moved.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// Both names lead to one store, in which everything is as it was.
    #[error("both are the same store; nothing was moved")]
    SameStore,
    /// One of the stores failed. What was moved until then stays there.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Moves all sessions.
///
/// # Errors
/// When a store fails, or both are the same.
pub async fn migrate(
    from: &dyn SessionStore,
    to: &dyn SessionStore,
    limits: &Limits,
) -> Result<Migrated, MigrateError> {
    let mut migrated = Migrated::default();
    let mut left: HashSet<SessionId> = HashSet::new();
    loop {
        let at_most = BATCH.saturating_add(left.len());
        let all = from.due_at(Timestamp::from_millis(u64::MAX), at_most).await?;
        let mut batch = all.into_iter().filter(|seen| !left.contains(&seen.session.id())).peekable();
        if batch.peek().is_none() {
            migrated.differing = left.len();
            return Ok(migrated);
        }
        let mut differing = Vec::new();
        for seen in batch {
            let id = seen.session.id();
            if !carry(&seen, to, limits, &mut migrated).await? {
                tracing::error!(session = %id, "the session, or another one of its holder, is in both stores, and not the same");
                differing.push(id);
                continue;
            }
            from.remove(id, seen.revision).await?;
            // One store under two names forgets what it was to remember; seen at the first session, whatever the names.
            if migrated.live == 0 && migrated.tombstones == 0 && to.load(id).await?.is_none() {
                to.insert(Session::clone(&seen.session), seen.session.due(limits), ROOM).await?;
                return Err(MigrateError::SameStore);
            }
            let moved = if seen.session.ended().is_some() { &mut migrated.tombstones } else { &mut migrated.live };
            *moved = moved.saturating_add(1);
        }
        left.extend(differing);
    }
}

/// Sees to it that the session is there; whether it is, as it was here.
async fn carry(
    seen: &Versioned,
    to: &dyn SessionStore,
    limits: &Limits,
    migrated: &mut Migrated,
) -> Result<bool, StoreError> {
    let session = Session::clone(&seen.session);
    let due = session.due(limits);
    match to.insert(session, due, ROOM).await {
        Ok(_) => Ok(true),
        Err(StoreError::Exists) => {
            let there = to.load(seen.session.id()).await?.map(|there| there.session);
            let same = there.is_some_and(|there| is_same(&there, &seen.session));
            migrated.there_already = migrated.there_already.saturating_add(usize::from(same));
            Ok(same)
        }
        // Its holder has another one there, and nobody here can say which of them is wanted.
        Err(StoreError::Held(_)) => Ok(false),
        Err(
            error @ (StoreError::Conflict | StoreError::Full | StoreError::Unavailable(_) | StoreError::Damaged(_)),
        ) => Err(error),
    }
}

fn is_same(there: &Arc<Session>, here: &Arc<Session>) -> bool {
    Record::of(there, None).is_ok_and(|there| Record::of(here, None).is_ok_and(|here| here == there))
}
