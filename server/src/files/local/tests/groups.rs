//! Files that become durable together: each is answered for itself, and none because of another.

use tokio::sync::oneshot;

use super::*;
use crate::files::local::collected::Collected;
use crate::files::local::group::Commit;
use crate::files::local::part::{LocalPart, Writer};
use crate::files::platform::Folder;
use crate::files::{Claimant, PartKey};

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

/// A part whose own sync fails. It is empty, so that nothing else could be missed.
fn broken(storage: &LocalStorage) -> LocalPart {
    unsynced(storage, b"").in_file(fs::File::open("/dev/null").unwrap())
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
    tokio::task::spawn_blocking(move || disk.commit(group, Some(&whole))).await.unwrap();
    let mut results = Vec::new();
    for answer in answers {
        results.push(answer.await.unwrap());
    }
    results
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

/// The only thread for blocking work is busy until all wait.
#[test]
fn who_comes_while_a_group_is_under_way_is_in_the_next_one() {
    let root = folder();
    let mut storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    Arc::get_mut(&mut storage.disk).unwrap().groups.shares = true;
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
        tokio::task::spawn_blocking(move || disk.commit(group, Some(&whole))).await.unwrap();
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

#[cfg(target_os = "linux")]
#[tokio::test]
async fn after_a_shared_sync_that_failed_each_file_is_asked_by_its_own() {
    for name in [numbered, in_folder_of] {
        let root = folder();
        let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
        let mut files = many(&storage, name);
        files.push((broken(&storage), odd()));
        let failing = Folder::open_unsyncable(root.path()).unwrap();
        let failed = last(commit(&storage, files, failing).await);
        assert!(matches!(failed, Err(RevealError::Failed(StorageError::Io(_)))), "{failed:?}");
        assert!(!root.path().join(odd().to_wire()).exists());
        assert!(staged(root.path()).is_empty());
        assert!(storage.disk.groups.failures() > 0);
    }
}

/// The system tells of a failure once. Whose bytes were meant may be in a later group.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn bytes_older_than_a_shared_sync_that_failed_do_not_rely_on_the_next_one() {
    let root = folder();
    let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    let older = broken(&storage);
    let failing = Folder::open_unsyncable(root.path()).unwrap();
    assert!(commit(&storage, many(&storage, in_folder_of), failing).await.iter().all(Result::is_ok));
    let mut files = many(&storage, numbered);
    files.push((older, odd()));
    let failed = last(commit(&storage, files, staging(root.path())).await);
    assert!(matches!(failed, Err(RevealError::Failed(StorageError::Io(_)))), "{failed:?}");
}

/// A system that finds no space for bytes it has taken throws them away, and a shared sync does not tell.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn bytes_that_the_system_threw_away_are_not_called_durable() {
    let root = folder();
    let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    let emptied = unsynced(&storage, b"abc");
    let hole =
        fs::File::options().write(true).truncate(true).open(root.path().join(".staging").join(emptied.staged_name()));
    hole.unwrap().set_len(3).unwrap();
    let mut files = many(&storage, numbered);
    files.push((emptied, odd()));
    let failed = last(commit(&storage, files, staging(root.path())).await);
    assert!(matches!(failed, Err(RevealError::Failed(StorageError::Io(_)))), "{failed:?}");
    assert!(!root.path().join(odd().to_wire()).exists());
}

#[tokio::test]
async fn a_folder_in_doubt_refuses_its_own_file_only() {
    let root = folder();
    let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    storage.disk.remembering(in_folder().folder(), Err(ErrorKind::Other.into())).unwrap_err();
    let mut files = many(&storage, in_folder_of);
    let doubted = files.iter().position(|(_, name)| name.folder() == in_folder().folder()).unwrap();
    let (part, _) = files.remove(doubted);
    files.push((unsynced(&storage, b"abc"), numbered(9)));
    files.push((part, in_folder()));
    let refused = last(commit(&storage, files, staging(root.path())).await);
    assert!(matches!(refused, Err(RevealError::Failed(StorageError::GivenUp))), "{refused:?}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_folder_that_cannot_be_synced_has_its_own_files_taken_back() {
    let root = folder();
    let mut storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    let before = in_folder().with_extension(Extension::known("png").unwrap());
    part(&storage, Ack::Durable).await.reveal(&before, Ack::Durable).await.unwrap();
    Arc::get_mut(&mut storage.disk).unwrap().root = Folder::open_unsyncable(root.path()).unwrap();
    let mut files = many(&storage, numbered);
    files.push((unsynced(&storage, b"abc"), in_folder()));
    let mut results = commit(&storage, files, staging(root.path())).await;
    results.pop().unwrap().unwrap();
    assert!(
        results.iter().all(|result| matches!(result, Err(RevealError::Failed(StorageError::Io(_))))),
        "{results:?}"
    );
    assert!((0..MANY).all(|number| !root.path().join(numbered(number).to_wire()).exists()));
    assert!(root.path().join(in_folder().to_wire()).exists() && staged(root.path()).is_empty());
}

/// The names of the sessions' folders are in the storage folder, and a second sync of that may forget what failed.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn sessions_whose_folders_may_be_lost_store_nothing_more() {
    let root = folder();
    let mut storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    let disk = Arc::get_mut(&mut storage.disk).unwrap();
    let good = std::mem::replace(&mut disk.root, Folder::open_unsyncable(root.path()).unwrap());
    let results = commit(&storage, many(&storage, in_folder_of), staging(root.path())).await;
    assert!(
        results.iter().all(|result| matches!(result, Err(RevealError::Failed(StorageError::Io(_))))),
        "{results:?}"
    );
    assert!((0..MANY).all(|number| !root.path().join(in_folder_of(number).to_wire()).exists()));
    Arc::get_mut(&mut storage.disk).unwrap().root = good;
    let results = commit(&storage, many(&storage, in_folder_of), staging(root.path())).await;
    assert!(
        results.iter().all(|result| matches!(result, Err(RevealError::Failed(StorageError::GivenUp)))),
        "{results:?}"
    );
}
