//! The record of the session that a connection holds: loaded, asked, and changed by compare-and-swap only.

use std::sync::Arc;

use shared::error::ErrorCode;
use shared::id::Timestamp;
use shared::session::record::RecordError;
use shared::session::{Phase, Receipt, Session, Step, step};
use shared::wire::{Action, ErrorBody};
use tokio::sync::OwnedMutexGuard;

use super::answers::answer_to;
use super::{CHANGES_TRIED, StatefulHandler};
use crate::handler::{Answer, Peer};
use crate::sessions::{StoreError, Versioned, unless_conflict};

impl StatefulHandler {
    /// Stores counter and receipt together. Only then does the client hear of it.
    pub(super) async fn count_one(
        &self,
        receipt: Receipt,
        fenced: Versioned,
        peer: &mut Peer,
    ) -> Result<Answer, ErrorBody> {
        self.count(&[Arc::new(receipt)], fenced, peer).await?.pop().ok_or_else(|| ErrorCode::Internal.into())
    }

    /// Stores the counter and receipts that follow each other, all in one change. An answer for each. The record was
    /// `fenced` when the turn came; it is loaded again when another change came first.
    pub(super) async fn count(
        &self,
        receipts: &[Arc<Receipt>],
        fenced: Versioned,
        peer: &mut Peer,
    ) -> Result<Vec<Answer>, ErrorBody> {
        let (Some(first), Some(last)) = (receipts.first(), receipts.last()) else { return Ok(Vec::new()) };
        let mut unclear = false;
        let mut fenced = Some(fenced);
        if let Some(bound) = &mut peer.bound {
            bound.unclear = Some(last.sequence);
        }
        for _ in 0..CHANGES_TRIED {
            // A store that lost its newest change may have lost the newer connection; this process knows of it.
            let seen = match fenced.take().filter(|_| !has_moved(peer)) {
                Some(fenced) => fenced,
                None => self.held(peer).await?,
            };
            // Its holder may have opened another one meanwhile.
            if seen.session.ended().is_some() && seen.session.next_sequence() == first.sequence {
                return Err(self.gone(&seen.session));
            }
            let states = if seen.session.next_sequence() == first.sequence {
                let mut states = self.states(&seen.session, receipts);
                let next = states.pop().ok_or(ErrorCode::Internal)?;
                let counted = self.replace(&seen, next).await;
                if matches!(counted, Err(StoreError::Unavailable(_))) && !unclear {
                    // It may have been counted all the same, which only the record can say.
                    unclear = true;
                    continue;
                }
                let Some(counted) = unless_conflict(counted)? else { continue };
                states.into_iter().map(Arc::new).chain([counted.session]).collect()
            } else if seen.session.receipt(last.sequence) == Some(last) {
                vec![seen.session; receipts.len()]
            } else {
                return Err(expecting(ErrorCode::SequenceReused, &seen.session));
            };
            if let Some(bound) = &mut peer.bound {
                (bound.uncounted, bound.unclear) = (false, None);
            }
            let answers = receipts.iter().zip(states).map(|(receipt, state)| answer_to(receipt).in_session(state));
            return Ok(answers.collect());
        }
        Err(ErrorCode::Busy.into())
    }

    /// The session after each of these receipts.
    fn states(&self, session: &Session, receipts: &[Arc<Receipt>]) -> Vec<Session> {
        let now = self.services.clock.now();
        let mut states: Vec<Session> = Vec::with_capacity(receipts.len());
        for receipt in receipts {
            let before = states.last().unwrap_or(session);
            let after = before.advanced(Arc::clone(receipt), now, self.limits());
            states.push(after);
        }
        states
    }

    /// The session was heard of; nothing else changes.
    pub(super) async fn heard(&self, peer: &Peer) -> Result<Arc<Session>, ErrorBody> {
        self.change(peer, Session::heard).await
    }

    /// Sees to it that no change comes any more that was given up on this connection: one that was made of an older
    /// record is refused after this one.
    pub(super) async fn settle_unclear(&self, peer: &mut Peer) -> Result<(), ErrorBody> {
        if peer.bound.as_ref().is_some_and(|bound| bound.unclear.is_some()) {
            match self.heard(peer).await {
                Ok(_) => {}
                // It may have ended by the very change; nothing comes behind that.
                Err(error) if error.code == ErrorCode::SessionGone => {}
                Err(error) => return Err(error),
            }
            if let Some(bound) = &mut peer.bound {
                bound.unclear = None;
            }
        }
        Ok(())
    }

    pub(super) async fn change(
        &self,
        peer: &Peer,
        next: impl Fn(&Session, Timestamp) -> Session + Send,
    ) -> Result<Arc<Session>, ErrorBody> {
        for _ in 0..CHANGES_TRIED {
            let seen = self.held(peer).await?;
            if let Step::Gone = self.step(&seen.session, Action::Heartbeat) {
                return Err(self.gone(&seen.session));
            }
            let changed = self.replace(&seen, next(&seen.session, self.services.clock.now())).await;
            if let Some(changed) = unless_conflict(changed)? {
                return Ok(changed.session);
            }
        }
        Err(ErrorCode::Busy.into())
    }

    pub(super) async fn replace(&self, seen: &Versioned, next: Session) -> Result<Versioned, StoreError> {
        let due = next.due(self.limits());
        self.sessions.replace(seen.revision, next, due).await
    }

    /// The session this connection is bound to, if it still holds it.
    pub(super) async fn held(&self, peer: &Peer) -> Result<Versioned, ErrorBody> {
        let bound = peer.bound.as_ref().ok_or(ErrorCode::SessionRequired)?;
        let loaded = self.sessions.load(bound.session).await;
        // Also when the newer connection has come and gone meanwhile, and nothing of the session is here any more.
        if has_moved(peer) {
            return Err(ErrorCode::SessionMoved.into());
        }
        let seen = match loaded {
            Err(StoreError::Damaged(error)) => return Err(self.damaged(error, Action::Heartbeat, peer)),
            seen => seen?.ok_or(ErrorCode::SessionUnknown)?,
        };
        if seen.session.epoch() == bound.epoch { Ok(seen) } else { Err(ErrorCode::SessionMoved.into()) }
    }

    /// The same, for a change that has its turn: meanwhile the session may have ended.
    pub(super) async fn held_for(&self, action: Action, peer: &Peer) -> Result<Versioned, ErrorBody> {
        let seen = self.held(peer).await?;
        if let Step::Gone = self.step(&seen.session, action) { Err(self.gone(&seen.session)) } else { Ok(seen) }
    }

    /// The right to finish a change of the session. Whoever takes the session over waits for it, and when the older
    /// connection still has it then, so does the next change, each no longer than this.
    pub(super) async fn turn(&self, peer: &Peer) -> Result<OwnedMutexGuard<()>, ErrorBody> {
        let bound = peer.bound.as_ref().ok_or(ErrorCode::SessionRequired)?;
        tokio::select! {
            biased;
            turn = Arc::clone(&bound.place.turn).lock_owned() => Ok(turn),
            () = self.services.takeover_timeout() => Err(ErrorCode::Busy.into()),
        }
    }

    /// What the session is doing, as far as this server knows its connections.
    pub(super) fn phase(&self, session: &Session) -> Phase {
        session.phase(self.services.clock.now(), self.attached.presence(session.id()), self.limits())
    }

    pub(super) fn step(&self, session: &Session, action: Action) -> Step {
        step(self.phase(session), action)
    }

    /// The answer about a session whose record is damaged.
    pub(super) fn damaged(&self, error: RecordError, action: Action, peer: &Peer) -> ErrorBody {
        let gone = ErrorBody::from(StoreError::Damaged(error));
        match step(Phase::Error, action) {
            Step::Unknown => self.unknown(peer),
            Step::Take | Step::Change | Step::Look | Step::Repeat | Step::Wait | Step::Gone => gone,
        }
    }

    pub(super) fn gone(&self, session: &Session) -> ErrorBody {
        let reason = session.end_reason(self.services.clock.now(), self.limits());
        let reason = reason.map(|reason| reason.as_str().to_owned());
        ErrorBody { reason, ..ErrorCode::SessionGone.into() }
    }
}

/// Whether a newer connection of this process holds the session.
fn has_moved(peer: &Peer) -> bool {
    peer.bound.as_ref().is_some_and(|bound| bound.moved.is_cancelled())
}

/// A refusal that tells which sequence would be right.
pub(super) fn expecting(code: ErrorCode, session: &Session) -> ErrorBody {
    ErrorBody { expected_sequence: Some(session.next_sequence()), ..code.into() }
}
