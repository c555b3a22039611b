//! The names files are stored under (PROTOCOL.md section 10). A name is made of numbers and an extension from
//! our own table: there is no way from a client's string into a path.

use std::fmt;

use shared::id::{Sequence, SessionId, Timestamp};

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

    /// The name of a session's file under `naming: simple`. Nobody can guess it without the session's id.
    #[must_use]
    pub fn simple(session: SessionId, sequence: Sequence, extension: Extension) -> Self {
        Self::received(simple_bits(session, sequence), extension)
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
        let file = self.file_name();
        match self.folder() {
            Some(session) => format!("{}/{file}", folder_name(session)),
            None => file,
        }
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
        let extension = self.extension;
        match self.form {
            Form::Received { bits } => format!("received_{bits:032x}.{extension}"),
            Form::Session { sequence, created, .. } => format!("file_{sequence}_{}.{extension}", created.as_millis()),
            Form::Week01 { bits, digits } => {
                let width = usize::from(digits);
                format!("received_{bits:0width$x}.{extension}")
            }
        }
    }
}

/// The name of a session's folder.
#[must_use]
pub fn folder_name(session: SessionId) -> String {
    format!("session_{}", session.to_wire())
}

/// A hash, so that the name neither tells the session's id nor follows from another name.
fn simple_bits(session: SessionId, sequence: Sequence) -> u128 {
    let mut hasher = blake3::Hasher::new_derive_key("dual-mode file transfer: simple name of a session's file");
    hasher.update(session.as_bytes());
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
