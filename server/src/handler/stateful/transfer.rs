//! One upload inside a session: received, shown under the name of its sequence, counted, in this order.

use shared::digest::DigestKind;
use shared::error::ErrorCode;
use shared::session::{Fingerprint, Outcome, Receipt, Session};
use shared::wire::{Ack, Action, ErrorBody, FileInfo, Upload};

use super::record::expecting;
use super::{CHANGES_TRIED, StatefulHandler};
use crate::files::mime::Extension;
use crate::files::{Claimant, ObjectName, Part, PartKey, RevealError};
use crate::handler::receive::{receive, refuse_early};
use crate::handler::{Answer, Body, Peer};
use crate::sessions::Versioned;

/// Only a newer connection of the session can have taken its upload over.
fn in_session(error: ErrorBody) -> ErrorBody {
    if error.code == ErrorCode::TransferMoved { ErrorCode::SessionMoved.into() } else { error }
}

impl StatefulHandler {
    pub(super) async fn transfer(
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
        let key = PartKey::of_sequence(seen.session.id(), sequence);
        let by = Claimant::Bound(peer.bound.as_ref().ok_or(ErrorCode::SessionRequired)?.number);
        let kind = upload.digest_kind();
        let own = Some((key, by));
        let part = receive(&self.services, own, upload, Some(kind), bytes_max, ack, body).await.map_err(in_session)?;
        let stored = part.stored();

        // From here to the count, no newer connection comes between: it waits for its turn.
        let _turn = self.turn(peer).await?;
        let fenced = self.held_for(Action::Transfer, peer).await?;
        if fenced.session.next_sequence() != sequence {
            return Err(expecting(ErrorCode::SequenceReused, &fenced.session));
        }
        self.refuse_used(peer, &fenced.session, Some(&name)).await?;
        self.clear_uncounted(peer, &fenced.session, Some(&name)).await?;
        if let Some(bound) = &mut peer.bound {
            bound.uncounted = true;
        }
        self.reveal(part, &name, kind, ack).await.map_err(|error| ErrorBody {
            expected_sequence: (error.code == ErrorCode::SequenceReused).then_some(sequence),
            ..in_session(error)
        })?;
        // The object is on the disk before the session counts it. A crash in between leaves a file that the
        // repeated request adopts; the other order would acknowledge a file that is not there.
        let file = FileInfo { stored_as: name.to_wire(), size: stored.size, digest: stored.digest };
        let answer = self.count(Receipt::new(sequence, fingerprint, Outcome::Stored(file, ack)), peer).await?;
        if upload.total().is_none() {
            // Left by an earlier request that knew its length.
            self.forget_part(&fenced.session, sequence).await;
        }
        Ok(answer)
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

    /// Sets aside what was made visible under the next sequence and never counted; nobody was told of it. A file
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
        let page = self.services.files.list(self.shelf(session), sequence, 1).await?;
        for entry in page.entries {
            if entry.sequence == sequence && Some(&entry.name) != wanted {
                self.services.files.set_aside(&entry.name).await?;
            }
        }
        Ok(())
    }
}
