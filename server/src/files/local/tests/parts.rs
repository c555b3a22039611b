//! Parts of cut uploads that lie on a disk.

use std::time::Duration;

use shared::id::TransferId;

use super::*;
use crate::files::{Claimant, PartKey};

const MIB: usize = 1024 * 1024;

/// Every claim is made by the same connection.
const BY: Claimant = Claimant::Connection(1);

fn key(number: u8) -> PartKey {
    PartKey::of_transfer(TransferId::from_random([number; 16]))
}

fn path(root: &Path, number: u8) -> std::path::PathBuf {
    root.join(".staging").join(Disk::part_name(key(number)))
}

/// Closes a storage: the thread that gave a part back may still be about to end.
async fn closed(storage: LocalStorage) {
    let disk = Arc::downgrade(&storage.disk);
    drop(storage);
    let let_go = async {
        while disk.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), let_go).await.expect("nothing holds the folder any more");
}

/// A sink that has taken so many bytes.
async fn begun(storage: &LocalStorage, number: u8, total: usize, taken: usize) -> Box<dyn Sink> {
    let claim = storage.claim(key(number), BY).await.unwrap();
    let mut sink = claim.sink(0, total.try_into().unwrap(), DigestKind::Blake3).await.unwrap();
    sink.write(Bytes::from(vec![7; taken])).await.unwrap();
    sink
}

#[tokio::test]
async fn what_was_written_when_the_server_was_killed_is_there_under_its_name() {
    let (root, after) = (folder(), folder());
    let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    let sink = begun(&storage, 1, 64 * MIB, 5 * MIB).await;
    // Told, and so written; and what is reserved is no part of it.
    assert_eq!(storage.kept(key(1)).await.unwrap(), Some(5 << 20));
    drop(LocalStorage::open(after.path(), Keeping::default()).unwrap());
    fs::copy(path(root.path(), 1), path(after.path(), 1)).unwrap();
    fs::write(path(after.path(), 2), "").unwrap();
    fs::write(after.path().join(".staging/odd.kept"), "odd").unwrap();
    drop(sink);

    let storage = LocalStorage::open(after.path(), Keeping::default()).unwrap();
    assert_eq!(storage.kept(key(1)).await.unwrap(), Some(5 << 20));
    assert_eq!(storage.kept(key(2)).await.unwrap(), None);
    assert!(!path(after.path(), 2).exists(), "nothing of it was there");
    assert_eq!(storage.claim(key(1), BY).await.unwrap().length(), 5 << 20);
    assert_eq!(storage.sweep(Timestamp::from_millis(u64::MAX), 10).await.unwrap(), 1);
    assert!(!path(after.path(), 1).exists());
}

/// Where a rename is made of two steps, a server can be killed between them.
#[cfg(unix)]
#[tokio::test]
async fn a_part_that_is_a_visible_file_too_is_never_written() {
    let root = folder();
    let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    part(&storage, Ack::Written).await.reveal(&name(), Ack::Written).await.unwrap();
    fs::hard_link(root.path().join(name().to_wire()), path(root.path(), 1)).unwrap();
    closed(storage).await;
    let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    assert_eq!(storage.claim(key(1), BY).await.unwrap().length(), 0);
    drop(begun(&storage, 1, 10, 5).await);
    assert_eq!(fs::read(root.path().join(name().to_wire())).unwrap(), b"abc");
}

#[tokio::test]
async fn no_more_is_kept_than_there_is_room_for() {
    let root = folder();
    let keeping = Keeping { bytes_max: 5 << 20, ..Keeping::default() };
    let storage = LocalStorage::open(root.path(), keeping).unwrap();
    for number in 0..20 {
        // Each counts as at least one MiB, however small.
        drop(begun(&storage, number, 3 * MIB, if number % 2 == 0 { 1 } else { 2 * MIB }).await);
        // The next claim finds the end of the last one.
        drop(storage.claim(key(number), BY).await.unwrap());
    }
    // Its end is known when somebody else's part is made after it.
    closed(storage).await;
    let storage = LocalStorage::open(root.path(), keeping).unwrap();
    let kept = staged(root.path()).into_iter().filter(|name| name.contains(".kept")).count();
    assert!((2..=5).contains(&kept), "{kept}");
    let storage_of_none = Keeping { bytes_max: 0, ..keeping };
    closed(storage).await;
    drop(LocalStorage::open(root.path(), storage_of_none).unwrap());
    assert!(staged(root.path()).is_empty());
}

#[tokio::test]
async fn a_part_larger_than_the_disk_is_refused_and_keeps_what_was_there() {
    let root = folder();
    let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    for taken in [0, 5] {
        drop(begun(&storage, 1, 2 * MIB, taken).await);
        let claim = storage.claim(key(1), BY).await.unwrap();
        let there = claim.length();
        let refused = claim.sink(there, 15 << 40, DigestKind::Blake3).await;
        assert!(matches!(refused, Err(StorageError::Full)), "{refused:?}");
        assert_eq!(storage.claim(key(1), BY).await.unwrap().length(), there);
        assert_eq!(path(root.path(), 1).exists(), there > 0);
    }
}

#[tokio::test]
async fn names_that_could_not_be_made_durable_are_not_told() {
    let root = folder();
    let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    drop(begun(&storage, 1, 2 * MIB, 5).await);
    storage.disk.doubt_part_names();
    assert!(matches!(storage.kept(key(1)).await, Err(StorageError::GivenUp)));
}

/// Any number of claims at once: each part has one writer, and the newest gets to the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_writers_of_one_part_the_newest_ends_it() {
    let root = folder();
    let storage = std::sync::Arc::new(LocalStorage::open(root.path(), Keeping::default()).unwrap());
    for round in 0..20 {
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..8_u8 {
            let storage = std::sync::Arc::clone(&storage);
            tasks.spawn(async move {
                let claim = storage.claim(key(1), BY).await.ok()?;
                let mut sink = claim.sink(0, 2 << 20, DigestKind::Blake3).await.ok()?;
                for _ in 0..4 {
                    sink.write(Bytes::from(vec![number; MIB / 2])).await.ok()?;
                }
                let part = sink.seal(Ack::Written).await.ok()?;
                let stored = part.stored();
                let name = ObjectName::received(round * 8 + u128::from(number), Extension::UNKNOWN);
                part.reveal(&name, Ack::Written).await.ok()?;
                let seen = storage.inspect(&name, DigestKind::Blake3).await.unwrap();
                Some(seen == Some(stored))
            });
        }
        let ended = tasks.join_all().await;
        assert!(ended.iter().flatten().all(|same| *same), "what is visible is what was written");
        assert!(ended.iter().flatten().count() >= 1, "the newest is in nobody's way");
        storage.claim(key(1), BY).await.unwrap();
        storage.forget(key(1)).await.unwrap();
    }
}
