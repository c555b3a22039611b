//! Files that become durable together: each is answered for itself, and none because of another.

use tokio::sync::oneshot;

use super::*;
use crate::files::local::collected::Collected;
use crate::files::local::group::{Commit, work_on};
use crate::files::local::part::{LocalPart, Writer};
use crate::files::platform::Folder;
use crate::files::{Claimant, PartKey};

#[cfg(target_os = "linux")]
mod failures;

/// Files enough for a sync of the whole file system.
const MANY: u8 = 6;
const BY: Claimant = Claimant::Connection(1);

type Answered = oneshot::Receiver<Result<(), RevealError>>;

fn numbered(number: u8) -> ObjectName {
    ObjectName::received(number.into(), Extension::UNKNOWN)
}

fn in_folder_of(number: u8) -> ObjectName {
    let session = SessionId::from_random([number; 16]);
    ObjectName::session(session, Sequence::FIRST, Timestamp::from_millis(7), Extension::UNKNOWN)
}

/// The name of the file that something is wrong with.
fn odd() -> ObjectName {
    ObjectName::received(u128::MAX, Extension::UNKNOWN)
}

/// A part that is not durable yet.
fn unsynced(storage: &LocalStorage, bytes: &'static [u8]) -> LocalPart {
    let mut writer = Writer::create(Arc::clone(&storage.disk), 0, None).unwrap();
    let mut collected = Collected::new(None);
    collected.push(Bytes::from_static(bytes));
    writer.write(collected).unwrap();
    writer.seal(Ack::Written).unwrap()
}

fn many(storage: &LocalStorage, name: fn(u8) -> ObjectName) -> Vec<(LocalPart, ObjectName)> {
    (0..MANY).map(|number| (unsynced(storage, b"abc"), name(number))).collect()
}

fn staging(root: &Path) -> Folder {
    Folder::open(&root.join(".staging")).unwrap()
}

fn group_of(files: Vec<(LocalPart, ObjectName)>) -> (Vec<Commit>, Vec<Answered>) {
    files.into_iter().map(|(part, name)| Commit::new(Box::new(part), name)).unzip()
}

/// Commits them as one group. The answers in the same order.
async fn commit(
    storage: &LocalStorage,
    files: Vec<(LocalPart, ObjectName)>,
    whole: Folder,
) -> Vec<Result<(), RevealError>> {
    let (group, answers) = group_of(files);
    let disk = Arc::clone(&storage.disk);
    tokio::task::spawn_blocking(move || work_on(disk, group, Some(&whole))).await.unwrap();
    let mut results = Vec::new();
    for answer in answers {
        results.push(answer.await.unwrap());
    }
    results
}

/// Has files share syncs on whatever the tests run on.
fn share(storage: &mut LocalStorage) {
    let disk = Arc::get_mut(&mut storage.disk).unwrap();
    Arc::get_mut(&mut disk.groups).unwrap().shares = true;
}

/// Expects that all were shown but the last, and gives what became of that.
fn last(mut results: Vec<Result<(), RevealError>>) -> Result<(), RevealError> {
    let last = results.pop().unwrap();
    assert_eq!(results.len(), usize::from(MANY));
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    last
}

#[tokio::test]
async fn what_waits_at_the_same_time_is_one_group_and_each_of_them_is_there() {
    for name in [numbered, in_folder_of] {
        let root = folder();
        let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
        let results = commit(&storage, many(&storage, name), staging(root.path())).await;
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        for number in 0..MANY {
            assert_eq!(fs::read(root.path().join(name(number).to_wire())).unwrap(), b"abc");
        }
        assert!(staged(root.path()).is_empty());
        assert_eq!(storage.shared(), SharedSyncs { files: MANY.into(), groups: 1 });
        assert_eq!(storage.disk.groups.failures(), 0);
    }
}

/// Between its files the task waits for the threads for blocking work, which then have done all that was given to them.
#[test]
fn what_one_task_brings_at_once_is_one_group() {
    let root = folder();
    let mut storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    share(&mut storage);
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let mut uploads = Vec::new();
        for number in 0..MANY {
            let part = part(&storage, Ack::Durable).await;
            uploads.push(async move {
                let (done, all) = std::sync::mpsc::channel();
                tokio::task::spawn_blocking(move || done.send(()));
                all.recv().unwrap();
                part.reveal(&numbered(number), Ack::Durable).await
            });
        }
        assert!(futures_util::future::join_all(uploads).await.iter().all(Result::is_ok));
    });
    assert_eq!(storage.shared(), SharedSyncs { files: MANY.into(), groups: 1 });
}

/// The only thread for blocking work is busy until all wait.
#[test]
fn who_comes_while_a_group_is_under_way_is_in_the_next_one() {
    let root = folder();
    let mut storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    share(&mut storage);
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let (free, busy) = std::sync::mpsc::channel::<()>();
        let blocker = tokio::task::spawn_blocking(move || busy.recv());
        let mut uploads = tokio::task::JoinSet::new();
        for number in 0..MANY {
            let part = part(&storage, Ack::Durable).await;
            uploads.spawn(async move { part.reveal(&numbered(number), Ack::Durable).await });
        }
        tokio::task::yield_now().await;
        free.send(()).unwrap();
        blocker.await.unwrap().unwrap();
        assert!(uploads.join_all().await.iter().all(Result::is_ok));
        assert_eq!(storage.shared(), SharedSyncs { files: MANY.into(), groups: 1 });
        part(&storage, Ack::Durable).await.reveal(&name(), Ack::Durable).await.unwrap_err();
        part(&storage, Ack::Durable).await.reveal(&in_folder(), Ack::Durable).await.unwrap();
        assert_eq!(storage.shared(), SharedSyncs { files: u64::from(MANY) + 1, groups: 2 });
    });
}

#[tokio::test]
async fn a_storage_can_be_closed_and_opened_when_its_last_file_is_answered() {
    let root = folder();
    for number in 0..50 {
        let mut storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
        share(&mut storage);
        part(&storage, Ack::Durable).await.reveal(&numbered(number), Ack::Durable).await.unwrap();
    }
}

#[tokio::test]
async fn a_name_that_is_taken_is_told_to_its_own_file_only() {
    let root = folder();
    let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    part(&storage, Ack::Written).await.reveal(&odd(), Ack::Written).await.unwrap();
    let mut files = many(&storage, numbered);
    files.push((unsynced(&storage, b"xyz"), odd()));
    let taken = last(commit(&storage, files, staging(root.path())).await);
    assert!(matches!(taken, Err(RevealError::Occupied(_))), "{taken:?}");
    assert_eq!(fs::read(root.path().join(odd().to_wire())).unwrap(), b"abc");
}

#[tokio::test]
async fn of_two_files_of_one_name_in_a_group_one_is_shown() {
    let root = folder();
    let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    let mut files = many(&storage, numbered);
    files.push((unsynced(&storage, b"xyz"), numbered(0)));
    let taken = last(commit(&storage, files, staging(root.path())).await);
    assert!(matches!(taken, Err(RevealError::Occupied(_))), "{taken:?}");
    assert_eq!(fs::read(root.path().join(numbered(0).to_wire())).unwrap(), b"abc");
}

#[test]
fn a_name_that_somebody_has_is_waited_for_outside_the_group() {
    let root = folder();
    let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let held = storage.disk.hold(&odd());
    let mut files = many(&storage, numbered);
    files.push((unsynced(&storage, b"abc"), odd()));
    let (group, mut answers) = group_of(files);
    let mut waits = answers.pop().unwrap();
    let (disk, whole) = (Arc::clone(&storage.disk), staging(root.path()));
    runtime.block_on(async {
        tokio::task::spawn_blocking(move || work_on(disk, group, Some(&whole))).await.unwrap();
        for answer in answers {
            answer.await.unwrap().unwrap();
        }
    });
    assert!(waits.try_recv().is_err(), "somebody has its name");
    drop(held);
    runtime.block_on(waits).unwrap().unwrap();
}

#[tokio::test]
async fn a_claim_that_is_overtaken_in_a_group_is_told_so_and_its_file_is_not_shown() {
    let root = folder();
    let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    let key = PartKey::of_transfer(shared::id::TransferId::from_random([1; 16]));
    let (hold, _) = storage.disk.enter(key, BY).unwrap();
    hold.held.settle(&storage.disk).unwrap();
    let claimed = unsynced(&storage, b"xyz").under(Some(hold));
    let _newer = storage.claim(key, BY).await.unwrap();
    let mut files = many(&storage, numbered);
    files.push((claimed, odd()));
    let overtaken = last(commit(&storage, files, staging(root.path())).await);
    assert!(matches!(overtaken, Err(RevealError::Failed(StorageError::Overtaken))), "{overtaken:?}");
    assert!(!root.path().join(odd().to_wire()).exists());
}
