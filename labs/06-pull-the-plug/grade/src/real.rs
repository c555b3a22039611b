//! A folder of the real file system as a [`Disk`].

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use crate::{Disk, DiskError};

/// The folder.
#[derive(Debug)]
pub(crate) struct Real(PathBuf);

impl Real {
    pub(crate) fn new(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn open(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().write(true).open(self.path(name))
    }
}

impl From<io::Error> for DiskError {
    fn from(error: io::Error) -> Self {
        if error.kind() == ErrorKind::StorageFull {
            Self::Full
        } else if error.kind() == ErrorKind::NotFound {
            Self::Missing
        } else {
            Self::Io
        }
    }
}

impl Disk for Real {
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, DiskError> {
        match fs::read(self.path(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn names(&self) -> Result<Vec<String>, DiskError> {
        let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
        let mut names = fs::read_dir(&self.0)?.map(name).collect::<Result<Vec<_>, DiskError>>()?;
        names.sort_unstable();
        Ok(names)
    }

    fn create(&mut self, name: &str) -> Result<(), DiskError> {
        File::create(self.path(name))?;
        Ok(())
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
        Ok(OpenOptions::new().create(true).append(true).open(self.path(name))?.write_all(bytes)?)
    }

    fn truncate(&mut self, name: &str, length: usize) -> Result<(), DiskError> {
        let (file, length) = (self.open(name)?, u64::try_from(length).unwrap_or(u64::MAX));
        if file.metadata()?.len() > length { Ok(file.set_len(length)?) } else { Ok(()) }
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        Ok(self.open(name)?.sync_all()?)
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        Ok(fs::rename(self.path(from), self.path(to))?)
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        Ok(fs::remove_file(self.path(name))?)
    }

    /// Windows opens no folder for this, and keeps names in a journal of its own.
    fn sync_folder(&mut self) -> Result<(), DiskError> {
        #[cfg(unix)]
        File::open(&self.0)?.sync_all()?;
        Ok(())
    }
}
