//! What happened, for a person and for a program. With `--json` each is one object on a line of standard
//! output, its kind in `event`; `client --help` lists the kinds from the table below. Prints nothing itself.

mod words;

use serde::{Deserialize, Serialize};
use shared::digest::Digest;
use shared::id::{Sequence, SessionId, Timestamp};
use shared::wire::{Ack, FileEntry, Hello, Mode, Record};

use crate::failure::Failure;
use crate::remembered::Kept;

/// The kinds of events, for the help text.
pub(crate) const KINDS: [(&str, &str); 19] = [
    ("session", "a session was opened or continued"),
    ("degraded", "no session to be had; it goes on stateless"),
    ("replaced", "another session with the same access key was ended, and its device disconnected"),
    ("waiting", "the connection was lost or refused; it tries again after a wait"),
    ("gone", "a session can serve no request any more; another takes its place"),
    ("resumed", "a file goes on behind what is there of it"),
    ("skipped", "a folder holds, or a pattern meets, something that is no file; or a folder a link; it is not sent"),
    ("stored", "a file is stored and its digest compared"),
    ("already", "a file was stored by a run of the same command that was cut; it is not sent again"),
    ("fetched", "a file was fetched and its digest compared"),
    ("file", "one file of the session (list)"),
    ("status", "the session as the server sees it (status)"),
    ("removed", "a file was removed"),
    ("remembered", "a session that is remembered here (sessions ls)"),
    ("forgotten", "a session is not remembered any more (sessions forget)"),
    ("closed", "the session was closed"),
    ("hello", "what the server can do (ping)"),
    ("failed", "something was not done, with the exit code it stands for"),
    ("summary", "the end of send, fetch or remove"),
];

/// Something that happened.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event<'a> {
    Session {
        session: SessionId,
        new: Novelty,
        server: String,
        next_sequence: Sequence,
        expires_in_s: u64,
    },
    Degraded {
        from: Mode,
        to: Mode,
        reason: String,
    },
    Replaced {
        session: SessionId,
    },
    Waiting {
        reason: String,
        wait_ms: u64,
        attempt: u32,
        attempts_max: u32,
    },
    Gone {
        session: SessionId,
        reason: String,
    },
    Resumed(Resumed),
    Skipped {
        path: &'a str,
        why: &'a str,
    },
    Stored(&'a Stored),
    Already(&'a Stored),
    Fetched {
        stored_as: &'a str,
        path: String,
        size: u64,
        digest: Digest,
        ms: u64,
    },
    File(&'a FileEntry),
    Status {
        session: SessionId,
        state: String,
        epoch: u64,
        next_sequence: Sequence,
        expires_in_s: u64,
        server_time_ms: Option<Timestamp>,
        record: Option<Record>,
    },
    Removed {
        stored_as: &'a str,
        sequence: Sequence,
        replayed: bool,
    },
    Remembered(&'a Kept),
    Forgotten {
        session: SessionId,
    },
    Closed {
        session: SessionId,
    },
    Hello {
        server: String,
        hello: &'a Hello,
        connect_us: u64,
        round_trip_us: u64,
    },
    Failed(Failed),
    Summary(Summary),
}

/// Whether the session is one just opened.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Novelty {
    Opened,
    Continued,
}

/// A file that is stored.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Stored {
    pub(crate) path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(rename = "stored_as")]
    pub(crate) place: String,
    pub(crate) size: u64,
    pub(crate) digest: Digest,
    pub(crate) mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<SessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sequence: Option<Sequence>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ack: Option<Ack>,
    pub(crate) replayed: bool,
    /// The mode the server could not serve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) degraded_from: Option<Mode>,
    pub(crate) ms: u64,
}

/// A file that goes on where it was cut.
#[derive(Debug, Serialize)]
pub(crate) struct Resumed {
    pub(crate) path: String,
    pub(crate) offset: u64,
    pub(crate) size: u64,
    /// Bytes behind the offset that were sent before, as far as this run knows; none of a fetched file.
    pub(crate) sent_again: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<SessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_in_s: Option<u64>,
}

/// Something that was not done.
#[derive(Debug, Serialize)]
pub(crate) struct Failed {
    #[serde(skip_serializing_if = "Option::is_none")]
    what: Option<String>,
    error: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry: Option<&'static str>,
    exit: u8,
}

impl Failed {
    pub(crate) fn new(what: Option<&str>, failure: &Failure) -> Self {
        let body = failure.refusal();
        Self {
            what: what.map(str::to_owned),
            error: failure.to_string(),
            advice: failure.advice(),
            code: body.map(|body| body.code.as_str()),
            retry: body.map(|body| body.code.retry().as_str()),
            exit: failure.exit().code(),
        }
    }
}

/// The end of a command over several files.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) done: &'static str,
    pub(crate) files: u64,
    /// Files that an earlier run stored; none of them is among `files`.
    pub(crate) already: u64,
    pub(crate) bytes: u64,
    /// Payload bytes that were sent more than once.
    pub(crate) sent_again: u64,
    pub(crate) failed: u64,
    pub(crate) ms: u64,
    pub(crate) exit: u8,
}

/// A line for a person, and where it belongs.
pub(crate) enum Line {
    /// Data: standard output.
    Data(String),
    /// Talk: standard error.
    Talk(String),
}

/// How much fits on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One thing, one line: for `grep`.
    OneLine,
    /// Broken where it reads well: for a terminal.
    Broken,
}
