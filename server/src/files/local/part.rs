//! A part file: its bytes go to the disk here, and it vanishes unless it is revealed or kept for its next claim.

use std::fs::File;
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use shared::digest::{DigestKind, Hasher};
use shared::wire::Ack;

use super::collected::Collected;
use super::disk::Disk;
use super::hold::{Hold, Leaving};
use super::{group, hop};
use crate::files::platform::{Folder, preallocate, write_all_at};
use crate::files::{ObjectName, Part, RevealError, StorageError, Stored};

/// A file in the staging folder. Dropped, it is removed; one with a claim becomes its part.
#[derive(Debug)]
struct Staged {
    disk: Arc<Disk>,
    name: String,
    /// There until the drop.
    file: Option<File>,
    revealed: bool,
    hold: Option<Hold>,
    /// Shared syncs that had failed before its first byte; `None`: that was in an earlier request.
    failures: Option<u64>,
}

impl Drop for Staged {
    fn drop(&mut self) {
        if self.revealed || self.is_kept() {
            return;
        }
        // The name of a part may be that of a newer claim's file already.
        if self.name != self.hold.as_ref().map_or_else(String::new, |hold| Disk::part_name(hold.held.key)) {
            // What stays behind is cleared away at the next start.
            let _removed = self.disk.staging.remove(&self.name);
        }
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
        let failures = Some(disk.groups.failures());
        let (name, file) = disk.create_part()?;
        let staged = Staged { disk, name, file: Some(file), revealed: false, hold: None, failures };
        preallocate(staged.file()?, 0, reserve)?;
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

#[cfg(test)]
impl Writer {
    /// Fails when it writes: no file is so long.
    pub(super) fn at_the_end_of_all_files(self) -> Self {
        Self { written: u64::MAX, ..self }
    }
}

impl Staged {
    fn file(&self) -> Result<&File, StorageError> {
        self.file.as_ref().ok_or(StorageError::GivenUp)
    }

    /// Keeps newer claims away, if it has one.
    fn leaving(&self) -> Result<Option<Leaving<'_>>, StorageError> {
        self.hold.as_ref().map(|hold| hold.held.leaving()).transpose()
    }

    /// Does the work that takes the file away from here, under its claim if it has one.
    fn leave(&self, work: impl FnOnce() -> Result<bool, StorageError>) -> Result<bool, StorageError> {
        let leaving = self.leaving()?;
        let gone = work()?;
        if let (true, Some(leaving)) = (gone, leaving) {
            leaving.left(&self.disk, &self.name);
        }
        Ok(gone)
    }

    /// After a failure nobody knows what of the file will be there, so no claim is to find it.
    fn give_up(&self) {
        if let Some(hold) = &self.hold {
            hold.held.remove(&self.disk);
        }
    }

    /// Leaves the file to the next claim.
    fn is_kept(&self) -> bool {
        let (Some(hold), Some(file)) = (&self.hold, &self.file) else { return false };
        let Ok(metadata) = file.metadata() else { return false };
        let part_name = Disk::part_name(hold.held.key);
        hold.held.replace(metadata.len(), || {
            if self.name == part_name { Ok(()) } else { Ok(self.disk.staging.rename_over(&self.name, &part_name)?) }
        })
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
    /// A part whose file is in its place already.
    pub(super) fn continued(hold: Hold, file: File, stored: Stored, sealed: Ack) -> Self {
        let (disk, name) = (Arc::clone(&hold.disk), Disk::part_name(hold.held.key));
        let staged = Staged { disk, name, file: Some(file), revealed: false, hold: Some(hold), failures: None };
        Self { staged, stored, sealed }
    }

    /// The same part, under a claim.
    pub(super) fn under(mut self, hold: Option<Hold>) -> Self {
        self.staged.hold = hold;
        self
    }

    /// The same part, as though its bytes were in another file.
    #[cfg(test)]
    pub(super) fn in_file(mut self, file: File) -> Self {
        self.staged.file = Some(file);
        self
    }

    pub(super) fn disk(&self) -> Arc<Disk> {
        Arc::clone(&self.staged.disk)
    }

    pub(super) fn staged_name(&self) -> &str {
        &self.staged.name
    }

    pub(super) fn is_durable(&self) -> bool {
        self.sealed == Ack::Durable
    }

    /// Makes the bytes durable. `synced`: everything was synced just now, and so many such syncs have failed so far. If
    /// none did since before the first byte, this one was told of these bytes.
    pub(super) fn make_durable(&mut self, synced: Option<u64>) -> Result<(), StorageError> {
        if self.is_durable() {
            return Ok(());
        }
        let file = self.staged.file()?;
        if synced.is_none() || synced != self.staged.failures {
            file.sync_all()?;
        } else if !Folder::has_space(file, self.stored.size)? {
            return Err(io::Error::other("the system has thrown bytes away").into());
        }
        self.sealed = Ack::Durable;
        Ok(())
    }

    /// Keeps newer claims away while the file is taken from where it is.
    pub(super) fn leaving(&self) -> Result<Option<Leaving<'_>>, StorageError> {
        self.staged.leaving()
    }

    fn show(self: Box<Self>, name: &ObjectName) -> Result<(), RevealError> {
        let staged = &self.staged;
        let revealed = staged.leave(|| staged.disk.reveal(&staged.name, name));
        self.shown(revealed)
    }

    /// Shows the part without waiting; gives it back when that could take a while: somebody has the name, who may
    /// wait for the disk, or there is an older file that goes when this one is shown.
    fn show_at_once(self: Box<Self>, name: &ObjectName) -> Result<Result<(), RevealError>, Box<Self>> {
        if self.replaces_another() {
            return Err(self);
        }
        let staged = &self.staged;
        let mut waits = false;
        let revealed = staged.leave(|| {
            staged.disk.reveal_at_once(&staged.name, name).unwrap_or_else(|| {
                waits = true;
                Ok(false)
            })
        });
        if waits { Err(self) } else { Ok(self.shown(revealed)) }
    }

    /// What comes of it: shown, or given back because the name is taken, or given up.
    pub(super) fn shown(mut self: Box<Self>, revealed: Result<bool, StorageError>) -> Result<(), RevealError> {
        match revealed {
            Ok(true) => {
                self.staged.revealed = true;
                Ok(())
            }
            Ok(false) => Err(RevealError::Occupied(self)),
            Err(error) => {
                if !matches!(error, StorageError::Overtaken) {
                    self.staged.give_up();
                }
                Err(error.into())
            }
        }
    }

    /// Whether there is an older file that goes when this one is shown; removing one can take a while.
    pub(super) fn replaces_another(&self) -> bool {
        let Some(hold) = &self.staged.hold else { return false };
        hold.held.is_on_disk() && self.staged.name != Disk::part_name(hold.held.key)
    }
}

#[async_trait]
impl Part for LocalPart {
    fn stored(&self) -> Stored {
        self.stored
    }

    async fn discard(self: Box<Self>) {
        let done = hop(move || {
            if let Some(hold) = &self.staged.hold {
                hold.held.remove(&hold.disk);
            }
            // With its claim ended, nothing keeps it.
            drop(self);
            Ok::<_, StorageError>(())
        });
        if let Err(error) = done.await {
            tracing::error!(%error, "a part could not be discarded");
        }
    }

    async fn reveal(self: Box<Self>, name: &ObjectName, ack: Ack) -> Result<(), RevealError> {
        let name = *name;
        match ack {
            // A rename takes less time than a change of thread.
            Ack::Written => match self.show_at_once(&name) {
                Ok(shown) => shown,
                Err(part) => hop(move || part.show(&name)).await,
            },
            Ack::Durable => group::commit(self.disk(), self, name).await,
        }
    }
}
