//! The payload of one frame: exactly what its header announced, not a byte of the next one, at a pace
//! that is kept. The end is only ever reported after the last byte.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use shared::codec::{Event, Framing, Payload};
use shared::digest::{Digest, DigestKind};
use shared::error::ErrorCode;
use shared::limits::Limits;
use shared::wire::{ErrorBody, Reply, Status, read_trailer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use super::link::{Filled, Link, PAYLOAD_READ_BYTES, Pace, Stream, encode, now};
use crate::handler::Body;

/// Bytes one payload holds in memory at most: one read, and what a sink has until it is written.
const PAYLOAD_BUFFER_BYTES: u64 = 1_280 * 1024;

/// Bytes of memory one permit of the budget stands for.
const PERMIT_BYTES: u64 = 1_024;

/// What a payload holds until more of it has come: all that a small one ever needs. It has a part of the memory to
/// itself, so that large payloads hold up no small one, and those that hardly move no other.
pub(super) const SMALL_BYTES_MAX: u64 = 64 * 1024;

/// How long a payload waits for memory. Then the server says that it is busy, and nothing has been lost.
const ROOM_TIMEOUT_MS: u64 = 5_000;

/// The memory all payloads share.
#[derive(Debug)]
pub(super) struct Budget {
    small: Share,
    /// Never waited for. So whoever has some of it may wait for memory like all others.
    ahead: Share,
    large: Share,
}

/// A part of the memory.
#[derive(Debug)]
struct Share {
    memory: Arc<Semaphore>,
    permits: u32,
}

impl Budget {
    pub(super) fn new(limits: &Limits) -> Self {
        let bytes = u64::try_from(limits.buffer_bytes_max).unwrap_or(u64::MAX);
        let (small, ahead) = (bytes / 4, bytes / 8);
        Self { small: Share::new(small), ahead: Share::new(ahead), large: Share::new(bytes - small - ahead) }
    }

    fn share(&self, bytes: u64) -> &Share {
        if bytes <= SMALL_BYTES_MAX { &self.small } else { &self.large }
    }

    /// Room for reading many small requests at once, if there is some now.
    pub(super) fn room_ahead(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        let permits = u32::try_from(bytes / PERMIT_BYTES).ok()?;
        Arc::clone(&self.ahead.memory).try_acquire_many_owned(permits).ok()
    }
}

impl Share {
    fn new(bytes: u64) -> Self {
        let bound = Semaphore::MAX_PERMITS.min(usize::try_from(u32::MAX).unwrap_or(usize::MAX));
        let permits = usize::try_from(bytes / PERMIT_BYTES).unwrap_or(usize::MAX).clamp(1, bound);
        Self { memory: Arc::new(Semaphore::new(permits)), permits: u32::try_from(permits).unwrap_or(u32::MAX) }
    }

    /// Waits until there is memory for `bytes`, or for as much of them as there is at all: one that is larger
    /// than the whole share has it alone.
    async fn room(&self, bytes: u64) -> Result<SemaphorePermit<'_>, ErrorBody> {
        let permit = self.memory.acquire_many(self.permits(bytes)).await;
        permit.map_err(|_| ErrorCode::ShuttingDown.into())
    }

    /// The same, if nobody has to be waited for.
    fn room_now(&self, bytes: u64) -> Option<SemaphorePermit<'_>> {
        self.memory.try_acquire_many(self.permits(bytes)).ok()
    }

    fn permits(&self, bytes: u64) -> u32 {
        u32::try_from(bytes.div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX).min(self.permits)
    }
}

/// The payload that follows a header.
#[derive(Debug)]
pub(super) struct FrameBody<'a, S> {
    link: &'a mut Link<S>,
    pace: Pace,
    budget: &'a Budget,
    /// Room in the memory all payloads share, and for how many bytes.
    room: Option<(SemaphorePermit<'a>, u64)>,
    /// Bytes of the payload that the handler was given.
    given: u64,
    /// Cancelled when the session moved to a newer connection.
    moved: Option<CancellationToken>,
    /// Cancelled when a newer request took this upload over.
    overtaken: Option<CancellationToken>,
    promised: Option<DigestKind>,
    trailer_line: Option<Bytes>,
    trailer: Option<Digest>,
    payload: Payload,
    progress: Progress,
}

/// How far the payload has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// The peer waits for `continue` and has sent nothing.
    Awaited,
    Coming,
    Whole,
}

/// Where the stream stands when the request was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// At the next frame's header.
    Nothing,
    /// So many bytes before it.
    Bytes(u64),
    /// Chunks before it.
    Chunks,
}

impl<'a, S: Stream> FrameBody<'a, S> {
    pub(super) fn new(link: &'a mut Link<S>, framing: Framing, budget: &'a Budget) -> Self {
        let pace = link.pace();
        Self {
            link,
            pace,
            budget,
            room: None,
            given: 0,
            moved: None,
            overtaken: None,
            promised: None,
            trailer_line: None,
            trailer: None,
            payload: framing.payload,
            progress: Progress::Coming,
        }
    }

    /// The same payload, sent only when it is asked for.
    pub(super) fn awaited(self) -> Self {
        Self { progress: Progress::Awaited, ..self }
    }

    /// The same payload, with a digest of this kind behind it.
    pub(super) fn promising(self, promised: Option<DigestKind>) -> Self {
        Self { promised, ..self }
    }

    /// The same payload, given up when the session moves.
    pub(super) fn until(self, moved: Option<CancellationToken>) -> Self {
        Self { moved, ..self }
    }

    /// What of the frame is still to come, once the request was answered.
    pub(super) fn rest(&self) -> Rest {
        match (self.progress, self.link.decoder.body_left()) {
            (Progress::Whole | Progress::Awaited, _) => Rest::Nothing,
            (Progress::Coming, Some(left)) => Rest::Bytes(left),
            (Progress::Coming, None) => Rest::Chunks,
        }
    }

    /// Brings the stream to the next frame's header by dropping at most `bytes_max`; an error when that
    /// is not enough.
    pub(super) async fn discard(&mut self, bytes_max: u64) -> Result<(), ErrorBody> {
        match self.progress {
            Progress::Whole => return Ok(()),
            Progress::Awaited => {
                self.link.decoder.skip_body();
                return Ok(());
            }
            Progress::Coming => {}
        }
        let mut left = bytes_max;
        while let Some(chunk) = self.next().await? {
            let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
            left = left.checked_sub(length).ok_or(ErrorCode::SizeTooLarge)?;
        }
        Ok(())
    }

    /// The next bytes of the payload, wherever they are.
    async fn next(&mut self) -> Result<Option<Bytes>, ErrorBody> {
        loop {
            match self.event()? {
                Some(Event::Payload(bytes)) => return Ok(Some(bytes)),
                Some(Event::SessionData(_)) => {}
                Some(Event::End(line)) => {
                    self.progress = Progress::Whole;
                    self.trailer_line = line;
                    return Ok(None);
                }
                // The decoder gives out a header only after the end of this frame.
                Some(Event::Header(_)) => return Err(ErrorCode::Internal.into()),
                None => self.fill().await?,
            }
        }
    }

    fn event(&mut self) -> Result<Option<Event>, ErrorBody> {
        let event = self.link.decoder.next_event();
        event.map_err(|fault| ErrorBody::new(fault.kind.code(), fault.kind.message()))
    }

    async fn fill(&mut self) -> Result<(), ErrorBody> {
        self.link.flush().await.map_err(|_| ErrorCode::Truncated)?;
        let started = now();
        // With room for little, no more is read at once than that.
        let little = self.room.as_ref().is_some_and(|(_, held)| *held <= SMALL_BYTES_MAX);
        let bytes_max = if little { SMALL_BYTES_MAX } else { PAYLOAD_READ_BYTES };
        let (moved, overtaken) = (self.moved.clone(), self.overtaken.clone());
        let filled = tokio::select! {
            biased;
            () = cancelled(moved.as_ref()) => return Err(ErrorCode::SessionMoved.into()),
            () = cancelled(overtaken.as_ref()) => return Err(ErrorCode::TransferMoved.into()),
            filled = tokio::time::timeout(self.pace.left(), self.link.fill_at_most(bytes_max)) => filled,
        };
        match filled {
            Ok(Ok(Filled::Bytes(count))) if self.pace.kept(started.elapsed(), count) => Ok(()),
            Ok(Ok(Filled::Bytes(_))) | Err(_) => Err(ErrorCode::PayloadTimeout.into()),
            Ok(Ok(Filled::End) | Err(_)) => Err(ErrorCode::Truncated.into()),
        }
    }

    /// Room for this payload in the memory all payloads share: a little until so much has come, and then at once for
    /// all that it will ever hold. Whoever has that waits for nobody, so those who wait for it wait for an end.
    /// Waiting is the server's doing and counts against no client.
    async fn reserve(&mut self) -> Result<(), ErrorBody> {
        let most = match self.payload {
            Payload::Sized(size) => size.min(PAYLOAD_BUFFER_BYTES),
            Payload::Chunked => PAYLOAD_BUFFER_BYTES,
        };
        let bytes = if self.given < SMALL_BYTES_MAX { most.min(SMALL_BYTES_MAX) } else { most };
        if self.room.as_ref().is_some_and(|(_, held)| *held >= bytes) {
            return Ok(());
        }
        let share = self.budget.share(bytes);
        if let Some(room) = share.room_now(bytes) {
            self.room = Some((room, bytes));
            return Ok(());
        }
        let (moved, overtaken) = (self.moved.clone(), self.overtaken.clone());
        let room = tokio::select! {
            biased;
            () = cancelled(moved.as_ref()) => return Err(ErrorCode::SessionMoved.into()),
            () = cancelled(overtaken.as_ref()) => return Err(ErrorCode::TransferMoved.into()),
            room = tokio::time::timeout(millis(ROOM_TIMEOUT_MS), share.room(bytes)) => room,
        };
        self.room = Some((room.map_err(|_| ErrorCode::Busy)??, bytes));
        Ok(())
    }
}

#[async_trait]
impl<S: Stream> Body for FrameBody<'_, S> {
    async fn chunk(&mut self) -> Result<Option<Bytes>, ErrorBody> {
        self.reserve().await?;
        if self.progress == Progress::Awaited {
            self.progress = Progress::Coming;
            let line = encode(&Reply::new(Status::Continue));
            self.link.write(&line).await.map_err(|_| ErrorCode::Truncated)?;
        }
        if self.progress == Progress::Whole {
            return Ok(None);
        }
        let chunk = self.next().await?;
        let length = chunk.as_ref().map_or(0, Bytes::len);
        self.given = self.given.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        // Only here: what a dropped trailer says is as good as what a dropped payload says.
        if let Some(line) = self.trailer_line.take() {
            self.trailer = read_trailer(&line, self.promised)?.digest;
        }
        Ok(chunk)
    }

    fn until(&mut self, overtaken: CancellationToken) {
        self.overtaken = Some(overtaken);
    }

    async fn session_data(&mut self) -> Result<Bytes, ErrorBody> {
        loop {
            match self.event()? {
                Some(Event::SessionData(bytes)) => return Ok(bytes),
                None => self.fill().await?,
                // Only whoever knows that there is some asks for it, and before anything else.
                Some(Event::Header(_) | Event::Payload(_) | Event::End(_)) => return Err(ErrorCode::Internal.into()),
            }
        }
    }

    fn trailer(&self) -> Option<Digest> {
        self.trailer
    }
}

/// Waits until the token is cancelled; without a token for ever.
pub(super) async fn cancelled(token: Option<&CancellationToken>) {
    match token {
        Some(token) => token.cancelled().await,
        None => std::future::pending().await,
    }
}

/// A limit in milliseconds as a duration.
pub(super) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
