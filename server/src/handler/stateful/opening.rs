//! How a session begins, and how many of them one access key may hold (PROTOCOL.md section 6).

use shared::error::ErrorCode;
use shared::id::{Holder, SessionId};
use shared::session::{Phase, Session};
use shared::wire::{Action, ErrorBody, SessionInfo, Status};

use super::{CHANGES_TRIED, StatefulHandler, refuse_second_connect};
use crate::config::Exclusive;
use crate::handler::{Answer, Peer};
use crate::sessions::{StoreError, Versioned, unless_conflict};

impl StatefulHandler {
    /// A new session, bound to this connection.
    pub(super) async fn open(&self, holder: Option<Holder>, peer: &mut Peer) -> Result<Answer, ErrorBody> {
        refuse_second_connect(peer)?;
        let holder = match (self.services.exclusive, holder) {
            (Exclusive::None, _) => None,
            (Exclusive::Reject | Exclusive::Replace, Some(holder)) => Some(holder),
            (Exclusive::Reject | Exclusive::Replace, None) => return Err(key_wanted()),
        };
        self.opened.admit(peer.address, self.services.clock.now())?;
        let token = self.services.dice.token()?;
        let session = Session::open(self.services.dice.session_id()?, &token, peer.address, self.services.clock.now());
        let (opened, replaced) = self.settle(session.held_by(holder), peer).await?;
        let opened = opened.session;
        peer.bound = Some(self.attached.place(opened.id()).bind(opened.epoch(), None));
        let mut answer = Answer::of(Status::SessionCreated);
        // Where clients carry their sessions, the ticket is the secret, and nobody is told this one.
        let token = self.sessions.tickets().is_none().then(|| token.to_wire());
        answer.reply.session = Some(SessionInfo { token, ..self.describe(&opened) });
        answer.reply.replaced = replaced;
        Ok(answer.in_session(opened))
    }

    /// Gives the session to the store, after whatever stood in its way; says whether another one was ended for it.
    async fn settle(&self, session: Session, peer: &Peer) -> Result<(Versioned, bool), ErrorBody> {
        let mut replaced = false;
        for tried in 1..=CHANGES_TRIED {
            match self.insert(session.clone(), peer).await {
                Ok(opened) => return Ok((opened, replaced)),
                // Whoever ends another session goes for its place once more, or nobody would have one.
                Err(StoreError::Held(other)) if tried < CHANGES_TRIED => replaced |= self.make_way(other).await?,
                Err(StoreError::Held(_)) => return Err(ErrorCode::Busy.into()),
                Err(
                    error @ (StoreError::Conflict
                    | StoreError::Full
                    | StoreError::Exists
                    | StoreError::Unavailable(_)
                    | StoreError::Damaged(_)),
                ) => return Err(error.into()),
            }
        }
        Err(ErrorCode::Busy.into())
    }

    /// Ends the other session of a holder, if that is what is wanted; says whether it was alive. What its connection
    /// has made visible is counted first.
    async fn make_way(&self, other: SessionId) -> Result<bool, ErrorBody> {
        let place = self.attached.place(other);
        let _turn = tokio::select! {
            biased;
            turn = place.turn.lock() => Some(turn),
            () = self.services.takeover_timeout() => None,
        };
        let seen = match self.sessions.load(other).await {
            // Nothing can be changed about it; the janitor sets it aside when it is due.
            Err(StoreError::Damaged(error)) => {
                tracing::error!(session = %other, %error, "a damaged session is in the way of its holder");
                return Err(ErrorCode::SessionExists.into());
            }
            seen => seen?,
        };
        let Some(seen) = seen else { return Ok(false) };
        let now = self.services.clock.now();
        let alive = seen.session.end_reason(now, self.limits()).is_none();
        let ended = match (alive, self.services.exclusive) {
            (true, Exclusive::None | Exclusive::Reject) => return Err(self.in_the_way(&seen.session)),
            (true, Exclusive::Replace) => seen.session.replaced(now),
            (false, _) if seen.session.ended().is_some() => return Ok(false),
            // Silent for too long, and nobody has looked since.
            (false, _) => seen.session.expired(now),
        };
        // When it was heard of meanwhile, it is looked at again.
        let changed = unless_conflict(self.replace(&seen, ended).await)?.is_some();
        Ok(alive && changed)
    }

    /// A refusal for a session that lives. One that has stored nothing may be the client's own, of which it did not
    /// hear, and is gone soon.
    fn in_the_way(&self, session: &Session) -> ErrorBody {
        let pending = self.phase(session) == Phase::Pending;
        let left_ms = || session.due(self.limits()).millis_since(self.services.clock.now());
        ErrorBody { retry_after_ms: pending.then(left_ms), ..ErrorCode::SessionExists.into() }
    }
}

fn key_wanted() -> ErrorBody {
    let message = format!("{} needs auth.access_key here, because a key holds one session", Action::Connect);
    ErrorBody { field: Some("auth.access_key".to_owned()), ..ErrorBody::new(ErrorCode::BadField, message) }
}
