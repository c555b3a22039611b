//! The secret that lets one device at a time have a session: read from a file nobody else can read.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::failure::Failure;
use crate::private;
use crate::reading::shown;

/// Bytes of the shortest and of the longest key (PROTOCOL.md section 6).
const KEY_BYTES_MIN: usize = 8;
const KEY_BYTES_MAX: usize = 256;

/// An access key. Shows itself only on the wire.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct AccessKey(String);

impl AccessKey {
    /// Reads a key: one line, with or without its end.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let wrong = |cause: &str| Failure::Local { what: shown(path), cause: cause.to_owned() };
        let attempt = || {
            let file = File::open(path)?;
            let open_to_others = private::is_open_to_others(&file)?;
            let mut text = String::new();
            // One more than fits, so that what is too long is seen; two for the end of the line.
            file.take(u64::try_from(KEY_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(3)).read_to_string(&mut text)?;
            Ok((text, open_to_others))
        };
        let (text, open_to_others) = attempt().map_err(|error: io::Error| Failure::local(shown(path), &error))?;
        if open_to_others {
            return Err(wrong("others than its owner can read it; `chmod 600` keeps it secret"));
        }
        let key = text.strip_suffix('\n').unwrap_or(&text);
        let key = key.strip_suffix('\r').unwrap_or(key);
        let fits =
            (KEY_BYTES_MIN..=KEY_BYTES_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        if fits {
            Ok(Self(key.to_owned()))
        } else {
            Err(wrong("expected one line of 8 to 256 visible ASCII characters"))
        }
    }

    #[cfg(test)]
    pub(crate) fn of_a_test(key: &str) -> Self {
        Self(key.to_owned())
    }

    /// The key itself, for `connect`.
    pub(crate) fn to_wire(&self) -> String {
        self.0.clone()
    }
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("AccessKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, mode: u32) -> Option<AccessKey> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        AccessKey::read(file.path()).ok()
    }

    #[test]
    fn a_key_is_one_line_of_bounded_length() {
        let (shortest, longest) = ("k".repeat(KEY_BYTES_MIN), "k".repeat(KEY_BYTES_MAX));
        for text in [&*shortest, "key-1_%!", &longest] {
            for end in ["", "\n", "\r\n"] {
                assert_eq!(read(&format!("{text}{end}"), 0o600).map(|key| key.to_wire()).as_deref(), Some(text));
            }
        }
        for text in
            ["", "\n", &shortest[1..], "with a blank", "two\nlines", "fünfzehn", "an end\n\n", &format!("{longest}k")]
        {
            assert_eq!(read(text, 0o600), None, "{text:?}");
        }
        assert!(AccessKey::read(Path::new("/does/not/exist")).is_err());
        assert_eq!(format!("{:?}", read("a-secret", 0o600)), "Some(AccessKey(..))");
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_is_no_secret() {
        for (mode, taken) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o620, false)] {
            assert_eq!(read("some-key", mode).is_some(), taken, "{mode:o}");
        }
    }
}
