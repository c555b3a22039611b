//! The keys that seal tickets: those of a file that only its owner can read, or one made at the start.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};

use crate::env::{Dice, NoDice};
use crate::private;

/// Bytes of a key.
const KEY_BYTES: usize = 32;

/// Keys at once. A rotation needs two.
const KEYS_MAX: usize = 16;

/// Bytes of the longest file of keys, with room for comments.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// What a key's name is made for, so that it says nothing about the key.
const ID_CONTEXT: &str = "dual-mode file transfer 2026-11 name of a ticket key";

/// Why there are no keys. For the operator, so it names the path; never what stands in the file.
#[derive(Debug, thiserror::Error)]
pub enum TicketKeyError {
    /// The system says no.
    #[error("the ticket keys {} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Others may read or write it.
    #[error("the ticket keys {} are open to others (mode {mode:03o}); only their owner may read them: chmod 600", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A line is no key.
    #[error("line {line} of the ticket keys {} is no key; expected 64 hex digits", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
    /// There are none, or too many.
    #[error("the ticket keys {} are {found} keys; expected 1 to {KEYS_MAX}, one a line", path.display())]
    Count {
        /// The file.
        path: PathBuf,
        /// How many there are.
        found: usize,
    },
    /// The file is none of keys.
    #[error("the ticket keys {} are longer than any keys are", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
}

/// The name of a key, which a ticket shows.
pub(super) type KeyId = [u8; 8];

/// Keys: the first one seals, all of them open.
pub struct TicketKeys {
    keys: Vec<TicketKey>,
    lasting: bool,
}

/// One key, ready for use. It is overwritten when it is dropped.
pub(super) struct TicketKey {
    pub(super) id: KeyId,
    pub(super) cipher: XChaCha20Poly1305,
}

impl TicketKey {
    fn new(key: &[u8; KEY_BYTES]) -> Self {
        let name = blake3::derive_key(ID_CONTEXT, key);
        let mut id = KeyId::default();
        for (byte, of_name) in id.iter_mut().zip(name) {
            *byte = of_name;
        }
        Self { id, cipher: XChaCha20Poly1305::new(key.into()) }
    }
}

impl TicketKeys {
    /// A key for the life of this process.
    ///
    /// # Errors
    /// When the system gives no random bits.
    pub fn generate(dice: &dyn Dice) -> Result<Self, NoDice> {
        let mut key = [0; KEY_BYTES];
        dice.fill(&mut key)?;
        Ok(Self { keys: vec![TicketKey::new(&key)], lasting: false })
    }

    /// The keys of a file: one a line, as 64 hex digits; empty lines and those that begin with `#` are passed over.
    ///
    /// # Errors
    /// When the file cannot be read, others can read it, or it holds something else.
    pub fn read(path: &Path) -> Result<Self, TicketKeyError> {
        let unreadable = |source| TicketKeyError::Unreadable { path: path.to_owned(), source };
        let file = File::open(path).map_err(unreadable)?;
        if let Some(mode) = private::mode_for_others(&file).map_err(unreadable)? {
            return Err(TicketKeyError::Open { path: path.to_owned(), mode });
        }
        let mut text = String::new();
        file.take(FILE_BYTES_MAX.saturating_add(1)).read_to_string(&mut text).map_err(unreadable)?;
        if u64::try_from(text.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
            return Err(TicketKeyError::TooLong { path: path.to_owned() });
        }
        let mut keys = Vec::new();
        for (line, text) in (1..).zip(text.lines().map(str::trim)) {
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let key = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok().and_then(|key| key.try_into().ok());
            let key = key.ok_or_else(|| TicketKeyError::Line { path: path.to_owned(), line })?;
            keys.push(TicketKey::new(&key));
        }
        if keys.is_empty() || keys.len() > KEYS_MAX {
            return Err(TicketKeyError::Count { path: path.to_owned(), found: keys.len() });
        }
        Ok(Self { keys, lasting: true })
    }

    /// Whether a later process can have the same keys.
    #[must_use]
    pub fn are_lasting(&self) -> bool {
        self.lasting
    }

    pub(super) fn sealing(&self) -> Option<&TicketKey> {
        self.keys.first()
    }

    pub(super) fn called(&self, id: &[u8]) -> Option<&TicketKey> {
        self.keys.iter().find(|key| key.id == *id)
    }
}

/// The keys by their names; the first one seals.
impl fmt::Debug for TicketKeys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.keys.iter().map(|key| HEXLOWER.encode(&key.id))).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const ONE: &str = "0101010101010101010101010101010101010101010101010101010101010101";
    const TWO: &str = "0202020202020202020202020202020202020202020202020202020202020202";

    fn file(text: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ticket.keys");
        fs::write(&path, text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        (folder, path)
    }

    fn read(text: &str) -> Result<TicketKeys, TicketKeyError> {
        TicketKeys::read(&file(text, 0o600).1)
    }

    #[test]
    fn a_file_holds_a_key_a_line_and_the_first_one_seals() {
        let keys = read(&format!("# since May\n{TWO}\n\n  {}\r\n", ONE.replace('0', "A"))).unwrap();
        assert_eq!(keys.keys.len(), 2);
        assert_eq!(keys.sealing().unwrap().id, read(TWO).unwrap().sealing().unwrap().id);
        assert_ne!(keys.keys[0].id, keys.keys[1].id);
        assert!(keys.called(&keys.keys[1].id).is_some() && keys.called(&[7; 8]).is_none());
        assert!(keys.are_lasting());
        assert!(!format!("{keys:?}").contains("0202"), "{keys:?}");
    }

    #[test]
    fn what_is_no_key_is_told_by_its_line_and_never_shown() {
        for (text, expected) in [
            (String::new(), "are 0 keys"),
            ("# nothing\n".to_owned(), "are 0 keys"),
            (format!("{ONE}\n").repeat(KEYS_MAX + 1), "are 17 keys"),
            (format!("{ONE}\n{}", &ONE[..63]), "line 2 "),
            (format!("\n{ONE}0"), "line 2 "),
            (format!("{ONE} {TWO}"), "line 1 "),
            ("secret".to_owned(), "line 1 "),
            (format!("#{}", " ".repeat(64 * 1024)), "longer than"),
        ] {
            let error = read(&text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("secret") && !error.contains("0101"), "{error}");
        }
        assert!(read(&format!("{ONE}\n").repeat(KEYS_MAX)).is_ok());
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(TicketKeys::read(&folder.path().join("none")), Err(TicketKeyError::Unreadable { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn keys_that_others_can_read_or_change_are_refused() {
        for mode in [0o604, 0o640, 0o602, 0o620, 0o644, 0o666, 0o601] {
            let (_folder, path) = file(ONE, mode);
            let error = TicketKeys::read(&path).unwrap_err();
            assert!(error.to_string().contains(&format!("mode {mode:03o}")), "{error}");
        }
        for mode in [0o400, 0o600, 0o700] {
            let (_folder, path) = file(ONE, mode);
            assert!(TicketKeys::read(&path).is_ok(), "{mode:o}");
        }
    }
}
