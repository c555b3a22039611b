//! The sessions this user's client opened, so that the next command can go on with them: a small file only
//! the user can read, replaced as a whole. Knows nothing of the server.

use std::fs::{File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::id::{Sequence, SessionId};

use crate::address::Address;
use crate::conversation::Held;
use crate::env::Environment;
use crate::failure::Failure;
use crate::private;
use crate::secret::Secret;

/// Sessions kept; the oldest go first.
const SESSIONS_MAX: usize = 32;
/// Bytes of the longest file that is read.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// How often the lock is tried.
const LOCK_TRIES_MAX: u32 = 100;
/// The wait between two tries.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Why there is no place to remember anything.
pub(crate) const NO_PLACE: &str = "neither HOME nor XDG_STATE_HOME says where";

/// The file of remembered sessions.
#[derive(Debug, Clone)]
pub(crate) struct Remembered {
    /// `None` without a home folder: then nothing is remembered.
    path: Option<PathBuf>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Contents {
    sessions: Vec<Entry>,
    /// Servers to which the last `send` closed its session.
    #[serde(default)]
    closed: Vec<String>,
}

/// One session, the newest last.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    server: String,
    id: SessionId,
    /// The token or the newest ticket, as [`Secret`] writes it.
    token: String,
    next_sequence: Sequence,
}

impl Entry {
    fn held(&self) -> Option<Held> {
        Some(Held { id: self.id, secret: Secret::from_text(&self.token)?, next: self.next_sequence })
    }
}

/// A remembered session as it is shown: without its token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Kept {
    pub(crate) server: String,
    pub(crate) session: SessionId,
    pub(crate) next_sequence: Sequence,
}

impl Remembered {
    pub(crate) fn new(environment: &Environment) -> Self {
        let folder = environment.folder("XDG_STATE_HOME", ".local/state");
        Self { path: folder.map(|folder| folder.join("dft/session.json")) }
    }

    /// Whether there is a place to remember anything.
    pub(crate) fn has_place(&self) -> bool {
        self.path.is_some()
    }

    /// The session of the last `send` to this server, or the one `wanted` names.
    pub(crate) fn find(&self, server: &Address, wanted: Option<&str>) -> Result<Held, Failure> {
        if !self.has_place() {
            return Err(Failure::NoSession(format!("no session can be remembered: {NO_PLACE}")));
        }
        let contents = self.load().map_err(|error| Failure::local(self.name(), &error))?;
        let server = server.to_string();
        let here = contents.sessions.iter().rev().filter(|entry| entry.server == server);
        let wanted = wanted.filter(|wanted| *wanted != "last").map(str::to_ascii_lowercase);
        if wanted.is_none() && contents.closed.contains(&server) {
            let what = format!("the last send to {server} closed its session; --session ID names an older one");
            return Err(Failure::NoSession(what));
        }
        let mut fitting =
            here.filter(|entry| wanted.as_ref().is_none_or(|wanted| entry.id.to_wire().starts_with(wanted)));
        let (first, second) = (fitting.next(), fitting.next());
        match (first.and_then(Entry::held), second, wanted) {
            (Some(_), Some(_), Some(wanted)) => {
                Err(Failure::NoSession(format!("more than one remembered session begins with {wanted}")))
            }
            (Some(held), _, _) => Ok(held),
            (None, _, Some(wanted)) => {
                Err(Failure::NoSession(format!("no session {wanted} is remembered for {server}")))
            }
            (None, _, None) => Err(Failure::NoSession(format!("no session is remembered for {server}"))),
        }
    }

    /// Every session, the last one first.
    pub(crate) fn all(&self) -> Result<Vec<Kept>, Failure> {
        let contents = self.load().map_err(|error| Failure::local(self.name(), &error))?;
        let kept = |entry: Entry| Kept { server: entry.server, session: entry.id, next_sequence: entry.next_sequence };
        Ok(contents.sessions.into_iter().rev().map(kept).collect())
    }

    /// Remembers a session, or how far it is by now.
    pub(crate) async fn keep(&self, server: &Address, held: &Held) -> Result<(), Failure> {
        self.change(|Contents { sessions, closed }| {
            let server = server.to_string();
            closed.retain(|there| *there != server);
            let same = |entry: &Entry| entry.server == server && entry.id == held.id;
            let entry =
                Entry { server: server.clone(), id: held.id, token: held.secret.to_text(), next_sequence: held.next };
            sessions.retain(|entry| !same(entry));
            sessions.push(entry);
            let surplus = sessions.len().saturating_sub(SESSIONS_MAX);
            sessions.drain(..surplus);
        })
        .await
    }

    /// Notes how far a remembered session is by now. Which one is the last stays as it was: only `send` decides it.
    pub(crate) async fn advance(&self, server: &Address, held: &Held) -> Result<(), Failure> {
        let server = server.to_string();
        self.change(|Contents { sessions, .. }| {
            let same = sessions.iter_mut().filter(|entry| entry.server == server && entry.id == held.id);
            same.for_each(|entry| {
                entry.next_sequence = held.next;
                entry.token = held.secret.to_text();
            });
        })
        .await
    }

    /// Forgets a session that is no more.
    pub(crate) async fn forget(&self, server: &Address, id: SessionId) -> Result<(), Failure> {
        let server = server.to_string();
        let gone = |entry: &Entry| entry.server == server && entry.id == id;
        self.change(|Contents { sessions, .. }| sessions.retain(|entry| !gone(entry))).await
    }

    /// Forgets the session that the last `send` has closed; until the next one, none is the last.
    pub(crate) async fn close(&self, server: &Address, id: SessionId) -> Result<(), Failure> {
        let server = server.to_string();
        self.change(|Contents { sessions, closed }| {
            sessions.retain(|entry| entry.server != server || entry.id != id);
            closed.retain(|there| *there != server);
            closed.push(server.clone());
            let surplus = closed.len().saturating_sub(SESSIONS_MAX);
            closed.drain(..surplus);
        })
        .await
    }

    async fn change(&self, change: impl FnOnce(&mut Contents)) -> Result<(), Failure> {
        let Some(path) = &self.path else { return Ok(()) };
        let folder = path.parent().unwrap_or(Path::new("."));
        // Two clients at once would each write what the other does not know.
        let lock = lock(folder).await.map_err(|error| Failure::local(self.name(), &error))?;
        let attempt = || {
            let mut contents = self.load()?;
            change(&mut contents);
            let text = serde_json::to_vec_pretty(&contents)?;
            let staged = folder.join("session.json.new");
            let mut file = private::create_file(&staged)?;
            file.set_len(0)?;
            file.write_all(&text)?;
            file.sync_all()?;
            std::fs::rename(&staged, path)
        };
        let done = attempt().map_err(|error: io::Error| Failure::local(self.name(), &error));
        drop(lock);
        done
    }

    /// A damaged file is an error, not an empty one: it may hold the only token of a session.
    fn load(&self) -> io::Result<Contents> {
        let Some(path) = &self.path else { return Ok(Contents::default()) };
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.len() > FILE_BYTES_MAX => return Err(io::Error::other("is too long")),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Contents::default()),
            Err(error) => return Err(error),
        }
        let text = std::fs::read(path)?;
        serde_json::from_slice(&text).map_err(|error| io::Error::other(format!("is damaged ({error}); remove it")))
    }

    fn name(&self) -> String {
        self.path.as_deref().map(crate::reading::shown).unwrap_or_default()
    }
}

/// Locks the folder of sessions. Another client holds it for moments only; one that was stopped, perhaps forever.
async fn lock(folder: &Path) -> io::Result<File> {
    private::create_folder(folder)?;
    let file = private::create_file(&folder.join("session.lock"))?;
    for _ in 0..LOCK_TRIES_MAX {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_PAUSE).await,
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::other("another client keeps it locked"))
}

#[cfg(test)]
mod tests {
    use shared::id::Token;

    use super::*;

    fn held(byte: u8, next: u64) -> Held {
        let (id, token) = (SessionId::from_random([byte; 16]), Token::from_random([byte; 32]));
        Held { id, secret: Secret::Token(token), next: Sequence::new(next).unwrap() }
    }

    fn remembered(folder: &Path) -> Remembered {
        Remembered::new(&Environment::new([("XDG_STATE_HOME", folder)]))
    }

    #[tokio::test]
    async fn the_last_session_of_each_server_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let remembered = remembered(folder.path());
        let (here, there) = (Address::default(), "there:1".parse::<Address>().unwrap());
        assert_eq!(remembered.find(&here, None).unwrap_err().exit().code(), 8);
        for (server, session) in [(&here, held(1, 1)), (&here, held(2, 5)), (&there, held(3, 1)), (&here, held(1, 4))] {
            remembered.keep(server, &session).await.unwrap();
        }
        assert_eq!(remembered.find(&here, None).unwrap(), held(1, 4));
        assert_eq!(remembered.find(&here, Some("last")).unwrap(), held(1, 4));
        assert_eq!(remembered.find(&here, Some("0202")).unwrap(), held(2, 5));
        assert_eq!(remembered.find(&there, None).unwrap(), held(3, 1));
        assert!(remembered.find(&here, Some("0")).is_err());
        assert!(remembered.find(&here, Some("03")).is_err());
        remembered.advance(&here, &held(2, 9)).await.unwrap();
        assert_eq!(remembered.find(&here, None).unwrap(), held(1, 4));
        assert_eq!(remembered.find(&here, Some("02")).unwrap(), held(2, 9));
        remembered.forget(&here, held(1, 1).id).await.unwrap();
        assert_eq!(remembered.find(&here, None).unwrap(), held(2, 9));
        // An older session is not taken for the one that was closed.
        remembered.keep(&here, &held(4, 1)).await.unwrap();
        remembered.close(&here, held(4, 1).id).await.unwrap();
        for wanted in [None, Some("last")] {
            assert_eq!(remembered.find(&here, wanted).unwrap_err().exit().code(), 8);
        }
        assert_eq!(remembered.find(&here, Some("02")).unwrap(), held(2, 9));
        assert_eq!(remembered.find(&there, None).unwrap(), held(3, 1));
        remembered.keep(&here, &held(5, 1)).await.unwrap();
        assert_eq!(remembered.find(&here, None).unwrap(), held(5, 1));
    }

    #[tokio::test]
    async fn no_more_are_kept_than_the_bound() {
        let folder = tempfile::tempdir().unwrap();
        let remembered = remembered(folder.path());
        for byte in 0..40 {
            remembered.keep(&Address::default(), &held(byte, 1)).await.unwrap();
        }
        assert_eq!(remembered.load().unwrap().sessions.len(), SESSIONS_MAX);
        assert!(remembered.find(&Address::default(), Some("27272727")).is_ok());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn only_the_user_can_read_tokens() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        remembered(folder.path()).keep(&Address::default(), &held(1, 1)).await.unwrap();
        let mode = |path: &str| std::fs::metadata(folder.path().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode("dft/session.json"), 0o600);
        assert_eq!(mode("dft"), 0o700);
    }

    #[tokio::test]
    async fn a_damaged_file_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let remembered = remembered(folder.path());
        std::fs::create_dir(folder.path().join("dft")).unwrap();
        std::fs::write(folder.path().join("dft/session.json"), "{").unwrap();
        assert!(remembered.keep(&Address::default(), &held(1, 1)).await.is_err());
        assert_eq!(std::fs::read(folder.path().join("dft/session.json")).unwrap(), b"{");
    }

    #[tokio::test]
    async fn a_lock_nobody_gives_back_is_told_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let held_elsewhere = lock(&folder.path().join("dft")).await.unwrap();
        assert!(remembered(folder.path()).keep(&Address::default(), &held(1, 1)).await.is_err());
        drop(held_elsewhere);
        remembered(folder.path()).keep(&Address::default(), &held(1, 1)).await.unwrap();
    }
}
