//! Collects chunks and hands them to a blocking thread in large pieces. A small file stays here until it is
//! sealed; of a large one, one piece is written while the next is received.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use shared::digest::DigestKind;
use shared::wire::Ack;
use tokio::task::JoinHandle;

use super::disk::Disk;
use super::hold::Hold;
use super::hop;
use super::part::Writer;
use crate::files::{Part, Sink, StorageError};

/// Bytes up to which a file waits here for its end; then it takes one change of thread in all.
pub(super) const SMALL_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of a piece. Two of them are in memory while a large file is received.
const PIECE_BYTES: usize = 512 * 1024;

#[derive(Debug)]
pub(super) struct LocalSink {
    disk: Arc<Disk>,
    digest: DigestKind,
    collected: Vec<u8>,
    state: State,
    /// With it, a small file that is cut becomes a part.
    hold: Option<Hold>,
}

/// A piece's buffer comes back with the writer, to be filled again.
type Written = (Writer, Vec<u8>);

#[derive(Debug)]
enum State {
    /// All bytes so far are in `collected`.
    Small,
    Idle(Written),
    Writing(JoinHandle<Result<Written, StorageError>>),
    /// Something failed, or a call was dropped halfway: nobody knows which bytes were taken.
    GivenUp,
}

impl LocalSink {
    pub(super) async fn create(disk: Arc<Disk>, size: Option<u64>, digest: DigestKind) -> Result<Self, StorageError> {
        let large = size.filter(|size| usize::try_from(*size).map_or(true, |size| size > SMALL_BYTES_MAX));
        let state = match large {
            Some(size) => {
                let disk = Arc::clone(&disk);
                State::Idle((hop(move || Writer::create(disk, size, digest)).await?, Vec::new()))
            }
            None => State::Small,
        };
        Ok(Self { disk, digest, collected: Vec::new(), state, hold: None })
    }

    /// A sink for a small file that has a claim.
    pub(super) fn held(hold: Hold, digest: DigestKind) -> Self {
        let disk = Arc::clone(&hold.disk);
        Self { disk, digest, collected: Vec::new(), state: State::Small, hold: Some(hold) }
    }

    /// The writer, once it has written what it was given.
    async fn settled(state: State) -> Result<Option<Written>, StorageError> {
        match state {
            State::Small => Ok(None),
            State::Idle(written) => Ok(Some(written)),
            State::Writing(task) => match task.await {
                Ok(result) => result.map(Some),
                Err(ended) => Err(StorageError::Io(std::io::Error::other(ended))),
            },
            State::GivenUp => Err(StorageError::GivenUp),
        }
    }

    async fn write_piece(&mut self, state: State) -> Result<State, StorageError> {
        let (writer, spare) = Self::settled(state).await?.unzip();
        let mut piece = std::mem::replace(&mut self.collected, spare.unwrap_or_default());
        let (disk, digest) = (Arc::clone(&self.disk), self.digest);
        Ok(State::Writing(tokio::task::spawn_blocking(move || {
            let mut writer = writer.map_or_else(|| Writer::create(disk, 0, digest), Ok)?;
            writer.write(&piece)?;
            piece.clear();
            piece.shrink_to(PIECE_BYTES);
            Ok((writer, piece))
        })))
    }
}

#[async_trait]
impl Sink for LocalSink {
    async fn write(&mut self, mut chunk: Bytes) -> Result<(), StorageError> {
        let mut state = std::mem::replace(&mut self.state, State::GivenUp);
        while !chunk.is_empty() {
            let full = if matches!(state, State::Small) { SMALL_BYTES_MAX } else { PIECE_BYTES };
            let room = full.saturating_sub(self.collected.len());
            if room == 0 {
                state = self.write_piece(state).await?;
                continue;
            }
            self.collected.extend_from_slice(&chunk.split_to(room.min(chunk.len())));
        }
        self.state = state;
        Ok(())
    }

    async fn seal(mut self: Box<Self>, ack: Ack) -> Result<Box<dyn Part>, StorageError> {
        let state = std::mem::replace(&mut self.state, State::GivenUp);
        let writer = Self::settled(state).await?.map(|(writer, _)| writer);
        let (disk, digest, rest) = (Arc::clone(&self.disk), self.digest, std::mem::take(&mut self.collected));
        let hold = self.hold.take();
        let part = hop(move || {
            let mut writer = writer.map_or_else(|| Writer::create(disk, 0, digest), Ok)?;
            writer.write(&rest)?;
            Ok::<_, StorageError>(writer.seal(ack)?.under(hold))
        });
        Ok(Box::new(part.await?))
    }
}

impl Drop for LocalSink {
    fn drop(&mut self) {
        let Some(hold) = self.hold.take() else { return };
        // A newer claim may come before the blocking thread does; it writes them then.
        hold.held.leave_behind(std::mem::take(&mut self.collected));
        hold.back();
    }
}
