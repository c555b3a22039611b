//! Reads a file in chunks, each on a blocking thread.

use std::fs::File;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::disk::{Disk, chunk_at};
use super::hop;
use crate::files::{ObjectName, SOURCE_CHUNK_BYTES_MAX, Source, StorageError};

#[derive(Debug)]
pub(super) struct LocalSource {
    file: Arc<File>,
    size: u64,
    offset: u64,
}

impl LocalSource {
    pub(super) fn open(disk: &Disk, name: &ObjectName, offset: u64) -> Result<Option<Self>, StorageError> {
        let Some(file) = disk.open_file(name)? else { return Ok(None) };
        let size = file.metadata()?.len();
        Ok(Some(Self { file: Arc::new(file), size, offset }))
    }
}

#[async_trait]
impl Source for LocalSource {
    fn size(&self) -> u64 {
        self.size
    }

    async fn next(&mut self) -> Result<Option<Bytes>, StorageError> {
        if self.offset >= self.size {
            return Ok(None);
        }
        let (file, offset, size) = (Arc::clone(&self.file), self.offset, self.size);
        let chunk = hop(move || {
            let left = usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX);
            let mut chunk = vec![0; left.min(SOURCE_CHUNK_BYTES_MAX)];
            chunk_at(&file, &mut chunk, offset, size)?;
            Ok::<_, StorageError>(Bytes::from(chunk))
        })
        .await?;
        self.offset = self.offset.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        Ok(Some(chunk))
    }
}
