//! A folder reached by its path, with nothing but the standard library. It trusts the storage folder's owner: a
//! link put in its way is noticed where it is looked at, not held off.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::Access;

#[derive(Debug)]
pub(in crate::files) struct Folder(PathBuf);

#[derive(Clone, Copy, Debug)]
pub(in crate::files) struct Identity;

impl Folder {
    pub(in crate::files) fn open(path: &Path) -> io::Result<Self> {
        // Absolute, so that a change of the working folder leads nowhere else.
        let path = path.canonicalize()?;
        if path.is_dir() { Ok(Self(path)) } else { Err(io::ErrorKind::NotADirectory.into()) }
    }

    pub(in crate::files) fn subfolder(&self, name: &str) -> io::Result<Self> {
        let path = self.0.join(name);
        let is_folder = path.symlink_metadata()?.is_dir();
        if is_folder { Ok(Self(path)) } else { Err(io::ErrorKind::NotADirectory.into()) }
    }

    /// A path leads to whatever is there, so nothing has to be told apart.
    pub(in crate::files) fn identity(&self) -> io::Result<Identity> {
        self.0.symlink_metadata().map(|_| Identity)
    }

    pub(in crate::files) fn leads_to(&self, name: &str, Identity: Identity) -> io::Result<bool> {
        Ok(found(self.0.join(name).symlink_metadata())?.is_some_and(|metadata| metadata.is_dir()))
    }

    pub(in crate::files) fn make_subfolder(&self, name: &str, _access: Access) -> io::Result<bool> {
        match fs::create_dir(self.0.join(name)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(in crate::files) fn create(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(self.0.join(name))
    }

    pub(in crate::files) fn open_or_create(&self, name: &str) -> io::Result<File> {
        self.size(name)?;
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(self.0.join(name))
    }

    pub(in crate::files) fn open_file(&self, name: &str) -> io::Result<Option<File>> {
        if self.size(name)?.is_none() {
            return Ok(None);
        }
        found(File::open(self.0.join(name)))
    }

    pub(in crate::files) fn open_lock(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(self.0.join(name))
    }

    pub(in crate::files) fn size(&self, name: &str) -> io::Result<Option<u64>> {
        let found: Option<Metadata> = found(self.0.join(name).symlink_metadata())?;
        found.map(|metadata| regular(&metadata)).transpose()
    }

    pub(in crate::files) fn remove(&self, name: &str) -> io::Result<bool> {
        found(fs::remove_file(self.0.join(name))).map(|done| done.is_some())
    }

    /// A link, because renaming would replace.
    pub(in crate::files) fn rename_new(&self, from: &str, into: &Self, to: &str) -> io::Result<bool> {
        match fs::hard_link(self.0.join(from), into.0.join(to)) {
            Ok(()) => fs::remove_file(self.0.join(from)).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(in crate::files) fn rename_over(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.0.join(from), self.0.join(to))
    }

    /// There is no portable way; a journalling file system keeps names by itself, a little later.
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "the same signature on every platform")]
    pub(in crate::files) fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    /// There is no portable way.
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "the same signature on every platform")]
    pub(in crate::files) fn may_sync_whole(&self) -> io::Result<bool> {
        Ok(false)
    }

    #[expect(clippy::unused_self, reason = "the same signature on every platform")]
    pub(in crate::files) fn sync_whole(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// There is no portable way, and nothing is asked without [`Folder::sync_whole`].
    #[expect(clippy::unnecessary_wraps, reason = "the same signature on every platform")]
    pub(in crate::files) fn has_space(_file: &File, _bytes: u64) -> io::Result<bool> {
        Ok(false)
    }

    pub(in crate::files) fn each_name(&self, each: &mut dyn FnMut(&str)) -> io::Result<()> {
        for entry in fs::read_dir(&self.0)? {
            if let Some(name) = entry?.file_name().to_str() {
                each(name);
            }
        }
        Ok(())
    }

    /// Not asked: a rename across file systems fails by itself.
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "the same signature on every platform")]
    pub(in crate::files) fn shares_filesystem(&self, _other: &Self) -> io::Result<bool> {
        Ok(true)
    }

    pub(in crate::files) fn changed_ms(file: &File) -> io::Result<u64> {
        let since = file.metadata()?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(since.as_secs().saturating_mul(1_000))
    }

    /// There is no portable way without reading the clock; such a part is kept from its last byte on.
    #[expect(clippy::unnecessary_wraps, reason = "the same signature on every platform")]
    pub(in crate::files) fn touch(_file: &File) -> io::Result<()> {
        Ok(())
    }

    /// There is no portable way to know, and a link is what a rename is made of here; so nothing is continued that a
    /// killed server left.
    #[expect(clippy::unnecessary_wraps, reason = "the same signature on every platform")]
    pub(in crate::files) fn has_other_names(_file: &File) -> io::Result<bool> {
        Ok(true)
    }
}

fn regular(metadata: &Metadata) -> io::Result<u64> {
    if metadata.is_file() { Ok(metadata.len()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
