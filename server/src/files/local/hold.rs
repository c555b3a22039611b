//! Who may write a part, and how far it has come. A newer claim ends the older one before it begins: it waits for a
//! write under way, writes what the older one had taken, and from then on the older one is refused.

use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use shared::digest::DigestKind;
use shared::wire::Ack;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::collected::Collected;
use super::disk::Disk;
use super::pen::Pen;
use crate::files::platform::{preallocate, write_all_at};
use crate::files::{PartKey, StorageError, Stored};

/// A claim, as everybody sees it who has to do with the part.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) key: PartKey,
    pub(super) overtaken: CancellationToken,
    /// Received and not written yet.
    taken: Mutex<Collected>,
    /// Told when what was taken is on its way to the disk.
    pub(super) room: Notify,
    /// Whoever touches the file holds it.
    gate: Mutex<Gate>,
}

#[derive(Debug)]
struct Gate {
    stage: Stage,
    /// Bytes of the part on the disk.
    length: u64,
}

#[derive(Debug)]
enum Stage {
    /// An older claim has to end first.
    Waiting(Arc<Held>),
    /// Nothing is being written, or all of it was.
    Idle,
    Writing(Pen),
    /// A small file was cut: what was taken is all there is of it, and takes the place of what there was.
    Left,
    /// A newer claim came, it failed, or its file is visible.
    Ended,
}

impl Held {
    /// A claim that may begin when `older` has ended; without one, on a part of `length` bytes.
    pub(super) fn new(key: PartKey, older: Option<Arc<Self>>, length: u64) -> Self {
        let stage = older.map_or(Stage::Idle, Stage::Waiting);
        let gate = Mutex::new(Gate { stage, length });
        Self { key, overtaken: CancellationToken::new(), taken: Mutex::default(), room: Notify::new(), gate }
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn taken(&self) -> MutexGuard<'_, Collected> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes bytes into memory; how many there are now.
    pub(super) fn take(&self, chunk: Bytes) -> usize {
        let mut taken = self.taken();
        taken.push(chunk);
        taken.bytes()
    }

    /// Bytes in memory.
    pub(super) fn waiting(&self) -> usize {
        self.taken().bytes()
    }

    /// Waits for the older claim's end; the length of the part then.
    pub(super) fn settle(&self, disk: &Disk) -> Result<u64, StorageError> {
        let mut gate = self.gate();
        match std::mem::replace(&mut gate.stage, Stage::Idle) {
            Stage::Waiting(older) => gate.length = older.end(disk),
            Stage::Idle => {}
            stage @ (Stage::Writing(_) | Stage::Left | Stage::Ended) => {
                gate.stage = stage;
                return Err(StorageError::Overtaken);
            }
        }
        Ok(gate.length)
    }

    /// Writes what was taken, and nothing more for this claim. The length of the part then.
    pub(super) fn end(&self, disk: &Disk) -> u64 {
        let mut gate = self.gate();
        if matches!(gate.stage, Stage::Writing(_) | Stage::Left)
            && let Err(error) = self.write_out(&mut gate, disk)
        {
            tracing::warn!(%error, key = ?self.key, "the last bytes of a part could not be written");
        }
        match std::mem::replace(&mut gate.stage, Stage::Ended) {
            Stage::Waiting(older) => gate.length = older.end(disk),
            Stage::Writing(pen) => {
                // Gives back what was reserved for the rest.
                if let Err(error) = pen.file.set_len(gate.length) {
                    tracing::warn!(%error, key = ?self.key, "a part could not be shortened");
                }
                if gate.length == 0 {
                    disk.remove_part(self.key);
                }
            }
            Stage::Idle | Stage::Left | Stage::Ended => {}
        }
        gate.length
    }

    /// A small file was cut: its bytes are the part now.
    pub(super) fn leave_behind(&self, bytes: Collected) {
        let Ok(mut gate) = self.idle() else { return };
        if bytes.bytes() > 0 {
            *self.taken() = bytes;
            gate.stage = Stage::Left;
        }
    }

    /// Opens the part's file for a file of `total` bytes of which those from `offset` on come now.
    pub(super) fn open(&self, disk: &Disk, offset: u64, total: u64, digest: DigestKind) -> Result<(), StorageError> {
        let mut gate = self.idle()?;
        let file = disk.staging.open_or_create(&Disk::part_name(self.key))?;
        let there = gate.length;
        let on_disk = file.metadata()?.len();
        if on_disk < there || offset > there {
            return Err(StorageError::GivenUp);
        }
        if on_disk > there {
            // Left by a write that failed halfway.
            file.set_len(there)?;
        }
        if let Err(error) = preallocate(&file, there, total) {
            if there == 0 {
                disk.remove_part(self.key);
            }
            return Err(error.into());
        }
        let hasher = digest.hasher();
        gate.stage = Stage::Writing(Pen { file, offset, hashed: 0, begun: false, total, hasher });
        Ok(())
    }

    /// Reads back some of what is before the new bytes. `true`: that was all.
    pub(super) fn hash_prefix(&self) -> Result<bool, StorageError> {
        let mut gate = self.gate();
        let Stage::Writing(pen) = &mut gate.stage else { return Err(StorageError::Overtaken) };
        pen.hash_prefix()
    }

    /// Writes what was taken.
    pub(super) fn flush(&self, disk: &Disk) -> Result<(), StorageError> {
        self.write_out(&mut self.gate(), disk)
    }

    fn write_out(&self, gate: &mut Gate, disk: &Disk) -> Result<(), StorageError> {
        if let Stage::Left = gate.stage {
            return self.write_left(gate, disk);
        }
        let Gate { stage: Stage::Writing(pen), length } = gate else { return Err(StorageError::Overtaken) };
        // Not before the gate is held: bytes leave the memory in the order in which they came.
        let bytes = std::mem::take(&mut *self.taken());
        self.room.notify_one();
        let written = pen.write(bytes, length);
        if let Err(error) = &written {
            // A full disk takes nothing of what is there. After any other failure nobody knows what is.
            if !matches!(error, StorageError::Full) || pen.file.set_len(*length).is_err() || *length == 0 {
                disk.remove_part(self.key);
                gate.length = 0;
            }
            gate.stage = Stage::Ended;
        }
        written
    }

    fn write_left(&self, gate: &mut Gate, disk: &Disk) -> Result<(), StorageError> {
        let bytes = std::mem::take(&mut *self.taken()).into_chunks().concat();
        let file = disk.staging.open_or_create(&Disk::part_name(self.key));
        let written = file.and_then(|file| file.set_len(0).and_then(|()| write_all_at(&file, &bytes, 0)));
        if written.is_ok() {
            gate.length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            gate.stage = Stage::Idle;
        } else {
            disk.remove_part(self.key);
            gate.length = 0;
            gate.stage = Stage::Ended;
        }
        Ok(written?)
    }

    /// All bytes were taken: writes the last of them and makes the file what it will be.
    pub(super) fn finish(&self, disk: &Disk, ack: Ack) -> Result<(File, Stored), StorageError> {
        let mut gate = self.gate();
        self.write_out(&mut gate, disk)?;
        let Gate { stage: Stage::Writing(pen), length } = &mut *gate else { return Err(StorageError::Overtaken) };
        let finished = pen.begin(length).and_then(|()| {
            if *length < pen.total {
                pen.file.set_len(*length)?;
            }
            if ack == Ack::Durable {
                pen.file.sync_all()?;
            }
            Ok(())
        });
        match (finished, std::mem::replace(&mut gate.stage, Stage::Ended)) {
            (Ok(()), Stage::Writing(pen)) => {
                gate.stage = Stage::Idle;
                Ok((pen.file, Stored { size: gate.length, digest: Some(pen.hasher.finish()) }))
            }
            (finished, _) => {
                disk.remove_part(self.key);
                gate.length = 0;
                finished.and(Err(StorageError::Overtaken))
            }
        }
    }

    /// Keeps newer claims away while the part's file is taken from where it is.
    pub(super) fn leaving(&self) -> Result<Leaving<'_>, StorageError> {
        Ok(Leaving { key: self.key, gate: self.idle()? })
    }

    /// Makes the part of a file that was written under another name, or elsewhere. `false`: it is not wanted.
    pub(super) fn replace(&self, length: u64, work: impl FnOnce() -> Result<(), StorageError>) -> bool {
        let Ok(mut gate) = self.idle() else { return false };
        if let Err(error) = work() {
            tracing::warn!(%error, key = ?self.key, "a part could not be kept");
            return false;
        }
        gate.length = length;
        true
    }

    /// Leaves nothing of the part, unless a newer claim has it.
    pub(super) fn remove(&self, disk: &Disk) {
        let Ok(mut gate) = self.idle() else { return };
        disk.remove_part(self.key);
        gate.stage = Stage::Ended;
        gate.length = 0;
    }

    /// Whether some of the part is on the disk already.
    pub(super) fn is_on_disk(&self) -> bool {
        self.gate().length > 0
    }

    fn idle(&self) -> Result<MutexGuard<'_, Gate>, StorageError> {
        let gate = self.gate();
        match gate.stage {
            Stage::Idle => Ok(gate),
            Stage::Waiting(_) | Stage::Writing(_) | Stage::Left | Stage::Ended => Err(StorageError::Overtaken),
        }
    }
}

/// A part whose file may leave its place; no newer claim can come between.
#[derive(Debug)]
pub(super) struct Leaving<'held> {
    key: PartKey,
    gate: MutexGuard<'held, Gate>,
}

impl Leaving<'_> {
    /// The file is gone from where it was, and its claim has ended.
    pub(super) fn left(mut self, disk: &Disk, staged: &str) {
        // A small file has a name of its own until it is whole; what was there before it is of no use now.
        if self.gate.length > 0 && staged != Disk::part_name(self.key) {
            disk.remove_part(self.key);
        }
        self.gate.stage = Stage::Ended;
        self.gate.length = 0;
    }
}

/// The right to write a part. Dropped, it gives the right back, which blocks.
#[derive(Debug)]
pub(super) struct Hold {
    pub(super) disk: Arc<Disk>,
    pub(super) held: Arc<Held>,
}

impl Hold {
    /// Gives the right back on a blocking thread; on this one where there is no runtime, or it ends.
    pub(super) fn back(self) {
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || drop(self))),
            Err(_) => drop(self),
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.disk.release(&self.held);
    }
}
