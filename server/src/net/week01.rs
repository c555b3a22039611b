//! Week 01 clients, which never read (PROTOCOL.md section 9): what they are told, and above all when.

use std::sync::Arc;

use shared::codec::{Framing, Payload};
use shared::error::{ErrorClass, ErrorCode};
use shared::wire::Week01Upload;

use super::body::{FrameBody, millis};
use super::connection::{Connection, Ending};
use super::link::Stream;
use crate::config::Week01Ack;

/// What a Week 01 client that writes several frames leaves between them is less than this; a client that
/// waits for an answer waits longer.
pub(super) const WEEK01_SILENCE_MS: u64 = 1_000;

/// The exact lines of the Week 01 servers.
const WEEK01_OK: &[u8] = b"OK\n";
const WEEK01_INVALID: &[u8] = b"ERROR: Invalid header\n";
const WEEK01_FAILED: &[u8] = b"ERROR: File write failed\n";

impl<S: Stream> Connection<S> {
    /// Stores one file; its acknowledgement is owed until [`Self::pay`].
    pub(super) async fn week01(&mut self, upload: Week01Upload) -> Result<(), Ending> {
        let framing = Framing { payload: Payload::Sized(upload.size), ..Framing::NONE };
        self.link.decoder.follow(framing);
        let context = Arc::clone(&self.context);
        let stored = {
            let mut body = FrameBody::new(&mut self.link, framing, &context.budget);
            context.dispatch.week01(upload, &mut body).await
        };
        match stored {
            Ok(()) => {
                self.owed = self.owed.saturating_add(1);
                self.tally.stored();
                if context.week01_ack == Week01Ack::Immediate {
                    self.pay().await;
                }
                Ok(())
            }
            Err(error) if error.code == ErrorCode::Truncated => Err(Ending::Goodbye),
            Err(error) => Err(Ending::Plain(error.code)),
        }
    }

    /// Acknowledges the Week 01 files stored so far. Such a client may never read, so a failure or a full
    /// socket is no reason to stop reading its files.
    pub(super) async fn pay(&mut self) {
        let owed = std::mem::take(&mut self.owed);
        if self.context.week01_ack == Week01Ack::Silent || owed == 0 {
            return;
        }
        let lines = WEEK01_OK.repeat(owed);
        let paid = tokio::time::timeout(millis(WEEK01_SILENCE_MS), self.link.write(&lines)).await;
        if !matches!(paid, Ok(Ok(()))) {
            tracing::debug!(owed, "acknowledgements not taken");
        }
    }
}

/// The line for a client that reads no JSON. What is wrong with a header is the client's fault; what keeps a good one's
/// file from being stored is not.
pub(super) fn told(code: ErrorCode) -> &'static [u8] {
    match code.class() {
        ErrorClass::Framing if code == ErrorCode::PayloadTimeout => WEEK01_FAILED,
        ErrorClass::Framing | ErrorClass::Request => WEEK01_INVALID,
        ErrorClass::Session | ErrorClass::Capacity | ErrorClass::Server => WEEK01_FAILED,
    }
}
