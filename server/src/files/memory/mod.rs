//! Files in memory, for tests and simulation: the same promises, no disk, no runtime, no clock. Every operation
//! gives way once before it acts (and showing a part once more after), so that whoever polls decides what comes
//! between; and any of them can be made to fail.

use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use async_trait::async_trait;
use bytes::Bytes;
use shared::digest::{Digest, DigestKind};
use shared::id::{Sequence, Timestamp};
use shared::wire::Ack;

pub use self::operation::{Fault, Operation};

use self::operation::Begun;
use self::part::{MemorySink, MemorySource};
use self::world::{Kept, World};
use super::mime::Extension;
use super::paging::FirstSequences;
use super::{
    ASIDE_KEPT_MS, Claim, Claimant, FileStorage, Form, Keeping, Listed, ObjectName, Page, PartKey, Shelf, Sink, Source,
    StorageError, Stored,
};

mod kept;
mod operation;
mod part;
mod world;

/// A storage in memory. Clones are handles to the same files.
#[derive(Clone, Debug, Default)]
pub struct MemoryStorage {
    world: Arc<Mutex<World>>,
}

impl MemoryStorage {
    /// An empty storage.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty storage that keeps parts within these bounds.
    #[must_use]
    pub fn keeping(keeping: Keeping) -> Self {
        let storage = Self::default();
        storage.world().keeping = keeping;
        storage
    }

    /// Makes the `nth` call of an operation from now on fail, 1 being the next.
    pub fn fail(&self, operation: Operation, nth: u64, fault: Fault) {
        let mut world = self.world();
        let count = world.done.get(&operation).copied().unwrap_or_default().saturating_add(nth);
        world.faults.insert((operation, count), fault);
    }

    /// The moment at which files are set aside and parts are touched; nothing else looks at it.
    pub fn set_now(&self, now: Timestamp) {
        self.world().now_ms = now.as_millis();
    }

    /// The names that are visible, in order.
    #[must_use]
    pub fn names(&self) -> Vec<ObjectName> {
        self.world().visible.values().map(|kept| kept.name).collect()
    }

    /// The bytes under a name.
    #[must_use]
    pub fn bytes(&self, name: &ObjectName) -> Option<Bytes> {
        self.world().visible.get(&name.to_wire()).map(|kept| kept.bytes.clone())
    }

    /// Whether the file under this name would survive a power cut.
    #[must_use]
    pub fn is_durable(&self, name: &ObjectName) -> bool {
        self.world().visible.get(&name.to_wire()).is_some_and(|kept| kept.durable)
    }

    /// How many sinks and parts there are.
    #[must_use]
    pub fn partial(&self) -> usize {
        self.world().partial
    }

    /// The bytes of what was set aside, oldest first.
    #[must_use]
    pub fn aside(&self) -> Vec<Bytes> {
        self.world().aside.iter().map(|(_, bytes)| bytes.clone()).collect()
    }

    /// The parts there are: what has come of each, and how many bytes of it survive a power cut.
    #[must_use]
    pub fn parts(&self) -> Vec<(PartKey, Bytes, usize)> {
        let world = self.world();
        let there = world.parts.iter().filter(|(_, part)| !part.bytes.is_empty());
        there.map(|(key, part)| (*key, Bytes::copy_from_slice(&part.bytes), part.synced)).collect()
    }

    /// Who claimed each part last, and whether that claim lasts.
    #[must_use]
    pub fn claims(&self) -> Vec<(PartKey, Option<Claimant>, bool)> {
        self.world().parts.iter().map(|(key, part)| (*key, part.last, part.writer.is_some())).collect()
    }

    /// How often an operation was called.
    #[must_use]
    pub fn calls(&self, operation: Operation) -> u64 {
        self.world().done.get(&operation).copied().unwrap_or_default()
    }

    /// The process ends: nobody has claimed a part any more, and what came of it stays.
    pub fn end_process(&self) {
        let mut world = self.world();
        for part in world.parts.values_mut() {
            (part.last, part.writer) = (None, None);
        }
        world.keep_within_bounds();
    }

    /// The machine loses power: every file that is not durable is gone, and of a part what was not synced. Sinks and
    /// parts are for the caller to drop.
    pub fn cut_power(&self) {
        let mut world = self.world();
        world.visible.retain(|_, kept| kept.durable);
        world.parts.values_mut().for_each(|part| part.bytes.truncate(part.synced));
        world.keep_within_bounds();
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives way, then lets the operation begin or fail.
    async fn begin(&self, operation: Operation) -> Result<Begun, StorageError> {
        give_way().await;
        let fault = {
            let mut world = self.world();
            let count = world.done.entry(operation).or_default();
            *count = count.saturating_add(1);
            let key = (operation, *count);
            world.faults.remove(&key)
        };
        match fault {
            None => Ok(Begun::Whole),
            Some(Fault::IoButVisible) if operation == Operation::Reveal => Ok(Begun::FailsAtTheEnd),
            Some(Fault::Full) => Err(StorageError::Full),
            Some(Fault::Never) => poll_fn(|_| Poll::Pending).await,
            Some(Fault::Io | Fault::IoButVisible) => Err(injected()),
        }
    }
}

#[async_trait]
impl FileStorage for MemoryStorage {
    async fn create(&self, _size: Option<u64>, digest: Option<DigestKind>) -> Result<Box<dyn Sink>, StorageError> {
        self.begin(Operation::Create).await?;
        Ok(Box::new(MemorySink::new(self.clone(), digest)))
    }

    async fn claim(&self, key: PartKey, by: Claimant) -> Result<Box<dyn Claim>, StorageError> {
        self.begin(Operation::Claim).await?;
        Ok(Box::new(self.hold(key, by)?))
    }

    async fn kept(&self, key: PartKey) -> Result<Option<u64>, StorageError> {
        self.begin(Operation::Kept).await?;
        Ok(self.sync_part(key))
    }

    async fn prefix_digest(&self, key: PartKey, length: u64) -> Result<Option<Digest>, StorageError> {
        self.begin(Operation::PrefixDigest).await?;
        let world = self.world();
        let end = usize::try_from(length).unwrap_or(usize::MAX);
        let prefix = world.parts.get(&key).and_then(|part| part.bytes.get(..end));
        Ok(prefix.map(|bytes| {
            let mut hasher = DigestKind::Blake3.hasher();
            hasher.update(bytes);
            hasher.finish()
        }))
    }

    async fn forget(&self, key: PartKey) -> Result<(), StorageError> {
        self.begin(Operation::Forget).await?;
        let mut world = self.world();
        if world.parts.get(&key).is_some_and(|part| part.writer.is_none()) {
            world.parts.remove(&key);
        }
        Ok(())
    }

    async fn inspect(&self, name: &ObjectName, digest: DigestKind) -> Result<Option<Stored>, StorageError> {
        self.begin(Operation::Inspect).await?;
        Ok(self.bytes(name).map(|bytes| {
            let mut hasher = digest.hasher();
            hasher.update(&bytes);
            Stored { size: length(&bytes), digest: Some(hasher.finish()) }
        }))
    }

    async fn size(&self, name: &ObjectName) -> Result<Option<u64>, StorageError> {
        self.begin(Operation::Size).await?;
        Ok(self.bytes(name).map(|bytes| length(&bytes)))
    }

    async fn find(&self, name: &ObjectName) -> Result<Option<ObjectName>, StorageError> {
        self.begin(Operation::Size).await?;
        Ok(name.under_every_extension().find(|name| self.bytes(name).is_some()))
    }

    async fn make_durable(&self, name: &ObjectName) -> Result<bool, StorageError> {
        self.begin(Operation::MakeDurable).await?;
        let mut world = self.world();
        let kept = world.visible.get_mut(&name.to_wire());
        Ok(kept.map(|kept| kept.durable = true).is_some())
    }

    async fn set_aside(&self, name: &ObjectName) -> Result<bool, StorageError> {
        self.begin(Operation::SetAside).await?;
        let mut world = self.world();
        let Some(kept) = world.visible.remove(&name.to_wire()) else { return Ok(false) };
        let now_ms = world.now_ms;
        world.aside.push((now_ms, kept.bytes));
        Ok(true)
    }

    async fn remove(&self, name: &ObjectName, _ack: Ack) -> Result<bool, StorageError> {
        self.begin(Operation::Remove).await?;
        Ok(self.world().visible.remove(&name.to_wire()).is_some())
    }

    async fn open(&self, name: &ObjectName, offset: u64) -> Result<Option<Box<dyn Source>>, StorageError> {
        self.begin(Operation::Open).await?;
        let Some(bytes) = self.bytes(name) else { return Ok(None) };
        Ok(Some(Box::new(MemorySource::new(self.clone(), &bytes, offset))))
    }

    async fn list(&self, among: Shelf, from: Sequence, at_most: usize) -> Result<Page, StorageError> {
        self.begin(Operation::List).await?;
        let mut first = FirstSequences::new(at_most);
        let world = self.world();
        match among {
            Shelf::Folder(wanted) => {
                for kept in world.visible.values() {
                    if let Form::Session { session, sequence, .. } = kept.name.form()
                        && session == wanted
                        && sequence >= from
                    {
                        first.offer(sequence, kept.name);
                    }
                }
            }
            Shelf::Simple { secret, last } => {
                for sequence in (from.get()..=last.get()).filter_map(Sequence::new) {
                    let wanted = ObjectName::simple(&secret, sequence, Extension::UNKNOWN).form();
                    let alike = world.visible.values().filter(|kept| kept.name.form() == wanted);
                    alike.for_each(|kept| first.offer(sequence, kept.name));
                }
            }
        }
        let (names, next) = first.finish();
        let sized = |(sequence, name): (Sequence, ObjectName)| {
            let kept = world.visible.get(&name.to_wire())?;
            Some(Listed { name, sequence, size: length(&kept.bytes) })
        };
        Ok(Page { entries: names.into_iter().filter_map(sized).collect(), next })
    }

    async fn sweep(&self, now: Timestamp, at_most: usize) -> Result<usize, StorageError> {
        self.begin(Operation::Sweep).await?;
        let mut removed = 0;
        let mut goes = |since_ms: u64, kept_ms: u64| {
            let old = now.millis_since(Timestamp::from_millis(since_ms)) > kept_ms;
            let goes = old && removed < at_most;
            removed += usize::from(goes);
            goes
        };
        let mut world = self.world();
        world.aside.retain(|(since_ms, _)| !goes(*since_ms, ASIDE_KEPT_MS));
        let kept_ms = world.keeping.kept_ms;
        world.parts.retain(|_, part| part.writer.is_some() || !goes(part.touched_ms, kept_ms));
        Ok(removed)
    }
}

/// Pending once, and ready to be polled again at once.
async fn give_way() {
    let mut gave_way = false;
    poll_fn(|context| {
        if std::mem::replace(&mut gave_way, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn injected() -> StorageError {
    StorageError::Io(io::Error::other("this failure was asked for"))
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
