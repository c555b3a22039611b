//! Takes one upload's payload into a part that nobody can see yet, and checks it (PROTOCOL.md section 10,
//! steps 1 to 3). The same for both modes.

use shared::digest::DigestKind;
use shared::error::ErrorCode;
use shared::wire::{Ack, ErrorBody, Upload};

use super::{Body, Services};
use crate::files::{Claimant, Part, PartKey, Sink};

/// What is refused before a byte is read.
pub(super) fn refuse_early(upload: &Upload, bytes_max: u64) -> Result<(), ErrorBody> {
    if upload.total().is_some_and(|total| total > bytes_max) {
        return Err(too_large(bytes_max));
    }
    Ok(())
}

/// The whole file as a part, with a digest of the kind that is asked for. One that has a part of its `own` goes on
/// where an earlier request was cut, and leaves what came of it when it is cut itself.
pub(super) async fn receive(
    services: &Services,
    own: Option<(PartKey, Claimant)>,
    upload: &Upload,
    digest: Option<DigestKind>,
    bytes_max: u64,
    ack: Ack,
    body: &mut dyn Body,
) -> Result<Box<dyn Part>, ErrorBody> {
    let mut sink = sink(services, own, upload, digest, body).await?;
    let mut left = bytes_max.saturating_sub(upload.offset);
    while let Some(chunk) = body.chunk().await? {
        left = u64::try_from(chunk.len())
            .ok()
            .and_then(|length| left.checked_sub(length))
            .ok_or_else(|| too_large(bytes_max))?;
        sink.write(chunk).await?;
    }
    let part = sink.seal(ack).await?;
    let claimed = upload.digest.or_else(|| body.trailer());
    if claimed.is_some() && claimed != part.stored().digest {
        part.discard().await;
        return Err(ErrorCode::DigestMismatch.into());
    }
    Ok(part)
}

async fn sink(
    services: &Services,
    own: Option<(PartKey, Claimant)>,
    upload: &Upload,
    digest: Option<DigestKind>,
    body: &mut dyn Body,
) -> Result<Box<dyn Sink>, ErrorBody> {
    let (Some((key, by)), Some(total), Some(digest)) = (own, upload.total(), digest) else {
        // Without a name of its own nothing is found again, what has no length yet has no place to go on, and without
        // a digest nobody would notice a mixture.
        if upload.offset > 0 {
            return Err(bad_offset(0));
        }
        return Ok(services.files.create(upload.total(), digest).await?);
    };
    let claim = tokio::select! {
        biased;
        claim = services.files.claim(key, by) => claim?,
        // The older one hangs in a write, and nobody knows when and where its bytes will come.
        () = services.takeover_timeout() => return Err(ErrorCode::Busy.into()),
    };
    if upload.offset > claim.length() {
        drop(claim);
        // What is told must stay, so it is made durable first.
        return Err(bad_offset(services.files.kept(key).await?.unwrap_or(0)));
    }
    body.until(claim.overtaken());
    Ok(claim.sink(upload.offset, total, digest).await?)
}

fn bad_offset(right: u64) -> ErrorBody {
    ErrorBody { offset: Some(right), ..ErrorCode::BadOffset.into() }
}

fn too_large(bytes_max: u64) -> ErrorBody {
    let message = format!("at most {bytes_max} bytes are taken here");
    ErrorBody { field: Some("size".to_owned()), ..ErrorBody::new(ErrorCode::SizeTooLarge, message) }
}
