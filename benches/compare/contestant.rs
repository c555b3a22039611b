//! Somebody who can do a work, and what it is given for that.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::row::Work;
use crate::source::Source;

/// Does a work whenever it is its turn.
pub(crate) trait Contestant {
    /// Does it, into a folder of this number where that is possible, and tells how long it took.
    fn turn(&mut self, number: usize) -> Duration;

    /// Where the files arrive; nowhere if they are only counted.
    fn folder(&self) -> Option<&Path>;

    /// The server's process, if there is one.
    fn process(&self) -> Option<u32>;

    /// What its program calls itself, if it is not ours.
    fn version(&self) -> Option<&str> {
        None
    }
}

/// What a contestant is given.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    /// Fresh, and nobody else's.
    pub(crate) folder: PathBuf,
    /// Where state lies that has to survive a power cut.
    pub(crate) disk: PathBuf,
    pub(crate) source: Arc<Source>,
    pub(crate) work: Work,
    /// Requests that may be unanswered on a connection, where the protocol has such.
    pub(crate) in_flight: usize,
    pub(crate) congestion: String,
}
