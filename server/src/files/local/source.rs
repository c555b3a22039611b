//! Reads a file in chunks and hashes them, each on a blocking thread.

use std::fs::File;

use async_trait::async_trait;
use bytes::Bytes;
use shared::buffers::Buffers;
use shared::digest::{Digest, DigestKind, Hasher};

use super::disk::{Disk, chunk_at};
use super::hop;
use crate::files::{ObjectName, SOURCE_CHUNK_BYTES_MAX, Source, StorageError};

/// Chunks in memory: one that is being read, and one that its caller is busy with.
const CHUNKS_MAX: usize = 2;

#[derive(Debug)]
pub(super) struct LocalSource {
    size: u64,
    /// There unless a call failed or was dropped halfway.
    reader: Option<Reader>,
}

#[derive(Debug)]
struct Reader {
    file: File,
    size: u64,
    offset: u64,
    hasher: Hasher,
    buffers: Buffers,
}

impl LocalSource {
    pub(super) fn open(disk: &Disk, name: &ObjectName, offset: u64) -> Result<Option<Self>, StorageError> {
        let Some(file) = disk.open_file(name)? else { return Ok(None) };
        let size = file.metadata()?.len();
        let left = usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let buffers = Buffers::new(left.min(SOURCE_CHUNK_BYTES_MAX), CHUNKS_MAX);
        let reader = Reader { file, size, offset, hasher: DigestKind::default().hasher(), buffers };
        Ok(Some(Self { size, reader: Some(reader) }))
    }
}

#[async_trait]
impl Source for LocalSource {
    fn size(&self) -> u64 {
        self.size
    }

    async fn next(&mut self) -> Result<Option<Bytes>, StorageError> {
        let mut reader = self.reader.take().ok_or(StorageError::GivenUp)?;
        let mut chunk = None;
        if reader.offset < reader.size {
            (reader, chunk) = hop(move || {
                let chunk = reader.read()?;
                Ok::<_, StorageError>((reader, Some(chunk)))
            })
            .await?;
        }
        self.reader = Some(reader);
        Ok(chunk)
    }

    fn digest(&self) -> Result<Digest, StorageError> {
        let reader = self.reader.as_ref().ok_or(StorageError::GivenUp)?;
        Ok(reader.hasher.clone().finish())
    }
}

impl Reader {
    fn read(&mut self) -> Result<Bytes, StorageError> {
        let mut buffer = self.buffers.take();
        let length = chunk_at(&self.file, &mut buffer, self.offset, self.size)?.len();
        buffer.truncate(length);
        self.hasher.update(&buffer);
        self.offset = self.offset.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        Ok(self.buffers.give(buffer))
    }
}
