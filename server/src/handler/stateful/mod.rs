//! Requests within a session: what was said before decides what may be said now. The record of the
//! session is loaded, asked, and replaced by compare-and-swap; this handler keeps nothing itself.

mod answers;
mod files;
mod opening;
mod record;
mod ticket;
mod transfer;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use shared::error::ErrorCode;
use shared::id::{Epoch, Sequence, SessionId};
use shared::limits::Limits;
use shared::session::{Admission, Fingerprint, Outcome, Phase, Receipt, Session, Step, step};
use shared::wire::{Action, ErrorBody, Mode, Partial, Proof, SessionInfo, SessionRequest, StatefulRequest, Status};

use self::answers::{goodbye, replay, status};
use self::record::expecting;
use self::ticket::{Claim, Known};
use super::stateless::partial;
use super::{Answer, Attached, Begun, Body, Bound, Peer, RequestHandler, Services};
use crate::files::PartKey;
use crate::rate::{Loopback, Rate, WrongTokens};
use crate::sessions::{SessionStore, unless_conflict};

/// How often a change is tried again when another one came first. Only a newer connection and the janitor
/// change a session besides its own connection, so a second time is rare.
const CHANGES_TRIED: usize = 8;

/// Remembers conversations, in a store.
#[derive(Debug)]
pub struct StatefulHandler {
    services: Services,
    sessions: Arc<dyn SessionStore>,
    attached: Arc<Attached>,
    opened: Rate,
    wrong_tokens: WrongTokens,
}

#[async_trait]
impl RequestHandler for StatefulHandler {
    type Request = StatefulRequest;

    async fn handle(&self, request: StatefulRequest, body: &mut dyn Body, peer: &mut Peer) -> Result<Begun, ErrorBody> {
        match request {
            StatefulRequest::Open(holder) => Ok(self.open(holder, peer).await?.into()),
            StatefulRequest::Continue(id, proof) => Ok(self.resume(id, proof, body, peer).await?.into()),
            StatefulRequest::Unnamed(action) => {
                let message = format!("{action} needs the id of the session its connection is bound to");
                let field = Some("session.id".to_owned());
                Err(ErrorBody { field, ..ErrorBody::new(ErrorCode::SessionRequired, message) })
            }
            StatefulRequest::Inside(id, request) => {
                let outcome = self.inside(id, request, body, peer).await;
                outcome.inspect_err(|error| note_end(error, peer))
            }
        }
    }
}

impl StatefulHandler {
    /// A handler that remembers sessions in `sessions`.
    #[must_use]
    pub fn new(services: Services, sessions: Arc<dyn SessionStore>) -> Self {
        let limits = &services.limits;
        let (rate, burst) = (limits.sessions_per_address_per_s, limits.sessions_per_address_burst);
        let default = Limits::default();
        let default_rate = (default.sessions_per_address_per_s, default.sessions_per_address_burst);
        let opened = Rate::new(rate, burst, Loopback::under((rate, burst), default_rate));
        let wrong_tokens = WrongTokens::new(limits);
        let attached = Arc::new(Attached::new(Arc::clone(&sessions)));
        Self { services, sessions, attached, opened, wrong_tokens }
    }

    /// The store's name.
    #[must_use]
    pub fn store(&self) -> &'static str {
        self.sessions.name()
    }

    /// The session as a reply shows it.
    #[must_use]
    pub fn describe(&self, session: &Session) -> SessionInfo {
        let limits = self.limits();
        let now = self.services.clock.now();
        let silent_ms = now.millis_since(session.last_activity());
        let left_ms = session.timeout_ms(limits).saturating_sub(silent_ms);
        SessionInfo {
            id: session.id(),
            mode: Mode::Stateful,
            state: self.phase(session).as_str().to_owned(),
            epoch: session.epoch(),
            next_sequence: session.next_sequence(),
            expires_in_s: if session.ended().is_some() { 0 } else { left_ms / 1_000 },
            data_size: 0,
            token: None,
            ticket: Bytes::new(),
        }
    }

    /// Keeps a session alive whose connection is busy: its client waits for an answer, or can say nothing before
    /// its frame is whole. A session that is not alive, or has a newer connection, stays as it is.
    pub async fn renew(&self, session: SessionId, epoch: Epoch) {
        let Ok(Some(seen)) = self.sessions.load(session).await else { return };
        if seen.session.epoch() != epoch || self.step(&seen.session, Action::Heartbeat) == Step::Gone {
            return;
        }
        // When another change came first, that one was a sign of life.
        let _ = self.replace(&seen, seen.session.renewed(self.services.clock.now())).await;
    }

    fn limits(&self) -> &Limits {
        &self.services.limits
    }

    /// The session again, from this connection; whichever held it before does so no more.
    async fn resume(
        &self,
        id: SessionId,
        proof: Proof,
        body: &mut dyn Body,
        peer: &mut Peer,
    ) -> Result<Answer, ErrorBody> {
        refuse_second_connect(peer)?;
        self.fits(&proof)?;
        self.wrong_tokens.admit(peer.address, self.services.clock.now())?;
        let claim = self.claim(id, proof, body, peer).await?;
        let place = self.attached.place(id);
        // Only whoever has the secret may make others wait.
        self.known(&place, &claim, peer).await?;
        // An older connection that is just making a file visible finishes first, if it does so soon. If not, the
        // epoch sees to it that what it made visible is not counted.
        let turn = Arc::clone(&place.turn);
        let turn = tokio::select! {
            biased;
            turn = turn.lock() => Some(turn),
            () = self.services.takeover_timeout() => None,
        };
        for _ in 0..CHANGES_TRIED {
            let Known { session, revision } = self.known(&place, &claim, peer).await?;
            let found = self.phase(&session);
            match step(found, Action::Connect) {
                Step::Take => {}
                // Whoever says goodbye while this connection has the turn waits behind it, and hears that it moved.
                Step::Wait if turn.is_some() => {}
                Step::Wait => return Err(closing()),
                Step::Repeat if session.last_receipt().is_some() => return Ok(goodbye(&session)),
                Step::Repeat | Step::Gone | Step::Unknown | Step::Change | Step::Look => {
                    return Err(self.gone(&session));
                }
            }
            let before = place.newest();
            let taken = session.taken_over(peer.address, self.services.clock.now());
            let Some(taken) = unless_conflict(self.take(revision, taken, peer).await)? else { continue };
            let mut bound = place.bind(taken.session.epoch(), before);
            bound.carried = matches!(claim, Claim::Ticket(_));
            peer.bound = Some(bound);
            let mut answer = Answer::of(Status::SessionResumed);
            answer.reply.partial = self.left(&taken.session).await;
            answer.found = Some(found);
            return Ok(answer.in_session(taken.session));
        }
        Err(ErrorCode::Busy.into())
    }

    /// What a cut upload left under the next sequence. The older connection was told to stop, and what it received
    /// until now is in it.
    async fn left(&self, session: &Session) -> Option<Partial> {
        let sequence = session.next_sequence();
        match self.services.files.kept(PartKey::of_sequence(session.id(), sequence)).await {
            Ok(offset) => offset.map(|offset| Partial { sequence: Some(sequence), offset, prefix_digest: None }),
            Err(error) => {
                // The session goes on all the same; whoever asks for its status hears of the failure.
                tracing::error!(%error, session = %session.id(), "a part could not be looked at");
                None
            }
        }
    }

    async fn inside(
        &self,
        id: SessionId,
        request: SessionRequest,
        body: &mut dyn Body,
        peer: &mut Peer,
    ) -> Result<Begun, ErrorBody> {
        if peer.bound.as_ref().is_none_or(|bound| bound.session != id) {
            return Err(ErrorCode::SessionRequired.into());
        }
        if request.sequence().is_some() {
            self.settle_unclear(peer).await?;
        }
        let seen = self.held(peer).await?;
        match self.step(&seen.session, request.action()) {
            Step::Change | Step::Look => {}
            Step::Repeat if Self::is_goodbye(&seen.session, &request) => return Ok(goodbye(&seen.session).into()),
            // It reads no frame before it has answered its goodbye.
            Step::Wait => return Err(closing()),
            Step::Gone | Step::Unknown | Step::Take | Step::Repeat => return Err(self.gone(&seen.session)),
        }
        if let (Some(sequence), Some(fingerprint)) = (request.sequence(), Fingerprint::of(&request)) {
            match seen.session.admit(sequence, &fingerprint) {
                Ok(Admission::Proceed) => {}
                Ok(Admission::Replay(receipt)) => {
                    let heard = self.heard(peer).await?;
                    return Ok(replay(&receipt).in_session(heard).into());
                }
                Err(code) => return Err(expecting(code, &seen.session)),
            }
            return match request {
                SessionRequest::Transfer(_, upload) => {
                    Ok(self.receive(&seen.session, sequence, fingerprint, &upload, body, peer).await?.into())
                }
                SessionRequest::Remove(_, file) => Ok(self.remove(fingerprint, sequence, &file, peer).await?.into()),
                SessionRequest::Disconnect(_) => Ok(self.disconnect(fingerprint, sequence, peer).await?.into()),
                SessionRequest::Status
                | SessionRequest::Heartbeat
                | SessionRequest::List(_)
                | SessionRequest::Fetch(_) => Err(ErrorCode::Internal.into()),
            };
        }
        let session = self.heard(peer).await?;
        let answer = match request {
            // As it was when the question came; the answer to it is what ends the silence.
            SessionRequest::Status => {
                let sequence = seen.session.next_sequence();
                let key = PartKey::of_sequence(id, sequence);
                let partial = partial(self.services.files.as_ref(), key).await?;
                let mut answer = status(&seen.session);
                answer.reply.partial = partial.map(|partial| Partial { sequence: Some(sequence), ..partial });
                // A ticket carries the end of the silence with it; elsewhere the record does.
                let shown = if self.sessions.tickets().is_some() { session } else { seen.session };
                return Ok(answer.in_session(shown).into());
            }
            SessionRequest::List(from) => self.list(&session, from).await?,
            SessionRequest::Fetch(range) => self.fetch(&session, &range).await?,
            SessionRequest::Heartbeat
            | SessionRequest::Transfer(..)
            | SessionRequest::Remove(..)
            | SessionRequest::Disconnect(_) => Answer::of(Status::HeartbeatAck),
        };
        Ok(answer.in_session(session).into())
    }

    /// Whether `request` is the one that ended the session.
    fn is_goodbye(session: &Session, request: &SessionRequest) -> bool {
        request.sequence().zip(Fingerprint::of(request)).is_some_and(|(sequence, fingerprint)| {
            matches!(session.admit(sequence, &fingerprint), Ok(Admission::Replay(_)))
        })
    }

    async fn disconnect(
        &self,
        fingerprint: Fingerprint,
        sequence: Sequence,
        peer: &mut Peer,
    ) -> Result<Answer, ErrorBody> {
        let _leaving = peer.bound.as_ref().map(Bound::leave);
        let _turn = self.turn(peer).await?;
        let fenced = self.held(peer).await?;
        self.clear_uncounted(peer, &fenced.session, None).await?;
        let session = fenced.session.id();
        let answer = self.count_one(Receipt::new(sequence, fingerprint, Outcome::Closed), fenced, peer).await?;
        self.forget_part(session, sequence).await;
        if let Some(bound) = &mut peer.bound {
            bound.ended = true;
        }
        Ok(answer)
    }
}

/// Of a session in which nothing can be said any more, the connection is free for another one.
fn note_end(error: &ErrorBody, peer: &mut Peer) {
    if let Some(bound) = &mut peer.bound {
        bound.ended |= matches!(error.code, ErrorCode::SessionGone | ErrorCode::SessionUnknown);
    }
}

fn refuse_second_connect(peer: &Peer) -> Result<(), ErrorBody> {
    match &peer.bound {
        Some(bound) if !bound.ended => {
            let message = "this connection is bound to a session already";
            Err(ErrorBody::new(ErrorCode::IllegalAction, message))
        }
        Some(_) | None => Ok(()),
    }
}

/// The session is about to end, and what holds that up takes long.
fn closing() -> ErrorBody {
    ErrorBody { reason: Some(Phase::Closing.as_str().to_owned()), ..ErrorCode::Busy.into() }
}
