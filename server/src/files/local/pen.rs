//! Writes a part's file and hashes what it writes. Knows nothing of who else wants the part.

use std::fs::File;

use shared::digest::Hasher;

use super::collected::Collected;
use super::disk::chunk_at;
use crate::files::platform::{preallocate, write_all_at};
use crate::files::{SOURCE_CHUNK_BYTES_MAX, StorageError};

/// Bytes of a prefix that are read before the caller can give up waiting.
const PREFIX_BYTES_AT_ONCE: u64 = 16 * 1024 * 1024;

/// A part's file while it is written.
#[derive(Debug)]
pub(super) struct Pen {
    pub(super) file: File,
    /// Where the new bytes begin.
    pub(super) offset: u64,
    /// How much of what is before them was hashed.
    pub(super) hashed: u64,
    /// Whether what was behind the beginning is gone.
    pub(super) begun: bool,
    pub(super) total: u64,
    pub(super) hasher: Hasher,
}

impl Pen {
    /// Cuts off what is behind the beginning, once there is something to put in its place.
    pub(super) fn begin(&mut self, length: &mut u64) -> Result<(), StorageError> {
        if !std::mem::replace(&mut self.begun, true) && self.offset < *length {
            self.file.set_len(self.offset)?;
            *length = self.offset;
            // Cutting off has given back what was reserved.
            preallocate(&self.file, self.offset, self.total)?;
        }
        Ok(())
    }

    pub(super) fn write(&mut self, piece: Collected, length: &mut u64) -> Result<(), StorageError> {
        if piece.bytes() == 0 {
            return Ok(());
        }
        self.begin(length)?;
        for chunk in piece.into_chunks() {
            write_all_at(&self.file, &chunk, *length)?;
            self.hasher.update(&chunk);
            *length = length.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        }
        Ok(())
    }

    /// Reads back some of what is before the new bytes. `true`: that was all.
    pub(super) fn hash_prefix(&mut self) -> Result<bool, StorageError> {
        let end = self.offset.min(self.hashed.saturating_add(PREFIX_BYTES_AT_ONCE));
        let mut chunk = vec![0; SOURCE_CHUNK_BYTES_MAX];
        while self.hashed < end {
            let bytes = chunk_at(&self.file, &mut chunk, self.hashed, end)?;
            self.hasher.update(bytes);
            self.hashed = self.hashed.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        }
        Ok(self.hashed >= self.offset)
    }
}
