//! Looks after sessions nobody asks for: what was silent for too long becomes a tombstone, and a tombstone
//! is forgotten after its time.

use std::error::Error as _;
use std::sync::Arc;

use shared::limits::Limits;
use shared::session::Session;

use super::{SessionStore, StoreError, Versioned};
use crate::env::Clock;

/// Sessions looked at in one go, so that a flood of expired ones holds nobody up.
const BATCH: usize = 256;

/// Batches in one round; the rest waits for the next one.
const SWEEPS_MAX: usize = 1_000;

/// The janitor of one store.
#[derive(Debug)]
pub struct Janitor {
    store: Arc<dyn SessionStore>,
    clock: Arc<dyn Clock>,
    limits: Arc<Limits>,
}

impl Janitor {
    /// A janitor who has not looked yet.
    #[must_use]
    pub fn new(store: Arc<dyn SessionStore>, clock: Arc<dyn Clock>, limits: Arc<Limits>) -> Self {
        Self { store, clock, limits }
    }

    /// Looks at all that is due, batch by batch, and lets others work in between.
    pub async fn sweep_all(&self) {
        for _ in 0..SWEEPS_MAX {
            match self.sweep().await {
                Ok(changed) if changed >= BATCH => tokio::task::yield_now().await,
                Ok(_) => return,
                Err(error) => {
                    let cause = error.source().map(tracing::field::display);
                    return tracing::error!(%error, cause, "sessions could not be looked after");
                }
            }
        }
    }

    /// Looks at one batch of what is due; says how many sessions changed or went.
    pub async fn sweep(&self) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let due = self.store.due_at(now, BATCH).await?;
        let mut changed: usize = 0;
        for Versioned { revision, session } in due {
            let due = session.due(&self.limits);
            let outcome = if session.is_forgotten(now, &self.limits) {
                self.store.remove(session.id(), revision).await
            } else if due > now {
                // Written under shorter limits. With its old date it would stand before all others at every look.
                self.store.replace(revision, Session::clone(&session), due).await.map(drop)
            } else {
                self.bury(revision, &session.expired(now)).await
            };
            match outcome {
                Ok(()) => changed = changed.saturating_add(1),
                // It was heard of between the look and the change, so it stays.
                Err(StoreError::Conflict) => {}
                Err(StoreError::Damaged(error)) => {
                    tracing::error!(session = %session.id(), %error, "the session cannot be ended");
                }
                Err(
                    error @ (StoreError::Full | StoreError::Exists | StoreError::Held(_) | StoreError::Unavailable(_)),
                ) => return Err(error),
            }
        }
        Ok(changed)
    }

    async fn bury(&self, seen: super::Revision, tombstone: &Session) -> Result<(), StoreError> {
        tracing::info!(session = %tombstone.id(), "session expired");
        let due = tombstone.due(&self.limits);
        self.store.replace(seen, tombstone.clone(), due).await.map(|_| ())
    }
}
