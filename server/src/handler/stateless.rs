//! Requests that carry all they need. What makes a repeat safe is the resource itself: the stored file's
//! name is made from the transfer id, so a repeat finds the file (PROTOCOL.md section 5).

use async_trait::async_trait;
use shared::digest::DigestKind;
use shared::error::ErrorCode;
use shared::id::TransferId;
use shared::wire::{
    Ack, ErrorBody, FetchRange, FileInfo, MimeType, Partial, Reply, StatelessRequest, Status, Upload, Week01Upload,
};

use super::receive::{receive, refuse_early};
use super::{Answer, AnswerPayload, Begun, Body, Peer, RequestHandler, Services};
use crate::files::mime::Extension;
use crate::files::{Claimant, FileStorage, Form, ObjectName, Part, PartKey, RevealError, Stored};

/// How often a random name is tried before something else must be wrong.
const NAMES_TRIED: usize = 8;

/// Hex digits of a Week 01 name, more when names are crowded; never as many as a stateless file has.
const WEEK01_DIGITS: [u8; 8] = [4, 4, 4, 6, 8, 16, 31, 31];

/// Remembers nothing from one request to the next.
#[derive(Debug)]
pub struct StatelessHandler {
    services: Services,
}

#[async_trait]
impl RequestHandler for StatelessHandler {
    type Request = StatelessRequest;

    async fn handle(
        &self,
        request: StatelessRequest,
        body: &mut dyn Body,
        peer: &mut Peer,
    ) -> Result<Begun, ErrorBody> {
        let answer = match request {
            StatelessRequest::Transfer(id, upload) => {
                self.transfer(id, &upload, body, Claimant::Connection(peer.number)).await
            }
            StatelessRequest::Status(id) => self.status(id).await,
            StatelessRequest::Fetch(range) => self.fetch(&range).await,
        };
        Ok(answer?.into())
    }
}

impl StatelessHandler {
    /// A handler that stores files through `services`.
    #[must_use]
    pub fn new(services: Services) -> Self {
        Self { services }
    }

    /// Stores a Week 01 upload under a short name of its own. The promise is the server's default.
    pub async fn store_week01(&self, upload: Week01Upload, body: &mut dyn Body) -> Result<(), ErrorBody> {
        let ack = self.services.ack;
        let bytes_max = self.services.limits.week01_request_bytes_max;
        let mime_type = upload.mime_type.unwrap_or_else(MimeType::octet_stream);
        let extension = Extension::of(&mime_type);
        let upload = Upload {
            mime_type,
            name: None,
            payload: shared::codec::Payload::Sized(upload.size),
            offset: 0,
            digest: None,
            trailer: None,
            ack: None,
        };
        refuse_early(&upload, bytes_max)?;
        let mut part = receive(&self.services, None, &upload, None, bytes_max, ack, body).await?;
        for digits in WEEK01_DIGITS {
            let name = ObjectName::week01(self.services.dice.bits()?, digits, extension);
            match part.reveal(&name, ack).await {
                Ok(()) => return Ok(()),
                Err(RevealError::Occupied(back)) => part = back,
                Err(error @ RevealError::Failed(_)) => return Err(error.into()),
            }
        }
        Err(RevealError::Occupied(part).into())
    }

    async fn transfer(
        &self,
        id: Option<TransferId>,
        upload: &Upload,
        body: &mut dyn Body,
        by: Claimant,
    ) -> Result<Answer, ErrorBody> {
        let bytes_max = self.services.limits.stateless_request_bytes_max;
        let ack = upload.ack.unwrap_or(self.services.ack);
        let extension = Extension::of(&upload.mime_type);
        let name = id.map(|id| ObjectName::received(id.as_bits(), extension));
        // A repeat may state another offset than an upload; it is asked for its size and digest first.
        if let Some(name) = name
            && let Some(answer) = self.repeat(&name, upload, ack).await?
        {
            return Ok(answer);
        }
        refuse_early(upload, bytes_max)?;
        let kind = upload.digest_kind();
        let key = id.map(PartKey::of_transfer);
        let own = key.map(|key| (key, by));
        let part = receive(&self.services, own, upload, Some(kind), bytes_max, ack, body).await;
        let Some(name) = name else { return self.reveal_anywhere(part?, extension, ack).await };
        let part = match part {
            // An earlier request may have come to its end meanwhile; then its part is the file.
            Err(error) if error.code == ErrorCode::BadOffset => {
                return self.repeat(&name, upload, ack).await?.ok_or(error);
            }
            part => part?,
        };
        let answer = self.reveal_once(part, &name, kind, ack).await?;
        if let (Some(key), None) = (key, upload.total()) {
            // Left by an earlier request that knew its length.
            if let Err(error) = self.services.files.forget(key).await {
                tracing::warn!(%error, "a part could not be removed");
            }
        }
        Ok(answer)
    }

    /// The answer to an upload whose file is there already.
    async fn repeat(&self, name: &ObjectName, upload: &Upload, ack: Ack) -> Result<Option<Answer>, ErrorBody> {
        let Some(size) = self.services.files.size(name).await? else { return Ok(None) };
        if upload.total().is_some_and(|total| total != size) {
            return Err(ErrorCode::TransferReused.into());
        }
        let Some(stored) = self.services.files.inspect(name, upload.digest_kind()).await? else { return Ok(None) };
        if upload.digest.is_some() && upload.digest != stored.digest {
            return Err(ErrorCode::TransferReused.into());
        }
        self.found(name, stored, ack).await.map(Some)
    }

    async fn found(&self, name: &ObjectName, stored: Stored, ack: Ack) -> Result<Answer, ErrorBody> {
        if ack == Ack::Durable {
            self.services.files.make_durable(name).await?;
        }
        let answer = stored_answer(name, stored, ack);
        Ok(Answer { reply: Reply { replayed: true, ..answer.reply }, ..answer })
    }

    async fn reveal_once(
        &self,
        part: Box<dyn Part>,
        name: &ObjectName,
        kind: DigestKind,
        ack: Ack,
    ) -> Result<Answer, ErrorBody> {
        let stored = part.stored();
        match part.reveal(name, ack).await {
            Ok(()) => Ok(stored_answer(name, stored, ack)),
            // The same transfer came twice at the same time, and the other one was first.
            Err(RevealError::Occupied(part)) => {
                part.discard().await;
                match self.services.files.inspect(name, kind).await? {
                    Some(other) if other == stored => self.found(name, stored, ack).await,
                    Some(_) | None => Err(ErrorCode::TransferReused.into()),
                }
            }
            Err(error @ RevealError::Failed(_)) => Err(error.into()),
        }
    }

    async fn reveal_anywhere(
        &self,
        mut part: Box<dyn Part>,
        extension: Extension,
        ack: Ack,
    ) -> Result<Answer, ErrorBody> {
        let stored = part.stored();
        for _ in 0..NAMES_TRIED {
            let name = ObjectName::received(self.services.dice.bits()?, extension);
            match part.reveal(&name, ack).await {
                Ok(()) => return Ok(stored_answer(&name, stored, ack)),
                Err(RevealError::Occupied(back)) => part = back,
                Err(error @ RevealError::Failed(_)) => return Err(error.into()),
            }
        }
        Err(RevealError::Occupied(part).into())
    }

    /// What there is of a transfer: the whole file, under whatever extension it was stored, or a part.
    async fn status(&self, id: TransferId) -> Result<Answer, ErrorBody> {
        let files = &self.services.files;
        let name = ObjectName::received(id.as_bits(), Extension::UNKNOWN);
        // In this order: a part that becomes whole between the two is found as a file.
        let partial = partial(files.as_ref(), PartKey::of_transfer(id)).await?;
        let Some(name) = files.find(&name).await? else {
            let mut answer = Answer::of(Status::SessionStatus);
            answer.reply.partial = Some(partial.ok_or(ErrorCode::FileUnknown)?);
            return Ok(answer);
        };
        let stored = files.inspect(&name, DigestKind::default()).await?.ok_or(ErrorCode::FileUnknown)?;
        Ok(stored_answer(&name, stored, Ack::Written))
    }

    async fn fetch(&self, range: &FetchRange) -> Result<Answer, ErrorBody> {
        // Short names and those in a session's folder could be guessed by somebody who was not told.
        let name = ObjectName::parse(&range.file)
            .filter(|name| matches!(name.form(), Form::Received { .. }))
            .ok_or(ErrorCode::FileUnknown)?;
        fetch_answer(&self.services, &name, range.offset).await
    }
}

/// What there is of a part, with its digest.
pub(super) async fn partial(files: &dyn FileStorage, key: PartKey) -> Result<Option<Partial>, ErrorBody> {
    let Some(offset) = files.kept(key).await? else { return Ok(None) };
    let prefix_digest = files.prefix_digest(key, offset).await?;
    Ok(prefix_digest.is_some().then_some(Partial { sequence: None, offset, prefix_digest }))
}

/// The answer to a stored upload.
pub(super) fn stored_answer(name: &ObjectName, stored: Stored, ack: Ack) -> Answer {
    let mut answer = Answer::of(Status::Stored);
    answer.reply.file = Some(FileInfo { stored_as: name.to_wire(), size: stored.size, digest: stored.digest });
    answer.reply.ack = Some(ack);
    answer
}

/// A file's bytes from `offset` to its end. A digest of the bytes sent follows them.
pub(super) async fn fetch_answer(services: &Services, name: &ObjectName, offset: u64) -> Result<Answer, ErrorBody> {
    let source = services.files.open(name, offset).await?.ok_or(ErrorCode::FileUnknown)?;
    let size = source.size();
    let left = size
        .checked_sub(offset)
        .ok_or_else(|| ErrorBody { offset: Some(size), ..ErrorBody::from(ErrorCode::BadOffset) })?;
    let mut answer = Answer::of(Status::File);
    answer.reply.mime_type = name.extension().mime_type().into();
    answer.reply.size = left;
    answer.reply.file = Some(FileInfo { stored_as: name.to_wire(), size, digest: None });
    answer.reply.trailer = Some(DigestKind::default());
    answer.payload = AnswerPayload::File(source);
    Ok(answer)
}
