//! What a round has stored so far, so that the same command, run again after it was cut, does not send it once more.
//! A line a file, appended: the last of a hundred thousand costs no more than the first. One ledger a round, locked
//! while a run of it lives, and gone when a run comes to its end. It says what the server said of a file, and nothing
//! of what is in it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use shared::digest::DigestKind;
use shared::wire::Ack;

use super::{Errand, Journal, KEPT_MS};
use crate::event::Stored;
use crate::failure::Failure;
use crate::private;

/// Bytes of a ledger, and of all that ended runs left. Files beyond are sent again after a kill.
const BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How a ledger's name ends.
const EXTENSION: &str = "stored";

/// All the errands of one command: whoever types the same one again means the same round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Round {
    server: String,
    mode: &'static str,
    session: Option<String>,
    name: Option<String>,
    paths: Vec<String>,
}

impl Round {
    /// The round of sending these paths, as they stand on a command line typed in the current folder.
    pub(crate) fn of(
        server: String,
        mode: &'static str,
        session: Option<String>,
        name: Option<String>,
        paths: &[PathBuf],
    ) -> Self {
        let whole = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let paths = paths.iter().map(|path| whole(path).to_string_lossy().into_owned()).collect();
        Self { server, mode, session, name, paths }
    }
}

/// One line of a ledger.
#[derive(Debug, Serialize, Deserialize)]
struct Line<S> {
    errand: String,
    stored: S,
}

/// What a run that was cut has stored, by errand. The same file may have been sent twice.
#[derive(Debug, Default)]
pub(crate) struct Before(HashMap<String, Vec<Stored>>);

impl Before {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What became of this errand, if the server's promise was at least the one `asked` for now.
    pub(crate) fn take(&mut self, errand: &Errand, asked: Option<Ack>) -> Option<Stored> {
        let stored = self.0.get_mut(&fingerprint(errand).ok()?)?;
        stored.pop_if(|stored| asked.is_none_or(|asked| stored.ack.is_some_and(|kept| kept >= asked)))
    }
}

/// The ledger of the round under way.
#[derive(Debug)]
pub(super) struct Ledger {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl Journal {
    /// Opens the ledger of this round: what a run of it that was cut has stored. While another run of it lives,
    /// the ledger is that one's.
    pub(crate) fn stored_before(&mut self, round: &Round, now_ms: u64) -> Result<Before, Failure> {
        let Some(folder) = &self.folder else { return Ok(Before::default()) };
        let opened = sweep(folder, now_ms, BYTES_MAX).and_then(|()| Ledger::open(folder, round));
        let opened = opened.map_err(|error| Failure::local(crate::reading::shown(folder), &error))?;
        let Some((ledger, before)) = opened else { return Ok(Before::default()) };
        self.ledger = Some(ledger);
        Ok(before)
    }

    /// Writes down that a file is stored.
    pub(crate) fn add_stored(&mut self, errand: &Errand, stored: &Stored) -> Result<(), Failure> {
        let Some(ledger) = &mut self.ledger else { return Ok(()) };
        ledger.add(errand, stored).map_err(|error| Failure::local(crate::reading::shown(&ledger.path), &error))
    }

    /// The round is over: whoever types its command again wants everything sent again.
    pub(crate) fn end_round(&mut self) {
        if let Some(ledger) = self.ledger.take() {
            ledger.remove();
        }
    }
}

impl Ledger {
    fn open(folder: &Path, round: &Round) -> io::Result<Option<(Self, Before)>> {
        private::create_folder(folder)?;
        let path = folder.join(fingerprint(round)?).with_extension(EXTENSION);
        let mut file = private::create_file(&path)?;
        // Gone again means that a run of this round has just ended, and nothing is left of it.
        if file.try_lock().is_err() || !path.exists() {
            return Ok(None);
        }
        let (before, bytes) = read(&path)?;
        // A line that was cut is none, and the next one must not begin in its middle.
        file.set_len(bytes)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Some((Self { path, file, bytes }, before)))
    }

    /// It is not synced: after a power cut nothing worse happens than that a file is sent again.
    fn add(&mut self, errand: &Errand, stored: &Stored) -> io::Result<()> {
        let mut line = serde_json::to_vec(&Line { errand: fingerprint(errand)?, stored })?;
        line.push(b'\n');
        let bytes = self.bytes.saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
        if bytes <= BYTES_MAX {
            self.file.write_all(&line)?;
            self.bytes = bytes;
        }
        Ok(())
    }

    fn remove(self) {
        // What stays is swept when its time has come.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        if self.bytes == 0 {
            // Nobody needs it; it would be swept.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// What an errand or a round is known by again.
fn fingerprint(what: &impl Serialize) -> io::Result<String> {
    let mut hasher = DigestKind::Blake3.hasher();
    hasher.update(&serde_json::to_vec(what)?);
    let text = hasher.finish().to_wire();
    Ok(text.split_once(':').map_or(text.as_str(), |(_, hex)| hex).to_owned())
}

/// Every whole line, and the bytes they take. What follows one that cannot be read is as good as not there.
fn read(path: &Path) -> io::Result<(Before, u64)> {
    let mut reader = BufReader::new(File::open(path)?.take(BYTES_MAX));
    let (mut before, mut bytes, mut line) = (Before::default(), 0_u64, Vec::new());
    loop {
        line.clear();
        let count = reader.read_until(b'\n', &mut line)?;
        let Some((b'\n', text)) = line.split_last() else { break };
        let Ok(Line { errand, stored }) = serde_json::from_slice(text) else { break };
        before.0.entry(errand).or_default().push(stored);
        bytes = bytes.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
    }
    Ok((before, bytes))
}

/// Removes the ledgers of ended runs that nobody came back for in time, and the oldest of those that hold more than
/// `bytes_max` together.
fn sweep(folder: &Path, now_ms: u64, bytes_max: u64) -> io::Result<()> {
    let mut ledgers = Vec::new();
    for path in ledgers_in(folder)? {
        let Ok(metadata) = path.metadata() else { continue };
        let modified = metadata.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        ledgers.push((u64::try_from(modified.as_millis()).unwrap_or(u64::MAX), metadata.len(), path));
    }
    ledgers.sort_unstable();
    let mut bytes = 0_u64;
    for (modified_ms, size, path) in ledgers.into_iter().rev() {
        bytes = bytes.saturating_add(size);
        if now_ms.saturating_sub(modified_ms) >= KEPT_MS || bytes > bytes_max {
            remove_unless_alive(&path)?;
        }
    }
    Ok(())
}

/// Removes what ended runs have stored down: nobody is to go on with anything.
pub(super) fn forget(folder: &Path) -> io::Result<()> {
    ledgers_in(folder)?.iter().try_for_each(|path| remove_unless_alive(path))
}

fn ledgers_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let is_ledger = |path: &PathBuf| path.extension().is_some_and(|extension| extension == EXTENSION);
    paths.filter(|path| path.as_ref().map_or(true, is_ledger)).collect()
}

/// A run that lives holds its lock.
fn remove_unless_alive(path: &Path) -> io::Result<()> {
    match File::open(path) {
        Ok(file) if file.try_lock().is_ok() => std::fs::remove_file(path),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
