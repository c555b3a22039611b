//! Uploads inside a session: received, shown under the names of their sequences, counted, in this order. Those that
//! come close behind each other are received one by one, and shown and counted together.

use std::sync::Arc;

use futures_util::future::join_all;
use shared::digest::DigestKind;
use shared::error::ErrorCode;
use shared::id::Sequence;
use shared::session::{Fingerprint, Outcome, Receipt, Session};
use shared::wire::{Ack, Action, ErrorBody, FileInfo, SessionRequest, StatefulRequest, Upload};

use super::record::expecting;
use super::{CHANGES_TRIED, StatefulHandler, note_end};
use crate::config::Naming;
use crate::files::mime::Extension;
use crate::files::{Claimant, ObjectName, Part, PartKey, RevealError};
use crate::handler::receive::{receive, refuse_early};
use crate::handler::{Answer, Body, Peer, RUN_MAX, Received};

/// Only a newer connection of the session can have taken its upload over.
fn in_session(error: ErrorBody) -> ErrorBody {
    if error.code == ErrorCode::TransferMoved { ErrorCode::SessionMoved.into() } else { error }
}

impl StatefulHandler {
    /// Whether an upload may be received while the one of `last` waits for its second half: it comes next in the same
    /// session, and nothing is known there that has to be settled first.
    #[must_use]
    pub fn follows(&self, request: &StatefulRequest, last: Sequence, peer: &Peer) -> bool {
        let (StatefulRequest::Inside(id, SessionRequest::Transfer(sequence, upload)), Some(bound)) =
            (request, &peer.bound)
        else {
            return false;
        };
        let settled = !bound.ended && !bound.uncounted && !bound.carried && bound.unclear.is_none();
        // What a crash leaves of a run has to be found again, and names outside a folder are only looked for one by one.
        let found_again = self.services.naming == Naming::SessionAware;
        settled && found_again && bound.session == *id && *sequence == last.next() && upload.offset == 0
    }

    /// The first half of an upload that [follows](Self::follows) others of the session. It will be counted with them or
    /// not at all; the record is asked then, and before only what names are made of is needed, which never changes.
    pub async fn follow(
        &self,
        request: StatefulRequest,
        session: &Arc<Session>,
        body: &mut dyn Body,
        peer: &Peer,
    ) -> Result<Received, ErrorBody> {
        let StatefulRequest::Inside(_, request @ SessionRequest::Transfer(..)) = request else {
            return Err(ErrorCode::Internal.into());
        };
        let fingerprint = Fingerprint::of(&request).ok_or(ErrorCode::Internal)?;
        let SessionRequest::Transfer(sequence, upload) = request else { return Err(ErrorCode::Internal.into()) };
        self.receive(session, sequence, fingerprint, &upload, body, peer).await
    }

    /// The first half of an upload: its bytes.
    pub(super) async fn receive(
        &self,
        session: &Arc<Session>,
        sequence: Sequence,
        fingerprint: Fingerprint,
        upload: &Upload,
        body: &mut dyn Body,
        peer: &Peer,
    ) -> Result<Received, ErrorBody> {
        let bytes_max = self.limits().stateful_request_bytes_max;
        refuse_early(upload, bytes_max)?;
        let ack = upload.ack.unwrap_or(self.services.ack);
        let name = self.name(session, sequence, Extension::of(&upload.mime_type));
        let key = PartKey::of_sequence(session.id(), sequence);
        let by = Claimant::Bound(peer.bound.as_ref().ok_or(ErrorCode::SessionRequired)?.number);
        let kind = upload.digest_kind();
        let own = Some((key, by));
        let part = receive(&self.services, own, upload, Some(kind), bytes_max, ack, body).await.map_err(in_session)?;
        let (session, sized) = (Arc::clone(session), upload.total().is_some());
        Ok(Received { session, sequence, fingerprint, name, part, kind, ack, sized })
    }

    /// The second half of uploads that follow each other: shown, then counted in one change. An answer for each, in
    /// their order; behind one that failed, the next finds a gap.
    pub async fn commit(&self, run: Vec<Received>, peer: &mut Peer) -> Vec<Result<Answer, ErrorBody>> {
        let count = run.len();
        let mut outcomes = self.show_and_count(run, peer).await.unwrap_or_else(|error| vec![Err(error)]);
        while outcomes.len() < count {
            outcomes.push(Err(self.gap(peer).await));
        }
        for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            note_end(error, peer);
        }
        outcomes
    }

    /// What an upload is told when the one before it was not counted.
    async fn gap(&self, peer: &Peer) -> ErrorBody {
        match self.held_for(Action::Transfer, peer).await {
            Ok(seen) => expecting(ErrorCode::SequenceGap, &seen.session),
            Err(error) => error,
        }
    }

    /// What came of each up to the first that could not be shown.
    async fn show_and_count(
        &self,
        run: Vec<Received>,
        peer: &mut Peer,
    ) -> Result<Vec<Result<Answer, ErrorBody>>, ErrorBody> {
        let Some(first) = run.first() else { return Ok(Vec::new()) };
        let (sequence, name, sized) = (first.sequence, first.name, first.sized);
        // From here to the count, no newer connection comes between: it waits for its turn.
        let _turn = self.turn(peer).await?;
        let fenced = self.held_for(Action::Transfer, peer).await?;
        let session = fenced.session.id();
        if fenced.session.next_sequence() != sequence {
            return Err(expecting(ErrorCode::SequenceReused, &fenced.session));
        }
        self.refuse_used(peer, &fenced.session, Some(&name)).await?;
        self.clear_uncounted(peer, &fenced.session, Some(&name)).await?;
        if let Some(bound) = &mut peer.bound {
            bound.uncounted = true;
        }
        let (receipts, failure) = self.show_all(run).await;
        // The objects are on the disk before the session counts them. A crash in between leaves files that the
        // repeated requests find; the other order would acknowledge files that are not there.
        let counted = self.count(&receipts, fenced, peer).await;
        if let (Some(bound), Some(_)) = (&mut peer.bound, &failure) {
            bound.uncounted = true;
        }
        let mut outcomes: Vec<_> = match counted {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            // The change may have been made all the same, and then with all of them.
            Err(error) => receipts.iter().map(|_| Err(error.clone())).collect(),
        };
        if !sized && matches!(outcomes.first(), Some(Ok(_))) {
            // Left by an earlier request that knew its length.
            self.forget_part(session, sequence).await;
        }
        outcomes.extend(failure.map(Err));
        Ok(outcomes)
    }

    /// Shows uploads, all at once, so that they can become durable together. Receipts of them up to the first that
    /// could not be shown, and why it could not.
    async fn show_all(&self, run: Vec<Received>) -> (Vec<Arc<Receipt>>, Option<ErrorBody>) {
        let names: Vec<_> = run.iter().map(|received| received.name).collect();
        let shown = join_all(run.into_iter().map(|received| self.show(received))).await;
        let mut receipts = Vec::with_capacity(shown.len());
        let mut failure = None;
        for (name, outcome) in names.iter().zip(shown) {
            match outcome {
                Ok(receipt) if failure.is_none() => receipts.push(receipt),
                // It cannot be counted, and another request may take its number.
                Ok(_) => {
                    if let Err(error) = self.services.files.set_aside(name).await {
                        tracing::warn!(%error, "a file that nobody was told of stays visible");
                    }
                }
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        (receipts, failure)
    }

    /// Shows one upload; its receipt, to be counted.
    async fn show(&self, received: Received) -> Result<Arc<Receipt>, ErrorBody> {
        let Received { session: _, sequence, fingerprint, name, part, kind, ack, sized: _ } = received;
        let stored = part.stored();
        self.reveal(part, &name, kind, ack).await.map_err(|error| ErrorBody {
            expected_sequence: (error.code == ErrorCode::SequenceReused).then_some(sequence),
            ..in_session(error)
        })?;
        let file = FileInfo { stored_as: name.to_wire(), size: stored.size, digest: stored.digest };
        Ok(Arc::new(Receipt::new(sequence, fingerprint, Outcome::Stored(file, ack))))
    }

    /// Shows a part under its session's name. The same bytes, if they are there already, are adopted. Others were
    /// never counted and promised to nobody, so they step aside; unless clients carry their sessions, because then
    /// only an older ticket may say so.
    async fn reveal(
        &self,
        mut part: Box<dyn Part>,
        name: &ObjectName,
        kind: DigestKind,
        ack: Ack,
    ) -> Result<(), ErrorBody> {
        let stored = part.stored();
        for _ in 0..CHANGES_TRIED {
            part = match part.reveal(name, ack).await {
                Ok(()) => return Ok(()),
                Err(RevealError::Occupied(back)) => back,
                Err(error @ RevealError::Failed(_)) => return Err(error.into()),
            };
            match self.services.files.inspect(name, kind).await? {
                Some(there) if there == stored => {
                    let kept = ack == Ack::Written || self.services.files.make_durable(name).await?;
                    if kept {
                        part.discard().await;
                        return Ok(());
                    }
                }
                Some(_) if self.sessions.tickets().is_some() => {
                    part.discard().await;
                    return Err(ErrorCode::SequenceReused.into());
                }
                Some(_) => {
                    self.services.files.set_aside(name).await?;
                }
                None => {}
            }
        }
        Err(RevealError::Occupied(part).into())
    }

    /// Sets aside what was made visible from the next sequence on and never counted; nobody was told of it. A file
    /// under the name that is about to be used is left to [`Self::reveal`], which may adopt it.
    pub(super) async fn clear_uncounted(
        &self,
        peer: &Peer,
        session: &Session,
        wanted: Option<&ObjectName>,
    ) -> Result<(), ErrorBody> {
        // Where clients carry their sessions, what lies there may have been counted under a newer ticket.
        if self.sessions.tickets().is_some() || peer.bound.as_ref().is_none_or(|bound| !bound.uncounted) {
            return Ok(());
        }
        let sequence = session.next_sequence();
        let page = self.services.files.list(self.shelf(session), sequence, RUN_MAX).await?;
        for entry in page.entries.iter().filter(|entry| Some(&entry.name) != wanted) {
            self.services.files.set_aside(&entry.name).await?;
        }
        Ok(())
    }
}
