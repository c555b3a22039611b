//! A file of the memory storage on its way in, and on its way out.

use async_trait::async_trait;
use bytes::Bytes;
use shared::digest::{Digest, DigestKind, Hasher};
use shared::wire::Ack;

use super::{Begun, Kept, MemoryStorage, Operation, give_way, injected, length};
use crate::files::{ObjectName, Part, RevealError, SOURCE_CHUNK_BYTES_MAX, Sink, Source, StorageError, Stored};

/// Counts a sink or part as long as there is one.
#[derive(Debug)]
pub(super) struct Place {
    storage: MemoryStorage,
}

impl Place {
    pub(super) fn new(storage: MemoryStorage) -> Self {
        storage.world().partial += 1;
        Self { storage }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.storage.world().partial -= 1;
    }
}

#[derive(Debug)]
pub(super) struct MemorySink {
    place: Place,
    bytes: Vec<u8>,
    hasher: Option<Hasher>,
    given_up: bool,
}

impl MemorySink {
    pub(super) fn new(storage: MemoryStorage, digest: Option<DigestKind>) -> Self {
        Self { place: Place::new(storage), bytes: Vec::new(), hasher: digest.map(DigestKind::hasher), given_up: false }
    }
}

#[async_trait]
impl Sink for MemorySink {
    async fn write(&mut self, chunk: Bytes) -> Result<(), StorageError> {
        if std::mem::replace(&mut self.given_up, true) {
            return Err(StorageError::GivenUp);
        }
        self.place.storage.begin(Operation::Write).await?;
        self.bytes.extend_from_slice(&chunk);
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&chunk);
        }
        self.given_up = false;
        Ok(())
    }

    async fn seal(self: Box<Self>, ack: Ack) -> Result<Box<dyn Part>, StorageError> {
        if self.given_up {
            return Err(StorageError::GivenUp);
        }
        self.place.storage.begin(Operation::Seal).await?;
        let Self { place, bytes, hasher, .. } = *self;
        let stored = Stored { size: length(&bytes), digest: hasher.map(Hasher::finish) };
        Ok(Box::new(MemoryPart { place, bytes: bytes.into(), stored, sealed: ack }))
    }
}

#[derive(Debug)]
struct MemoryPart {
    place: Place,
    bytes: Bytes,
    stored: Stored,
    sealed: Ack,
}

#[async_trait]
impl Part for MemoryPart {
    fn stored(&self) -> Stored {
        self.stored
    }

    async fn discard(self: Box<Self>) {}

    async fn reveal(self: Box<Self>, name: &ObjectName, ack: Ack) -> Result<(), RevealError> {
        let begun = self.place.storage.begin(Operation::Reveal).await?;
        let durable = self.sealed.min(ack) == Ack::Durable && begun == Begun::Whole;
        let kept = Kept { name: *name, bytes: self.bytes.clone(), durable };
        if !self.place.storage.world().shows(kept) {
            return Err(RevealError::Occupied(self));
        }
        drop(self);
        give_way().await;
        match begun {
            Begun::Whole => Ok(()),
            Begun::FailsAtTheEnd => Err(injected().into()),
        }
    }
}

#[derive(Debug)]
pub(super) struct MemorySource {
    storage: MemoryStorage,
    size: u64,
    hasher: Hasher,
    rest: Bytes,
}

impl MemorySource {
    pub(super) fn new(storage: MemoryStorage, bytes: &Bytes, offset: u64) -> Self {
        let begin = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        Self { storage, size: length(bytes), hasher: DigestKind::default().hasher(), rest: bytes.slice(begin..) }
    }
}

#[async_trait]
impl Source for MemorySource {
    fn size(&self) -> u64 {
        self.size
    }

    async fn next(&mut self) -> Result<Option<Bytes>, StorageError> {
        self.storage.begin(Operation::Next).await?;
        let length = self.rest.len().min(SOURCE_CHUNK_BYTES_MAX);
        let chunk = self.rest.split_to(length);
        self.hasher.update(&chunk);
        Ok((length > 0).then_some(chunk))
    }

    fn digest(&self) -> Result<Digest, StorageError> {
        Ok(self.hasher.clone().finish())
    }
}
