//! What this run has under way, written down so that another run can go on when this one is killed: which file,
//! and under which sequence or transfer id, never what is in it. One small file a run that only the user can read,
//! beside a lock that is held as long as the run lives; what is stored goes into the ledger. Knows nothing of the
//! server.

mod ledger;
mod left;
mod lines;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use shared::id::{Sequence, SessionId, TransferId};

use self::lines::{Line, Lines};
use crate::env::{Environment, random};
use crate::failure::Failure;
use crate::private;
use crate::secret::Secret;
use ledger::Ledger;
pub(crate) use ledger::Round;

/// Files one run remembers; the oldest go first. It has fewer under way at a time, and with the longest paths and
/// tickets a journal of so many is still read.
const ENTRIES_MAX: usize = 48;
/// Locks tried before a run does without a journal. Their names are random, so one is enough.
const LOCK_TRIES_MAX: u32 = 3;
/// How long a run that ended can be gone on with, as far as this side is concerned. The server may say otherwise.
const KEPT_MS: u64 = 7 * 24 * 60 * 60 * 1000;

/// Which sending is meant: the same command over the same file makes the same one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Errand {
    server: String,
    mode: String,
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    size: u64,
    modified_ns: u64,
}

impl Errand {
    /// The errand of sending this file as it is now; `None` when it cannot be written down.
    pub(crate) fn of(server: &str, mode: &str, path: &Path, name: Option<&str>) -> Option<Self> {
        let path = path.canonicalize().ok()?;
        let metadata = path.metadata().ok()?;
        let modified = metadata.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(Self {
            server: server.to_owned(),
            mode: mode.to_owned(),
            path: path.to_str()?.to_owned(),
            name: name.map(str::to_owned),
            size: metadata.len(),
            modified_ns: u64::try_from(modified.as_nanos()).ok()?,
        })
    }
}

/// Under what a file was being sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// This sequence of this session.
    Session {
        /// Which session.
        id: SessionId,
        /// The token or the newest ticket that continues it.
        secret: Secret,
        /// The number of the file in it.
        sequence: Sequence,
        /// The first number of the session without an answer, as far as that was written down.
        next: Sequence,
    },
    /// This id, without a session.
    Transfer(TransferId),
}

/// One file under way, as it is written down.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    errand: Errand,
    noted_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<InSession>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transfer_id: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct InSession {
    id: SessionId,
    /// The token or the newest ticket, as [`Secret`] writes it.
    token: String,
    sequence: Sequence,
    next: Sequence,
}

impl Entry {
    fn new(errand: Errand, place: &Place, noted_ms: u64) -> Self {
        let (session, transfer_id) = match place {
            Place::Session { id, secret, sequence, next } => {
                let token = secret.to_text();
                (Some(InSession { id: *id, token, sequence: *sequence, next: *next }), None)
            }
            Place::Transfer(id) => (None, Some(id.to_wire())),
        };
        Self { errand, noted_ms, session, transfer_id }
    }

    fn place(&self) -> Option<Place> {
        match (&self.session, &self.transfer_id) {
            (Some(session), _) => {
                let secret = Secret::from_text(&session.token)?;
                Some(Place::Session { id: session.id, secret, sequence: session.sequence, next: session.next })
            }
            (None, Some(id)) => TransferId::from_wire(id).map(Place::Transfer),
            (None, None) => None,
        }
    }

    /// Which session it is in, and at which server.
    fn session_key(&self) -> Option<(&str, SessionId)> {
        self.session.as_ref().map(|session| (self.errand.server.as_str(), session.id))
    }

    /// Takes what a newer entry of the same session knows: an older ticket would lead back to what was before.
    fn hear(&mut self, newer: &Self) {
        let same = self.session_key() == newer.session_key();
        if let (true, Some(session), Some(newest)) = (same, &mut self.session, &newer.session) {
            session.token.clone_from(&newest.token);
            session.next = session.next.max(newest.next);
        }
    }

    /// The same session has answered another entry, and with it all numbers up to that one's.
    fn go_behind(&mut self, answered: &Self) {
        let same = self.session_key() == answered.session_key();
        if let (true, Some(session), Some(answered)) = (same, &mut self.session, &answered.session) {
            session.next = session.next.max(answered.sequence.next());
        }
    }
}

/// The journal of this run.
#[derive(Debug)]
pub(crate) struct Journal {
    /// `None` without a home folder: then nothing is written down.
    folder: Option<PathBuf>,
    own: Option<Own>,
    ledger: Option<Ledger>,
}

/// The files of this run.
#[derive(Debug)]
struct Own {
    lines: Lines,
    lock_path: PathBuf,
    /// Whoever can take it knows that the run has ended.
    _lock: File,
    entries: Vec<Entry>,
}

impl Journal {
    /// A journal in this folder; without one nothing is written down.
    pub(crate) fn at(folder: Option<PathBuf>) -> Self {
        Self { folder, own: None, ledger: None }
    }

    /// Where journals are.
    pub(crate) fn folder(environment: &Environment) -> Option<PathBuf> {
        environment.folder("XDG_STATE_HOME", ".local/state").map(|folder| folder.join("dft/journal"))
    }

    /// Writes down that a file is under way, before its first byte is.
    pub(crate) fn note(&mut self, errand: &Errand, place: &Place, now_ms: u64) -> Result<(), Failure> {
        self.change(&Line::Noted(Entry::new(errand.clone(), place, now_ms)))
    }

    /// Strikes out a file that needs nobody to go on with it.
    pub(crate) fn strike(&mut self, errand: &Errand) -> Result<(), Failure> {
        if self.has(errand) { self.change(&Line::Struck(errand.clone())) } else { Ok(()) }
    }

    /// Strikes out a file whose number has its answer. Those behind it know by that how far the session was.
    pub(crate) fn settle(&mut self, errand: &Errand) -> Result<(), Failure> {
        if self.has(errand) { self.change(&Line::Answered(errand.clone())) } else { Ok(()) }
    }

    fn has(&self, errand: &Errand) -> bool {
        self.own.as_ref().is_some_and(|own| own.entries.iter().any(|entry| entry.errand == *errand))
    }

    fn change(&mut self, change: &Line) -> Result<(), Failure> {
        let Some(folder) = self.folder.clone() else { return Ok(()) };
        let mut attempt = || {
            let own = match &mut self.own {
                Some(own) => own,
                none @ None => none.insert(Own::begin(&folder)?),
            };
            change.apply(&mut own.entries);
            own.lines.add(change, &own.entries)
        };
        attempt().map_err(|error: io::Error| Failure::local(crate::reading::shown(&folder), &error))
    }
}

impl Own {
    fn begin(folder: &Path) -> io::Result<Self> {
        private::create_folder(folder)?;
        for _ in 0..LOCK_TRIES_MAX {
            let run = format!("{:032x}", u128::from_be_bytes(random()?));
            let lock_path = folder.join(&run).with_extension("lock");
            let lock = private::create_file(&lock_path)?;
            // Somebody who looks for what ended runs left may have been quicker, and takes it for one of those.
            if lock.try_lock().is_ok() && lock_path.exists() {
                let lines = Lines::at(folder.join(&run).with_extension("json"));
                return Ok(Self { lines, lock_path, _lock: lock, entries: Vec::new() });
            }
        }
        Err(io::Error::other("no lock for a journal"))
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if self.entries.is_empty() {
            // Nobody needs them; another run would clear them away.
            let _ = self.lines.remove();
            let _ = std::fs::remove_file(&self.lock_path);
        }
    }
}

#[cfg(test)]
mod tests;
