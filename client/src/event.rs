//! What happened, for a person and for a program. With `--json` each is one object on a line of standard
//! output, its kind in `event`; `client --help` lists the kinds from the table below. Prints nothing itself.

use serde::Serialize;
use shared::digest::Digest;
use shared::id::{Sequence, SessionId, Timestamp};
use shared::wire::{Ack, FileEntry, Hello, Mode, Record};
use std::fmt::Write as _;

use crate::failure::Failure;
use crate::text::{counted, grouped, kilobytes_per_second, neutral, size, span};

/// The kinds of events, for the help text.
pub(crate) const KINDS: [(&str, &str); 12] = [
    ("session", "a session was opened or continued"),
    ("degraded", "no session to be had; it goes on stateless"),
    ("skipped", "a folder holds something that is no file, or a link; it is not sent"),
    ("stored", "a file is stored and its digest compared"),
    ("fetched", "a file was fetched and its digest compared"),
    ("file", "one file of the session (list)"),
    ("status", "the session as the server sees it (status)"),
    ("removed", "a file was removed"),
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
    Skipped {
        path: &'a str,
        why: &'a str,
    },
    Stored(&'a Stored),
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
#[derive(Debug, Serialize)]
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
    pub(crate) ms: u64,
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
    pub(crate) bytes: u64,
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

impl Event<'_> {
    /// The event in words.
    pub(crate) fn words(&self, layout: Layout) -> Line {
        match self {
            Self::Session { session, new, server, next_sequence, expires_in_s } => {
                let verb = match new {
                    Novelty::Opened => "opened",
                    Novelty::Continued => "continued",
                };
                let silence = span(expires_in_s.saturating_mul(1000));
                Line::Talk(format!(
                    "session {} {verb} at {server}; next sequence {next_sequence}, survives {silence} of silence",
                    session.to_wire()
                ))
            }
            Self::Degraded { reason, .. } => Line::Talk(format!("going on stateless, without a session: {reason}")),
            Self::Skipped { path, why } => Line::Talk(format!("warning: {} skipped: {why}", neutral(path))),
            Self::Stored(stored) => Line::Data(stored.words(layout)),
            Self::Fetched { stored_as, path, size: bytes, digest, ms } => Line::Talk(format!(
                "{} -> {}  {}  {}  {}",
                neutral(stored_as),
                neutral(path),
                size(*bytes),
                digest.to_wire(),
                span(*ms)
            )),
            Self::File(entry) => Line::Data(entry_words(entry)),
            Self::Status { session, state, epoch, next_sequence, expires_in_s, server_time_ms, record } => {
                let mut text = format!(
                    "session        {}\nstate          {}\nconnection     number {epoch} of this session\n\
                     next sequence  {next_sequence}\nsilence        survives {}",
                    session.to_wire(),
                    neutral(state),
                    span(expires_in_s.saturating_mul(1000))
                );
                if let Some(record) = record {
                    text.push_str(&record_words(record, server_time_ms.unwrap_or(record.last_activity)));
                }
                Line::Data(text)
            }
            Self::Removed { stored_as, sequence, .. } => {
                Line::Data(format!("removed {}  stateful #{sequence}", neutral(stored_as)))
            }
            Self::Closed { session } => Line::Talk(format!("session {} closed; its files stay", session.to_wire())),
            Self::Hello { server, hello, connect_us, round_trip_us } => {
                Line::Data(hello_words(server, hello, *connect_us, *round_trip_us))
            }
            Self::Failed(failed) => Line::Talk(failed.words()),
            Self::Summary(summary) => Line::Talk(summary.words()),
        }
    }
}

/// How much fits on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One thing, one line: for `grep`.
    OneLine,
    /// Broken where it reads well: for a terminal.
    Broken,
}

impl Stored {
    fn words(&self, layout: Layout) -> String {
        let between = if layout == Layout::Broken { "\n    " } else { "  " };
        let mut text = format!("{} -> {}{between}", neutral(&self.path), neutral(&self.place));
        let _ = write!(text, "{}  {}  {}", size(self.size), self.digest.to_wire(), self.mode);
        if let Some(sequence) = self.sequence {
            let _ = write!(text, " #{sequence}");
        }
        if let Some(ack) = self.ack {
            let _ = write!(text, "  {}", ack.as_str());
        }
        let _ = write!(text, "  {}", span(self.ms));
        if self.replayed {
            text.push_str("  (was stored before; the server repeated its answer)");
        }
        text
    }
}

impl Failed {
    fn words(&self) -> String {
        let mut text = match &self.what {
            Some(what) => format!("error: {}: {}", neutral(what), self.error),
            None => format!("error: {}", self.error),
        };
        if let Some(advice) = &self.advice {
            let _ = write!(text, "\n  -> {advice}");
        }
        text
    }
}

impl Summary {
    fn words(&self) -> String {
        let mut text = format!("{} {}, {}", counted(self.files, "file"), self.done, size(self.bytes));
        let _ = write!(text, " in {}", span(self.ms));
        let kilobytes = kilobytes_per_second(self.bytes, self.ms);
        if self.bytes > 0 && kilobytes > 0 {
            let _ = write!(text, ", {}.{} MB/s", grouped(kilobytes / 1000), kilobytes % 1000 / 100);
        }
        if self.failed > 0 {
            let _ = write!(text, "; {} failed", grouped(self.failed));
        }
        text
    }
}

fn entry_words(entry: &FileEntry) -> String {
    let mut text = format!("#{:<4} {:>9}  {}", entry.sequence.get(), size(entry.size), neutral(&entry.stored_as));
    if let Some(name) = &entry.name {
        let _ = write!(text, "  {}", neutral(name));
    }
    if let Some(digest) = &entry.digest {
        let _ = write!(text, "  {}", digest.to_wire());
    }
    text
}

fn record_words(record: &Record, now: Timestamp) -> String {
    format!(
        "\nremembered     {}, {}, {}, {} of state\naddress        {}\nage            {}, last heard of {} ago",
        counted(record.message_count, "request"),
        counted(record.files_transferred, "file"),
        size(record.total_bytes),
        size(record.state_bytes),
        neutral(&record.client_address),
        span(now.millis_since(record.created_at)),
        span(now.millis_since(record.last_activity)),
    )
}

fn hello_words(server: &str, hello: &Hello, connect_us: u64, round_trip_us: u64) -> String {
    let joined = |items: Vec<&str>| neutral(&items.join(", "));
    let limits = &hello.limits;
    format!(
        "server         {server}\n\
         round trip     {}, behind {} to connect\n\
         versions       {}\n\
         modes          {}\n\
         actions        {}\n\
         digests        {}\n\
         promises       {}\n\
         sessions in    {}\n\
         one upload     stateless {}, stateful {}\n\
         header         {} bytes at most\n\
         unanswered     {} at most\n\
         silence        a session survives {}; heartbeat every {}",
        micros(round_trip_us),
        micros(connect_us),
        joined(hello.versions.iter().map(String::as_str).collect()),
        joined(hello.modes.iter().map(|mode| mode.as_str()).collect()),
        joined(hello.actions.iter().map(String::as_str).collect()),
        joined(hello.digests.iter().map(|kind| kind.as_str()).collect()),
        joined(hello.acks.iter().map(|ack| ack.as_str()).collect()),
        hello.store.as_deref().map_or_else(|| "no store".to_owned(), neutral),
        size(limits.stateless_request_bytes_max),
        size(limits.stateful_request_bytes_max),
        grouped(limits.header_bytes_max),
        counted(limits.in_flight_max, "frame"),
        span(limits.session_timeout_s.saturating_mul(1000)),
        span(limits.heartbeat_interval_s.saturating_mul(1000)),
    )
}

/// `0.123 ms`.
fn micros(micros: u64) -> String {
    format!("{}.{:03} ms", micros / 1000, micros % 1000)
}
