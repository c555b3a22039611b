//! A claim on a part, and the sink that goes on where the part ends. Its bytes wait where a newer claim can reach
//! them, so that what was received is written, whoever writes it.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use shared::digest::{Digest, DigestKind};
use shared::wire::Ack;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::disk::{Disk, chunk_at};
use super::hold::{Held, Hold};
use super::hop;
use super::part::LocalPart;
use super::sink::{LocalSink, SMALL_BYTES_MAX};
use crate::files::{Claim, Claimant, Part, PartKey, SOURCE_CHUNK_BYTES_MAX, Sink, StorageError};

/// Bytes with which a blocking thread begins to write. Twice as many wait at most while it writes as many.
const PIECE_BYTES: usize = 256 * 1024;

/// Bytes of a digest that are read before the caller can give up waiting.
const DIGEST_BYTES_AT_ONCE: u64 = 16 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct LocalClaim {
    hold: Hold,
    length: u64,
}

impl LocalClaim {
    pub(super) async fn enter(disk: &Arc<Disk>, key: PartKey, by: Claimant) -> Result<Self, StorageError> {
        let (hold, length) = disk.enter(key, by)?;
        if let Some(length) = length {
            return Ok(Self { hold, length });
        }
        hop(move || {
            let length = hold.held.settle(&hold.disk)?;
            Ok(Self { hold, length })
        })
        .await
    }
}

#[async_trait]
impl Claim for LocalClaim {
    fn length(&self) -> u64 {
        self.length
    }

    fn overtaken(&self) -> CancellationToken {
        self.hold.held.overtaken.clone()
    }

    async fn sink(self: Box<Self>, offset: u64, total: u64, digest: DigestKind) -> Result<Box<dyn Sink>, StorageError> {
        let hold = self.hold;
        if offset == 0 && usize::try_from(total).is_ok_and(|total| total <= SMALL_BYTES_MAX) {
            return Ok(Box::new(LocalSink::held(hold, digest)));
        }
        let mut hold = hop(move || {
            hold.held.open(&hold.disk, offset, total, digest)?;
            Ok::<_, StorageError>(hold)
        })
        .await?;
        let mut whole = offset == 0;
        while !whole {
            (hold, whole) = hop(move || {
                let whole = hold.held.hash_prefix()?;
                Ok::<_, StorageError>((hold, whole))
            })
            .await?;
        }
        Ok(Box::new(ContinuedSink { hold: Some(hold), task: None, given_up: false }))
    }
}

#[derive(Debug)]
struct ContinuedSink {
    /// There until the sink is sealed or dropped.
    hold: Option<Hold>,
    task: Option<JoinHandle<Result<(), StorageError>>>,
    given_up: bool,
}

impl ContinuedSink {
    fn hold(&self) -> Result<&Hold, StorageError> {
        self.hold.as_ref().ok_or(StorageError::GivenUp)
    }

    /// Waits for the writing under way.
    async fn settled(&mut self) -> Result<(), StorageError> {
        match self.task.take() {
            None => Ok(()),
            Some(task) => task.await.map_err(io::Error::from)?,
        }
    }

    /// Waits until what was taken is being written.
    async fn room(&mut self, held: &Held) -> Result<(), StorageError> {
        let Some(task) = &mut self.task else { return self.start() };
        tokio::select! {
            biased;
            ended = task => {
                self.task = None;
                ended.map_err(io::Error::from)??;
                // It ended without a look at the last of it.
                self.start()
            }
            () = held.room.notified() => Ok(()),
        }
    }

    fn start(&mut self) -> Result<(), StorageError> {
        let Hold { disk, held } = self.hold()?;
        let (disk, held) = (Arc::clone(disk), Arc::clone(held));
        // What comes while it writes is written too, so the disk need not wait for the network.
        self.task = Some(tokio::task::spawn_blocking(move || {
            while held.waiting() > 0 {
                held.flush(&disk)?;
            }
            Ok(())
        }));
        Ok(())
    }

    async fn append(&mut self, mut chunk: Bytes) -> Result<(), StorageError> {
        while !chunk.is_empty() {
            let held = Arc::clone(&self.hold()?.held);
            let room = (2 * PIECE_BYTES).saturating_sub(held.waiting());
            if room == 0 {
                self.room(&held).await?;
                continue;
            }
            let waiting = held.take(chunk.split_to(room.min(chunk.len())));
            if waiting >= PIECE_BYTES && self.task.as_ref().is_none_or(JoinHandle::is_finished) {
                self.settled().await?;
                self.start()?;
            }
        }
        if self.hold()?.held.overtaken.is_cancelled() {
            return Err(StorageError::Overtaken);
        }
        Ok(())
    }
}

#[async_trait]
impl Sink for ContinuedSink {
    async fn write(&mut self, chunk: Bytes) -> Result<(), StorageError> {
        if std::mem::replace(&mut self.given_up, true) {
            return Err(StorageError::GivenUp);
        }
        self.append(chunk).await?;
        self.given_up = false;
        Ok(())
    }

    async fn seal(mut self: Box<Self>, ack: Ack) -> Result<Box<dyn Part>, StorageError> {
        if self.given_up {
            return Err(StorageError::GivenUp);
        }
        self.settled().await?;
        let hold = self.hold.take().ok_or(StorageError::GivenUp)?;
        let part = hop(move || {
            let (file, stored) = hold.held.finish(&hold.disk, ack)?;
            Ok::<_, StorageError>(LocalPart::continued(hold, file, stored, ack))
        });
        Ok(Box::new(part.await?))
    }
}

impl Drop for ContinuedSink {
    fn drop(&mut self) {
        if let Some(hold) = self.hold.take() {
            hold.back();
        }
    }
}

/// The digest of a part's first `length` bytes.
pub(super) async fn prefix_digest(disk: &Arc<Disk>, key: PartKey, length: u64) -> Result<Option<Digest>, StorageError> {
    let opening = Arc::clone(disk);
    let Some(file) = hop(move || opening.open_part(key, length)).await? else { return Ok(None) };
    let file = Arc::new(file);
    let (mut hasher, mut at) = (DigestKind::Blake3.hasher(), 0);
    while at < length {
        let file = Arc::clone(&file);
        let end = length.min(at.saturating_add(DIGEST_BYTES_AT_ONCE));
        let read = hop(move || {
            let mut chunk = vec![0; SOURCE_CHUNK_BYTES_MAX];
            let mut offset = at;
            while offset < end {
                let bytes = chunk_at(&file, &mut chunk, offset, end)?;
                hasher.update(bytes);
                offset = offset.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            }
            Ok::<_, StorageError>(hasher)
        });
        hasher = match read.await {
            Ok(hasher) => hasher,
            // A newer request began before the end of what was to be read.
            Err(StorageError::Io(error)) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        };
        at = end;
    }
    Ok(Some(hasher.finish()))
}
