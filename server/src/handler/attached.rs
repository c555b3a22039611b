//! Which connection of this process holds a session, and whose turn it is to finish a file in it. Newest
//! wins. This only makes the older connection stop at once and finish cleanly; that it cannot change the
//! session any more is decided by the epoch in the session's record.
//!
//! An epoch that came in a ticket may have been here before. So connections are told apart by the order in which
//! they were bound, in which no two are alike.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::id::{Epoch, Sequence, SessionId};
use shared::session::Presence;
use tokio_util::sync::CancellationToken;

use crate::sessions::SessionStore;

/// The sessions that connections of this process hold, or ask for.
#[derive(Debug)]
pub struct Attached {
    /// Told when a connection ends.
    sessions: Arc<dyn SessionStore>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    sessions: HashMap<SessionId, Entry>,
    /// Connections bound so far, to any session.
    bound: u64,
}

#[derive(Debug, Default)]
struct Entry {
    /// When there is none left, the entry goes.
    places: usize,
    turn: Arc<tokio::sync::Mutex<()>>,
    newest: Option<Newest>,
}

/// The newest connection of a session that was bound, whether it is still there or not.
#[derive(Debug)]
struct Newest {
    number: u64,
    epoch: Epoch,
    moved: CancellationToken,
    presence: Presence,
}

/// That a connection has to do with a session: it holds it, held it before a newer one came, or asks for it.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) session: SessionId,
    pub(super) turn: Arc<tokio::sync::Mutex<()>>,
    attached: Arc<Attached>,
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
    /// Its place among all connections that were bound to any session here.
    pub(super) number: u64,
    /// A file may be visible under the next sequence and not counted: an earlier connection may have left it, or
    /// this one could not count or take back what it had shown.
    pub(super) uncounted: bool,
    /// The change under this number has no clear end: the store may make it yet.
    pub(super) unclear: Option<Sequence>,
    /// The session came in a ticket, so its counter may be behind its files.
    pub(super) carried: bool,
    pub(super) place: Place,
}

impl Attached {
    /// Nobody holds anything yet.
    pub(super) fn new(sessions: Arc<dyn SessionStore>) -> Self {
        Self { sessions, known: Mutex::default() }
    }

    /// A place at a session, whoever else has one.
    pub(super) fn place(self: &Arc<Self>, session: SessionId) -> Place {
        let mut known = self.known();
        let entry = known.sessions.entry(session).or_default();
        entry.places = entry.places.saturating_add(1);
        Place { session, turn: Arc::clone(&entry.turn), attached: Arc::clone(self) }
    }

    /// Whether a connection of this process holds `session` now.
    pub(super) fn presence(&self, session: SessionId) -> Presence {
        let known = self.known();
        let newest = known.sessions.get(&session).and_then(|entry| entry.newest.as_ref());
        newest.map_or(Presence::Away, |newest| newest.presence)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Binds the connection that opened `epoch` of the session; an older one is told that it moved.
    ///
    /// `before` is the newest one that was known before the epoch was opened. It is older, whatever its epoch says: a
    /// store that lost its newest changes gives epochs once more.
    pub(super) fn bind(self, epoch: Epoch, before: Option<u64>) -> Bound {
        let moved = CancellationToken::new();
        let mut known = self.attached.known();
        known.bound = known.bound.saturating_add(1);
        let number = known.bound;
        if let Some(entry) = known.sessions.get_mut(&self.session) {
            match &entry.newest {
                // Two connections continued it at once, and this one's turn to bind came after the newer one's.
                Some(newer) if newer.epoch > epoch && Some(newer.number) != before => moved.cancel(),
                older => {
                    if let Some(older) = older {
                        older.moved.cancel();
                    }
                    let moved = moved.clone();
                    entry.newest = Some(Newest { number, epoch, moved, presence: Presence::Connected });
                }
            }
        }
        drop(known);
        let (ended, uncounted, unclear, carried) = (false, epoch != Epoch::FIRST, None, false);
        Bound { session: self.session, epoch, moved, ended, number, uncounted, unclear, carried, place: self }
    }

    /// The newest connection that was bound while anybody has had a place at it.
    pub(super) fn newest(&self) -> Option<u64> {
        let known = self.attached.known();
        known.sessions.get(&self.session)?.newest.as_ref().map(|newest| newest.number)
    }

    /// The newest epoch in which the session was bound while anybody has had a place at it.
    pub(super) fn epoch(&self) -> Option<Epoch> {
        let known = self.attached.known();
        known.sessions.get(&self.session)?.newest.as_ref().map(|newest| newest.epoch)
    }

    /// Says what the connection of this number does; `false`: it is not the newest.
    fn set_presence(&self, number: u64, presence: Presence) -> bool {
        let mut known = self.attached.known();
        let newest = known.sessions.get_mut(&self.session).and_then(|entry| entry.newest.as_mut());
        match newest.filter(|newest| newest.number == number) {
            Some(newest) => {
                newest.presence = presence;
                true
            }
            None => false,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut known = self.attached.known();
        if let Some(entry) = known.sessions.get_mut(&self.session) {
            entry.places = entry.places.saturating_sub(1);
            if entry.places == 0 {
                known.sessions.remove(&self.session);
            }
        }
    }
}

impl Bound {
    /// The session is being left, until what comes back is dropped.
    pub(super) fn leave(&self) -> Leaving {
        self.place.set_presence(self.number, Presence::Leaving);
        Leaving { number: self.number, place: self.place.attached.place(self.session) }
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if self.place.set_presence(self.number, Presence::Away) {
            self.place.attached.sessions.left(self.session, self.epoch);
        }
    }
}

/// A goodbye that is being carried out.
#[derive(Debug)]
pub(super) struct Leaving {
    number: u64,
    place: Place,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.place.set_presence(self.number, Presence::Connected);
    }
}
