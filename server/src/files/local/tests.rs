//! What only a storage on a disk must do.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use bytes::Bytes;
use shared::id::SessionId;
use tempfile::TempDir;

use super::place::Place;
use super::*;
use crate::files::mime::Extension;
use crate::files::{Part, RevealError, SOURCE_CHUNK_BYTES_MAX};

mod groups;
mod parts;
mod receiving;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn name() -> ObjectName {
    ObjectName::received(1, Extension::UNKNOWN)
}

fn in_folder() -> ObjectName {
    ObjectName::session(SessionId::from_random([5; 16]), Sequence::FIRST, Timestamp::from_millis(7), Extension::UNKNOWN)
}

async fn part(storage: &LocalStorage, ack: Ack) -> Box<dyn Part> {
    let mut sink = storage.create(None, Some(DigestKind::Blake3)).await.unwrap();
    sink.write(Bytes::from_static(b"abc")).await.unwrap();
    sink.seal(ack).await.unwrap()
}

fn staged(root: &Path) -> Vec<String> {
    let entries = fs::read_dir(root.join(".staging")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_second_server_on_the_same_folder_is_refused() {
    let root = folder();
    let first = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    let refused = LocalStorage::open(root.path(), Keeping::default()).unwrap_err();
    assert!(matches!(refused, OpenError::Locked { .. }));
    assert!(refused.to_string().contains("in use by another server"));
    drop(first);
    LocalStorage::open(root.path(), Keeping::default()).unwrap();
}

#[test]
fn a_folder_that_is_not_there_is_made() {
    let root = folder();
    let path = root.path().join("a/b/c");
    LocalStorage::open(&path, Keeping::default()).unwrap();
    assert!(path.join(".staging").is_dir() && path.join(".lock").is_file());
    fs::write(root.path().join("file"), "").unwrap();
    assert!(matches!(
        LocalStorage::open(&root.path().join("file"), Keeping::default()),
        Err(OpenError::Unusable { .. })
    ));
}

#[cfg(unix)]
#[test]
fn what_is_not_for_everybody_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let root = folder();
    let _storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    for private in [".staging", ".lock"] {
        assert_eq!(fs::metadata(root.path().join(private)).unwrap().permissions().mode() & 0o077, 0, "{private}");
    }
}

#[cfg(unix)]
#[test]
fn a_staging_folder_that_is_a_link_is_refused() {
    let root = folder();
    fs::create_dir(root.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink("elsewhere", root.path().join(".staging")).unwrap();
    assert!(matches!(LocalStorage::open(root.path(), Keeping::default()), Err(OpenError::Unusable { .. })));
}

#[tokio::test]
async fn what_a_killed_server_left_is_cleared_away_and_what_was_set_aside_stays() {
    let root = folder();
    let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    part(&storage, Ack::Written).await.reveal(&name(), Ack::Written).await.unwrap();
    assert!(storage.set_aside(&name()).await.unwrap());
    drop(storage);
    fs::write(root.path().join(".staging/00000000000000000000000000000007.part"), "half").unwrap();
    fs::write(root.path().join(".staging/00000000000000000000000000000009.bad"), "odd").unwrap();

    let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    assert_eq!(staged(root.path()).len(), 2);
    // The next one set aside meets none of the older names.
    part(&storage, Ack::Written).await.reveal(&name(), Ack::Written).await.unwrap();
    assert!(storage.set_aside(&name()).await.unwrap());
    assert!(staged(root.path()).contains(&"b.bad".to_owned()));
    assert_eq!(storage.sweep(Timestamp::from_millis(u64::MAX), 10).await.unwrap(), 3);
}

#[tokio::test]
async fn a_link_under_a_final_name_is_neither_followed_nor_replaced() {
    let root = folder();
    let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    fs::write(root.path().join("secret"), "secret").unwrap();
    std::os::unix::fs::symlink("secret", root.path().join(name().to_wire())).unwrap();
    assert!(storage.open(&name(), 0).await.is_err());
    assert!(storage.inspect(&name(), DigestKind::Blake3).await.is_err());
    let taken = part(&storage, Ack::Durable).await.reveal(&name(), Ack::Durable).await;
    assert!(matches!(taken, Err(RevealError::Occupied(_))));
    assert_eq!(fs::read(root.path().join("secret")).unwrap(), b"secret");
}

#[tokio::test]
async fn a_session_folder_that_leads_elsewhere_is_not_entered() {
    let root = folder();
    let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    let elsewhere = folder();
    let (above, _) = in_folder().to_wire().split_once('/').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), root.path().join(above)).unwrap();
    let refused = part(&storage, Ack::Durable).await.reveal(&in_folder(), Ack::Durable).await;
    assert!(matches!(refused, Err(RevealError::Failed(StorageError::Io(_)))));
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    assert!(staged(root.path()).is_empty());
}

#[tokio::test]
async fn a_session_folder_that_somebody_removed_is_made_again() {
    let root = folder();
    let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    for _ in 0..2 {
        part(&storage, Ack::Durable).await.reveal(&in_folder(), Ack::Durable).await.unwrap();
        let path = root.path().join(in_folder().to_wire());
        assert_eq!(fs::read(&path).unwrap(), b"abc");
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}

#[tokio::test]
async fn a_session_folder_that_somebody_put_in_the_place_of_another_is_the_one_that_is_used() {
    let root = folder();
    let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    let path = root.path().join(in_folder().to_wire());
    let above = path.parent().unwrap();
    for moved in ["first", "second"] {
        part(&storage, Ack::Written).await.reveal(&in_folder(), Ack::Written).await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"abc");
        fs::rename(above, root.path().join(moved)).unwrap();
        assert_eq!(storage.size(&in_folder()).await.unwrap(), None, "{moved}");
        fs::create_dir(above).unwrap();
        assert_eq!(storage.size(&in_folder()).await.unwrap(), None, "{moved}");
    }
    fs::remove_dir(above).unwrap();
    std::os::unix::fs::symlink("first", above).unwrap();
    assert!(storage.size(&in_folder()).await.is_err(), "a link is not entered");
}

#[tokio::test]
async fn whoever_makes_a_session_folder_durable_shares_its_descriptor_with_nobody() {
    let root = folder();
    let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    part(&storage, Ack::Written).await.reveal(&in_folder(), Ack::Written).await.unwrap();
    let open = |ack| match storage.disk.place(&in_folder(), ack).unwrap().unwrap() {
        Place::Session(open) => open,
        Place::Root(_) => panic!("not in a folder"),
    };
    let kept = open(Ack::Written);
    assert!(Arc::ptr_eq(&kept, &open(Ack::Written)));
    let own = open(Ack::Durable);
    assert!(!Arc::ptr_eq(&own, &kept) && !Arc::ptr_eq(&own, &open(Ack::Durable)));
}

/// The system may call a second sync a success though the first one's data is lost.
#[tokio::test]
async fn what_failed_to_become_durable_once_is_not_called_durable_later() {
    let root = folder();
    let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    part(&storage, Ack::Written).await.reveal(&in_folder(), Ack::Written).await.unwrap();
    let failed = storage.disk.remembering(in_folder().folder(), Err(ErrorKind::Other.into()));
    assert!(failed.is_err());
    assert!(matches!(storage.make_durable(&in_folder()).await, Err(StorageError::GivenUp)));
    let next = in_folder().with_extension(Extension::known("png").unwrap());
    let refused = part(&storage, Ack::Durable).await.reveal(&next, Ack::Durable).await;
    assert!(matches!(refused, Err(RevealError::Failed(StorageError::GivenUp))));
    assert!(staged(root.path()).is_empty());
    part(&storage, Ack::Durable).await.reveal(&name(), Ack::Durable).await.unwrap();
    assert!(storage.make_durable(&name()).await.unwrap());
}

#[tokio::test]
async fn a_sink_that_failed_is_good_for_nothing() {
    let root = folder();
    let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    let mut sink = storage.create(None, Some(DigestKind::Blake3)).await.unwrap();
    fs::remove_dir(root.path().join(".staging")).unwrap();
    let chunk = Bytes::from(vec![0; 2 * sink::SMALL_BYTES_MAX]);
    let mut failures = 0;
    for _ in 0..3 {
        failures += usize::from(sink.write(chunk.clone()).await.is_err());
    }
    assert!(failures > 1);
    assert!(matches!(sink.seal(Ack::Written).await, Err(StorageError::GivenUp)));
}

#[tokio::test]
async fn a_file_larger_than_the_disk_is_refused_before_its_first_byte() {
    let root = folder();
    let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    // Larger than any disk, smaller than what a file may be.
    let refused = storage.create(Some(15 << 40), Some(DigestKind::Blake3)).await;
    assert!(matches!(refused, Err(StorageError::Full)), "{refused:?}");
    assert!(staged(root.path()).is_empty());
}

#[tokio::test]
async fn a_file_that_became_shorter_while_it_is_read_is_an_error() {
    let root = folder();
    let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    part(&storage, Ack::Written).await.reveal(&name(), Ack::Written).await.unwrap();
    let mut source = storage.open(&name(), 0).await.unwrap().unwrap();
    fs::write(root.path().join(name().to_wire()), "a").unwrap();
    let Err(StorageError::Io(error)) = source.next().await else { panic!("the bytes are not there") };
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert!(matches!(source.next().await, Err(StorageError::GivenUp)));
    assert!(matches!(source.digest(), Err(StorageError::GivenUp)));
}

/// As many chunks are in memory as are held, however long the file is.
#[tokio::test]
async fn what_nobody_holds_any_more_is_read_into_again() {
    let root = folder();
    let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
    let mut sink = storage.create(None, None).await.unwrap();
    sink.write(vec![7; 6 * SOURCE_CHUNK_BYTES_MAX].into()).await.unwrap();
    sink.seal(Ack::Written).await.unwrap().reveal(&name(), Ack::Written).await.unwrap();
    for held in [1, 2] {
        let mut source = storage.open(&name(), 0).await.unwrap().unwrap();
        let (mut chunks, mut places) = (VecDeque::new(), BTreeSet::new());
        while let Some(chunk) = source.next().await.unwrap() {
            places.insert(chunk.as_ptr());
            chunks.push_back(chunk);
            if chunks.len() == held {
                chunks.pop_front();
            }
        }
        assert_eq!(places.len(), held);
    }
}

/// A call is dropped after any number of polls; the work under way ends on its own thread and cleans up. That it has
/// ended shows in the lock, which it holds.
#[test]
fn an_upload_cut_at_every_await_leaves_a_whole_file_or_none() {
    use std::task::{Context, Waker};

    for polls in 0..40 {
        let root = folder();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
        let entered = runtime.enter();
        let mut upload = Box::pin(async move {
            let mut sink = storage.create(Some(3 << 20), Some(DigestKind::Blake3)).await.unwrap();
            for _ in 0..3 {
                sink.write(Bytes::from(vec![7; 1 << 20])).await.unwrap();
            }
            sink.seal(Ack::Written).await.unwrap().reveal(&name(), Ack::Written).await.unwrap();
        });
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..polls {
            if upload.as_mut().poll(&mut context).is_ready() {
                break;
            }
            std::thread::yield_now();
        }
        drop(upload);
        drop(entered);
        // Waits for what is under way on blocking threads.
        drop(runtime);
        assert_eq!(staged(root.path()), [""; 0], "{polls}");
        let shown = fs::read(root.path().join(name().to_wire()));
        assert!(shown.is_err() || shown.unwrap() == vec![7; 3 << 20], "{polls}");
        LocalStorage::open(root.path(), Keeping::default()).unwrap();
    }
}

#[tokio::test]
async fn errors_tell_a_peer_no_path() {
    for error in [StorageError::Full, StorageError::GivenUp, io::Error::other("/srv/secret").into()] {
        assert!(!error.to_string().contains('/'));
    }
    for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::FileTooLarge] {
        assert!(matches!(io::Error::from(kind).into(), StorageError::Full));
    }
}
