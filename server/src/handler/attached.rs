//! Which connection of this process holds a session, and whose turn it is to finish a file in it. Newest
//! wins. This only makes the older connection stop at once and finish cleanly; that it cannot change the
//! session any more is decided by the epoch in the session's record.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::id::{Epoch, SessionId};
use shared::session::Presence;
use tokio_util::sync::CancellationToken;

use crate::sessions::SessionStore;

/// The sessions that connections of this process hold.
#[derive(Debug)]
pub struct Attached {
    /// Told when a connection ends.
    sessions: Arc<dyn SessionStore>,
    holders: Mutex<HashMap<SessionId, Holder>>,
}

#[derive(Debug)]
struct Holder {
    epoch: Epoch,
    moved: CancellationToken,
    /// It said `disconnect`, and has no answer yet.
    leaving: bool,
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// A connection's hold on a session. Dropped, the session is without a connection, unless a newer one
/// has it.
#[derive(Debug)]
pub struct Bound {
    /// The session.
    pub session: SessionId,
    /// Which of its connections this is.
    pub epoch: Epoch,
    /// Cancelled when a newer connection has taken the session.
    pub moved: CancellationToken,
    /// The session was ended on this connection, which may open another.
    pub ended: bool,
    /// A file may be visible under the next sequence and not counted: an earlier connection may have left it, or
    /// this one could not count or take back what it had shown.
    pub(super) uncounted: bool,
    /// The session came in a ticket, so its counter may be behind its files.
    pub(super) carried: bool,
    pub(super) turn: Arc<tokio::sync::Mutex<()>>,
    attached: Arc<Attached>,
}

impl Attached {
    /// Nobody holds anything yet.
    pub(super) fn new(sessions: Arc<dyn SessionStore>) -> Self {
        Self { sessions, holders: Mutex::default() }
    }

    /// Binds the connection that opened `epoch` of `session`; an older one is told that it moved.
    pub(super) fn bind(self: &Arc<Self>, session: SessionId, epoch: Epoch) -> Bound {
        let moved = CancellationToken::new();
        let mut holders = self.holders();
        let turn = holders.get(&session).map(|holder| Arc::clone(&holder.turn)).unwrap_or_default();
        match holders.get(&session) {
            // Two connections continued it at once, and this one's turn to bind came after the newer one's.
            Some(newer) if newer.epoch > epoch => moved.cancel(),
            older => {
                if let Some(older) = older {
                    older.moved.cancel();
                }
                let (moved, turn) = (moved.clone(), Arc::clone(&turn));
                holders.insert(session, Holder { epoch, moved, leaving: false, turn });
            }
        }
        drop(holders);
        let uncounted = epoch != Epoch::FIRST;
        Bound { session, epoch, moved, ended: false, uncounted, carried: false, turn, attached: Arc::clone(self) }
    }

    /// The turn of whoever holds `session` now; a fresh one when nobody does.
    pub(super) fn turn(&self, session: SessionId) -> Arc<tokio::sync::Mutex<()>> {
        self.holders().get(&session).map(|holder| Arc::clone(&holder.turn)).unwrap_or_default()
    }

    /// Whether a connection of this process holds `session` now.
    pub(super) fn presence(&self, session: SessionId) -> Presence {
        match self.holders().get(&session) {
            None => Presence::Away,
            Some(holder) if holder.leaving => Presence::Leaving,
            Some(_) => Presence::Connected,
        }
    }

    fn set_leaving(&self, session: SessionId, epoch: Epoch, leaving: bool) {
        if let Some(holder) = self.holders().get_mut(&session).filter(|holder| holder.epoch == epoch) {
            holder.leaving = leaving;
        }
    }

    fn holders(&self) -> MutexGuard<'_, HashMap<SessionId, Holder>> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bound {
    /// The session is being left, until what comes back is dropped.
    pub(super) fn leave(&self) -> Leaving {
        let Self { session, epoch, ref attached, .. } = *self;
        attached.set_leaving(session, epoch, true);
        Leaving { session, epoch, attached: Arc::clone(attached) }
    }
}

/// A goodbye that is being carried out.
#[derive(Debug)]
pub(super) struct Leaving {
    session: SessionId,
    epoch: Epoch,
    attached: Arc<Attached>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.attached.set_leaving(self.session, self.epoch, false);
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        let mut holders = self.attached.holders();
        if holders.get(&self.session).is_some_and(|holder| holder.epoch == self.epoch) {
            holders.remove(&self.session);
        }
        drop(holders);
        self.attached.sessions.left(self.session, self.epoch);
    }
}
