//! A byte stream with a decoder on it: reads into the decoder, writes lines, and waits for neither
//! longer than allowed.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use shared::codec::{Decoder, encode_line};
use shared::limits::Limits;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::body::Budget;

/// Bytes read at once between frames, and inside a payload. The second is what one system call moves well.
const HEADER_READ_BYTES: u64 = 8 * 1024;
pub(super) const PAYLOAD_READ_BYTES: u64 = 256 * 1024;
/// Bytes read at once from a client that does not wait for its answers: as many small uploads as are handled together.
const AHEAD_READ_BYTES: u64 = 160 * 1024;
/// Bytes of replies that wait for more to be written with.
const REPLIES_BYTES_MAX: usize = 16 * 1024;
/// Buffers of a payload besides the one that is being filled: as many as it may hold in memory.
const USED_BUFFERS_MAX: usize = 4;
/// Room in the buffer below which there is a new one.
const SPARE_BYTES_MIN: usize = 32 * 1024;

/// What a socket must be able to do.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A stream, its decoder and its pace.
#[derive(Debug)]
pub(super) struct Link<S> {
    stream: S,
    pub(super) decoder: Decoder,
    /// Replies that the peer is owed. It is never waited for before it has them.
    replies: Vec<u8>,
    /// The decoder's buffer has the size that payloads want.
    grown: bool,
    /// Buffers it had before.
    used: Used,
    /// Room for reading many of them at once.
    room_ahead: Option<OwnedSemaphorePermit>,
    progress_bytes_min: u64,
    progress_window: Duration,
}

/// Whether bytes came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Filled {
    Bytes(usize),
    End,
}

impl<S: Stream> Link<S> {
    pub(super) fn new(stream: S, limits: &Limits) -> Self {
        let thousandfold = limits.progress_bytes_per_s_min.saturating_mul(limits.progress_window_ms);
        Self {
            stream,
            decoder: Decoder::new(limits.header_bytes_max),
            replies: Vec::new(),
            grown: false,
            used: Used::default(),
            room_ahead: None,
            progress_bytes_min: (thousandfold / 1_000).max(1),
            progress_window: Duration::from_millis(limits.progress_window_ms),
        }
    }

    /// Waits for the next frame. While nothing of it is here, no memory is held for it. Dropped while it waits, no byte
    /// is lost.
    pub(super) async fn fill_idle(&mut self, budget: &Budget) -> io::Result<Filled> {
        poll_fn(|cx| {
            let filled = self.poll_fill(cx, 0);
            match filled {
                Poll::Ready(Ok(Filled::Bytes(_))) => self.fill_ahead(cx, budget),
                Poll::Pending if self.decoder.unfinished().is_empty() => self.release(),
                Poll::Pending | Poll::Ready(_) => {}
            }
            filled
        })
        .await
    }

    /// Waits for the next frame, with memory for many of them if the peer sends so. Dropped while it waits, no byte is
    /// lost.
    pub(super) async fn fill_between(&mut self, budget: &Budget) -> io::Result<Filled> {
        poll_fn(|cx| self.poll_between(cx, budget)).await
    }

    /// What of the next frame comes until then. It is looked for again and again, because going to sleep and being
    /// woken would take longer; what else there is to do on this thread is done in between.
    pub(super) async fn look_until(&mut self, until: Instant, budget: &Budget) -> Option<io::Result<Filled>> {
        loop {
            let seen = poll_fn(|cx| Poll::Ready(self.poll_between(cx, budget))).await;
            match seen {
                Poll::Ready(filled) => return Some(filled),
                Poll::Pending if now() >= until => return None,
                Poll::Pending => tokio::task::yield_now().await,
            }
        }
    }

    fn poll_between(&mut self, cx: &mut Context<'_>, budget: &Budget) -> Poll<io::Result<Filled>> {
        let want = if self.room_ahead.is_some() { AHEAD_READ_BYTES } else { 0 };
        let filled = self.poll_fill(cx, want);
        if let Poll::Ready(Ok(Filled::Bytes(_))) = filled {
            self.fill_ahead(cx, budget);
        }
        filled
    }

    /// Behind what has filled the buffer there may be more: a peer need not wait for its answers.
    fn fill_ahead(&mut self, cx: &mut Context<'_>, budget: &Budget) {
        let buffer = self.decoder.buffer_mut();
        if self.room_ahead.is_none() && buffer.len() == buffer.capacity() {
            self.room_ahead = budget.room_ahead(AHEAD_READ_BYTES);
            if self.room_ahead.is_some() {
                // An end and a failure come once more.
                let _ = self.poll_fill(cx, AHEAD_READ_BYTES);
            }
        }
    }

    /// Waits for more of a payload, with new memory for at most so many bytes of it. Dropped while it waits, no byte is
    /// lost.
    pub(super) async fn fill_at_most(&mut self, bytes_max: u64) -> io::Result<Filled> {
        let want = self.decoder.payload_missing().min(bytes_max);
        self.grown |= want > HEADER_READ_BYTES;
        poll_fn(|cx| self.poll_fill(cx, want)).await
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, want: u64) -> Poll<io::Result<Filled>> {
        let want = usize::try_from(want.max(HEADER_READ_BYTES)).unwrap_or(usize::MAX);
        let buffer = self.decoder.buffer_mut();
        // What was given out of this buffer may still be on its way to the disk. What is left of it is used before
        // there is another, or one that sends little at a time would hold a whole one for each of its reads.
        if buffer.capacity().saturating_sub(buffer.len()) < want.min(SPARE_BYTES_MIN) {
            let fresh = self.used.take(want, buffer);
            self.used.put(std::mem::replace(buffer, fresh));
        }
        pin!(self.stream.read_buf(buffer)).poll(cx).map_ok(|count| match count {
            0 => Filled::End,
            count => Filled::Bytes(count),
        })
    }

    /// Gives back the memory of a payload that has gone by: the room that was counted for it is free for others. Only
    /// for a decoder that gives out no payload. What has come of the next frame stays.
    pub(super) fn shrink(&mut self) {
        if !self.grown {
            return;
        }
        self.used = Used::default();
        let buffer = self.decoder.buffer_mut();
        if u64::try_from(buffer.len()).is_ok_and(|bytes| bytes <= HEADER_READ_BYTES) {
            *buffer = BytesMut::from(&buffer[..]);
            (self.grown, self.room_ahead) = (false, None);
        }
    }

    /// Gives back all memory. Only while the peer is owed nothing and nothing of its next frame is here.
    fn release(&mut self) {
        *self.decoder.buffer_mut() = BytesMut::new();
        (self.grown, self.used, self.room_ahead) = (false, Used::default(), None);
        self.replies = Vec::new();
    }

    /// A fresh pace, to be kept from now on.
    pub(super) fn pace(&self) -> Pace {
        Pace { window: self.progress_window, bytes_min: self.progress_bytes_min, waited: Duration::ZERO, bytes: 0 }
    }

    /// Owes the peer these bytes until the next [`Self::flush`].
    pub(super) fn owe(&mut self, bytes: &[u8]) {
        self.replies.extend_from_slice(bytes);
    }

    /// Writes what the peer is owed, if that is much.
    pub(super) async fn flush_some(&mut self) -> io::Result<()> {
        if self.replies.len() < REPLIES_BYTES_MAX { Ok(()) } else { self.flush().await }
    }

    /// Writes what the peer is owed.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        if self.replies.is_empty() {
            return Ok(());
        }
        let mut replies = std::mem::take(&mut self.replies);
        self.send(&replies).await?;
        replies.clear();
        self.replies = replies;
        Ok(())
    }

    /// Writes what the peer is owed and then all of `bytes`, unless the peer takes them too slowly.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.flush().await?;
        self.send(bytes).await
    }

    async fn send(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let mut pace = self.pace();
        while !bytes.is_empty() {
            let started = now();
            let written = tokio::time::timeout(pace.left(), self.stream.write(bytes)).await;
            let written = written.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            bytes = bytes.get(written..).unwrap_or_default();
            if !pace.kept(started.elapsed(), written) {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        self.stream.flush().await
    }

    /// Says that nothing more comes from us, and lets the peer finish within a bound, so that what was
    /// written last is read and not lost in a reset.
    pub(super) async fn linger(mut self, limits: &Limits) {
        if self.stream.shutdown().await.is_err() {
            return;
        }
        let drain = async {
            let mut left = limits.closing_drop_bytes_max;
            let mut waste = vec![0; SPARE_BYTES_MIN];
            while left > 0 {
                match self.stream.read(&mut waste).await {
                    Ok(0) | Err(_) => break,
                    Ok(count) => left = left.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX)),
                }
            }
        };
        // Whether the peer finished in time or not, the connection ends here.
        let _ = tokio::time::timeout(Duration::from_millis(limits.closing_drop_timeout_ms), drain).await;
    }
}

/// Buffers whose bytes are on their way to the disk. Fresh memory costs more than what is done with it, so a buffer is
/// filled again once nobody reads it any more.
#[derive(Debug, Default)]
struct Used(VecDeque<BytesMut>);

impl Used {
    /// A buffer with room for so many bytes more than these, which it begins with.
    fn take(&mut self, want: usize, bytes: &[u8]) -> BytesMut {
        let room = want.saturating_add(bytes.len());
        let free = self.0.iter_mut().position(|buffer| buffer.try_reclaim(room));
        let mut buffer = free.and_then(|free| self.0.remove(free)).unwrap_or_else(|| BytesMut::with_capacity(room));
        buffer.extend_from_slice(bytes);
        buffer
    }

    /// Keeps a buffer of which parts were given out.
    fn put(&mut self, mut buffer: BytesMut) {
        buffer.clear();
        if self.0.len() == USED_BUFFERS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(buffer);
    }
}

/// Judges whether a peer makes progress: so many bytes in every window of waiting for it.
#[derive(Debug)]
pub(super) struct Pace {
    window: Duration,
    bytes_min: u64,
    waited: Duration,
    bytes: u64,
}

impl Pace {
    /// How long may still be waited in this window.
    pub(super) fn left(&self) -> Duration {
        self.window.saturating_sub(self.waited)
    }

    /// Takes note that `bytes` came after waiting so long; `false` when that was too slow.
    pub(super) fn kept(&mut self, waited: Duration, bytes: usize) -> bool {
        self.waited = self.waited.saturating_add(waited);
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        if self.bytes >= self.bytes_min {
            self.waited = Duration::ZERO;
            self.bytes = 0;
        }
        self.waited < self.window
    }
}

/// The moment, for measuring how long a peer lets us wait.
#[expect(clippy::disallowed_methods, reason = "waiting is measured here; it follows tokio's clock in tests")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// A reply or trailer as its line.
pub(super) fn encode(header: &impl serde::Serialize) -> Bytes {
    encode_line(header).unwrap_or_else(|error| {
        tracing::error!(%error, "a header could not be written");
        Bytes::new()
    })
}

#[cfg(test)]
mod tests {
    use shared::codec::{Event, Framing, Payload};

    use super::*;

    #[test]
    fn a_pace_is_judged_over_any_window() {
        for (window_ms, bytes_min) in [(100, 409), (500, 2_048), (1_000, 4_096), (1_500, 6_144), (20_000, 81_920)] {
            let limits = Limits { progress_window_ms: window_ms, ..Limits::default() };
            let link = Link::new(tokio::io::empty(), &limits);
            let window = Duration::from_millis(window_ms);
            for (bytes, kept) in [(bytes_min - 1, false), (bytes_min, true), (bytes_min + 1, true)] {
                assert_eq!(link.pace().kept(window, bytes), kept, "{bytes} bytes in {window_ms} ms");
            }
            let mut pace = link.pace();
            assert!(pace.kept(window.saturating_sub(Duration::from_millis(1)), 0));
            assert!(!pace.kept(Duration::from_millis(1), 0));
        }
    }

    #[tokio::test]
    async fn what_comes_soon_is_seen_without_sleeping_and_what_does_not_is_not_waited_for() {
        let (mut ours, theirs) = tokio::io::duplex(64);
        let limits = Limits::default();
        let (mut link, budget) = (Link::new(theirs, &limits), Budget::new(&limits));
        assert!(link.look_until(now(), &budget).await.is_none());
        let until = now() + Duration::from_secs(600);
        let (seen, sent) = tokio::join!(link.look_until(until, &budget), ours.write_all(b"{}\n"));
        sent.unwrap();
        assert!(matches!(seen, Some(Ok(Filled::Bytes(3)))) && now() < until);
        drop(ours);
        assert!(matches!(link.look_until(until, &budget).await, Some(Ok(Filled::End))));
    }

    #[tokio::test]
    async fn the_memory_of_a_payload_is_given_back_though_the_next_frame_has_begun() {
        let (mut ours, theirs) = tokio::io::duplex(1 << 20);
        ours.write_all(&[b"{}\n", &vec![7; 600_000][..], b"{"].concat()).await.unwrap();
        let mut link = Link::new(theirs, &Limits::default());
        let mut kept = Vec::new();
        loop {
            match link.decoder.next_event().unwrap() {
                Some(Event::Header(_)) => {
                    link.decoder.follow(Framing { payload: Payload::Sized(600_000), ..Framing::NONE });
                }
                Some(Event::End(_)) => break,
                Some(Event::Payload(chunk)) => kept.push(chunk),
                Some(Event::SessionData(_)) => unreachable!("there is none"),
                None => drop(link.fill_at_most(PAYLOAD_READ_BYTES).await.unwrap()),
            }
        }
        while link.decoder.unfinished().is_empty() {
            link.fill_at_most(PAYLOAD_READ_BYTES).await.unwrap();
        }
        assert!(!link.used.0.is_empty(), "it took more than one buffer");
        link.shrink();
        assert_eq!(link.decoder.unfinished(), b"{");
        assert!(link.used.0.is_empty() && link.decoder.buffer_mut().capacity() < SPARE_BYTES_MIN);
    }
}
