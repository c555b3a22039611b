//! A folder held open by its descriptor: neither a link put in its way nor a change of the working folder leads
//! elsewhere. Every name is one segment.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{AtFlags, Dev, Dir, FileType, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_NOW};
use rustix::io::Errno;

use super::{Access, rename, whole};

/// The unit in which a file's space is counted, whatever the file system's own blocks are.
const BLOCK_BYTES: u64 = 512;

#[derive(Debug)]
pub(in crate::files) struct Folder(File);

/// Tells a folder from every other one, as long as it is open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::files) struct Identity {
    device: Dev,
    inode: u64,
}

impl Identity {
    fn of(stat: &Stat) -> Self {
        Self { device: stat.st_dev, inode: stat.st_ino }
    }
}

impl Folder {
    /// Links in `path` are the operator's own, and are followed.
    pub(in crate::files) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::open(path, flags, Mode::empty())?.into()))
    }

    pub(in crate::files) fn subfolder(&self, name: &str) -> io::Result<Self> {
        self.at(name, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).map(Self)
    }

    pub(in crate::files) fn identity(&self) -> io::Result<Identity> {
        Ok(Identity::of(&rustix::fs::fstat(&self.0)?))
    }

    /// Whether a name leads to the open folder of this identity.
    pub(in crate::files) fn leads_to(&self, name: &str, identity: Identity) -> io::Result<bool> {
        Ok(self.stat(name)?.is_some_and(|stat| Identity::of(&stat) == identity))
    }

    /// `false`: it is there already.
    pub(in crate::files) fn make_subfolder(&self, name: &str, access: Access) -> io::Result<bool> {
        let mode = match access {
            Access::Private => Mode::RWXU,
            Access::Shared => Mode::RWXU | Mode::RWXG | Mode::RWXO,
        };
        match rustix::fs::mkdirat(&self.0, name, mode) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    pub(in crate::files) fn create(&self, name: &str) -> io::Result<File> {
        let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH;
        self.at(name, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL, mode)
    }

    /// Opens a regular file for reading and writing, and makes it if it is not there.
    pub(in crate::files) fn open_or_create(&self, name: &str) -> io::Result<File> {
        let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH;
        let file = self.at(name, OFlags::RDWR | OFlags::CREATE | OFlags::NONBLOCK, mode)?;
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    /// `None`: it is not there. Only a regular file is opened.
    pub(in crate::files) fn open_file(&self, name: &str) -> io::Result<Option<File>> {
        // Opening a pipe would wait for its other end.
        let Some(file) = found(self.at(name, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty()))? else {
            return Ok(None);
        };
        if file.metadata()?.is_file() { Ok(Some(file)) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    pub(in crate::files) fn open_lock(&self, name: &str) -> io::Result<File> {
        self.at(name, OFlags::RDWR | OFlags::CREATE, Mode::RUSR | Mode::WUSR)
    }

    /// `None`: it is not there. Only a regular file has a size.
    pub(in crate::files) fn size(&self, name: &str) -> io::Result<Option<u64>> {
        let Some(stat) = self.stat(name)? else { return Ok(None) };
        match (FileType::from_raw_mode(stat.st_mode), u64::try_from(stat.st_size)) {
            (FileType::RegularFile, Ok(size)) => Ok(Some(size)),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// `false`: it is not there.
    pub(in crate::files) fn remove(&self, name: &str) -> io::Result<bool> {
        found(rustix::fs::unlinkat(&self.0, name, AtFlags::empty()).map_err(Into::into)).map(|done| done.is_some())
    }

    /// Moves a file to a name that is free; `false`: it is not.
    pub(in crate::files) fn rename_new(&self, from: &str, into: &Self, to: &str) -> io::Result<bool> {
        match rename::rename_new(&self.0, from, &into.0, to) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Moves a file to another name in this folder; what had it is gone.
    pub(in crate::files) fn rename_over(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, from, &self.0, to)?)
    }

    /// Makes the names in this folder durable.
    pub(in crate::files) fn sync(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    /// Whether [`Folder::sync_whole`] can be trusted.
    pub(in crate::files) fn may_sync_whole(&self) -> io::Result<bool> {
        whole::is_trusted(&self.0)
    }

    /// Makes everything on this file system durable. Tells every failure since it was last asked through this
    /// descriptor, or since that was opened, whatever file it was that failed; but not that bytes were thrown away
    /// for which there was no space, which [`Folder::has_space`] shows.
    pub(in crate::files) fn sync_whole(&self) -> io::Result<()> {
        whole::sync(&self.0)
    }

    /// Whether a file without holes has the space that so many bytes need.
    pub(in crate::files) fn has_space(file: &File, bytes: u64) -> io::Result<bool> {
        Ok(file.metadata()?.blocks().saturating_mul(BLOCK_BYTES) >= bytes)
    }

    /// One of which every sync of the whole fails.
    #[cfg(test)]
    pub(in crate::files) fn open_unsyncable(path: &Path) -> io::Result<Self> {
        Ok(Self(rustix::fs::open(path, OFlags::PATH, Mode::empty())?.into()))
    }

    pub(in crate::files) fn each_name(&self, each: &mut dyn FnMut(&str)) -> io::Result<()> {
        for entry in Dir::read_from(&self.0)? {
            // A name that is not UTF-8 is none of ours.
            if let Some(name) = entry?.file_name().to_str().ok().filter(|name| !matches!(*name, "." | "..")) {
                each(name);
            }
        }
        Ok(())
    }

    pub(in crate::files) fn shares_filesystem(&self, other: &Self) -> io::Result<bool> {
        Ok(self.0.metadata()?.dev() == other.0.metadata()?.dev())
    }

    /// When the file was last renamed or written, in milliseconds since 1970.
    pub(in crate::files) fn changed_ms(file: &File) -> io::Result<u64> {
        Ok(u64::try_from(file.metadata()?.ctime()).unwrap_or_default().saturating_mul(1_000))
    }

    /// Makes [`Folder::changed_ms`] say that it was touched now.
    pub(in crate::files) fn touch(file: &File) -> io::Result<()> {
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        Ok(rustix::fs::futimens(file, &Timestamps { last_access: now, last_modification: now })?)
    }

    /// Whether the file can be reached under another name too.
    pub(in crate::files) fn has_other_names(file: &File) -> io::Result<bool> {
        Ok(file.metadata()?.nlink() > 1)
    }

    fn stat(&self, name: &str) -> io::Result<Option<Stat>> {
        found(rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW).map_err(Into::into))
    }

    fn at(&self, name: &str, flags: OFlags, mode: Mode) -> io::Result<File> {
        Ok(rustix::fs::openat(&self.0, name, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, mode)?.into())
    }
}

fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
