//! Reads what is to be sent, ahead of the network, on a thread of its own, and computes the digest
//! meanwhile. A file that is not the same at its end as at its beginning is an error, told before anything
//! could make it a stored file.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek as _};
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use shared::buffers::Buffers;
use shared::digest::{Digest, DigestKind, Hasher};
use tokio::sync::mpsc;

use crate::failure::Failure;
use crate::text::{counted, neutral};

/// Bytes of one block. With the queue this bounds the memory of an upload.
const BLOCK_BYTES: usize = 512 * 1024;
/// Blocks read ahead.
const BLOCKS_AHEAD: usize = 2;
/// Blocks in memory: those ahead, one that is being read, and one that is being sent.
const BLOCKS_MAX: usize = BLOCKS_AHEAD + 2;

/// What a reader gives out.
#[derive(Debug)]
pub(crate) enum Block {
    /// The next bytes, never empty.
    Bytes(Bytes),
    /// All was read, and the file is as it was. The digest of all of it.
    End(Digest),
}

/// Blocks on their way from a file or a stream.
#[derive(Debug)]
pub(crate) struct Reading {
    size: Option<u64>,
    offset: u64,
    blocks: mpsc::Receiver<Result<Block, Failure>>,
    first: Option<Block>,
}

impl Reading {
    /// Begins to read a file that has a size.
    pub(crate) async fn file(path: &Path) -> Result<Self, Failure> {
        Self::opened(path, |_| Ok(Begun::default())).await
    }

    /// Begins to read a file behind its first `offset` bytes, if they have this digest; else at its beginning.
    pub(crate) async fn behind(path: &Path, offset: u64, digest: Digest) -> Result<Self, Failure> {
        Self::opened(path, move |file| Begun::behind(file, offset, digest)).await
    }

    async fn opened(
        path: &Path,
        begin: impl FnOnce(&File) -> io::Result<Begun> + Send + 'static,
    ) -> Result<Self, Failure> {
        let path = path.to_owned();
        // Whatever took the file's place since it was found, and however long that takes to open, Ctrl-C is heard.
        let looked = tokio::task::spawn_blocking(move || {
            let file = File::open(path).map_err(|error| Failure::local("cannot be opened", &error))?;
            let before = file.metadata().map_err(|error| Failure::local("cannot be looked at", &error))?;
            if before.is_dir() {
                return Err(Failure::local("cannot be read", &io::Error::from(io::ErrorKind::IsADirectory)));
            }
            let begun = begin(&file).map_err(|error| Failure::local("cannot be read", &error))?;
            Ok((file, before, begun))
        });
        let gone = |error: tokio::task::JoinError| Failure::local("cannot be read", &io::Error::other(error));
        let (file, before, begun) = looked.await.map_err(gone)??;
        let size = before.len();
        let unchanged = {
            let file = file.try_clone().map_err(|error| Failure::local("cannot be read", &error))?;
            move || file.metadata().is_ok_and(|after| same(&before, &after))
        };
        Self::go_on(Some(size), file, begun, unchanged).await
    }

    /// Begins to read a pipe. Opening one waits for its writer, so the reader's thread does that.
    pub(crate) async fn pipe(path: &Path) -> Result<Self, Failure> {
        Self::stream(OpenedLate { path: path.to_owned(), file: None }).await
    }

    /// Begins to read a stream that ends when it ends.
    pub(crate) async fn stream(stream: impl Read + Send + 'static) -> Result<Self, Failure> {
        Self::begin(None, stream, || true).await
    }

    async fn begin(
        size: Option<u64>,
        input: impl Read + Send + 'static,
        unchanged: impl FnOnce() -> bool + Send + 'static,
    ) -> Result<Self, Failure> {
        Self::go_on(size, input, Begun::default(), unchanged).await
    }

    async fn go_on(
        size: Option<u64>,
        input: impl Read + Send + 'static,
        begun: Begun,
        unchanged: impl FnOnce() -> bool + Send + 'static,
    ) -> Result<Self, Failure> {
        let offset = begun.bytes;
        let (sender, mut blocks) = mpsc::channel(BLOCKS_AHEAD);
        // Not one of the runtime's threads: it may wait for a terminal forever, and the program must still end.
        std::thread::Builder::new()
            .name("reading".to_owned())
            .spawn(move || read_all(size, input, begun, unchanged, &sender))
            .map_err(|error| Failure::local("no thread to read it", &error))?;
        let first = next(&mut blocks).await?;
        Ok(Self { size, offset, blocks, first: Some(first) })
    }

    /// Bytes of the whole; `None` for a stream.
    pub(crate) fn size(&self) -> Option<u64> {
        self.size
    }

    /// Bytes in front of those it gives out.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// How it begins; empty when there is nothing.
    pub(crate) fn beginning(&self) -> &[u8] {
        match &self.first {
            Some(Block::Bytes(bytes)) => bytes,
            Some(Block::End(_)) | None => &[],
        }
    }

    /// Whether nothing was given out yet.
    pub(crate) fn is_untouched(&self) -> bool {
        self.first.is_some()
    }

    /// The next block.
    pub(crate) async fn next(&mut self) -> Result<Block, Failure> {
        match self.first.take() {
            Some(block) => Ok(block),
            None => next(&mut self.blocks).await,
        }
    }

    /// The digest of what is left, without giving it out.
    pub(crate) async fn digest(mut self) -> Result<Digest, Failure> {
        loop {
            if let Block::End(digest) = self.next().await? {
                return Ok(digest);
            }
        }
    }
}

/// What of a file was read before, and its digest so far.
struct Begun {
    bytes: u64,
    hasher: Hasher,
}

impl Default for Begun {
    fn default() -> Self {
        Self { bytes: 0, hasher: DigestKind::Blake3.hasher() }
    }
}

impl Begun {
    /// Reads the first bytes of `file`. When they are not those the digest names, nothing was read.
    fn behind(mut file: &File, offset: u64, digest: Digest) -> io::Result<Self> {
        let mut begun = Self { bytes: 0, hasher: digest.kind().hasher() };
        let mut prefix = file.take(offset);
        let mut buffer = BytesMut::zeroed(BLOCK_BYTES);
        loop {
            let block = read_block(&mut prefix, &mut buffer)?;
            if block.is_empty() {
                break;
            }
            begun.bytes = begun.bytes.saturating_add(u64::try_from(block.len()).unwrap_or(u64::MAX));
            begun.hasher.update(block);
        }
        // The digest of the whole goes on with this one, so it must be of the kind the whole has.
        let fits = digest.kind() == DigestKind::Blake3 && begun.bytes == offset;
        if fits && begun.hasher.clone().finish() == digest {
            return Ok(begun);
        }
        file.rewind()?;
        Ok(Self::default())
    }
}

/// A file that is opened by its first reader.
struct OpenedLate {
    path: PathBuf,
    file: Option<File>,
}

impl Read for OpenedLate {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.file {
            Some(file) => file.read(buffer),
            None => self.file.insert(File::open(&self.path)?).read(buffer),
        }
    }
}

async fn next(blocks: &mut mpsc::Receiver<Result<Block, Failure>>) -> Result<Block, Failure> {
    let gone = || Err(Failure::local("cannot be read", &io::Error::other("the reader stopped")));
    blocks.recv().await.unwrap_or_else(gone)
}

/// Same length and same time of the last change.
fn same(before: &Metadata, after: &Metadata) -> bool {
    before.len() == after.len() && before.modified().ok() == after.modified().ok()
}

fn read_all(
    size: Option<u64>,
    mut input: impl Read,
    begun: Begun,
    unchanged: impl FnOnce() -> bool,
    sender: &mpsc::Sender<Result<Block, Failure>>,
) {
    let (mut hasher, mut total) = (begun.hasher, begun.bytes);
    // One byte more than there is would be noticed with the block behind it.
    let left = size.map_or(u64::MAX, |size| size.saturating_sub(total));
    let block_bytes = usize::try_from(left).unwrap_or(usize::MAX).clamp(1, BLOCK_BYTES);
    let mut buffers = Buffers::new(block_bytes, BLOCKS_MAX);
    let end = loop {
        let mut block = buffers.take();
        let length = match read_block(&mut input, &mut block) {
            Ok(bytes) => bytes.len(),
            Err(error) => break Err(Failure::local("cannot be read", &error)),
        };
        if length == 0 {
            break Ok(());
        }
        block.truncate(length);
        total = total.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        if size.is_some_and(|size| total > size) {
            break Err(changed("it grew while it was being sent".to_owned()));
        }
        hasher.update(&block);
        if sender.blocking_send(Ok(Block::Bytes(buffers.give(block)))).is_err() {
            return;
        }
    };
    let end = match (end, size) {
        (Ok(()), Some(size)) if total < size => {
            let missing = counted(size.saturating_sub(total), "byte");
            Err(changed(format!("it shrank by {missing} while it was being sent")))
        }
        (Ok(()), _) if !unchanged() => Err(changed("it was changed while it was being sent".to_owned())),
        (Ok(()), _) => Ok(Block::End(hasher.finish())),
        (Err(failure), _) => Err(failure),
    };
    // Whoever asked may have left.
    let _ = sender.blocking_send(end);
}

fn changed(cause: String) -> Failure {
    Failure::Local { what: "not sent".to_owned(), cause }
}

/// Fills the buffer, unless the end comes before; a pipe gives its bytes in small pieces.
fn read_block<'b>(input: &mut impl Read, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
    let mut length = 0;
    while let Some(rest) = buffer.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) => break,
            Ok(count) => length = length.saturating_add(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(buffer.get(..length).unwrap_or_default())
}

/// A path as it is shown.
pub(crate) fn shown(path: &Path) -> String {
    neutral(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn trace(reading: Result<Reading, Failure>) -> String {
        let mut reading = match reading {
            Ok(reading) => reading,
            Err(failure) => return failure.to_string(),
        };
        let mut bytes = 0;
        loop {
            match reading.next().await {
                Ok(Block::Bytes(block)) => bytes += block.len(),
                Ok(Block::End(_)) => return format!("{bytes} bytes"),
                Err(failure) => return failure.to_string(),
            }
        }
    }

    #[tokio::test]
    async fn a_stream_is_read_to_its_end() {
        for size in [0, 1, BLOCK_BYTES, BLOCK_BYTES + 1, 5 * BLOCK_BYTES] {
            let input = io::Cursor::new(vec![7_u8; size]);
            assert_eq!(trace(Reading::stream(input).await).await, format!("{size} bytes"));
        }
    }

    #[tokio::test]
    async fn a_file_that_is_not_what_it_was_is_an_error_that_says_so() {
        for (stated, held, text) in [
            (3, 3, "3 bytes"),
            (4, 3, "not sent: it shrank by 1 byte while it was being sent"),
            (2, 3, "not sent: it grew while it was being sent"),
            (0, 3, "not sent: it grew while it was being sent"),
        ] {
            let input = io::Cursor::new(vec![7_u8; held]);
            assert_eq!(trace(Reading::begin(Some(stated), input, || true).await).await, text);
        }
        let input = io::Cursor::new(vec![7_u8; 3]);
        let text = trace(Reading::begin(Some(3), input, || false).await).await;
        assert_eq!(text, "not sent: it was changed while it was being sent");
    }

    #[tokio::test]
    async fn the_digest_is_that_of_all_bytes() {
        let reading = Reading::stream(&b""[..]).await.unwrap();
        let digest = reading.digest().await.unwrap().to_wire();
        assert_eq!(digest, "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
    }
}
