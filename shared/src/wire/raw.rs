//! A header as it came off the wire: each field well-formed or absent, nothing said yet about what they
//! mean together. The order of the checks is the order of PROTOCOL.md section 2.

use super::json::{self, Json, JsonFault, Members};
use super::{Ack, Action, FileName, MimeType, Mode, Refusal};
use crate::codec::{Framing, Payload};
use crate::digest::{Digest, DigestKind};
use crate::error::ErrorCode;
use crate::id::{Holder, Sequence, SessionId, Token, TransferId};
use crate::limits::SESSION_DATA_BYTES_MAX;

/// The version this crate speaks.
pub const VERSION: &str = "2.0";

/// Bytes of the longest `file` a client can ask for; a stored name is shorter.
const FILE_BYTES_MAX: usize = 255;

/// What a connection's first frame settled (PROTOCOL.md section 9).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// No frame yet.
    Unsettled,
    /// `{"mime_type", "size"}` and a peer that never reads.
    Week01,
    /// Version 2.0.
    V2,
}

/// A header line, sorted by dialect.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A Week 01 upload.
    Week01(Week01Upload),
    /// By its shape a Week 01 upload, but its size or type is none.
    InvalidWeek01,
    /// A 2.0 header.
    Frame(Box<RawHeader>),
}

/// What a Week 01 client sends.
#[derive(Debug, PartialEq, Eq)]
pub struct Week01Upload {
    /// Gives the extension. Not checked: an unknown one is as good as none.
    pub mime_type: Option<MimeType>,
    /// Payload bytes.
    pub size: u64,
}

/// A 2.0 header whose fields are well-formed. Anything may be missing.
#[derive(Debug, PartialEq, Eq)]
pub struct RawHeader {
    pub(super) framing: Framing,
    pub(super) mime_type: Option<MimeType>,
    pub(super) size: Option<Payload>,
    pub(super) name: Option<FileName>,
    pub(super) file: Option<String>,
    pub(super) digest: Option<Digest>,
    pub(super) trailer: Option<DigestKind>,
    pub(super) transfer_id: Option<TransferId>,
    pub(super) offset: Option<u64>,
    pub(super) ack: Option<Ack>,
    pub(super) expects_continue: bool,
    pub(super) holder: Option<Holder>,
    pub(super) session: Option<RawSession>,
    pub(super) ext: Ext,
}

/// The extensions this version knows; others are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ext {
    /// `"explain": "yes"`: the client wants the server to explain itself.
    pub explain: bool,
}

/// The `session` object of a 2.0 header.
#[derive(Debug, PartialEq, Eq)]
pub struct RawSession {
    pub(super) id: Option<SessionId>,
    pub(super) mode: Mode,
    pub(super) action: Action,
    pub(super) sequence: Option<Sequence>,
    pub(super) token: Option<Token>,
}

/// Reads a header line, without its LF, on a connection that speaks `dialect`.
pub fn read_header(line: &[u8], dialect: Dialect) -> Result<Incoming, Refusal> {
    let members = json::parse(line).map_err(header_fault)?;
    if is_week01(&members) {
        return match dialect {
            Dialect::Unsettled | Dialect::Week01 => {
                Ok(week01_upload(&members).map_or(Incoming::InvalidWeek01, Incoming::Week01))
            }
            Dialect::V2 => Err(unsupported_version(&members)),
        };
    }
    if json::has_other_number(&members) {
        return Err(Refusal::fatal(ErrorCode::BadHeader, "numbers are integers from 0 to 2^53-1"));
    }
    if members.get("version").and_then(Json::as_text) != Some(VERSION) || dialect == Dialect::Week01 {
        return Err(unsupported_version(&members));
    }
    refuse_unknown(&members, &FIELDS, "")?;
    if let Some(Json::Object(session)) = members.get("session") {
        refuse_unknown(session, &SESSION_FIELDS, "session.")?;
    }
    if let Some(Json::Object(auth)) = members.get("auth") {
        refuse_unknown(auth, &AUTH_FIELDS, "auth.")?;
    }
    let waits = members.get("expect").and_then(Json::as_text) == Some("continue");
    let framing = framing(&members);
    let after_refusal = framing.map(|framing| if waits { framing.without_payload() } else { framing });
    RawHeader::read(&members, framing)
        .map(|raw| Incoming::Frame(Box::new(raw)))
        .map_err(|refusal| Refusal { framing: after_refusal, ..refusal })
}

/// Whether a connection whose first line could not be understood is answered in JSON. A peer that does
/// not even write `"version"` is a browser, a Week 01 client or a hand at a keyboard, and gets plain text.
#[must_use]
pub fn wants_json(first_line: &[u8]) -> bool {
    let key = b"\"version\"";
    first_line.windows(key.len()).any(|window| window == key)
}

/// The fields of section 2, in the order of its table.
const FIELDS: [&str; 14] = [
    "version",
    "mime_type",
    "size",
    "name",
    "file",
    "digest",
    "trailer",
    "transfer_id",
    "offset",
    "ack",
    "expect",
    "auth",
    "session",
    "ext",
];
const SESSION_FIELDS: [&str; 6] = ["id", "mode", "sequence", "action", "token", "data_size"];
/// Bytes of another version that a message repeats.
const VERSION_BYTES_SHOWN_MAX: usize = 8;
const AUTH_FIELDS: [&str; 3] = ["client", "nonce", "access_key"];

/// Repeats the version that was found when it looks like one: a message is for people, and goes to their terminals.
fn unsupported_version(members: &Members<'_>) -> Refusal {
    let found = match members.get("version") {
        None => "none",
        Some(Json::Text(version)) if version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => {
            version.get(..VERSION_BYTES_SHOWN_MAX).unwrap_or(version)
        }
        Some(_) => "another value",
    };
    let message = format!("expected the version \"{VERSION}\", found {found}");
    Refusal::fatal(ErrorCode::UnsupportedVersion, message).of_field("version")
}

/// Version missing, "1.0" or "1", and no other field of section 2 than `mime_type` and `size`; keys that
/// 2.0 does not know either were ignored by Week 01 and still are.
fn is_week01(members: &Members<'_>) -> bool {
    let version = match members.get("version") {
        None => true,
        Some(Json::Text(version)) => version == "1.0" || version == "1",
        Some(Json::Null | Json::Bool | Json::Integer(_) | Json::OtherNumber | Json::Object(_)) => false,
    };
    let foreign = |field: &str| !["version", "mime_type", "size"].contains(&field) && members.contains_key(field);
    version && !FIELDS.into_iter().any(foreign)
}

fn week01_upload(members: &Members<'_>) -> Option<Week01Upload> {
    let size = match members.get("size") {
        None => 0,
        Some(Json::Integer(size)) => *size,
        Some(Json::Null | Json::Bool | Json::OtherNumber | Json::Text(_) | Json::Object(_)) => return None,
    };
    let mime_type = match members.get("mime_type") {
        None => None,
        Some(Json::Text(text)) => MimeType::from_wire(text),
        Some(Json::Null | Json::Bool | Json::Integer(_) | Json::OtherNumber | Json::Object(_)) => return None,
    };
    Some(Week01Upload { mime_type, size })
}

fn refuse_unknown(members: &Members<'_>, known: &[&str], prefix: &str) -> Result<(), Refusal> {
    match members.keys().find(|key| !known.contains(&key.as_ref())) {
        None => Ok(()),
        Some(key) => {
            let refusal =
                Refusal::fatal(ErrorCode::UnknownField, "version 2.0 has no such field; extensions go into ext");
            Err(refusal.of_field(&format!("{prefix}{key}")))
        }
    }
}

/// What follows the header, if its three lengths can be understood, whatever else is wrong with it.
fn framing(members: &Members<'_>) -> Option<Framing> {
    let payload = match members.get("size") {
        None => Payload::Sized(0),
        Some(Json::Integer(size)) => Payload::Sized(*size),
        Some(Json::Null) => Payload::Chunked,
        Some(Json::Bool | Json::OtherNumber | Json::Text(_) | Json::Object(_)) => return None,
    };
    let session_data = match members.get("session") {
        None => 0,
        Some(Json::Object(session)) => match session.get("data_size") {
            None => 0,
            Some(Json::Integer(size)) if *size <= SESSION_DATA_BYTES_MAX => *size,
            Some(_) => return None,
        },
        Some(_) => return None,
    };
    let trailer = match members.get("trailer") {
        None => payload == Payload::Chunked,
        Some(Json::Text(kind)) if DigestKind::from_wire(kind).is_some() => true,
        Some(_) => return None,
    };
    Some(Framing { session_data, payload, trailer })
}

impl RawHeader {
    /// The checks of values, field by field in the order of the table.
    fn read(members: &Members<'_>, framing: Option<Framing>) -> Result<Self, Refusal> {
        let mime_type = text(members, "mime_type", "type/subtype without parameters, at most 127 bytes", |value| {
            MimeType::from_wire(value)
        })?;
        let size = match members.get("size") {
            None => None,
            Some(Json::Integer(size)) => Some(Payload::Sized(*size)),
            Some(Json::Null) => Some(Payload::Chunked),
            Some(_) => return Err(bad_field("size", "an integer or null")),
        };
        let name = match members.get("name") {
            None => None,
            Some(Json::Text(name)) => Some(
                FileName::from_wire(name)
                    .ok_or_else(|| Refusal::fatal(ErrorCode::BadName, FileName::rule()).of_field("name"))?,
            ),
            Some(_) => return Err(bad_field("name", "a string")),
        };
        let file = text(members, "file", "the stored_as of an earlier reply", |value| {
            (value.len() <= FILE_BYTES_MAX).then(|| value.to_owned())
        })?;
        let digest = text(members, "digest", "blake3:<64 hex digits> or sha256:<64 hex digits>", Digest::from_wire)?;
        let trailer = text(members, "trailer", "\"blake3\" or \"sha256\"", DigestKind::from_wire)?;
        let transfer_id = text(members, "transfer_id", "a UUID v4", TransferId::from_wire)?;
        let offset = integer(members, "offset")?;
        let ack = text(members, "ack", "\"written\" or \"durable\"", Ack::from_wire)?;
        let expects = text(members, "expect", "\"continue\"", |value| (value == "continue").then_some(()))?;
        let holder = read_auth(members)?;
        let session = match members.get("session") {
            None => None,
            Some(Json::Object(session)) => Some(RawSession::read(session)?),
            Some(_) => return Err(bad_field("session", "an object")),
        };
        let ext = read_ext(members)?;
        let framing = framing.ok_or_else(|| bad_field("session.data_size", "at most 65536"))?;
        Ok(Self {
            framing,
            mime_type,
            size,
            name,
            file,
            digest,
            trailer,
            transfer_id,
            offset,
            ack,
            expects_continue: expects.is_some(),
            holder,
            session,
            ext,
        })
    }
}

impl RawSession {
    fn read(members: &Members<'_>) -> Result<Self, Refusal> {
        let id = match members.get("id") {
            None | Some(Json::Null) => None,
            Some(Json::Text(id)) => {
                Some(SessionId::from_wire(id).ok_or_else(|| bad_field("session.id", "a UUID or null"))?)
            }
            Some(_) => return Err(bad_field("session.id", "a UUID or null")),
        };
        let mode = text(members, "mode", "\"stateless\" or \"stateful\"", Mode::from_wire)
            .map_err(|refusal| refusal.of_field("session.mode"))?
            .ok_or_else(|| bad_field("session.mode", "\"stateless\" or \"stateful\""))?;
        let sequence = match integer(members, "sequence").map_err(|refusal| refusal.of_field("session.sequence"))? {
            None => None,
            Some(number) => {
                Some(Sequence::new(number).ok_or_else(|| bad_field("session.sequence", "an integer of at least 1"))?)
            }
        };
        let action = members.get("action").and_then(Json::as_text).and_then(Action::from_wire);
        let action = action.ok_or_else(|| bad_field("session.action", &Action::names()))?;
        let token = text(members, "token", "the token of the reply that opened the session", Token::from_wire)
            .map_err(|refusal| refusal.of_field("session.token"))?;
        match members.get("data_size") {
            None | Some(Json::Integer(0..=SESSION_DATA_BYTES_MAX)) => {}
            Some(_) => return Err(bad_field("session.data_size", "an integer, at most 65536")),
        }
        Ok(Self { id, mode, action, sequence, token })
    }
}

/// A line that is no strict JSON object.
pub(super) fn header_fault(fault: JsonFault) -> Refusal {
    match fault {
        JsonFault::Encoding => Refusal::fatal(ErrorCode::BadEncoding, "the line is not UTF-8"),
        JsonFault::Syntax(message) => Refusal::fatal(ErrorCode::BadHeader, message),
        JsonFault::Duplicate(key) => {
            Refusal::fatal(ErrorCode::DuplicateKey, "a key stands twice in one object").of_field(&key)
        }
    }
}

/// A value of the wrong type or grammar. Says what was expected; the value itself the peer knows.
pub(super) fn bad_field(field: &str, expected: &str) -> Refusal {
    Refusal::fatal(ErrorCode::BadField, format!("expected {expected}")).of_field(field)
}

fn text<T>(
    members: &Members<'_>,
    field: &str,
    expected: &str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Refusal> {
    match members.get(field) {
        None => Ok(None),
        Some(Json::Text(value)) => read(value).map(Some).ok_or_else(|| bad_field(field, expected)),
        Some(Json::Null | Json::Bool | Json::Integer(_) | Json::OtherNumber | Json::Object(_)) => {
            Err(bad_field(field, expected))
        }
    }
}

fn integer(members: &Members<'_>, field: &str) -> Result<Option<u64>, Refusal> {
    match members.get(field) {
        None => Ok(None),
        Some(Json::Integer(number)) => Ok(Some(*number)),
        Some(Json::Null | Json::Bool | Json::OtherNumber | Json::Text(_) | Json::Object(_)) => {
            Err(bad_field(field, "an integer"))
        }
    }
}

/// The holder of the access key in `auth`, if there is one.
fn read_auth(members: &Members<'_>) -> Result<Option<Holder>, Refusal> {
    let auth = match members.get("auth") {
        None => return Ok(None),
        Some(Json::Object(auth)) => auth,
        Some(_) => return Err(bad_field("auth", "an object")),
    };
    if auth.keys().any(|key| key != "access_key") {
        // Until keys exist, a client that relies on them must not believe it was heard.
        return Err(bad_field("auth", "access_key only, because client keys do not exist yet"));
    }
    text(auth, "access_key", "8 to 256 visible ASCII characters", Holder::of_key)
        .map_err(|refusal| refusal.of_field("auth.access_key"))
}

fn read_ext(members: &Members<'_>) -> Result<Ext, Refusal> {
    let ext = match members.get("ext") {
        None => return Ok(Ext::default()),
        Some(Json::Object(ext)) => ext,
        Some(_) => return Err(bad_field("ext", "an object of strings")),
    };
    if ext.values().any(|value| !matches!(value, Json::Text(_))) {
        return Err(bad_field("ext", "an object of strings"));
    }
    let says_yes = |key: &str| ext.get(key).and_then(Json::as_text) == Some("yes");
    Ok(Ext { explain: says_yes("explain") })
}
