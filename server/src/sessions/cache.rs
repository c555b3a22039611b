//! What this process saw last of the sessions it works on, so that a store that writes has to ask for a revision
//! only, not for the whole record. Never believed by itself: the revision decides.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use shared::id::SessionId;

use super::{Revision, Versioned};

/// Sessions in one generation. Two are kept, each session with its receipts.
const SESSIONS_MAX: usize = 512;

/// Two generations of what was seen: what is asked for moves to the younger one, and when that is full, the older
/// one is forgotten.
#[derive(Debug, Default)]
pub(super) struct Cache {
    generations: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<SessionId, Versioned>,
    old: HashMap<SessionId, Versioned>,
}

impl Cache {
    /// What was seen last.
    pub(super) fn get(&self, id: SessionId) -> Option<Versioned> {
        let mut generations = self.generations();
        if let Some(seen) = generations.young.get(&id) {
            return Some(seen.clone());
        }
        let seen = generations.old.remove(&id)?;
        generations.put(seen.clone());
        Some(seen)
    }

    /// The same, if it was seen at this revision.
    pub(super) fn at(&self, id: SessionId, revision: Revision) -> Option<Versioned> {
        self.get(id).filter(|seen| seen.revision == revision)
    }

    pub(super) fn put(&self, seen: Versioned) {
        self.generations().put(seen);
    }

    pub(super) fn forget(&self, id: SessionId) {
        let mut generations = self.generations();
        generations.young.remove(&id);
        generations.old.remove(&id);
    }

    /// A panic elsewhere cannot have left half a change that matters: what is here is never believed by itself.
    fn generations(&self) -> MutexGuard<'_, Generations> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn put(&mut self, seen: Versioned) {
        self.old.remove(&seen.session.id());
        self.young.insert(seen.session.id(), seen);
        if self.young.len() >= SESSIONS_MAX {
            self.old = std::mem::take(&mut self.young);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Arc;

    use shared::id::{Timestamp, Token};
    use shared::session::Session;

    use super::*;

    fn seen(number: u128) -> Versioned {
        let id = SessionId::from_random(number.to_be_bytes());
        let token = Token::from_random([0; 32]);
        let session = Session::open(id, &token, Ipv4Addr::LOCALHOST.into(), Timestamp::from_millis(0));
        Versioned { revision: Revision::FIRST, session: Arc::new(session) }
    }

    #[test]
    fn what_is_asked_for_stays_and_there_is_never_more_than_two_generations() {
        let cache = Cache::default();
        let wanted = seen(0).session.id();
        for number in 0..10_000 {
            cache.put(seen(number));
            assert!(cache.get(wanted).is_some(), "{number}");
            let generations = cache.generations();
            assert!(generations.young.len() + generations.old.len() < 2 * SESSIONS_MAX);
        }
        assert!(cache.at(wanted, Revision::FIRST.next()).is_none());
        cache.forget(wanted);
        assert!(cache.get(wanted).is_none());
    }
}
