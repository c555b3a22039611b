//! Collects chunks and writes them in large pieces. A small file stays here until it is sealed and is then written
//! at once; of a large one, pieces are written on a blocking thread while the next is received.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use shared::digest::DigestKind;
use shared::wire::Ack;

use super::behind::Behind;
use super::collected::Collected;
use super::disk::Disk;
use super::hold::Hold;
use super::hop;
use super::part::Writer;
use crate::files::{Part, Sink, StorageError};

/// Bytes up to which a file waits here for its end.
pub(super) const SMALL_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of a piece. A few of them are in memory while a large file is received.
const PIECE_BYTES: usize = 256 * 1024;
/// Bytes up to which a file is written where it stands: that takes less time than a change of thread.
const AT_ONCE_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct LocalSink {
    disk: Arc<Disk>,
    digest: Option<DigestKind>,
    collected: Collected,
    state: State,
    /// With it, a small file that is cut becomes a part.
    hold: Option<Hold>,
}

#[derive(Debug)]
enum State {
    /// All bytes so far are in `collected`.
    Small,
    Idle(Writer),
    Writing(Behind),
    /// Something failed, or a call was dropped halfway: nobody knows which bytes were taken.
    GivenUp,
}

impl LocalSink {
    pub(super) async fn create(
        disk: Arc<Disk>,
        size: Option<u64>,
        digest: Option<DigestKind>,
    ) -> Result<Self, StorageError> {
        let large = size.filter(|size| usize::try_from(*size).map_or(true, |size| size > SMALL_BYTES_MAX));
        let state = match large {
            Some(size) => {
                let disk = Arc::clone(&disk);
                State::Idle(hop(move || Writer::create(disk, size, digest)).await?)
            }
            None => State::Small,
        };
        Ok(Self { disk, digest, collected: Collected::new(size), state, hold: None })
    }

    /// A sink for a small file that has a claim, and so a size.
    pub(super) fn held(hold: Hold, digest: DigestKind) -> Self {
        let disk = Arc::clone(&hold.disk);
        Self { disk, digest: Some(digest), collected: Collected::default(), state: State::Small, hold: Some(hold) }
    }

    async fn write_piece(&mut self, state: State) -> Result<State, StorageError> {
        let piece = self.collected.take();
        match state {
            // It fills the memory alone, so nothing is received until it is written.
            State::Small => {
                let (disk, digest) = (Arc::clone(&self.disk), self.digest);
                let writer = hop(move || {
                    let mut writer = Writer::create(disk, 0, digest)?;
                    writer.write(piece)?;
                    Ok::<_, StorageError>(writer)
                });
                Ok(State::Idle(writer.await?))
            }
            State::Idle(writer) => Ok(State::Writing(Behind::start(writer, piece))),
            State::Writing(mut behind) => {
                behind.write(piece).await?;
                Ok(State::Writing(behind))
            }
            State::GivenUp => Err(StorageError::GivenUp),
        }
    }
}

#[async_trait]
impl Sink for LocalSink {
    async fn write(&mut self, chunk: Bytes) -> Result<(), StorageError> {
        let mut state = std::mem::replace(&mut self.state, State::GivenUp);
        let full = if matches!(state, State::Small) { SMALL_BYTES_MAX } else { PIECE_BYTES };
        if self.collected.bytes().saturating_add(chunk.len()) > full {
            state = self.write_piece(state).await?;
        }
        self.collected.push(chunk);
        self.state = state;
        Ok(())
    }

    async fn seal(mut self: Box<Self>, ack: Ack) -> Result<Box<dyn Part>, StorageError> {
        let state = std::mem::replace(&mut self.state, State::GivenUp);
        let (writer, last) = match state {
            State::Small => (None, None),
            State::Idle(writer) => (Some(writer), None),
            State::Writing(behind) => {
                let (writer, last) = behind.end().await?;
                (Some(writer), last)
            }
            State::GivenUp => return Err(StorageError::GivenUp),
        };
        let (disk, digest, rest) = (Arc::clone(&self.disk), self.digest, self.collected.take());
        let hold = self.hold.take();
        let at_once = writer.is_none() && rest.bytes() <= AT_ONCE_BYTES_MAX;
        let write = move |ack| {
            let mut writer = writer.map_or_else(|| Writer::create(disk, 0, digest), Ok)?;
            for piece in last.into_iter().chain([rest]) {
                writer.write(piece)?;
            }
            Ok::<_, StorageError>(writer.seal(ack)?.under(hold))
        };
        // What is written at once is made durable when it is shown, in the same change of thread.
        let part = if at_once { write(Ack::Written)? } else { hop(move || write(ack)).await? };
        Ok(Box::new(part))
    }
}

impl Drop for LocalSink {
    fn drop(&mut self) {
        let Some(hold) = self.hold.take() else { return };
        // A newer claim may come before the blocking thread does; it writes them then.
        hold.held.leave_behind(self.collected.take());
        hold.back();
    }
}
