//! Syncs of a group that fail, or say too much. Whoever is not meant by a failure is answered all the same.

use super::*;

/// A part whose own sync fails. It is empty, so that nothing else could be missed.
fn broken(storage: &LocalStorage) -> LocalPart {
    unsynced(storage, b"").in_file(fs::File::open("/dev/null").unwrap())
}

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

#[tokio::test]
async fn a_folder_that_cannot_be_synced_has_its_own_files_taken_back() {
    let root = folder();
    let mut storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    let before = in_folder().with_extension(Extension::known("png").unwrap());
    let before = vec![(unsynced(&storage, b"abc"), before)];
    assert!(commit(&storage, before, staging(root.path())).await.iter().all(Result::is_ok));
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
