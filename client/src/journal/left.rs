//! What runs that ended left to go on with. A run that lives holds its lock, and nothing of it is taken.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use shared::id::SessionId;

use super::lines::{read, write};
use super::{ENTRIES_MAX, Entry, Errand, Journal, KEPT_MS, Place, ledger};
use crate::failure::Failure;
use crate::private;

/// Journals of ended runs that are kept; the oldest go first.
const JOURNALS_MAX: usize = 64;

/// The journal of a run that ended, locked so that only one other run takes it.
struct Ended {
    path: PathBuf,
    lock_path: PathBuf,
    _lock: File,
    entries: Vec<Entry>,
}

impl Journal {
    /// Takes over what ended runs left of these errands: the place of each that was under way.
    pub(crate) fn take<'e>(
        &mut self,
        errands: impl Iterator<Item = &'e Errand>,
        now_ms: u64,
    ) -> Result<Vec<(&'e Errand, Place)>, Failure> {
        let Some(folder) = self.folder.clone() else { return Ok(Vec::new()) };
        let mut ended = match ended(&folder, now_ms) {
            Ok(ended) => ended,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Failure::local(crate::reading::shown(&folder), &error)),
        };
        share_newest(&mut ended);
        let mut taken = Vec::new();
        if ended.iter().any(|ended| !ended.entries.is_empty()) {
            for errand in errands {
                let entries = ended.iter_mut().flat_map(|ended| ended.entries.iter());
                // What was noted last is how far it came.
                let newest = entries.filter(|entry| entry.errand == *errand).max_by_key(|entry| entry.noted_ms);
                let Some(place) = newest.and_then(Entry::place) else { continue };
                if taken.len() < ENTRIES_MAX {
                    // First here, then away from there: killed in between, it is there twice, and not lost.
                    self.note(errand, &place, now_ms)?;
                    for ended in &mut ended {
                        ended.entries.retain(|entry| entry.errand != *errand);
                    }
                    taken.push((errand, place));
                }
            }
        }
        // The oldest are beyond the bound.
        ended.sort_by_key(|ended| ended.entries.iter().map(|entry| entry.noted_ms).max());
        let surplus = ended.len().saturating_sub(JOURNALS_MAX);
        ended.iter_mut().take(surplus).for_each(|ended| ended.entries.clear());
        ended.into_iter().try_for_each(Ended::put_back)?;
        Ok(taken)
    }

    /// Strikes out what ended runs left in these sessions; in none named, all they left, and what they stored too.
    pub(crate) fn forget(&self, sessions: Option<&[SessionId]>, now_ms: u64) -> Result<(), Failure> {
        let Some(folder) = &self.folder else { return Ok(()) };
        if sessions.is_none() {
            ledger::forget(folder).map_err(|error| Failure::local(crate::reading::shown(folder), &error))?;
        }
        let ended = match ended(folder, now_ms) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            ended => ended.map_err(|error| Failure::local(crate::reading::shown(folder), &error))?,
        };
        ended.into_iter().try_for_each(|mut ended| {
            let meant = |entry: &Entry| match (sessions, &entry.session) {
                (Some(sessions), Some(session)) => sessions.contains(&session.id),
                (Some(_), None) => false,
                (None, _) => true,
            };
            ended.entries.retain(|entry| !meant(entry));
            ended.put_back()
        })
    }
}

impl Ended {
    /// Writes down what nobody took; where that is nothing, nothing stays.
    fn put_back(self) -> Result<(), Failure> {
        let written = write(&self.path, &self.entries);
        written.map_err(|error| Failure::local(crate::reading::shown(&self.path), &error))?;
        if self.entries.is_empty() {
            // Who finds it locked no more finds nothing in it either.
            let _ = std::fs::remove_file(&self.lock_path);
        }
        Ok(())
    }
}

/// Gives every entry the secret that was written down last for its session, and how far that was, whichever run it was.
fn share_newest(ended: &mut [Ended]) {
    let mut newest: HashMap<(String, SessionId), Entry> = HashMap::new();
    let mut entries: Vec<&Entry> = ended.iter().flat_map(|ended| &ended.entries).collect();
    entries.sort_by_key(|entry| entry.noted_ms);
    for entry in entries {
        let Some((server, id)) = entry.session_key() else { continue };
        newest.entry((server.to_owned(), id)).or_insert_with(|| entry.clone()).hear(entry);
    }
    for entry in ended.iter_mut().flat_map(|ended| &mut ended.entries) {
        let key = entry.session_key().map(|(server, id)| (server.to_owned(), id));
        if let Some(newest) = key.and_then(|key| newest.get(&key)) {
            entry.hear(newest);
        }
    }
}

/// The journals of ended runs, without what is too old.
fn ended(folder: &Path, now_ms: u64) -> io::Result<Vec<Ended>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let lock_path = entry?.path();
        if lock_path.extension().is_none_or(|extension| extension != "lock") {
            continue;
        }
        let lock = private::create_file(&lock_path)?;
        if lock.try_lock().is_err() {
            continue;
        }
        let path = lock_path.with_extension("json");
        let mut entries = read(&path);
        entries.retain(|entry| now_ms.saturating_sub(entry.noted_ms) < KEPT_MS);
        found.push(Ended { path, lock_path, _lock: lock, entries });
    }
    Ok(found)
}
