//! The storage folder itself: everything here blocks.

use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use shared::digest::DigestKind;
use shared::id::Timestamp;
use shared::wire::Ack;

use super::folders::Folders;
use super::group::Groups;
use super::parts::Parts;
use super::place::{Place, Sure};
use crate::files::platform::{Folder, read_exact_at};
use crate::files::{ASIDE_KEPT_MS, ObjectName, SOURCE_CHUNK_BYTES_MAX, StorageError, Stored};

/// Ends the name of a file that is being received.
pub(super) const PART: &str = ".part";
/// Ends the name of a file that was set aside.
pub(super) const ASIDE: &str = ".bad";
/// Locks that all names share. Two names that meet in one only wait for each other, but do not share their syncs; so
/// there are many more than files in a group.
pub(super) const NAME_LOCKS: usize = 4096;

#[derive(Debug)]
pub(super) struct Disk {
    pub(super) root: Folder,
    pub(super) staging: Folder,
    pub(super) folders: Folders,
    pub(super) names: Vec<Mutex<()>>,
    pub(super) sure: Mutex<Sure>,
    pub(super) next_staged: AtomicU64,
    pub(super) parts: Parts,
    pub(super) groups: Arc<Groups>,
    /// Held as long as a part is under way, even when the storage itself is gone.
    pub(super) _lock: File,
}

impl Disk {
    /// A new part file and its name in the staging folder.
    pub(super) fn create_part(&self) -> io::Result<(String, File)> {
        let name = self.staged_name(PART);
        let file = self.staging.create(&name)?;
        Ok((name, file))
    }

    /// Shows a staged file, if the name is free; `false`: it is not. After an error it is staged still.
    pub(super) fn reveal(&self, staged: &str, name: &ObjectName) -> Result<bool, StorageError> {
        let _held = self.hold(name);
        Ok(self.rename_held(staged, name, Ack::Written)?.is_some())
    }

    /// The same; `None` when somebody has the name, or one that shares its lock.
    pub(super) fn reveal_at_once(&self, staged: &str, name: &ObjectName) -> Option<Result<bool, StorageError>> {
        let _held = self.try_hold(name)?;
        Some(self.rename_held(staged, name, Ack::Written).map(|place| place.is_some()))
    }

    /// Gives a staged file its name, which the caller holds. Where it is then; `None`: the name is taken.
    pub(super) fn rename_held(
        &self,
        staged: &str,
        name: &ObjectName,
        ack: Ack,
    ) -> Result<Option<Place<'_>>, StorageError> {
        let place = self.make_place(name, ack)?;
        if ack == Ack::Durable && self.sure().doubtful_folders.contains(&place.session()) && place.session().is_some() {
            // The folder's own name may be lost, and with it whatever is put into it.
            return Err(StorageError::GivenUp);
        }
        let renamed = self.staging.rename_new(staged, place.folder(), &name.file_name())?;
        Ok(renamed.then_some(place))
    }

    pub(super) fn inspect(&self, name: &ObjectName, kind: DigestKind) -> Result<Option<Stored>, StorageError> {
        let Some(file) = self.open_file(name)? else { return Ok(None) };
        let size = file.metadata()?.len();
        let mut hasher = kind.hasher();
        let mut chunk = vec![0; SOURCE_CHUNK_BYTES_MAX];
        let mut offset: u64 = 0;
        while offset < size {
            let bytes = chunk_at(&file, &mut chunk, offset, size)?;
            hasher.update(bytes);
            offset = offset.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        }
        Ok(Some(Stored { size, digest: Some(hasher.finish()) }))
    }

    pub(super) fn size(&self, name: &ObjectName) -> Result<Option<u64>, StorageError> {
        let _held = self.hold(name);
        let Some(place) = self.place(name, Ack::Written)? else { return Ok(None) };
        Ok(place.folder().size(&name.file_name())?)
    }

    pub(super) fn open_file(&self, name: &ObjectName) -> Result<Option<File>, StorageError> {
        let _held = self.hold(name);
        let Some(place) = self.place(name, Ack::Written)? else { return Ok(None) };
        Ok(place.folder().open_file(&name.file_name())?)
    }

    pub(super) fn make_durable(&self, name: &ObjectName) -> Result<bool, StorageError> {
        let _held = self.hold(name);
        let Some(place) = self.place(name, Ack::Durable)? else { return Ok(false) };
        let Some(file) = place.folder().open_file(&name.file_name())? else { return Ok(false) };
        let sure = self.sure();
        if sure.doubtful_names.contains(name) || sure.doubtful_folders.contains(&place.session()) {
            return Err(StorageError::GivenUp);
        }
        drop(sure);
        if let Err(error) = file.sync_all() {
            self.sure().doubtful_names.insert(*name);
            return Err(error.into());
        }
        self.sync_place(&place)?;
        Ok(true)
    }

    pub(super) fn set_aside(&self, name: &ObjectName) -> Result<bool, StorageError> {
        let _held = self.hold(name);
        let Some(place) = self.place(name, Ack::Written)? else { return Ok(false) };
        match place.folder().rename_new(&name.file_name(), &self.staging, &self.staged_name(ASIDE)) {
            Ok(true) => {
                self.sure().doubtful_names.remove(name);
                Ok(true)
            }
            // Staged names count on from the highest, and nobody else makes any.
            Ok(false) => Err(io::Error::from(io::ErrorKind::AlreadyExists).into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn remove(&self, name: &ObjectName, ack: Ack) -> Result<bool, StorageError> {
        let _held = self.hold(name);
        let Some(place) = self.place(name, ack)? else { return Ok(false) };
        let removed = place.folder().remove(&name.file_name())?;
        self.sure().doubtful_names.remove(name);
        if ack == Ack::Durable {
            // Also when it was not there: an earlier removal may not be durable yet.
            self.sync_place(&place)?;
        }
        Ok(removed)
    }

    pub(super) fn sweep(&self, now: Timestamp, at_most: usize) -> Result<usize, StorageError> {
        let mut aside = Vec::new();
        self.staging.each_name(&mut |name| {
            if name.ends_with(ASIDE) {
                aside.push(name.to_owned());
            }
        })?;
        let mut removed = self.sweep_parts(now, at_most);
        for name in aside {
            if removed == at_most {
                break;
            }
            let Some(file) = self.staging.open_file(&name)? else { continue };
            let age_ms = now.millis_since(Timestamp::from_millis(Folder::changed_ms(&file)?));
            if age_ms > ASIDE_KEPT_MS && self.staging.remove(&name)? {
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Keeps others from this name until the guard is dropped. A file that is visible but may have to be taken
    /// back must not be seen, let alone adopted, by a second upload of the same name.
    pub(super) fn hold(&self, name: &ObjectName) -> Option<MutexGuard<'_, ()>> {
        self.lock_of(name).map(|lock| lock.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// `None`: somebody has this name, or one that shares its lock.
    pub(super) fn try_hold(&self, name: &ObjectName) -> Option<MutexGuard<'_, ()>> {
        match self.lock_of(name)?.try_lock() {
            Ok(held) => Some(held),
            Err(TryLockError::Poisoned(held)) => Some(held.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn lock_of(&self, name: &ObjectName) -> Option<&Mutex<()>> {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let which = usize::try_from(hasher.finish()).unwrap_or_default().checked_rem(self.names.len())?;
        self.names.get(which)
    }

    pub(super) fn staged_name(&self, end: &str) -> String {
        format!("{:x}{end}", self.next_staged.fetch_add(1, Ordering::Relaxed))
    }
}

/// The bytes at `offset` of a file of `size` bytes, as many as `chunk` holds.
pub(super) fn chunk_at<'chunk>(
    file: &File,
    chunk: &'chunk mut [u8],
    offset: u64,
    size: u64,
) -> io::Result<&'chunk [u8]> {
    let left = usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX);
    let length = left.min(chunk.len());
    let chunk = chunk.get_mut(..length).unwrap_or_default();
    read_exact_at(file, chunk, offset)?;
    Ok(chunk)
}
