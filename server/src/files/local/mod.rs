//! Files in a folder of this machine. What may take long is done on the runtime's blocking threads: large pieces and
//! whatever waits for the disk. A small file is written, hashed and renamed where it stands, which only fills the
//! system's memory, unless somebody who waits for the disk has its name; if it is to be durable, it is synced and shown
//! with whatever else waits for that, in one change of thread.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use shared::digest::{Digest, DigestKind};
use shared::id::{Sequence, Timestamp};
use shared::wire::Ack;

use self::continued::LocalClaim;
use self::disk::Disk;
pub use self::group::SharedSyncs;
use self::sink::LocalSink;
use self::source::LocalSource;
use super::{
    Claim, Claimant, FileStorage, Keeping, ObjectName, Page, PartKey, Shelf, Sink, Source, StorageError, Stored,
};

mod behind;
mod collected;
mod commit;
mod continued;
mod disk;
mod folders;
mod group;
mod hold;
mod listing;
mod opening;
mod part;
mod parts;
mod pen;
mod place;
mod sink;
mod source;

/// A storage folder, locked for this process.
#[derive(Debug)]
pub struct LocalStorage {
    disk: Arc<Disk>,
}

/// Why a folder cannot be used as storage. For the operator, so it names paths.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A path is wrong, or the system says no.
    #[error("the storage folder {} cannot be used", path.display())]
    Unusable {
        /// The folder, or what is in it.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Two servers would not see each other's locks.
    #[error("the storage folder {} is in use by another server", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// A file cannot be moved from there in one step.
    #[error("{} is not on the same file system as the storage folder", path.display())]
    OtherFilesystem {
        /// The staging folder.
        path: PathBuf,
    },
}

impl LocalStorage {
    /// Opens the storage folder and makes it if it is not there. Locks it, and clears away what uploads left
    /// behind when an earlier server was killed and nobody was told of. Blocks; meant for the start.
    pub fn open(path: &Path, keeping: Keeping) -> Result<Self, OpenError> {
        Disk::open(path, keeping).map(|disk| Self { disk: Arc::new(disk) })
    }

    /// How many files were made durable so far, and in how many groups.
    #[must_use]
    pub fn shared(&self) -> SharedSyncs {
        self.disk.groups.shared()
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Disk) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        let disk = Arc::clone(&self.disk);
        hop(move || work(&disk)).await
    }
}

#[async_trait]
impl FileStorage for LocalStorage {
    async fn create(&self, size: Option<u64>, digest: Option<DigestKind>) -> Result<Box<dyn Sink>, StorageError> {
        Ok(Box::new(LocalSink::create(Arc::clone(&self.disk), size, digest).await?))
    }

    async fn claim(&self, key: PartKey, by: Claimant) -> Result<Box<dyn Claim>, StorageError> {
        Ok(Box::new(LocalClaim::enter(&self.disk, key, by).await?))
    }

    async fn kept(&self, key: PartKey) -> Result<Option<u64>, StorageError> {
        if self.disk.knows(key) { self.on_disk(move |disk| disk.kept(key)).await } else { Ok(None) }
    }

    async fn prefix_digest(&self, key: PartKey, length: u64) -> Result<Option<Digest>, StorageError> {
        continued::prefix_digest(&self.disk, key, length).await
    }

    async fn forget(&self, key: PartKey) -> Result<(), StorageError> {
        if !self.disk.knows(key) {
            return Ok(());
        }
        self.on_disk(move |disk| {
            disk.forget(key);
            Ok(())
        })
        .await
    }

    async fn inspect(&self, name: &ObjectName, digest: DigestKind) -> Result<Option<Stored>, StorageError> {
        let name = *name;
        self.on_disk(move |disk| disk.inspect(&name, digest)).await
    }

    async fn size(&self, name: &ObjectName) -> Result<Option<u64>, StorageError> {
        let name = *name;
        self.on_disk(move |disk| disk.size(&name)).await
    }

    async fn find(&self, name: &ObjectName) -> Result<Option<ObjectName>, StorageError> {
        let name = *name;
        self.on_disk(move |disk| {
            for name in name.under_every_extension() {
                if disk.size(&name)?.is_some() {
                    return Ok(Some(name));
                }
            }
            Ok(None)
        })
        .await
    }

    async fn make_durable(&self, name: &ObjectName) -> Result<bool, StorageError> {
        let name = *name;
        self.on_disk(move |disk| disk.make_durable(&name)).await
    }

    async fn set_aside(&self, name: &ObjectName) -> Result<bool, StorageError> {
        let name = *name;
        self.on_disk(move |disk| disk.set_aside(&name)).await
    }

    async fn remove(&self, name: &ObjectName, ack: Ack) -> Result<bool, StorageError> {
        let name = *name;
        self.on_disk(move |disk| disk.remove(&name, ack)).await
    }

    async fn open(&self, name: &ObjectName, offset: u64) -> Result<Option<Box<dyn Source>>, StorageError> {
        let name = *name;
        let found = self.on_disk(move |disk| LocalSource::open(disk, &name, offset)).await?;
        Ok(found.map(|source| -> Box<dyn Source> { Box::new(source) }))
    }

    async fn list(&self, among: Shelf, from: Sequence, at_most: usize) -> Result<Page, StorageError> {
        self.on_disk(move |disk| listing::page(disk, among, from, at_most)).await
    }

    async fn sweep(&self, now: Timestamp, at_most: usize) -> Result<usize, StorageError> {
        self.on_disk(move |disk| disk.sweep(now, at_most)).await
    }
}

/// Does the work on a blocking thread. It goes on when the caller does not wait for its end; what it returns
/// then is dropped there.
async fn hop<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StorageError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(ended) => Err(StorageError::Io(io::Error::other(ended)).into()),
    }
}

#[cfg(test)]
mod tests;
