//! Parts of cut uploads in memory. Every write looks whether its claim is still the newest, so an older writer
//! changes nothing.

use async_trait::async_trait;
use bytes::Bytes;
use shared::digest::{DigestKind, Hasher};
use shared::wire::Ack;
use tokio_util::sync::CancellationToken;

use super::part::Place;
use super::{Begun, Kept, MemoryStorage, Operation, World, give_way, injected, length};
use crate::files::{Claim, Claimant, ObjectName, Part, PartKey, RevealError, Sink, StorageError, Stored};

/// A part, with or without a writer.
#[derive(Debug, Default)]
pub(super) struct KeptPart {
    pub(super) bytes: Vec<u8>,
    /// How many of the bytes survive a power cut.
    pub(super) synced: usize,
    pub(super) touched_ms: u64,
    /// Who claimed it last.
    pub(super) last: Option<Claimant>,
    pub(super) writer: Option<Writer>,
}

#[derive(Debug)]
pub(super) struct Writer {
    number: u64,
    overtaken: CancellationToken,
}

/// One claim. Dropped, the part has no writer, unless a newer one has it.
#[derive(Debug)]
struct Held {
    storage: MemoryStorage,
    key: PartKey,
    number: u64,
    overtaken: CancellationToken,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut world = self.storage.world();
        let now_ms = world.now_ms;
        if let Some(part) = self.own(&mut world) {
            part.writer = None;
            part.touched_ms = now_ms;
            world.keep_within_bounds();
        }
    }
}

impl Held {
    /// The part, while this is the newest claim.
    fn own<'world>(&self, world: &'world mut World) -> Option<&'world mut KeptPart> {
        let part = world.parts.get_mut(&self.key)?;
        part.writer.as_ref().is_some_and(|writer| writer.number == self.number).then_some(part)
    }

    fn remove(&self) {
        let mut world = self.storage.world();
        if self.own(&mut world).is_some() {
            world.parts.remove(&self.key);
        }
    }
}

impl World {
    /// Parts without bytes and without writer are none, and of the others only so many are kept.
    pub(super) fn keep_within_bounds(&mut self) {
        self.parts.retain(|_, part| part.writer.is_some() || !part.bytes.is_empty());
        let idle = self.parts.iter().filter(|(_, part)| part.writer.is_none());
        let idle = idle.map(|(key, part)| (part.touched_ms, *key, length(&part.bytes))).collect();
        for key in self.keeping.surplus(idle) {
            self.parts.remove(&key);
        }
    }
}

impl MemoryStorage {
    pub(super) fn hold(&self, key: PartKey, by: Claimant) -> Result<MemoryClaim, StorageError> {
        let mut world = self.world();
        world.claims = world.claims.saturating_add(1);
        let (number, overtaken) = (world.claims, CancellationToken::new());
        let part = world.parts.entry(key).or_default();
        if part.last.is_some_and(|last| by.yields_to(last, part.writer.is_some())) {
            return Err(StorageError::Overtaken);
        }
        part.last = Some(by);
        if let Some(older) = part.writer.replace(Writer { number, overtaken: overtaken.clone() }) {
            older.overtaken.cancel();
        }
        let there = length(&part.bytes);
        drop(world);
        Ok(MemoryClaim { held: Held { storage: self.clone(), key, number, overtaken }, there })
    }

    /// Makes what is there of a part durable; its length.
    pub(super) fn sync_part(&self, key: PartKey) -> Option<u64> {
        let mut world = self.world();
        let now_ms = world.now_ms;
        let part = world.parts.get_mut(&key).filter(|part| !part.bytes.is_empty())?;
        part.synced = part.bytes.len();
        part.touched_ms = now_ms;
        Some(length(&part.bytes))
    }
}

#[derive(Debug)]
pub(super) struct MemoryClaim {
    held: Held,
    there: u64,
}

#[async_trait]
impl Claim for MemoryClaim {
    fn length(&self) -> u64 {
        self.there
    }

    fn overtaken(&self) -> CancellationToken {
        self.held.overtaken.clone()
    }

    async fn sink(
        self: Box<Self>,
        offset: u64,
        _total: u64,
        digest: DigestKind,
    ) -> Result<Box<dyn Sink>, StorageError> {
        let held = self.held;
        held.storage.begin(Operation::Create).await?;
        let begin = usize::try_from(offset).unwrap_or(usize::MAX);
        let mut hasher = digest.hasher();
        {
            let mut world = held.storage.world();
            let part = held.own(&mut world).ok_or(StorageError::Overtaken)?;
            hasher.update(part.bytes.get(..begin).ok_or(StorageError::GivenUp)?);
        }
        let place = Place::new(held.storage.clone());
        Ok(Box::new(KeptSink { held, place, begin, begun: false, hasher, given_up: false }))
    }
}

#[derive(Debug)]
struct KeptSink {
    held: Held,
    place: Place,
    begin: usize,
    /// Whether what was behind the beginning is gone.
    begun: bool,
    hasher: Hasher,
    given_up: bool,
}

impl KeptSink {
    fn append(&mut self, chunk: &[u8]) -> Result<(), StorageError> {
        let mut world = self.held.storage.world();
        let part = self.held.own(&mut world).ok_or(StorageError::Overtaken)?;
        if !self.begun {
            part.bytes.truncate(self.begin);
            part.synced = part.synced.min(self.begin);
            self.begun = true;
        }
        part.bytes.extend_from_slice(chunk);
        self.hasher.update(chunk);
        Ok(())
    }
}

#[async_trait]
impl Sink for KeptSink {
    async fn write(&mut self, chunk: Bytes) -> Result<(), StorageError> {
        if std::mem::replace(&mut self.given_up, true) {
            return Err(StorageError::GivenUp);
        }
        if let Err(error) = self.held.storage.begin(Operation::Write).await {
            // A full disk takes nothing of what is there; after any other failure nobody knows what is.
            if !matches!(error, StorageError::Full) {
                self.held.remove();
            }
            return Err(error);
        }
        if !chunk.is_empty() {
            self.append(&chunk)?;
        }
        self.given_up = false;
        Ok(())
    }

    async fn seal(mut self: Box<Self>, ack: Ack) -> Result<Box<dyn Part>, StorageError> {
        if self.given_up {
            return Err(StorageError::GivenUp);
        }
        if let Err(error) = self.held.storage.begin(Operation::Seal).await {
            self.held.remove();
            return Err(error);
        }
        self.append(&[])?;
        let Self { held, place, hasher, .. } = *self;
        let bytes = {
            let mut world = held.storage.world();
            let part = held.own(&mut world).ok_or(StorageError::Overtaken)?;
            if ack == Ack::Durable {
                part.synced = part.bytes.len();
            }
            Bytes::copy_from_slice(&part.bytes)
        };
        let stored = Stored { size: length(&bytes), digest: Some(hasher.finish()) };
        Ok(Box::new(WholePart { held, _place: place, bytes, stored, sealed: ack }))
    }
}

#[derive(Debug)]
struct WholePart {
    held: Held,
    _place: Place,
    bytes: Bytes,
    stored: Stored,
    sealed: Ack,
}

#[async_trait]
impl Part for WholePart {
    fn stored(&self) -> Stored {
        self.stored
    }

    async fn discard(self: Box<Self>) {
        self.held.remove();
    }

    async fn reveal(self: Box<Self>, name: &ObjectName, ack: Ack) -> Result<(), RevealError> {
        let storage = self.held.storage.clone();
        let begun = match storage.begin(Operation::Reveal).await {
            Ok(begun) => begun,
            Err(error) => {
                self.held.remove();
                return Err(error.into());
            }
        };
        let durable = self.sealed.min(ack) == Ack::Durable && begun == Begun::Whole;
        {
            let mut world = storage.world();
            if self.held.own(&mut world).is_none() {
                return Err(StorageError::Overtaken.into());
            }
            if !world.shows(Kept { name: *name, bytes: self.bytes.clone(), durable }) {
                drop(world);
                return Err(RevealError::Occupied(self));
            }
            world.parts.remove(&self.held.key);
        }
        drop(self);
        give_way().await;
        match begun {
            Begun::Whole => Ok(()),
            Begun::FailsAtTheEnd => Err(injected().into()),
        }
    }
}
