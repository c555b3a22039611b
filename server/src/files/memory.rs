//! Files in memory, for tests and simulation: the same promises, no disk, no runtime, no clock. Every operation
//! gives way once before it acts (and showing a part once more after), so that whoever polls decides what comes
//! between; and any of them can be made to fail.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use async_trait::async_trait;
use bytes::Bytes;
use shared::digest::{DigestKind, Hasher};
use shared::id::{Sequence, Timestamp};
use shared::wire::Ack;

use super::mime::Extension;
use super::paging::FirstSequences;
use super::{
    ASIDE_KEPT_MS, FileStorage, Form, Listed, ObjectName, Page, Part, RevealError, SOURCE_CHUNK_BYTES_MAX, Shelf, Sink,
    Source, StorageError, Stored,
};

/// A storage in memory. Clones are handles to the same files.
#[derive(Clone, Debug, Default)]
pub struct MemoryStorage {
    world: Arc<Mutex<World>>,
}

/// What can be made to fail.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Operation {
    /// [`FileStorage::create`].
    Create,
    /// [`Sink::write`].
    Write,
    /// [`Sink::seal`].
    Seal,
    /// [`Part::reveal`].
    Reveal,
    /// [`FileStorage::inspect`].
    Inspect,
    /// [`FileStorage::size`].
    Size,
    /// [`FileStorage::make_durable`].
    MakeDurable,
    /// [`FileStorage::set_aside`].
    SetAside,
    /// [`FileStorage::remove`].
    Remove,
    /// [`FileStorage::open`].
    Open,
    /// [`Source::next`].
    Next,
    /// [`FileStorage::list`].
    List,
    /// [`FileStorage::sweep`].
    Sweep,
}

/// How an operation fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// [`StorageError::Full`], and nothing is done.
    Full,
    /// [`StorageError::Io`], and nothing is done.
    Io,
    /// [`StorageError::Io`] from a reveal that could not take the file back, so that it is visible all the same.
    /// Anywhere else the same as [`Fault::Io`].
    IoButVisible,
}

#[derive(Debug, Default)]
struct World {
    /// By the path, so that order never depends on a hash.
    visible: BTreeMap<String, Kept>,
    aside: Vec<(u64, Bytes)>,
    partial: usize,
    now_ms: u64,
    done: BTreeMap<Operation, u64>,
    faults: BTreeMap<(Operation, u64), Fault>,
}

#[derive(Debug)]
struct Kept {
    name: ObjectName,
    bytes: Bytes,
    durable: bool,
}

impl World {
    /// Makes a file visible, if its name is free.
    fn shows(&mut self, kept: Kept) -> bool {
        match self.visible.entry(kept.name.to_wire()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(free) => {
                free.insert(kept);
                true
            }
        }
    }
}

impl MemoryStorage {
    /// An empty storage.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the `nth` call of an operation from now on fail, 1 being the next.
    pub fn fail(&self, operation: Operation, nth: u64, fault: Fault) {
        let mut world = self.world();
        let count = world.done.get(&operation).copied().unwrap_or_default().saturating_add(nth);
        world.faults.insert((operation, count), fault);
    }

    /// The moment at which files are set aside; nothing else looks at it.
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

    /// How often an operation was called.
    #[must_use]
    pub fn calls(&self, operation: Operation) -> u64 {
        self.world().done.get(&operation).copied().unwrap_or_default()
    }

    /// The machine loses power: every file that is not durable is gone. Sinks and parts are for the caller to drop.
    pub fn cut_power(&self) {
        self.world().visible.retain(|_, kept| kept.durable);
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives way, then lets the operation begin or fail.
    async fn begin(&self, operation: Operation) -> Result<Begun, StorageError> {
        give_way().await;
        let mut world = self.world();
        let count = world.done.entry(operation).or_default();
        *count = count.saturating_add(1);
        let key = (operation, *count);
        match world.faults.remove(&key) {
            None => Ok(Begun::Whole),
            Some(Fault::IoButVisible) if operation == Operation::Reveal => Ok(Begun::FailsAtTheEnd),
            Some(Fault::Full) => Err(StorageError::Full),
            Some(Fault::Io | Fault::IoButVisible) => Err(injected()),
        }
    }
}

/// How an operation will end that was let to begin.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begun {
    Whole,
    FailsAtTheEnd,
}

#[async_trait]
impl FileStorage for MemoryStorage {
    async fn create(&self, _size: Option<u64>, digest: DigestKind) -> Result<Box<dyn Sink>, StorageError> {
        self.begin(Operation::Create).await?;
        let place = Place::new(self.clone());
        Ok(Box::new(MemorySink { place, bytes: Vec::new(), hasher: digest.hasher(), given_up: false }))
    }

    async fn inspect(&self, name: &ObjectName, digest: DigestKind) -> Result<Option<Stored>, StorageError> {
        self.begin(Operation::Inspect).await?;
        Ok(self.bytes(name).map(|bytes| {
            let mut hasher = digest.hasher();
            hasher.update(&bytes);
            Stored { size: length(&bytes), digest: hasher.finish() }
        }))
    }

    async fn size(&self, name: &ObjectName) -> Result<Option<u64>, StorageError> {
        self.begin(Operation::Size).await?;
        Ok(self.bytes(name).map(|bytes| length(&bytes)))
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
        let begin = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let rest = bytes.slice(begin..);
        Ok(Some(Box::new(MemorySource { storage: self.clone(), size: length(&bytes), rest })))
    }

    async fn list(&self, shelf: Shelf, from: Sequence, at_most: usize) -> Result<Page, StorageError> {
        self.begin(Operation::List).await?;
        let mut first = FirstSequences::new(at_most);
        let world = self.world();
        match shelf {
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
            Shelf::Simple { session, last } => {
                for sequence in (from.get()..=last.get()).filter_map(Sequence::new) {
                    let wanted = ObjectName::simple(session, sequence, Extension::UNKNOWN).form();
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
        self.world().aside.retain(|(since_ms, _)| {
            let old = now.millis_since(Timestamp::from_millis(*since_ms)) > ASIDE_KEPT_MS;
            let goes = old && removed < at_most;
            removed += usize::from(goes);
            !goes
        });
        Ok(removed)
    }
}

/// Counts a sink or part as long as there is one.
#[derive(Debug)]
struct Place {
    storage: MemoryStorage,
}

impl Place {
    fn new(storage: MemoryStorage) -> Self {
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
struct MemorySink {
    place: Place,
    bytes: Vec<u8>,
    hasher: Hasher,
    given_up: bool,
}

#[async_trait]
impl Sink for MemorySink {
    async fn write(&mut self, chunk: Bytes) -> Result<(), StorageError> {
        if std::mem::replace(&mut self.given_up, true) {
            return Err(StorageError::GivenUp);
        }
        self.place.storage.begin(Operation::Write).await?;
        self.bytes.extend_from_slice(&chunk);
        self.hasher.update(&chunk);
        self.given_up = false;
        Ok(())
    }

    async fn seal(self: Box<Self>, ack: Ack) -> Result<Box<dyn Part>, StorageError> {
        if self.given_up {
            return Err(StorageError::GivenUp);
        }
        self.place.storage.begin(Operation::Seal).await?;
        let Self { place, bytes, hasher, .. } = *self;
        let stored = Stored { size: length(&bytes), digest: hasher.finish() };
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
struct MemorySource {
    storage: MemoryStorage,
    size: u64,
    rest: Bytes,
}

#[async_trait]
impl Source for MemorySource {
    fn size(&self) -> u64 {
        self.size
    }

    async fn next(&mut self) -> Result<Option<Bytes>, StorageError> {
        self.storage.begin(Operation::Next).await?;
        let length = self.rest.len().min(SOURCE_CHUNK_BYTES_MAX);
        Ok((length > 0).then(|| self.rest.split_to(length)))
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
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    /// Polls by hand, with no runtime, at most `polls` times.
    fn run<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        (0..polls).find_map(|_| match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        })
    }

    fn name() -> ObjectName {
        ObjectName::received(1, Extension::UNKNOWN)
    }

    async fn upload(storage: &MemoryStorage, ack: Ack) -> Result<(), RevealError> {
        let mut sink = storage.create(None, DigestKind::Blake3).await?;
        sink.write(Bytes::from_static(b"abc")).await?;
        sink.seal(ack).await?.reveal(&name(), ack).await
    }

    #[test]
    fn an_upload_can_be_cut_at_every_await_and_leaves_all_or_nothing() {
        for polls in 0.. {
            let storage = MemoryStorage::new();
            let ended = run(polls, upload(&storage, Ack::Durable));
            assert_eq!(storage.partial(), 0);
            assert!(storage.bytes(&name()).is_none_or(|bytes| bytes == "abc"));
            if let Some(result) = ended {
                result.unwrap();
                // create, write, seal and two of reveal, and the last poll.
                assert_eq!(polls, 6);
                assert_eq!(storage.names(), [name()]);
                break;
            }
        }
    }

    #[test]
    fn operations_fail_when_they_are_told_to() {
        for (operation, fault) in
            [(Operation::Create, Fault::Full), (Operation::Write, Fault::Io), (Operation::Seal, Fault::IoButVisible)]
        {
            let storage = MemoryStorage::new();
            storage.fail(operation, 2, fault);
            run(9, upload(&storage, Ack::Written)).unwrap().unwrap();
            assert!(run(9, storage.remove(&name(), Ack::Written)).unwrap().unwrap());
            let failed = run(9, upload(&storage, Ack::Written)).unwrap();
            assert!(matches!(failed, Err(RevealError::Failed(_))), "{operation:?}");
            assert!(storage.names().is_empty() && storage.partial() == 0);
            assert_eq!(storage.calls(operation), 2);
        }
    }

    #[test]
    fn a_reveal_can_fail_and_leave_the_file() {
        let storage = MemoryStorage::new();
        storage.fail(Operation::Reveal, 1, Fault::IoButVisible);
        assert!(run(9, upload(&storage, Ack::Durable)).unwrap().is_err());
        assert_eq!(storage.names(), [name()]);
        assert!(!storage.is_durable(&name()));
    }

    #[test]
    fn a_power_cut_takes_what_is_not_durable() {
        for (ack, make_durable, stays) in
            [(Ack::Written, false, false), (Ack::Written, true, true), (Ack::Durable, false, true)]
        {
            let storage = MemoryStorage::new();
            run(9, upload(&storage, ack)).unwrap().unwrap();
            if make_durable {
                assert!(run(9, storage.make_durable(&name())).unwrap().unwrap());
            }
            storage.cut_power();
            assert_eq!(storage.bytes(&name()).is_some(), stays);
        }
    }

    #[test]
    fn what_was_set_aside_goes_after_a_day() {
        let storage = MemoryStorage::new();
        storage.set_now(Timestamp::from_millis(5));
        run(9, upload(&storage, Ack::Written)).unwrap().unwrap();
        assert!(run(9, storage.set_aside(&name())).unwrap().unwrap());
        assert_eq!(storage.aside(), ["abc"]);
        for (age_ms, removed) in [(ASIDE_KEPT_MS, 0), (ASIDE_KEPT_MS + 1, 1), (ASIDE_KEPT_MS + 1, 0)] {
            let now = Timestamp::from_millis(5 + age_ms);
            assert_eq!(run(9, storage.sweep(now, 10)).unwrap().unwrap(), removed);
        }
    }
}
