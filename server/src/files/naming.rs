//! The names files are stored under (PROTOCOL.md section 10). A name is made of numbers and an extension from
//! our own table: there is no way from a client's string into a path.

use std::fmt::{self, Write as _};

use shared::id::{Sequence, SessionId, Timestamp, TokenHash};

use super::mime::Extension;

/// Where a file is kept, relative to the storage folder.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ObjectName {
    form: Form,
    extension: Extension,
}

/// What a name is made of.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// `received_<32 hex digits>`: stateless files, and those of sessions under `naming: simple`.
    Received {
        /// The digits.
        bits: u128,
    },
    /// `session_<id>/file_<sequence>_<milliseconds>`.
    Session {
        /// Whose file.
        session: SessionId,
        /// Its place in the session.
        sequence: Sequence,
        /// When the session was created: not when the file came, so that a repeat makes the same name.
        created: Timestamp,
    },
    /// `received_<4 to 31 hex digits>`: files of Week 01 clients.
    Week01 {
        /// The digits.
        bits: u128,
        /// How many.
        digits: u8,
    },
}

/// Digits of the shortest name of a Week 01 file.
const WEEK01_DIGITS_MIN: u8 = 4;
/// As long as a path usually gets. Some are kept, so there is little to spare.
const PATH_BYTES: usize = 80;
/// Digits of a `received_` name that is not short.
const RECEIVED_DIGITS: u8 = 32;

impl ObjectName {
    /// The name of a stateless file; `bits` are its transfer id's, or random.
    #[must_use]
    pub fn received(bits: u128, extension: Extension) -> Self {
        Self { form: Form::Received { bits }, extension }
    }

    /// The name of a session's file in the session's folder.
    #[must_use]
    pub fn session(session: SessionId, sequence: Sequence, created: Timestamp, extension: Extension) -> Self {
        Self { form: Form::Session { session, sequence, created }, extension }
    }

    /// The name of a session's file under `naming: simple`. It is made of the session's secret and not of its id,
    /// because whoever has such a name can fetch the file without the session.
    #[must_use]
    pub fn simple(secret: &TokenHash, sequence: Sequence, extension: Extension) -> Self {
        Self::received(simple_bits(secret, sequence), extension)
    }

    /// The name of a Week 01 file, made of the lowest `digits` hex digits of `bits`; at least 4, and with 32 it is
    /// that of a stateless file.
    #[must_use]
    pub fn week01(bits: u128, digits: u8, extension: Extension) -> Self {
        let digits = digits.max(WEEK01_DIGITS_MIN);
        if digits >= RECEIVED_DIGITS {
            return Self::received(bits, extension);
        }
        let unused = u32::from(RECEIVED_DIGITS - digits) * 4;
        Self { form: Form::Week01 { bits: bits & (u128::MAX >> unused), digits }, extension }
    }

    /// Reads what [`ObjectName::to_wire`] wrote, and nothing else: the name is made anew from the numbers and the
    /// table, and must come out as it came in.
    #[must_use]
    pub fn parse(stored_as: &str) -> Option<Self> {
        let (stem, extension) = stored_as.rsplit_once('.')?;
        let extension = Extension::known(extension)?;
        let form = match stem.strip_prefix("received_") {
            Some(digits) => return parse_received(digits, extension).filter(|name| name.to_wire() == stored_as),
            None => parse_session(stem)?,
        };
        let name = Self { form, extension };
        (name.to_wire() == stored_as).then_some(name)
    }

    /// The path relative to the storage folder, with `/`. It can be as secret as the transfer id it is made of.
    #[must_use]
    pub fn to_wire(&self) -> String {
        let mut path = String::with_capacity(PATH_BYTES);
        if let Some(session) = self.folder() {
            path.push_str(&folder_name(session));
            path.push('/');
        }
        self.append_file_name(&mut path);
        path
    }

    /// The same name with another extension.
    #[must_use]
    pub fn with_extension(self, extension: Extension) -> Self {
        Self { extension, ..self }
    }

    /// The names that differ from this one at most in their extension; itself first.
    pub fn under_every_extension(self) -> impl Iterator<Item = Self> {
        let others = Extension::all().filter(move |extension| *extension != self.extension);
        std::iter::once(self).chain(others.map(move |extension| self.with_extension(extension)))
    }

    /// What the name is made of.
    #[must_use]
    pub fn form(&self) -> Form {
        self.form
    }

    /// The extension.
    #[must_use]
    pub fn extension(&self) -> Extension {
        self.extension
    }

    /// The session whose folder the file is in, if it is in one.
    #[must_use]
    pub fn folder(&self) -> Option<SessionId> {
        match self.form {
            Form::Session { session, .. } => Some(session),
            Form::Received { .. } | Form::Week01 { .. } => None,
        }
    }

    /// The last segment of the path.
    #[must_use]
    pub fn file_name(&self) -> String {
        let mut name = String::with_capacity(PATH_BYTES);
        self.append_file_name(&mut name);
        name
    }

    fn append_file_name(&self, path: &mut String) {
        let extension = self.extension;
        // Text takes whatever is written to it.
        let _always = match self.form {
            Form::Received { bits } => write!(path, "received_{bits:032x}.{extension}"),
            Form::Session { sequence, created, .. } => {
                write!(path, "file_{sequence}_{}.{extension}", created.as_millis())
            }
            Form::Week01 { bits, digits } => {
                let width = usize::from(digits);
                write!(path, "received_{bits:0width$x}.{extension}")
            }
        };
    }
}

/// The name of a session's folder.
#[must_use]
pub fn folder_name(session: SessionId) -> String {
    ["session_", &session.to_wire()].concat()
}

/// A hash, so that the name neither tells the secret nor follows from another name.
fn simple_bits(secret: &TokenHash, sequence: Sequence) -> u128 {
    let mut hasher = blake3::Hasher::new_derive_key("dual-mode file transfer: simple name of a session's file");
    hasher.update(secret.as_bytes());
    hasher.update(&sequence.get().to_be_bytes());
    let mut bits = [0; 16];
    hasher.finalize_xof().fill(&mut bits);
    u128::from_be_bytes(bits)
}

fn parse_received(digits: &str, extension: Extension) -> Option<ObjectName> {
    let count = u8::try_from(digits.len()).ok().filter(|count| *count <= RECEIVED_DIGITS)?;
    let bits = u128::from_str_radix(digits, 16).ok()?;
    Some(ObjectName::week01(bits, count, extension))
}

fn parse_session(stem: &str) -> Option<Form> {
    let (folder, file) = stem.split_once('/')?;
    let session = SessionId::from_wire(folder.strip_prefix("session_")?)?;
    let (sequence, created) = file.strip_prefix("file_")?.split_once('_')?;
    let sequence = Sequence::new(sequence.parse().ok()?)?;
    Some(Form::Session { session, sequence, created: Timestamp::from_millis(created.parse().ok()?) })
}

/// Enough to find a file beside its log line, too little to fetch it or to know a transfer id.
impl fmt::Debug for ObjectName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}.{}", self.form, self.extension)
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Received { bits } => write!(out, "received_{:08x}..", bits >> 96),
            Self::Session { session, sequence, created } => {
                write!(out, "session_{session}../file_{sequence}_{}", created.as_millis())
            }
            Self::Week01 { bits, digits } => {
                let width = usize::from(*digits);
                write!(out, "received_{bits:0width$x}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png() -> Extension {
        Extension::known("png").unwrap()
    }

    fn session() -> SessionId {
        SessionId::from_random([0xab; 16])
    }

    fn secret(byte: u8) -> TokenHash {
        TokenHash::from_bytes([byte; 32])
    }

    fn every_form() -> [ObjectName; 5] {
        let created = Timestamp::from_millis(1_700_000_000_000);
        [
            ObjectName::received(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef, png()),
            ObjectName::session(session(), Sequence::FIRST, created, png()),
            ObjectName::simple(&secret(1), Sequence::FIRST, png()),
            ObjectName::week01(0xabc, 4, png()),
            ObjectName::week01(u128::MAX, 31, png()),
        ]
    }

    #[test]
    fn names_are_spelled_as_the_protocol_says() {
        let [received, in_folder, _, short, long] = every_form().map(|name| name.to_wire());
        assert_eq!(received, "received_0123456789abcdef0123456789abcdef.png");
        assert_eq!(in_folder, "session_abababab-abab-4bab-abab-abababababab/file_1_1700000000000.png");
        assert_eq!(short, "received_0abc.png");
        assert_eq!(long, format!("received_{}.png", "f".repeat(31)));
    }

    #[test]
    fn a_name_is_read_back_from_its_own_spelling() {
        for name in every_form() {
            assert_eq!(ObjectName::parse(&name.to_wire()), Some(name));
        }
    }

    #[test]
    fn nothing_else_is_a_name() {
        let good = every_form().map(|name| name.to_wire());
        for name in &good {
            for cut in 0..name.len() {
                let shorter = &name[..cut];
                // A received name stays one when it loses digits or a letter of its extension, if the table has it.
                assert!(ObjectName::parse(shorter).is_none_or(|parsed| parsed.to_wire() == shorter), "{shorter}");
                for byte in 0..=127_u8 {
                    let other = format!("{shorter}{}{}", char::from(byte), &name[cut + 1..]);
                    assert!(ObjectName::parse(&other).is_none_or(|parsed| parsed.to_wire() == other), "{other}");
                }
            }
            for other in [
                format!("/{name}"),
                format!("./{name}"),
                format!("../{name}"),
                format!("{name}/"),
                format!("{name}\0"),
                format!("{name} "),
                name.to_uppercase(),
                name.replace(".png", ".PNG"),
                name.replace(".png", ".jpeg"),
                name.replace(".png", ""),
                name.replace('_', "_+"),
                name.replace("file_1", "file_01"),
                name.replace("file_1", "file_0"),
                name.replace("file_1", "file_9007199254740992"),
                name.replace("session_", "session_../session_"),
                name.replace("received_0abc", "received_abc"),
                name.replace("received_0", "received_+"),
            ] {
                assert!(good.contains(&other) || ObjectName::parse(&other).is_none(), "{other}");
            }
        }
        for other in ["", ".", "..", ".lock", ".staging/0.part", "received_.png", "received_0123.", "a/b/c.png"] {
            assert_eq!(ObjectName::parse(other), None, "{other}");
        }
    }

    #[test]
    fn simple_names_differ_by_session_and_sequence_and_are_never_short() {
        let names = [(1, 1), (1, 2), (2, 1)]
            .map(|(byte, sequence)| ObjectName::simple(&secret(byte), Sequence::new(sequence).unwrap(), png()));
        assert_ne!(names[0], names[1]);
        assert_ne!(names[0], names[2]);
        assert!(names.iter().all(|name| name.to_wire().len() == "received_.png".len() + 32));
        assert_eq!(ObjectName::week01(7, 32, png()), ObjectName::received(7, png()));
        assert_eq!(ObjectName::week01(0x12345, 1, png()).to_wire(), "received_2345.png");
    }

    #[test]
    fn a_log_does_not_give_a_name_away() {
        let [received, in_folder, ..] = every_form();
        assert_eq!(format!("{received:?}"), "received_01234567...png");
        assert_eq!(format!("{in_folder:?}"), "session_abababab../file_1_1700000000000.png");
    }
}
