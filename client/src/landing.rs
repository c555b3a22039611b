//! The place where a fetched file arrives: a hidden file beside its target, which takes the target's name
//! only when it is whole. Dropped before that, nothing of it stays.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::env::random;
use crate::failure::Failure;
use crate::reading::shown;

/// What to do with a file that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overwrite {
    Yes,
    No,
}

/// A file on its way.
#[derive(Debug)]
pub(crate) struct Landing {
    file: Option<File>,
    staged: PathBuf,
    target: PathBuf,
    overwrite: Overwrite,
}

impl Landing {
    /// Opens the hidden file.
    pub(crate) fn prepare(target: &Path, overwrite: Overwrite) -> Result<Self, Failure> {
        let taken = target.symlink_metadata();
        if taken.as_ref().is_ok_and(std::fs::Metadata::is_dir) || (taken.is_ok() && overwrite == Overwrite::No) {
            return Err(exists(target));
        }
        // A device, a pipe or a link to one is nothing a file can take the place of.
        if taken.is_ok() && !target.metadata().is_ok_and(|metadata| metadata.is_file()) {
            let cause = "is there and is no regular file; --output names another".to_owned();
            return Err(Failure::Local { what: shown(target), cause });
        }
        let attempt = || {
            let digits = u128::from_be_bytes(random()?);
            let staged = target.with_file_name(format!(".fetch-{digits:032x}.part"));
            File::options().write(true).create_new(true).open(&staged).map(|file| (file, staged))
        };
        let (file, staged) = attempt().map_err(|error| Failure::local(shown(target), &error))?;
        Ok(Self { file: Some(file), staged, target: target.to_owned(), overwrite })
    }

    /// Takes the next bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = self.file.as_mut().map_or(Ok(()), |file| file.write_all(bytes));
        written.map_err(|error| Failure::local(shown(&self.target), &error))
    }

    /// Gives the file its name. Its bytes are on the disk before the name is.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        let synced = self.file.take().map_or(Ok(()), |file| file.sync_all());
        let named = synced.and_then(|()| match self.overwrite {
            Overwrite::Yes => std::fs::rename(&self.staged, &self.target),
            Overwrite::No => rename_new(&self.staged, &self.target),
        });
        named.map_err(|error| {
            if error.kind() == io::ErrorKind::AlreadyExists {
                exists(&self.target)
            } else {
                Failure::local(shown(&self.target), &error)
            }
        })
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        // After a rename there is nothing left to remove.
        let _ = std::fs::remove_file(&self.staged);
    }
}

/// A rename that never replaces a file, whoever else is making one at the same moment.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::hard_link(from, to) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            // No hard links here. The empty file keeps the name until the whole one takes its place.
            File::options().write(true).create_new(true).open(to)?;
            std::fs::rename(from, to).inspect_err(|_| {
                // Its place was taken for nothing.
                let _ = std::fs::remove_file(to);
            })
        }
        linked => linked,
    }
}

fn exists(target: &Path) -> Failure {
    let cause = "is there already; --force overwrites a file, --output names another".to_owned();
    Failure::Local { what: shown(target), cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("file");
        let mut landing = Landing::prepare(&target, Overwrite::No).unwrap();
        landing.write(b"half").unwrap();
        assert!(!target.exists());
        drop(landing);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let mut landing = Landing::prepare(&target, Overwrite::No).unwrap();
        landing.write(b"whole").unwrap();
        landing.finish().unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"whole");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn only_a_file_or_a_link_to_one_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("file"), "old").unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        for (to, name, fits) in [("file", "link", true), ("socket", "to-socket", false), ("nothing", "dangling", false)]
        {
            std::os::unix::fs::symlink(path(to), path(name)).unwrap();
            assert_eq!(Landing::prepare(&path(name), Overwrite::Yes).is_ok(), fits, "{name}");
        }
        assert_eq!(Landing::prepare(&path("socket"), Overwrite::Yes).unwrap_err().exit().code(), 3);
    }

    #[test]
    fn a_file_that_is_there_stays_unless_told_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("file");
        let late = Landing::prepare(&target, Overwrite::No).unwrap();
        std::fs::write(&target, "old").unwrap();
        assert_eq!(Landing::prepare(&target, Overwrite::No).unwrap_err().exit().code(), 3);
        assert_eq!(late.finish().unwrap_err().exit().code(), 3);
        assert_eq!(std::fs::read(&target).unwrap(), b"old");
        let mut landing = Landing::prepare(&target, Overwrite::Yes).unwrap();
        landing.write(b"new").unwrap();
        landing.finish().unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"new");
    }
}
