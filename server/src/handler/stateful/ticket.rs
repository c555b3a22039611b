//! By what a session is continued: its token, or the ticket in which its client carries it (PROTOCOL.md section 7).

use std::sync::Arc;

use bytes::Bytes;
use shared::error::ErrorCode;
use shared::id::{SessionId, Token};
use shared::limits::{Limits, TICKET_BYTES_MAX};
use shared::session::Session;
use shared::wire::{Action, ErrorBody, Proof};

use super::StatefulHandler;
use super::record::expecting;
use crate::config::Naming;
use crate::files::ObjectName;
use crate::handler::attached::Place;
use crate::handler::{Body, Peer};
use crate::rate::Loopback;
use crate::sessions::{Revision, Room, StoreError, Versioned};

/// What a client that continues a session has brought.
pub(super) enum Claim {
    /// The session's secret.
    Token(Token),
    /// The session itself, as it was when its ticket was sealed.
    Ticket(Arc<Session>),
}

/// A session that somebody may continue.
pub(super) struct Known {
    pub(super) session: Arc<Session>,
    /// Of its record; a session that only its client has is in none.
    pub(super) revision: Option<Revision>,
}

impl StatefulHandler {
    /// The session as its client carries it; nothing from a server that remembers it itself.
    ///
    /// # Errors
    /// When it cannot be sealed.
    pub fn ticket(&self, session: &Session) -> Result<Bytes, ErrorBody> {
        let Some(tickets) = self.sessions.tickets() else { return Ok(Bytes::new()) };
        Ok(tickets.seal(session)?)
    }

    /// What proves that a session is one's own: the answer to "how is it resumed", for people.
    #[must_use]
    pub fn proof(&self) -> &'static str {
        if self.sessions.tickets().is_some() { "newest ticket" } else { "token" }
    }

    /// Whether `proof` is of the kind that this server asks for.
    pub(super) fn fits(&self, proof: &Proof) -> Result<(), ErrorBody> {
        let (field, expected) = match (proof, self.sessions.tickets()) {
            (Proof::Token(_), None) | (Proof::Ticket(_), Some(_)) => return Ok(()),
            (Proof::Token(_), Some(_)) => ("session.token", "here a session is continued by its newest ticket"),
            (Proof::Ticket(_), None) => ("session.data_size", "here a session is continued by its token"),
        };
        Err(ErrorBody { field: Some(field.to_owned()), ..ErrorBody::new(ErrorCode::BadField, expected) })
    }

    /// What `proof` brings. A ticket that was not sealed here, or for another session, is worth as much as a wrong
    /// token.
    pub(super) async fn claim(
        &self,
        id: SessionId,
        proof: Proof,
        body: &mut dyn Body,
        peer: &Peer,
    ) -> Result<Claim, ErrorBody> {
        let bytes = match proof {
            Proof::Token(token) => return Ok(Claim::Token(token)),
            Proof::Ticket(bytes) => bytes,
        };
        // What is too long to be a ticket is not waited for.
        if usize::try_from(bytes).is_ok_and(|bytes| bytes <= TICKET_BYTES_MAX) {
            let ticket = body.session_data().await?;
            if let Some(session) = self.opened(&ticket).filter(|session| session.id() == id) {
                return Ok(Claim::Ticket(Arc::new(session)));
            }
        }
        Err(self.unknown(peer))
    }

    fn opened(&self, ticket: &[u8]) -> Option<Session> {
        match self.sessions.tickets()?.open(ticket) {
            // Of an ended session no more is known than of one whose tombstone is gone.
            Ok(session) => {
                Some(session).filter(|session| !session.is_forgotten(self.services.clock.now(), self.limits()))
            }
            Err(error) => {
                tracing::info!(%error, "a ticket is refused");
                None
            }
        }
    }

    /// The session that a claim continues.
    pub(super) async fn known(&self, place: &Place, claim: &Claim, peer: &Peer) -> Result<Known, ErrorBody> {
        let loaded = match self.sessions.load(place.session).await {
            Err(StoreError::Damaged(error)) => return Err(self.damaged(error, Action::Connect, peer)),
            loaded => loaded?,
        };
        match (claim, loaded) {
            (Claim::Token(token), Some(seen)) if seen.session.belongs_to(token) => {
                Ok(Known { session: seen.session, revision: Some(seen.revision) })
            }
            (Claim::Token(_), _) => Err(self.unknown(peer)),
            (Claim::Ticket(carried), None) => {
                // Nothing is remembered of it, but connections that were overtaken, or ended it, may be here still.
                let session = match place.epoch() {
                    Some(epoch) => Arc::new(carried.not_before(epoch)),
                    None => Arc::clone(carried),
                };
                Ok(Known { session, revision: None })
            }
            (Claim::Ticket(carried), Some(held)) => Ok(newest(carried, held)),
        }
    }

    /// Nobody learns from the answer whether the id exists.
    pub(super) fn unknown(&self, peer: &Peer) -> ErrorBody {
        self.wrong_tokens.count(peer.address, self.services.clock.now());
        ErrorCode::SessionUnknown.into()
    }

    /// Puts the session in the place of the record that was seen, or of none.
    pub(super) async fn take(
        &self,
        revision: Option<Revision>,
        taken: Session,
        peer: &Peer,
    ) -> Result<Versioned, StoreError> {
        match revision {
            Some(revision) => {
                let due = taken.due(self.limits());
                self.sessions.replace(revision, taken, due).await
            }
            None => match self.insert(taken, peer).await {
                // Another connection has brought the same session meanwhile.
                Err(StoreError::Exists) => Err(StoreError::Conflict),
                inserted => inserted,
            },
        }
    }

    /// Remembers a session that is not remembered yet.
    pub(super) async fn insert(&self, session: Session, peer: &Peer) -> Result<Versioned, StoreError> {
        let limits = self.limits();
        let max = limits.sessions_per_address_max;
        let loopback = Loopback::under(max, Limits::default().sessions_per_address_max);
        let per_address_max = (!loopback.exempts(peer.address)).then_some(max);
        let room = Room { sessions_max: limits.sessions_max, per_address_max };
        let due = session.due(limits);
        self.sessions.insert(session, due, room).await
    }

    /// Refuses a request whose sequence has a file already, other than the `wanted` one: the ticket was an old one,
    /// and that file was acknowledged to whoever had the newer ones.
    pub(super) async fn refuse_used(
        &self,
        peer: &mut Peer,
        session: &Session,
        wanted: Option<&ObjectName>,
    ) -> Result<(), ErrorBody> {
        let Some(bound) = peer.bound.as_mut().filter(|bound| bound.carried) else { return Ok(()) };
        let sequence = session.next_sequence();
        let page = self.services.files.list(self.shelf(session), sequence, 1).await?;
        // A folder without files from here on has none for any later sequence either. Names outside a folder are only
        // looked for one by one.
        bound.carried = !page.entries.is_empty() || self.services.naming == Naming::Simple;
        let used = page.entries.iter().any(|entry| entry.sequence == sequence && Some(&entry.name) != wanted);
        if used { Err(expecting(ErrorCode::SequenceReused, session)) } else { Ok(()) }
    }
}

/// A connection here holds the session. Its record is newer than the ticket, unless the client went on with another
/// server in between.
fn newest(carried: &Arc<Session>, held: Versioned) -> Known {
    let Versioned { session, revision } = held;
    let age = |session: &Session| (session.next_sequence(), session.last_activity());
    let session = if age(carried) > age(&session) { Arc::new(carried.not_before(session.epoch())) } else { session };
    Known { session, revision: Some(revision) }
}
