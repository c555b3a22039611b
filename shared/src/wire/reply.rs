//! What a server answers: one header line, and for `list` and `fetch` a payload (PROTOCOL.md section 4).

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Ack, Mode, Refusal, VERSION};
use crate::digest::{Digest, DigestKind};
use crate::error::{ErrorClass, ErrorCode, Retry};
use crate::id::{Epoch, Sequence, SessionId, Timestamp};

/// What a reply is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The answer to `hello`.
    Hello,
    /// A session was opened.
    SessionCreated,
    /// A session was continued.
    SessionResumed,
    /// Send the payload now.
    Continue,
    /// The file is there.
    Stored,
    /// What the server remembers of the session.
    SessionStatus,
    /// The answer to `heartbeat`.
    HeartbeatAck,
    /// One file's bytes follow.
    File,
    /// A list of files follows.
    Files,
    /// The file is gone.
    Removed,
    /// The session has ended.
    SessionClosed,
    /// Something the client may want to know.
    Notice,
    /// The request was refused.
    Error,
}

/// A reply's header. Fields that do not apply are left out. Those that few replies have are boxed, because a reply is
/// moved often on its way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reply {
    /// Always [`VERSION`].
    pub version: Cow<'static, str>,
    /// What the reply is about.
    pub status: Status,
    /// Type of the payload.
    pub mime_type: Cow<'static, str>,
    /// Bytes of the payload.
    pub size: u64,
    /// The session, in stateful mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionInfo>,
    /// Which request it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<Sequence>,
    /// The file it speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<FileInfo>,
    /// The promise kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ack: Option<Ack>,
    /// What the server remembers of the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<Box<Record>>,
    /// What a cut transfer left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<Partial>,
    /// Where a longer list goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_offset: Option<u64>,
    /// The answer is an old one; nothing was done now.
    #[serde(default, skip_serializing_if = "is_false")]
    pub replayed: bool,
    /// Another device was disconnected, because the access key holds one session.
    #[serde(default, skip_serializing_if = "is_false")]
    pub replaced: bool,
    /// The mode that was wanted and cannot be had, while this one serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded_from: Option<Mode>,
    /// What the server can do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hello: Option<Box<Hello>>,
    /// A trailer with a digest of this kind follows the payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trailer: Option<DigestKind>,
    /// The server's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_time_ms: Option<Timestamp>,
    /// The server closes after this reply.
    #[serde(default, skip_serializing_if = "is_false")]
    pub closing: bool,
    /// The session layer's five answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain: Option<Box<Explanation>>,
    /// Why the request was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorBody>,
}

/// The session as a reply shows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SessionInfo {
    /// Which session.
    pub id: SessionId,
    /// Always stateful.
    pub mode: Mode,
    /// Its state, by the words of PROTOCOL.md section 6.
    pub state: String,
    /// Which of its connections this is.
    pub epoch: Epoch,
    /// The sequence expected next.
    pub next_sequence: Sequence,
    /// Seconds of silence it survives.
    pub expires_in_s: u64,
    /// Bytes of session data after this header: the session's ticket, from a server that has such.
    #[serde(default)]
    pub data_size: u64,
    /// The secret that continues it; only in `session_created`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Those bytes, for a reader that keeps them. They are no part of the header.
    #[serde(skip)]
    pub ticket: Bytes,
}

/// A stored file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileInfo {
    /// Relative to the storage folder.
    pub stored_as: String,
    /// Bytes of the whole file.
    pub size: u64,
    /// Digest of the whole file, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// What is there of a file that did not come to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Partial {
    /// The request that goes on with it; none for a stateless transfer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<Sequence>,
    /// How many of its bytes are there. They survive a power cut.
    pub offset: u64,
    /// The digest of these bytes; only in an answer to `status`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix_digest: Option<Digest>,
}

/// What the server remembers of a session.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Record {
    /// Where its newest connection came from.
    pub client_address: String,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was last heard of.
    pub last_activity: Timestamp,
    /// Requests inside the session.
    pub message_count: u64,
    /// Bytes of the files stored.
    pub total_bytes: u64,
    /// Files stored.
    pub files_transferred: u64,
    /// What remembering all this costs the server, about.
    pub state_bytes: u64,
}

/// One line of a `files` payload.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileEntry {
    /// Relative to the storage folder.
    pub stored_as: String,
    /// The request that stored it.
    pub sequence: Sequence,
    /// Bytes.
    pub size: u64,
    /// The client's name for it, while its reply is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its digest, while its reply is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// What a server can do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Hello {
    /// Versions spoken.
    pub versions: Vec<String>,
    /// Modes offered.
    pub modes: Vec<Mode>,
    /// Actions known.
    pub actions: Vec<String>,
    /// Digests computed.
    pub digests: Vec<DigestKind>,
    /// Promises given.
    pub acks: Vec<Ack>,
    /// Where sessions live; absent when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// What a client must keep to.
    pub limits: HelloLimits,
}

/// The limits a client must keep to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HelloLimits {
    /// Bytes of a header line.
    pub header_bytes_max: u64,
    /// Bytes of one stateless upload.
    pub stateless_request_bytes_max: u64,
    /// Bytes of one stateful upload.
    pub stateful_request_bytes_max: u64,
    /// Frames unanswered.
    pub in_flight_max: u64,
    /// Seconds between heartbeats.
    pub heartbeat_interval_s: u64,
    /// Seconds of silence a session survives.
    pub session_timeout_s: u64,
}

/// The five questions a session layer answers (PROTOCOL.md section 12).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Explanation {
    /// Who is this client?
    pub who: String,
    /// A new conversation or a continuation?
    pub continuation: String,
    /// What stage is it in?
    pub stage: String,
    /// What happens in silence?
    pub silence: String,
    /// How is it resumed?
    pub resume: String,
    /// Bytes of state read for this request.
    pub state_bytes: u64,
}

/// Why a request was refused, and the facts that let the client go on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The row of the error table.
    pub code: ErrorCode,
    /// What to do.
    pub retry: Retry,
    /// For a person; short, and without the server's insides.
    pub message: String,
    /// The sequence the session waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_sequence: Option<Sequence>,
    /// The offset that would be right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// How long to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Versions spoken here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supported: Option<Vec<String>>,
    /// Why a session is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The field that is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Reply {
    /// A reply with nothing but its status.
    #[must_use]
    pub fn new(status: Status) -> Self {
        Self {
            version: Cow::Borrowed(VERSION),
            status,
            mime_type: Cow::Borrowed("application/octet-stream"),
            size: 0,
            session: None,
            sequence: None,
            file: None,
            ack: None,
            record: None,
            partial: None,
            next_offset: None,
            replayed: false,
            replaced: false,
            degraded_from: None,
            hello: None,
            trailer: None,
            server_time_ms: None,
            closing: false,
            explain: None,
            error: None,
        }
    }

    /// A refusal.
    #[must_use]
    pub fn error(body: ErrorBody) -> Self {
        Self { error: Some(body), ..Self::new(Status::Error) }
    }
}

impl ErrorBody {
    /// An error with the advice of its row and no facts yet.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            retry: code.retry(),
            message: message.into(),
            expected_sequence: None,
            offset: None,
            retry_after_ms: None,
            supported: (code == ErrorCode::UnsupportedVersion).then(|| vec!["1.0".to_owned(), VERSION.to_owned()]),
            reason: None,
            field: None,
        }
    }
}

impl From<ErrorCode> for ErrorBody {
    /// The row's own meaning as the message.
    fn from(code: ErrorCode) -> Self {
        Self::new(code, code.meaning())
    }
}

impl From<Refusal> for ErrorBody {
    fn from(refusal: Refusal) -> Self {
        Self { field: refusal.field, ..Self::new(refusal.code, refusal.message) }
    }
}

impl ErrorCode {
    /// Whether the connection closes after this error, whatever its frame was.
    #[must_use]
    pub fn always_closes(self) -> bool {
        self.class() == ErrorClass::Framing || matches!(self, Self::SessionMoved | Self::AuthFailed)
    }
}
