//! What outlives a storage, and what does not: the lock, what was set aside, what was begun.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use server::files::{ASIDE_KEPT_MS, FileStorage, Keeping, LocalStorage, MemoryStorage, OpenError};
use shared::digest::DigestKind;
use shared::id::Timestamp;
use shared::wire::Ack;

use super::{get, name, put};

#[tokio::test]
async fn a_folder_is_free_for_another_server_once_the_first_has_gone() {
    let folder = tempfile::tempdir().unwrap();
    let first = LocalStorage::open(folder.path(), Keeping::default()).unwrap();
    for _ in 0..2 {
        assert!(matches!(LocalStorage::open(folder.path(), Keeping::default()), Err(OpenError::Locked { .. })));
    }
    put(&first, &name(1), "hello", Ack::Durable).await;
    drop(first);
    let second = LocalStorage::open(folder.path(), Keeping::default()).unwrap();
    assert_eq!(get(&second, &name(1)).await.as_deref(), Some("hello"));
}

/// A sink holds the folder: while it may still write, nobody clears it away.
#[tokio::test]
async fn a_folder_stays_locked_while_a_file_is_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let first = LocalStorage::open(folder.path(), Keeping::default()).unwrap();
    let mut sink = first.create(Some(2 << 20), Some(DigestKind::Blake3)).await.unwrap();
    sink.write("hello".into()).await.unwrap();
    drop(first);
    assert!(matches!(LocalStorage::open(folder.path(), Keeping::default()), Err(OpenError::Locked { .. })));
    drop(sink);
    LocalStorage::open(folder.path(), Keeping::default()).unwrap();
}

fn set_aside_in(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder.join(".staging")).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|end| end == "bad")).collect()
}

/// The day is counted from the moment a file was set aside, also by a server that was started later.
#[tokio::test]
async fn a_file_set_aside_is_kept_for_its_day_by_the_next_server_too() {
    let folder = tempfile::tempdir().unwrap();
    let storage = LocalStorage::open(folder.path(), Keeping::default()).unwrap();
    put(&storage, &name(1), "hello", Ack::Durable).await;
    // An old file set aside today is kept from today.
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let path = folder.path().join(name(1).to_wire());
    fs::File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
    assert!(storage.set_aside(&name(1)).await.unwrap());
    drop(storage);

    let storage = LocalStorage::open(folder.path(), Keeping::default()).unwrap();
    let kept = set_aside_in(folder.path());
    assert_eq!(fs::read(&kept[0]).unwrap(), b"hello");
    let since = now_ms();
    let sweep = |millis| storage.sweep(Timestamp::from_millis(millis), 10);
    assert_eq!(sweep(since).await.unwrap(), 0);
    assert_eq!(sweep(since + ASIDE_KEPT_MS - 60_000).await.unwrap(), 0, "the file's own age does not count");
    assert_eq!(sweep(since + ASIDE_KEPT_MS + 60_000).await.unwrap(), 1);
    assert!(set_aside_in(folder.path()).is_empty());
}

#[expect(clippy::disallowed_methods, reason = "the disk's own clock is compared with")]
fn now_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u64::try_from(since_1970.as_millis()).unwrap()
}

#[tokio::test]
async fn a_removal_and_a_sweep_leave_everything_else_alone() {
    let folder = tempfile::tempdir().unwrap();
    let storage = LocalStorage::open(folder.path(), Keeping::default()).unwrap();
    fs::write(folder.path().join("README.md"), "not ours").unwrap();
    fs::write(folder.path().join(".staging/somebody.else"), "not ours").unwrap();
    put(&storage, &name(1), "hello", Ack::Written).await;
    put(&storage, &name(2), "hello", Ack::Written).await;
    assert!(storage.remove(&name(1), Ack::Durable).await.unwrap());
    storage.sweep(Timestamp::from_millis(u64::MAX / 2), 10).await.unwrap();
    assert_eq!(get(&storage, &name(2)).await.as_deref(), Some("hello"));
    assert_eq!(fs::read_to_string(folder.path().join("README.md")).unwrap(), "not ours");
    assert_eq!(fs::read_to_string(folder.path().join(".staging/somebody.else")).unwrap(), "not ours");
}

/// In memory the moment is given, so it is exact.
#[test]
fn the_day_ends_one_millisecond_after_it() {
    use harness::orders::finish;

    let storage = MemoryStorage::new();
    let begun = harness::world::BEGINNING;
    for number in 1..=3 {
        storage.set_now(begun.plus_millis(number));
        finish(put(&storage, &name(number), "hello", Ack::Written));
        assert!(finish(storage.set_aside(&name(number))).unwrap());
    }
    for (later, at_most, removed) in [(1, 9, 0), (2, 9, 1), (2, 9, 0), (4, 1, 1), (4, 1, 1), (4, 1, 0)] {
        let now = begun.plus_millis(ASIDE_KEPT_MS + later);
        assert_eq!(finish(storage.sweep(now, at_most)).unwrap(), removed, "{later}");
    }
    assert!(storage.aside().is_empty());
}
