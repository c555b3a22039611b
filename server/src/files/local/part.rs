//! A part file: its bytes go to the disk here, and it vanishes unless it is revealed.

use std::fs::File;
use std::sync::Arc;

use async_trait::async_trait;
use shared::digest::{DigestKind, Hasher};
use shared::wire::Ack;

use super::collected::Collected;
use super::disk::Disk;
use super::hop;
use crate::files::platform::{preallocate, write_all_at};
use crate::files::{ObjectName, Part, RevealError, StorageError, Stored};

/// A file in the staging folder. Dropped, it is removed.
#[derive(Debug)]
struct Staged {
    disk: Arc<Disk>,
    name: String,
    /// There until the drop.
    file: Option<File>,
    revealed: bool,
}

impl Drop for Staged {
    fn drop(&mut self) {
        if self.revealed {
            return;
        }
        // What stays behind is cleared away at the next start.
        let _removed = self.disk.staging.remove(&self.name);
        // Closing gives a removed file's space back, which takes a while when it is large.
        if let (Some(file), Ok(runtime)) = (self.file.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn_blocking(move || drop(file));
        }
    }
}

/// Writes a part file on a blocking thread. After an error it is dropped.
#[derive(Debug)]
pub(super) struct Writer {
    staged: Staged,
    reserved: u64,
    written: u64,
    hasher: Option<Hasher>,
}

impl Writer {
    pub(super) fn create(disk: Arc<Disk>, reserve: u64, digest: Option<DigestKind>) -> Result<Self, StorageError> {
        let (name, file) = disk.create_part()?;
        let staged = Staged { disk, name, file: Some(file), revealed: false };
        preallocate(staged.file()?, reserve)?;
        Ok(Self { staged, reserved: reserve, written: 0, hasher: digest.map(DigestKind::hasher) })
    }

    /// The digest takes what was written, when it was written.
    pub(super) fn write(&mut self, piece: Collected) -> Result<(), StorageError> {
        for chunk in piece.into_chunks() {
            self.write_chunk(&chunk)?;
        }
        Ok(())
    }

    fn write_chunk(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        write_all_at(self.staged.file()?, bytes, self.written)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(bytes);
        }
        self.written = self.written.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    pub(super) fn seal(self, ack: Ack) -> Result<LocalPart, StorageError> {
        let file = self.staged.file()?;
        if self.written < self.reserved {
            // Gives back what was reserved in vain.
            file.set_len(self.written)?;
        }
        if ack == Ack::Durable {
            file.sync_all()?;
        }
        let stored = Stored { size: self.written, digest: self.hasher.map(Hasher::finish) };
        Ok(LocalPart { staged: self.staged, stored, sealed: ack })
    }
}

impl Staged {
    fn file(&self) -> Result<&File, StorageError> {
        self.file.as_ref().ok_or(StorageError::GivenUp)
    }
}

/// A sealed part file.
#[derive(Debug)]
pub(super) struct LocalPart {
    staged: Staged,
    stored: Stored,
    /// Whether its bytes are durable already.
    sealed: Ack,
}

impl LocalPart {
    fn show(mut self: Box<Self>, name: &ObjectName, ack: Ack) -> Result<(), RevealError> {
        let staged = &mut self.staged;
        if ack == Ack::Durable && self.sealed == Ack::Written {
            staged.file()?.sync_all().map_err(StorageError::from)?;
            self.sealed = Ack::Durable;
        }
        let free = staged.disk.reveal(&staged.name, name, ack)?;
        self.shown(free)
    }

    /// Shows the part without waiting; gives it back when somebody has the name, who may wait for the disk.
    fn show_at_once(self: Box<Self>, name: &ObjectName) -> Result<Result<(), RevealError>, Box<Self>> {
        match self.staged.disk.reveal_at_once(&self.staged.name, name) {
            Some(free) => Ok(free.map_err(RevealError::from).and_then(|free| self.shown(free))),
            None => Err(self),
        }
    }

    fn shown(mut self: Box<Self>, free: bool) -> Result<(), RevealError> {
        if free {
            self.staged.revealed = true;
            return Ok(());
        }
        Err(RevealError::Occupied(self))
    }
}

#[async_trait]
impl Part for LocalPart {
    fn stored(&self) -> Stored {
        self.stored
    }

    async fn reveal(self: Box<Self>, name: &ObjectName, ack: Ack) -> Result<(), RevealError> {
        let name = *name;
        let part = match ack {
            // A rename takes less time than a change of thread.
            Ack::Written => match self.show_at_once(&name) {
                Ok(shown) => return shown,
                Err(part) => part,
            },
            Ack::Durable => self,
        };
        hop(move || part.show(&name, ack)).await
    }
}
