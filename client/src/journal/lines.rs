//! A journal as it lies on the disk: a line for each change, the newest last. What was struck out is left behind with
//! it until the file has grown too long; only then all of it is written anew. Does not know which run it belongs to.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{ENTRIES_MAX, Entry, Errand};
use crate::private;

/// Bytes of the longest journal that is read.
const FILE_BYTES_MAX: u64 = 512 * 1024;
/// Bytes beyond which a journal is written anew.
const GROWN_BYTES_MAX: u64 = FILE_BYTES_MAX / 2;

/// One change.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    /// A file is under way.
    Noted(Entry),
    /// Nobody needs to go on with it.
    Struck(Errand),
    /// The same, because its number has its answer.
    Answered(Errand),
}

impl Line {
    /// Makes the change.
    pub(super) fn apply(&self, entries: &mut Vec<Entry>) {
        let (Self::Noted(Entry { errand, .. }) | Self::Struck(errand) | Self::Answered(errand)) = self;
        let place = entries.iter().position(|entry| entry.errand == *errand);
        let before = place.map(|place| entries.remove(place));
        match (self, before) {
            (Self::Noted(newest), _) => {
                for entry in entries.iter_mut() {
                    entry.hear(newest);
                }
                entries.push(newest.clone());
                let surplus = entries.len().saturating_sub(ENTRIES_MAX);
                entries.drain(..surplus);
            }
            (Self::Answered(_), Some(answered)) => entries.iter_mut().for_each(|entry| entry.go_behind(&answered)),
            (Self::Struck(_), _) | (Self::Answered(_), None) => {}
        }
    }
}

/// A journal that grows by lines.
#[derive(Debug)]
pub(super) struct Lines {
    path: PathBuf,
    /// Open once there is a line.
    file: Option<File>,
    bytes: u64,
}

impl Lines {
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path, file: None, bytes: 0 }
    }

    /// Adds a change that was made to these entries. It is not synced: after a power cut nothing more is lost than the
    /// way to go on.
    pub(super) fn add(&mut self, line: &Line, entries: &[Entry]) -> io::Result<()> {
        match &mut self.file {
            Some(file) if self.bytes < GROWN_BYTES_MAX => {
                let line = text(line)?;
                self.bytes = self.bytes.saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
                file.write_all(&line)
            }
            Some(_) | None => {
                self.file = None;
                write(&self.path, entries)?;
                // Where nothing is under way there is no file either.
                if !entries.is_empty() {
                    let file = File::options().append(true).open(&self.path)?;
                    self.bytes = file.metadata()?.len();
                    self.file = Some(file);
                }
                Ok(())
            }
        }
    }

    pub(super) fn remove(&self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}

/// Replaces a journal as a whole; an empty one goes.
pub(super) fn write(path: &Path, entries: &[Entry]) -> io::Result<()> {
    if entries.is_empty() {
        return match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        };
    }
    let staged = path.with_extension("new");
    let mut file = private::create_file(&staged)?;
    file.set_len(0)?;
    let lines: io::Result<Vec<Vec<u8>>> = entries.iter().map(|entry| text(&Line::Noted(entry.clone()))).collect();
    file.write_all(&lines?.concat())?;
    std::fs::rename(&staged, path)
}

/// What of a journal can be read; what cannot is sent again.
pub(super) fn read(path: &Path) -> Vec<Entry> {
    let (mut text, mut entries) = (Vec::new(), Vec::new());
    if File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut text)).is_ok() {
        let lines = text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Line>(line).ok());
        lines.for_each(|line| line.apply(&mut entries));
    }
    entries
}

fn text(line: &Line) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    Ok(text)
}
