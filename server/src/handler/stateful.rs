//! Requests within a session: what was said before decides what may be said now. The record of the
//! session is loaded, asked, and replaced by compare-and-swap; this handler keeps nothing itself.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use shared::codec::encode_line;
use shared::error::ErrorCode;
use shared::id::{Epoch, Sequence, SessionId, Token};
use shared::limits::Limits;
use shared::session::{Admission, Fingerprint, Outcome, Presence, Receipt, Session, Step, step};
use shared::wire::Mode;
use shared::wire::{
    Ack, Action, ErrorBody, FetchRange, FileEntry, FileInfo, Record, Reply, SessionInfo, SessionRequest,
    StatefulRequest, Status, Upload,
};

use super::receive::{receive, refuse_early};
use super::stateless::fetch_answer;
use super::{Answer, AnswerPayload, Attached, Body, Peer, RequestHandler, Services};
use crate::config::Naming;
use crate::files::mime::Extension;
use crate::files::{Form, ObjectName, Part, RevealError, Shelf};
use crate::sessions::{Room, SessionStore, StoreError, Versioned, is_exempt};

/// How often a change is tried again when another one came first. Only a newer connection and the janitor
/// change a session besides its own connection, so a second time is rare.
const CHANGES_TRIED: usize = 8;

/// Remembers conversations, in a store.
#[derive(Debug)]
pub struct StatefulHandler {
    services: Services,
    sessions: Arc<dyn SessionStore>,
    attached: Arc<Attached>,
}

#[async_trait]
impl RequestHandler for StatefulHandler {
    type Request = StatefulRequest;

    async fn handle(
        &self,
        request: StatefulRequest,
        body: &mut dyn Body,
        peer: &mut Peer,
    ) -> Result<Answer, ErrorBody> {
        match request {
            StatefulRequest::Open => self.open(peer).await,
            StatefulRequest::Continue(id, token) => self.resume(id, &token, peer).await,
            StatefulRequest::Inside(id, request) => self.inside(id, request, body, peer).await,
        }
    }
}

impl StatefulHandler {
    /// A handler that remembers sessions in `sessions`.
    #[must_use]
    pub fn new(services: Services, sessions: Arc<dyn SessionStore>) -> Self {
        Self { services, sessions, attached: Arc::default() }
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
        SessionInfo {
            id: session.id(),
            mode: Mode::Stateful,
            state: session.phase(now, Presence::Connected, limits).as_str().to_owned(),
            epoch: session.epoch(),
            next_sequence: session.next_sequence(),
            expires_in_s: session.timeout_ms(limits).saturating_sub(silent_ms) / 1_000,
            data_size: 0,
            token: None,
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

    /// A new session, bound to this connection.
    async fn open(&self, peer: &mut Peer) -> Result<Answer, ErrorBody> {
        refuse_second_connect(peer)?;
        let limits = self.limits();
        let token = self.services.dice.token()?;
        let session = Session::open(self.services.dice.session_id()?, &token, peer.address, self.services.clock.now());
        let per_address_max = (!is_exempt(peer.address)).then_some(limits.sessions_per_address_max);
        let room = Room { sessions_max: limits.sessions_max, per_address_max };
        let due = session.due(limits);
        let opened = self.sessions.insert(session, due, room).await?.session;
        peer.bound = Some(self.attached.bind(opened.id(), opened.epoch()));
        let mut answer = Answer::of(Status::SessionCreated);
        let info = SessionInfo { token: Some(token.to_wire()), ..self.describe(&opened) };
        answer.reply.session = Some(info);
        Ok(answer.in_session(opened))
    }

    /// The session again, from this connection; whichever held it before does so no more.
    async fn resume(&self, id: SessionId, token: &Token, peer: &mut Peer) -> Result<Answer, ErrorBody> {
        refuse_second_connect(peer)?;
        for _ in 0..CHANGES_TRIED {
            // An older connection that is just making a file visible finishes first.
            let turn = self.attached.turn(id);
            let _turn = turn.lock().await;
            let seen = self.sessions.load(id).await?.filter(|seen| seen.session.belongs_to(token));
            // Nobody learns from the answer whether the id exists.
            let seen = seen.ok_or(ErrorCode::SessionUnknown)?;
            match self.step(&seen.session, Action::Connect) {
                Step::Take => {}
                Step::Repeat => return Ok(goodbye(&seen.session)),
                Step::Gone | Step::Change | Step::Look => return Err(self.gone(&seen.session)),
            }
            let taken = seen.session.taken_over(peer.address, self.services.clock.now());
            match self.replace(&seen, taken).await {
                Ok(taken) => {
                    peer.bound = Some(self.attached.bind(id, taken.session.epoch()));
                    return Ok(Answer::of(Status::SessionResumed).in_session(taken.session));
                }
                Err(StoreError::Conflict) => {}
                Err(error @ (StoreError::Full | StoreError::Exists)) => return Err(error.into()),
            }
        }
        Err(ErrorCode::Busy.into())
    }

    async fn inside(
        &self,
        id: SessionId,
        request: SessionRequest,
        body: &mut dyn Body,
        peer: &mut Peer,
    ) -> Result<Answer, ErrorBody> {
        if peer.bound.as_ref().is_none_or(|bound| bound.session != id) {
            return Err(ErrorCode::SessionRequired.into());
        }
        let seen = self.held(peer).await?;
        match self.step(&seen.session, request.action()) {
            Step::Gone | Step::Take => return Err(self.gone(&seen.session)),
            Step::Repeat => return Ok(goodbye(&seen.session)),
            Step::Change | Step::Look => {}
        }
        if let (Some(sequence), Some(fingerprint)) = (request.sequence(), Fingerprint::of(&request)) {
            match seen.session.admit(sequence, &fingerprint) {
                Ok(Admission::Proceed) => {}
                Ok(Admission::Replay(receipt)) => {
                    let heard = self.heard(peer).await?;
                    return Ok(replay(&receipt).in_session(heard));
                }
                Err(code) => return Err(expecting(code, &seen.session)),
            }
            return match request {
                SessionRequest::Transfer(_, upload) => self.transfer(seen, fingerprint, &upload, body, peer).await,
                SessionRequest::Remove(_, file) => self.remove(fingerprint, sequence, &file, peer).await,
                SessionRequest::Disconnect(_) => self.disconnect(fingerprint, sequence, peer).await,
                SessionRequest::Status
                | SessionRequest::Heartbeat
                | SessionRequest::List(_)
                | SessionRequest::Fetch(_) => Err(ErrorCode::Internal.into()),
            };
        }
        let session = self.heard(peer).await?;
        let answer = match request {
            SessionRequest::Status => Self::status(&session),
            SessionRequest::List(from) => self.list(&session, from).await?,
            SessionRequest::Fetch(range) => self.fetch(&session, &range).await?,
            SessionRequest::Heartbeat
            | SessionRequest::Transfer(..)
            | SessionRequest::Remove(..)
            | SessionRequest::Disconnect(_) => Answer::of(Status::HeartbeatAck),
        };
        Ok(answer.in_session(session))
    }

    async fn transfer(
        &self,
        seen: Versioned,
        fingerprint: Fingerprint,
        upload: &Upload,
        body: &mut dyn Body,
        peer: &mut Peer,
    ) -> Result<Answer, ErrorBody> {
        let bytes_max = self.limits().stateful_request_bytes_max;
        refuse_early(upload, bytes_max)?;
        let ack = upload.ack.unwrap_or(self.services.ack);
        let sequence = seen.session.next_sequence();
        let name = self.name(&seen.session, sequence, Extension::of(&upload.mime_type));
        let mut renewing = RenewingBody { inner: body, handler: self, peer, renewed: seen.session.last_activity() };
        let part = receive(self.services.files.as_ref(), upload, bytes_max, ack, &mut renewing).await?;
        let stored = part.stored();

        // From here to the count, no newer connection comes between: it waits for its turn.
        let turn = peer.bound.as_ref().map(|bound| Arc::clone(&bound.turn)).ok_or(ErrorCode::SessionRequired)?;
        let _turn = turn.lock().await;
        let fenced = self.held(peer).await?;
        if fenced.session.next_sequence() != sequence {
            return Err(expecting(ErrorCode::SequenceReused, &fenced.session));
        }
        self.clear_uncounted(peer, &fenced.session, Some(&name)).await?;
        if let Some(bound) = &mut peer.bound {
            bound.uncounted = true;
        }
        self.reveal(part, &name, ack).await?;
        // The object is on the disk before the session counts it. A crash in between leaves a file that the
        // repeated request adopts; the other order would acknowledge a file that is not there.
        let file = FileInfo { stored_as: name.to_wire(), size: stored.size, digest: Some(stored.digest) };
        self.count(Receipt::new(sequence, fingerprint, Outcome::Stored(file, ack)), peer).await
    }

    /// Shows a part under its session's name. What is there already was never counted: the same bytes are
    /// adopted, others were promised to nobody and step aside.
    async fn reveal(&self, mut part: Box<dyn Part>, name: &ObjectName, ack: Ack) -> Result<(), ErrorBody> {
        let stored = part.stored();
        for _ in 0..CHANGES_TRIED {
            part = match part.reveal(name, ack).await {
                Ok(()) => return Ok(()),
                Err(RevealError::Occupied(back)) => back,
                Err(error @ RevealError::Failed(_)) => return Err(error.into()),
            };
            match self.services.files.inspect(name, stored.digest.kind()).await? {
                Some(there) if there == stored => {
                    let kept = ack == Ack::Written || self.services.files.make_durable(name).await?;
                    if kept {
                        return Ok(());
                    }
                }
                Some(_) => {
                    self.services.files.set_aside(name).await?;
                }
                None => {}
            }
        }
        Err(RevealError::Occupied(part).into())
    }

    /// Sets aside what was made visible under the next sequence and never counted; nobody was told of it. A file
    /// under the name that is about to be used is left to [`Self::reveal`], which may adopt it.
    async fn clear_uncounted(
        &self,
        peer: &Peer,
        session: &Session,
        wanted: Option<&ObjectName>,
    ) -> Result<(), ErrorBody> {
        if peer.bound.as_ref().is_none_or(|bound| !bound.uncounted) {
            return Ok(());
        }
        let sequence = session.next_sequence();
        let page = self.services.files.list(self.shelf(session), sequence, 1).await?;
        for entry in page.entries {
            if entry.sequence == sequence && Some(&entry.name) != wanted {
                self.services.files.set_aside(&entry.name).await?;
            }
        }
        Ok(())
    }

    async fn remove(
        &self,
        fingerprint: Fingerprint,
        sequence: Sequence,
        file: &str,
        peer: &mut Peer,
    ) -> Result<Answer, ErrorBody> {
        let seen = self.held(peer).await?;
        let name = Self::own_name(&seen.session, file).ok_or(ErrorCode::FileUnknown)?;
        let turn = peer.bound.as_ref().map(|bound| Arc::clone(&bound.turn)).ok_or(ErrorCode::SessionRequired)?;
        let _turn = turn.lock().await;
        let fenced = self.held(peer).await?;
        self.clear_uncounted(peer, &fenced.session, None).await?;
        self.services.files.remove(&name, self.services.ack).await?;
        self.count(Receipt::new(sequence, fingerprint, Outcome::Removed(name.to_wire())), peer).await
    }

    async fn disconnect(
        &self,
        fingerprint: Fingerprint,
        sequence: Sequence,
        peer: &mut Peer,
    ) -> Result<Answer, ErrorBody> {
        let turn = peer.bound.as_ref().map(|bound| Arc::clone(&bound.turn)).ok_or(ErrorCode::SessionRequired)?;
        let _turn = turn.lock().await;
        let fenced = self.held(peer).await?;
        self.clear_uncounted(peer, &fenced.session, None).await?;
        let answer = self.count(Receipt::new(sequence, fingerprint, Outcome::Closed), peer).await?;
        if let Some(bound) = &mut peer.bound {
            bound.ended = true;
        }
        Ok(answer)
    }

    /// Stores counter and receipt together. Only then does the client hear of it.
    async fn count(&self, receipt: Receipt, peer: &mut Peer) -> Result<Answer, ErrorBody> {
        for _ in 0..CHANGES_TRIED {
            let seen = self.held(peer).await?;
            if seen.session.next_sequence() != receipt.sequence {
                return Err(expecting(ErrorCode::SequenceReused, &seen.session));
            }
            let next = seen.session.advanced(receipt.clone(), self.services.clock.now(), self.limits());
            match self.replace(&seen, next).await {
                Ok(counted) => {
                    if let Some(bound) = &mut peer.bound {
                        bound.uncounted = false;
                    }
                    return Ok(answer_to(&receipt).in_session(counted.session));
                }
                Err(StoreError::Conflict) => {}
                Err(error @ (StoreError::Full | StoreError::Exists)) => return Err(error.into()),
            }
        }
        Err(ErrorCode::Busy.into())
    }

    /// The session was heard of; nothing else changes.
    async fn heard(&self, peer: &Peer) -> Result<Arc<Session>, ErrorBody> {
        self.change(peer, Session::heard).await
    }

    async fn change(
        &self,
        peer: &Peer,
        next: impl Fn(&Session, shared::id::Timestamp) -> Session + Send,
    ) -> Result<Arc<Session>, ErrorBody> {
        for _ in 0..CHANGES_TRIED {
            let seen = self.held(peer).await?;
            if let Step::Gone = self.step(&seen.session, Action::Heartbeat) {
                return Err(self.gone(&seen.session));
            }
            match self.replace(&seen, next(&seen.session, self.services.clock.now())).await {
                Ok(changed) => return Ok(changed.session),
                Err(StoreError::Conflict) => {}
                Err(error @ (StoreError::Full | StoreError::Exists)) => return Err(error.into()),
            }
        }
        Err(ErrorCode::Busy.into())
    }

    async fn replace(&self, seen: &Versioned, next: Session) -> Result<Versioned, StoreError> {
        let due = next.due(self.limits());
        self.sessions.replace(seen.revision, next, due).await
    }

    /// The session this connection is bound to, if it still holds it.
    async fn held(&self, peer: &Peer) -> Result<Versioned, ErrorBody> {
        let bound = peer.bound.as_ref().ok_or(ErrorCode::SessionRequired)?;
        let seen = self.sessions.load(bound.session).await?.ok_or(ErrorCode::SessionUnknown)?;
        if seen.session.epoch() == bound.epoch { Ok(seen) } else { Err(ErrorCode::SessionMoved.into()) }
    }

    fn step(&self, session: &Session, action: Action) -> Step {
        step(session.phase(self.services.clock.now(), Presence::Connected, self.limits()), action)
    }

    fn gone(&self, session: &Session) -> ErrorBody {
        let reason = session.end_reason(self.services.clock.now(), self.limits());
        let reason = reason.map(|reason| reason.as_str().to_owned());
        ErrorBody { reason, ..ErrorCode::SessionGone.into() }
    }

    fn status(session: &Session) -> Answer {
        let mut answer = Answer::of(Status::SessionStatus);
        answer.reply.record = Some(Record {
            client_address: session.client_address().to_string(),
            created_at: session.created(),
            last_activity: session.last_activity(),
            message_count: session.message_count(),
            total_bytes: session.total_bytes(),
            files_transferred: session.files_transferred(),
            state_bytes: u64::try_from(session.state_bytes()).unwrap_or(u64::MAX),
        });
        answer
    }

    async fn list(&self, session: &Session, from: Sequence) -> Result<Answer, ErrorBody> {
        let at_most = self.limits().list_entries_max;
        let page = self.services.files.list(self.shelf(session), from, at_most).await?;
        let mut lines = Vec::new();
        // A file at or above the next sequence was made visible and never counted; nobody was told of it.
        for entry in page.entries.iter().filter(|entry| entry.sequence < session.next_sequence()) {
            let stored_as = entry.name.to_wire();
            let receipt = session.receipt(entry.sequence);
            let digest = receipt.and_then(|receipt| match &receipt.outcome {
                Outcome::Stored(file, _) if file.stored_as == stored_as => file.digest,
                Outcome::Stored(..) | Outcome::Removed(_) | Outcome::Closed => None,
            });
            let name = receipt.and_then(|receipt| receipt.name()).map(|name| name.as_str().to_owned());
            let line = FileEntry { stored_as, sequence: entry.sequence, size: entry.size, name, digest };
            lines.extend_from_slice(&encode_line(&line).map_err(|_| ErrorCode::Internal)?);
        }
        let mut answer = Answer::of(Status::Files);
        "application/x-ndjson".clone_into(&mut answer.reply.mime_type);
        answer.reply.size = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        let next = page.next.filter(|next| *next < session.next_sequence());
        answer.reply.next_offset = next.map(Sequence::get);
        answer.payload = AnswerPayload::Bytes(Bytes::from(lines));
        Ok(answer)
    }

    async fn fetch(&self, session: &Session, range: &FetchRange) -> Result<Answer, ErrorBody> {
        let name = Self::own_name(session, &range.file).ok_or(ErrorCode::FileUnknown)?;
        fetch_answer(&self.services, &name, range.offset).await
    }

    fn name(&self, session: &Session, sequence: Sequence, extension: Extension) -> ObjectName {
        match self.services.naming {
            Naming::SessionAware => ObjectName::session(session.id(), sequence, session.created(), extension),
            Naming::Simple => ObjectName::simple(session.id(), sequence, extension),
        }
    }

    fn shelf(&self, session: &Session) -> Shelf {
        match self.services.naming {
            Naming::SessionAware => Shelf::Folder(session.id()),
            Naming::Simple => Shelf::Simple { session: session.id(), last: session.next_sequence() },
        }
    }

    /// The name of a file that this session was told of, from the client's spelling of it.
    fn own_name(session: &Session, stored_as: &str) -> Option<ObjectName> {
        let name = ObjectName::parse(stored_as)?;
        match name.form() {
            Form::Session { session: owner, sequence, created } => {
                let own = owner == session.id() && created == session.created() && sequence < session.next_sequence();
                own.then_some(name)
            }
            // Such a name does not show its session, but it is made of the session's id and a sequence.
            Form::Received { .. } => {
                let mut sequence = Sequence::FIRST;
                while sequence < session.next_sequence() {
                    if ObjectName::simple(session.id(), sequence, name.extension()) == name {
                        return Some(name);
                    }
                    sequence = sequence.next();
                }
                None
            }
            Form::Week01 { .. } => None,
        }
    }
}

/// Keeps a session alive while its client can do nothing but send.
struct RenewingBody<'a> {
    inner: &'a mut dyn Body,
    handler: &'a StatefulHandler,
    peer: &'a Peer,
    renewed: shared::id::Timestamp,
}

#[async_trait]
impl Body for RenewingBody<'_> {
    async fn chunk(&mut self) -> Result<Option<Bytes>, ErrorBody> {
        let chunk = self.inner.chunk().await?;
        let now = self.handler.services.clock.now();
        let limits = self.handler.limits();
        if now.millis_since(self.renewed) > limits.session_timeout_ms.min(limits.pending_timeout_ms) / 2 {
            self.handler.change(self.peer, Session::renewed).await?;
            self.renewed = now;
        }
        Ok(chunk)
    }

    fn trailer(&self) -> Option<shared::digest::Digest> {
        self.inner.trailer()
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

fn expecting(code: ErrorCode, session: &Session) -> ErrorBody {
    ErrorBody { expected_sequence: Some(session.next_sequence()), ..code.into() }
}

fn answer_to(receipt: &Receipt) -> Answer {
    let mut answer = match &receipt.outcome {
        Outcome::Stored(file, ack) => {
            let mut answer = Answer::of(Status::Stored);
            answer.reply.file = Some(file.clone());
            answer.reply.ack = Some(*ack);
            answer
        }
        Outcome::Removed(_) => Answer::of(Status::Removed),
        Outcome::Closed => Answer::of(Status::SessionClosed),
    };
    answer.reply.sequence = Some(receipt.sequence);
    answer
}

fn replay(receipt: &Receipt) -> Answer {
    let answer = answer_to(receipt);
    Answer { reply: Reply { replayed: true, ..answer.reply }, ..answer }
}

/// The goodbye again, for a client that lost it.
fn goodbye(session: &Arc<Session>) -> Answer {
    let answer = match session.last_receipt() {
        Some(receipt) => replay(receipt),
        None => Answer::of(Status::SessionClosed),
    };
    answer.in_session(Arc::clone(session))
}
