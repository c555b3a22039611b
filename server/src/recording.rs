//! The trace of a running server: begun before it takes a connection, finished after the last one. What is in it, the
//! crate `trace` decides.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use trace::{Queue, Recorder, Writing, Written};

use crate::private;

/// A trace that is being written.
#[derive(Debug)]
pub(crate) struct Recording {
    path: PathBuf,
    writing: Writing,
}

impl Recording {
    /// Begins a trace in a file that only the server's user may read, because it holds what clients send, secrets too.
    pub(crate) fn begin(
        path: &Path,
        bytes_max: u64,
        clock: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> io::Result<(Recorder, Self)> {
        let (queue, writing) = Queue::into_file(private::replace_file(path)?, bytes_max)?;
        Ok((Recorder::new(clock, queue), Self { path: path.to_owned(), writing }))
    }

    /// Writes what still waits, and says what came of the trace.
    pub(crate) async fn finish(self) {
        let Self { path, writing } = self;
        let file = path.display();
        let finished = tokio::task::spawn_blocking(|| writing.finish()).await;
        match finished.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(Written { events, lost: 0, bytes }) => tracing::info!(%file, events, bytes, "the trace is written"),
            Ok(Written { events, lost, bytes }) => {
                let why = "the disk was too slow, or it is as long as it may be";
                tracing::warn!(%file, events, lost, bytes, "the trace is not whole: {why}");
            }
            Err(error) => tracing::error!(%file, %error, "the trace was not written to its end"),
        }
    }
}
