//! What waits in memory while a large file is received, also when the disk stands still.

use std::cell::Cell;
use std::sync::{Arc, mpsc};
use std::task::{Context, Waker};

use shared::id::TransferId;
use tokio::runtime::{Builder, Runtime};

use super::*;
use crate::files::{Claimant, PartKey};

/// Bytes of a full read of a connection.
const CHUNK_BYTES: usize = 256 * 1024;
const CHUNKS: usize = 24;
/// As many as a payload has memory for.
const ALIVE_MAX: usize = 5;
const TOTAL: u64 = 24 * 256 * 1024;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    /// Of a file that nobody would find again.
    Plain,
    /// Of one that has a part.
    Claimed,
}

/// A chunk's bytes, as long as they are in memory.
struct Alive {
    bytes: Vec<u8>,
    _counted: Arc<()>,
}

impl AsRef<[u8]> for Alive {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

fn bytes(number: usize) -> Vec<u8> {
    vec![u8::try_from(number).unwrap(); CHUNK_BYTES]
}

async fn claim(storage: &LocalStorage) -> Box<dyn Claim> {
    let key = PartKey::of_transfer(TransferId::from_random([3; 16]));
    storage.claim(key, Claimant::Connection(1)).await.unwrap()
}

async fn sink(storage: &LocalStorage, kind: Kind) -> Box<dyn Sink> {
    match kind {
        Kind::Plain => storage.create(Some(TOTAL), Some(DigestKind::Blake3)).await.unwrap(),
        Kind::Claimed => claim(storage).await.sink(0, TOTAL, DigestKind::Blake3).await.unwrap(),
    }
}

/// Writes all chunks, counting those that were taken.
async fn upload(mut sink: Box<dyn Sink>, counted: &Arc<()>, taken: &Cell<usize>) -> Result<Stored, StorageError> {
    for number in 0..CHUNKS {
        let alive = Alive { bytes: bytes(number), _counted: Arc::clone(counted) };
        assert!(Arc::strong_count(counted) - 1 <= ALIVE_MAX, "{} chunks", Arc::strong_count(counted) - 1);
        sink.write(Bytes::from_owner(alive)).await?;
        taken.set(number + 1);
    }
    let part = sink.seal(Ack::Written).await?;
    let stored = part.stored();
    part.reveal(&name(), Ack::Written).await.unwrap();
    Ok(stored)
}

/// A runtime with one thread that may wait for the disk, and what holds up that thread until it is dropped.
fn runtime() -> (Runtime, impl FnOnce() -> mpsc::Sender<()>) {
    let runtime = Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    let handle = runtime.handle().clone();
    let hold_up = move || {
        let (sender, receiver) = mpsc::channel();
        handle.spawn_blocking(move || receiver.recv());
        sender
    };
    (runtime, hold_up)
}

/// Polls until it waits for the disk.
fn begin(runtime: &Runtime, upload: std::pin::Pin<&mut impl Future>) {
    let _entered = runtime.enter();
    assert!(upload.poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

#[test]
fn while_the_disk_stands_still_little_is_taken_and_then_all_is_written_in_its_order() {
    for kind in [Kind::Plain, Kind::Claimed] {
        let (root, (runtime, hold_up)) = (folder(), runtime());
        let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
        let sink = runtime.block_on(sink(&storage, kind));
        let (counted, taken) = (Arc::new(()), Cell::new(0));
        let disk = hold_up();
        let mut upload = Box::pin(upload(sink, &counted, &taken));
        begin(&runtime, upload.as_mut());
        assert!((2..ALIVE_MAX).contains(&taken.get()), "{kind:?}: {} were taken", taken.get());
        drop(disk);
        let stored = runtime.block_on(upload).unwrap();

        let expected: Vec<u8> = (0..CHUNKS).flat_map(bytes).collect();
        let mut hasher = DigestKind::Blake3.hasher();
        hasher.update(&expected);
        assert_eq!(stored, Stored { size: TOTAL, digest: Some(hasher.finish()) }, "{kind:?}");
        assert!(fs::read(root.path().join(name().to_wire())).unwrap() == expected, "{kind:?}");
    }
}

#[test]
fn an_upload_that_is_dropped_while_the_disk_stands_still_leaves_no_chunk_and_no_thread() {
    for kind in [Kind::Plain, Kind::Claimed] {
        let (root, (runtime, hold_up)) = (folder(), runtime());
        let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
        let sink = runtime.block_on(sink(&storage, kind));
        let (counted, taken) = (Arc::new(()), Cell::new(0));
        let disk = hold_up();
        let mut upload = Box::pin(upload(sink, &counted, &taken));
        begin(&runtime, upload.as_mut());
        let entered = runtime.enter();
        drop(upload);
        drop(entered);
        drop(disk);
        // The one thread is free, so all before this has ended.
        runtime.block_on(hop(|| Ok::<_, StorageError>(()))).unwrap();
        assert_eq!(Arc::strong_count(&counted), 1, "{kind:?}");
        assert_eq!(staged(root.path()).len(), usize::from(kind == Kind::Claimed), "{kind:?}");
    }
}

#[test]
fn an_upload_that_waits_for_the_disk_is_told_that_a_newer_one_took_it_over() {
    let (root, (runtime, hold_up)) = (folder(), runtime());
    let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    let sink = runtime.block_on(sink(&storage, Kind::Claimed));
    let (counted, taken) = (Arc::new(()), Cell::new(0));
    let disk = hold_up();
    let mut upload = Box::pin(upload(sink, &counted, &taken));
    begin(&runtime, upload.as_mut());
    let taken = u64::try_from(taken.get() * CHUNK_BYTES).unwrap();
    drop(disk);
    let newer = runtime.block_on(claim(&storage));
    assert_eq!(newer.length(), taken);
    assert!(matches!(runtime.block_on(upload), Err(StorageError::Overtaken)));
}
