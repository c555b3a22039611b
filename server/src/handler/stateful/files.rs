//! The files of a session: their names, and what can be done with them once they are there.

use bytes::Bytes;
use shared::codec::encode_line;
use shared::digest::Digest;
use shared::error::ErrorCode;
use shared::id::{Sequence, SessionId};
use shared::session::{Fingerprint, Outcome, Receipt, Session};
use shared::wire::{Action, ErrorBody, FetchRange, FileEntry, Status};

use super::StatefulHandler;
use crate::config::Naming;
use crate::files::mime::Extension;
use crate::files::{Form, ObjectName, PartKey, Shelf};
use crate::handler::stateless::fetch_answer;
use crate::handler::{Answer, AnswerPayload, Peer};

impl StatefulHandler {
    pub(super) async fn remove(
        &self,
        fingerprint: Fingerprint,
        sequence: Sequence,
        file: &str,
        peer: &mut Peer,
    ) -> Result<Answer, ErrorBody> {
        let seen = self.held(peer).await?;
        let (_, name) = self.own_name(&seen.session, file).ok_or(ErrorCode::FileUnknown)?;
        let _turn = self.turn(peer).await?;
        let fenced = self.held_for(Action::Remove, peer).await?;
        self.refuse_used(peer, &fenced.session, None).await?;
        self.clear_uncounted(peer, &fenced.session, None).await?;
        self.services.files.remove(&name, self.services.ack).await?;
        let session = fenced.session.id();
        let receipt = Receipt::new(sequence, fingerprint, Outcome::Removed(name.to_wire()));
        let answer = self.count_one(receipt, fenced, peer).await?;
        self.forget_part(session, sequence).await;
        Ok(answer)
    }

    /// Removes what a cut upload left under a sequence that something else has taken.
    pub(super) async fn forget_part(&self, session: SessionId, sequence: Sequence) {
        // The answer is counted; what could not be removed now goes when its time has come.
        if let Err(error) = self.services.files.forget(PartKey::of_sequence(session, sequence)).await {
            tracing::warn!(%error, %session, "a part could not be removed");
        }
    }

    pub(super) async fn list(&self, session: &Session, from: Sequence) -> Result<Answer, ErrorBody> {
        let at_most = self.limits().list_entries_max;
        let page = self.services.files.list(self.shelf(session), from, at_most).await?;
        let mut lines = Vec::new();
        // A file at or above the next sequence was made visible and never counted; nobody was told of it.
        for entry in page.entries.iter().filter(|entry| entry.sequence < session.next_sequence()) {
            let stored_as = entry.name.to_wire();
            let digest = kept_digest(session, entry.sequence, &stored_as);
            let name =
                session.receipt(entry.sequence).and_then(|receipt| receipt.name()).map(|name| name.as_str().to_owned());
            let line = FileEntry { stored_as, sequence: entry.sequence, size: entry.size, name, digest };
            lines.extend_from_slice(&encode_line(&line).map_err(|_| ErrorCode::Internal)?);
        }
        let mut answer = Answer::of(Status::Files);
        answer.reply.mime_type = "application/x-ndjson".into();
        answer.reply.size = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        let next = page.next.filter(|next| *next < session.next_sequence());
        answer.reply.next_offset = next.map(Sequence::get);
        answer.payload = AnswerPayload::Bytes(Bytes::from(lines));
        Ok(answer)
    }

    pub(super) async fn fetch(&self, session: &Session, range: &FetchRange) -> Result<Answer, ErrorBody> {
        let (sequence, name) = self.own_name(session, &range.file).ok_or(ErrorCode::FileUnknown)?;
        let mut answer = fetch_answer(&self.services, &name, range.offset).await?;
        // The digest of what was stored, not of what is on the disk now: whoever fetches the whole file can compare.
        if let Some(file) = &mut answer.reply.file {
            file.digest = kept_digest(session, sequence, &file.stored_as);
        }
        Ok(answer)
    }

    pub(super) fn name(&self, session: &Session, sequence: Sequence, extension: Extension) -> ObjectName {
        match self.services.naming {
            Naming::SessionAware => ObjectName::session(session.id(), sequence, session.created(), extension),
            Naming::Simple => ObjectName::simple(session.secret(), sequence, extension),
        }
    }

    pub(super) fn shelf(&self, session: &Session) -> Shelf {
        match self.services.naming {
            Naming::SessionAware => Shelf::Folder(session.id()),
            Naming::Simple => Shelf::Simple { secret: *session.secret(), last: session.next_sequence() },
        }
    }

    /// The name of a file that this session was told of, and its sequence, from the client's spelling of the name.
    fn own_name(&self, session: &Session, stored_as: &str) -> Option<(Sequence, ObjectName)> {
        let name = ObjectName::parse(stored_as)?;
        match name.form() {
            Form::Session { session: owner, sequence, created } => {
                let own = owner == session.id() && created == session.created() && sequence < session.next_sequence();
                own.then_some((sequence, name))
            }
            // Such a name does not show its session, but it is made of the session's secret and a sequence.
            Form::Received { .. } if self.services.naming == Naming::Simple => {
                let mut sequence = Sequence::FIRST;
                while sequence < session.next_sequence() {
                    if ObjectName::simple(session.secret(), sequence, name.extension()) == name {
                        return Some((sequence, name));
                    }
                    sequence = sequence.next();
                }
                None
            }
            Form::Received { .. } | Form::Week01 { .. } => None,
        }
    }
}

/// The digest that the client was told when this file was stored, while the receipt is kept.
fn kept_digest(session: &Session, sequence: Sequence, stored_as: &str) -> Option<Digest> {
    match &session.receipt(sequence)?.outcome {
        Outcome::Stored(file, _) if file.stored_as == stored_as => file.digest,
        Outcome::Stored(..) | Outcome::Removed(_) | Outcome::Closed => None,
    }
}
