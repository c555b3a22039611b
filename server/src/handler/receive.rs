//! Takes one upload's payload into a part that nobody can see yet, and checks it (PROTOCOL.md section 10,
//! steps 1 to 3). The same for both modes.

use shared::digest::DigestKind;
use shared::error::ErrorCode;
use shared::wire::{Ack, ErrorBody, Upload};

use super::Body;
use crate::files::{FileStorage, Part};

/// What is refused before a byte is read: parts are not kept yet, and some uploads are too large.
pub(super) fn refuse_early(upload: &Upload, bytes_max: u64) -> Result<(), ErrorBody> {
    if upload.offset > 0 {
        return Err(ErrorBody { offset: Some(0), ..ErrorBody::from(ErrorCode::BadOffset) });
    }
    if upload.total().is_some_and(|total| total > bytes_max) {
        return Err(too_large(bytes_max));
    }
    Ok(())
}

/// The whole payload as a part, with a digest of the kind that is asked for.
pub(super) async fn receive(
    files: &dyn FileStorage,
    upload: &Upload,
    digest: Option<DigestKind>,
    bytes_max: u64,
    ack: Ack,
    body: &mut dyn Body,
) -> Result<Box<dyn Part>, ErrorBody> {
    let mut sink = files.create(upload.total(), digest).await?;
    let mut left = bytes_max;
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
        return Err(ErrorCode::DigestMismatch.into());
    }
    Ok(part)
}

fn too_large(bytes_max: u64) -> ErrorBody {
    let message = format!("at most {bytes_max} bytes are taken here");
    ErrorBody { field: Some("size".to_owned()), ..ErrorBody::new(ErrorCode::SizeTooLarge, message) }
}
