//! A payload that comes as it was written down, giving way before every chunk.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use server::handler::Body;
use shared::digest::Digest;
use shared::error::ErrorCode;
use shared::wire::ErrorBody;
use tokio_util::sync::CancellationToken;

use super::SetClock;
use crate::orders::give_way;

/// A payload, chunk by chunk.
#[derive(Debug)]
pub struct ScriptedBody {
    chunks: VecDeque<Bytes>,
    trailer: Option<Digest>,
    breaks: Option<ErrorCode>,
    clock: Option<(Arc<SetClock>, u64)>,
    overtaken: Option<CancellationToken>,
    session_data: Bytes,
}

impl ScriptedBody {
    /// No payload.
    #[must_use]
    pub fn empty() -> Self {
        Self::new(Bytes::new(), 1, None)
    }

    /// These bytes in chunks of at most `chunk_bytes`, and then the trailer's digest.
    #[must_use]
    pub fn new(mut content: Bytes, chunk_bytes: usize, trailer: Option<Digest>) -> Self {
        let mut chunks = VecDeque::new();
        while !content.is_empty() {
            chunks.push_back(content.split_to(chunk_bytes.clamp(1, content.len())));
        }
        Self { chunks, trailer, breaks: None, clock: None, overtaken: None, session_data: Bytes::new() }
    }

    /// No payload behind this session data.
    #[must_use]
    pub fn behind(session_data: Bytes) -> Self {
        Self { session_data, ..Self::empty() }
    }

    /// The same, broken off after `chunks`.
    #[must_use]
    pub fn broken_after(mut self, chunks: usize, code: ErrorCode) -> Self {
        self.chunks.truncate(chunks);
        Self { breaks: Some(code), ..self }
    }

    /// The same, while so much time passes before each chunk and before the end.
    #[must_use]
    pub fn slowly(self, clock: Arc<SetClock>, millis: u64) -> Self {
        Self { clock: Some((clock, millis)), ..self }
    }
}

#[async_trait]
impl Body for ScriptedBody {
    async fn chunk(&mut self) -> Result<Option<Bytes>, ErrorBody> {
        give_way().await;
        if let Some((clock, millis)) = &self.clock {
            clock.pass(*millis);
        }
        if self.overtaken.as_ref().is_some_and(CancellationToken::is_cancelled) {
            return Err(ErrorCode::TransferMoved.into());
        }
        match (self.chunks.pop_front(), self.breaks) {
            (Some(chunk), _) => Ok(Some(chunk)),
            (None, Some(code)) => Err(code.into()),
            (None, None) => Ok(None),
        }
    }

    fn until(&mut self, overtaken: CancellationToken) {
        self.overtaken = Some(overtaken);
    }

    async fn session_data(&mut self) -> Result<Bytes, ErrorBody> {
        give_way().await;
        Ok(std::mem::take(&mut self.session_data))
    }

    fn trailer(&self) -> Option<Digest> {
        self.trailer
    }
}
