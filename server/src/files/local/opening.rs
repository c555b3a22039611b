//! Makes a storage folder ready for one server.

use std::fs::{self, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use super::OpenError;
use super::disk::{ASIDE, Disk, NAME_LOCKS, PART};
use super::folders::Folders;
use super::group::Groups;
use super::parts::Parts;
use crate::files::Keeping;
use crate::files::platform::{Access, Folder};

const STAGING: &str = ".staging";
const LOCK: &str = ".lock";

impl Disk {
    pub(super) fn open(path: &Path, keeping: Keeping) -> Result<Self, OpenError> {
        let unusable = |source| OpenError::Unusable { path: path.to_owned(), source };
        make_folders(path).map_err(unusable)?;
        let root = Folder::open(path).map_err(unusable)?;
        let lock = root.open_lock(LOCK).map_err(unusable)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => OpenError::Locked { path: path.to_owned() },
            TryLockError::Error(source) => unusable(source),
        })?;
        let staging_path = path.join(STAGING);
        let unusable = |source| OpenError::Unusable { path: staging_path.clone(), source };
        root.make_subfolder(STAGING, Access::Private).map_err(unusable)?;
        let staging = root.subfolder(STAGING).map_err(unusable)?;
        if !root.shares_filesystem(&staging).map_err(unusable)? {
            return Err(OpenError::OtherFilesystem { path: staging_path });
        }
        let next_staged = AtomicU64::new(clear_leftovers(&staging).map_err(unusable)?);
        let parts = Parts::found(&staging, keeping).map_err(unusable)?;
        root.sync().map_err(unusable)?;
        let groups = Arc::new(Groups::open(|| root.subfolder(STAGING)).map_err(unusable)?);
        let names = (0..NAME_LOCKS).map(|_| Mutex::default()).collect();
        let sure = Mutex::default();
        let folders = Folders::default();
        let disk = Self { root, staging, folders, names, sure, next_staged, parts, groups, _lock: lock };
        disk.bound_parts();
        Ok(disk)
    }
}

/// Makes a folder and what is missing above it, durably.
fn make_folders(path: &Path) -> io::Result<()> {
    let missing: Vec<PathBuf> = path
        .ancestors()
        .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
        .map(Path::to_owned)
        .collect();
    fs::create_dir_all(path)?;
    for folder in missing {
        let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Folder::open(above)?.sync()?;
    }
    Ok(())
}

/// Removes the nameless parts that an earlier server left, and returns a number above all that are in use.
fn clear_leftovers(staging: &Folder) -> io::Result<u64> {
    let mut leftovers = Vec::new();
    let mut next = 0;
    staging.each_name(&mut |name| {
        let number = name.strip_suffix(ASIDE).and_then(|digits| u64::from_str_radix(digits, 16).ok());
        next = next.max(number.map_or(0, |number| number.saturating_add(1)));
        if name.ends_with(PART) {
            leftovers.push(name.to_owned());
        }
    })?;
    for name in leftovers {
        staging.remove(&name)?;
    }
    Ok(next)
}
