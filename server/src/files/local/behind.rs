//! Writes pieces behind the one who receives them. While one is written the next waits, so the disk need not wait for
//! the network; a client that is slower than the disk holds no thread. Knows no sink.

use std::io;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::collected::Collected;
use super::part::Writer;
use crate::files::StorageError;

/// Pieces that wait for the one before them.
const WAITING_MAX: usize = 1;

/// A writer on a blocking thread. Dropped, it writes what it has and is dropped as well.
#[derive(Debug)]
pub(super) struct Behind {
    waiting: mpsc::Sender<Collected>,
    task: JoinHandle<Result<Work, StorageError>>,
}

/// What a task is given, and gives back when nothing waits.
#[derive(Debug)]
struct Work {
    writer: Writer,
    waiting: mpsc::Receiver<Collected>,
}

impl Behind {
    /// Writes a piece.
    pub(super) fn start(writer: Writer, piece: Collected) -> Self {
        let (sender, waiting) = mpsc::channel(WAITING_MAX);
        Self { waiting: sender, task: Work { writer, waiting }.start(vec![piece]) }
    }

    /// Writes a piece after the others; waits until there is room for it. An error may be that of an earlier one.
    /// After it, or dropped before the end, nobody knows what will be written.
    pub(super) async fn write(&mut self, piece: Collected) -> Result<(), StorageError> {
        tokio::select! {
            biased;
            ended = &mut self.task => {
                let mut work = ended.map_err(io::Error::from)??;
                // The task may have ended without a look at the last one.
                let pieces = work.waiting.try_recv().into_iter().chain([piece]).collect();
                self.task = work.start(pieces);
            }
            // After a failure there is never room, but the task's end.
            Ok(room) = self.waiting.reserve() => room.send(piece),
        }
        Ok(())
    }

    /// The writer, once it has written all but what is returned with it.
    pub(super) async fn end(self) -> Result<(Writer, Option<Collected>), StorageError> {
        let mut work = self.task.await.map_err(io::Error::from)??;
        let last = work.waiting.try_recv().ok();
        Ok((work.writer, last))
    }
}

impl Work {
    fn start(mut self, pieces: Vec<Collected>) -> JoinHandle<Result<Self, StorageError>> {
        tokio::task::spawn_blocking(move || {
            for piece in pieces {
                self.writer.write(piece)?;
            }
            while let Ok(piece) = self.waiting.try_recv() {
                self.writer.write(piece)?;
            }
            Ok(self)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use shared::digest::DigestKind;
    use shared::wire::Ack;

    use super::super::LocalStorage;
    use super::*;
    use crate::files::{Keeping, Part as _, Stored};

    fn writer(root: &tempfile::TempDir) -> Writer {
        let storage = LocalStorage::open(root.path(), Keeping::default()).unwrap();
        Writer::create(Arc::clone(&storage.disk), 0, Some(DigestKind::Blake3)).unwrap()
    }

    fn piece(bytes: &'static [u8]) -> Collected {
        let mut piece = Collected::default();
        piece.push(Bytes::from_static(bytes));
        piece
    }

    /// Sends a piece that the task does not see.
    async fn send_too_late(behind: &Behind, piece: Collected) {
        while !behind.task.is_finished() {
            tokio::task::yield_now().await;
        }
        behind.waiting.try_send(piece).unwrap();
    }

    #[tokio::test]
    async fn a_piece_that_was_sent_as_the_task_ended_is_written_before_the_next() {
        let root = tempfile::tempdir().unwrap();
        let mut behind = Behind::start(writer(&root), piece(b"a"));
        send_too_late(&behind, piece(b"b")).await;
        behind.write(piece(b"c")).await.unwrap();
        send_too_late(&behind, piece(b"d")).await;
        let (mut writer, last) = behind.end().await.unwrap();
        writer.write(last.unwrap()).unwrap();
        let mut hasher = DigestKind::Blake3.hasher();
        hasher.update(b"abcd");
        let stored = writer.seal(Ack::Written).unwrap().stored();
        assert_eq!(stored, Stored { size: 4, digest: Some(hasher.finish()) });
    }

    #[tokio::test]
    async fn a_failure_is_told_to_who_writes_on_and_to_who_ends() {
        let root = tempfile::tempdir().unwrap();
        let mut behind = Behind::start(writer(&root).at_the_end_of_all_files(), piece(b"a"));
        let mut failure = behind.write(piece(b"b")).await;
        if failure.is_ok() {
            // It had room before the failure was known.
            failure = behind.write(piece(b"c")).await;
        }
        assert!(matches!(failure, Err(StorageError::Io(_))), "{failure:?}");

        let root = tempfile::tempdir().unwrap();
        let behind = Behind::start(writer(&root).at_the_end_of_all_files(), piece(b"a"));
        assert!(matches!(behind.end().await, Err(StorageError::Io(_))));
    }
}
