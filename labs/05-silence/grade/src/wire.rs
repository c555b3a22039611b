//! What happens and what is answered as bytes of version 2.0, for pictures and traces. Decides nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use lab_kit::{Ending, Recording, Side};

use crate::{Connection, Event, Output, Refusal, Reply, SessionId};

/// What every client of this lab proves itself with; another lab is about that.
const TOKEN: &str = "c2lsZW5jZS1pcy1ub3QtYS1zdGF0ZS1idXQtYS1mYWM";

/// What the connections of a check carry.
#[derive(Debug)]
pub(crate) struct Wire {
    recording: Recording,
    /// How long a session lives that is silent from now on.
    patience: Duration,
    /// Which session a connection asked for.
    asked: BTreeMap<Connection, SessionId>,
    sessions: BTreeMap<SessionId, Told>,
}

/// What clients were told of a session.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    /// Connections that have held it.
    epoch: u64,
    /// Files that it has stored.
    stored: u64,
}

impl Told {
    fn next_sequence(self) -> u64 {
        self.stored.saturating_add(1)
    }
}

impl Wire {
    pub(crate) fn new(patience: Duration) -> Self {
        Self { recording: Recording::default(), patience, asked: BTreeMap::new(), sessions: BTreeMap::new() }
    }

    pub(crate) fn recording(&self) -> &Recording {
        &self.recording
    }

    pub(crate) fn note(&mut self, at: Duration, text: String) {
        self.recording.note(at, text);
    }

    pub(crate) fn event(&mut self, at: Duration, from: Connection, event: &Event) {
        if let Event::Open(id) | Event::Resume(id) = event
            && self.asked.insert(from, *id).is_none()
        {
            self.recording.open(at, from.0);
        }
        match event {
            Event::Payload(bytes) => self.recording.bytes(at, from.0, Side::Client, bytes),
            Event::Finished => self.recording.end(at, from.0, Side::Client, Ending::Finished),
            Event::Reset => self.recording.end(at, from.0, Side::Client, Ending::Reset),
            Event::Open(_) | Event::Resume(_) | Event::Heartbeat | Event::Status | Event::Transfer { .. } => {
                let line = self.request(from, event);
                self.recording.bytes(at, from.0, Side::Client, line.as_bytes());
            }
        }
    }

    pub(crate) fn output(&mut self, at: Duration, output: &Output) {
        match output {
            Output::Reply(on, reply) => {
                let line = self.reply(*on, reply);
                self.recording.bytes(at, on.0, Side::Server, line.as_bytes());
            }
            Output::Close(on) => self.recording.end(at, on.0, Side::Server, Ending::Finished),
            Output::Expired(id) => self.recording.note(at, format!("{id} expires")),
        }
    }

    fn request(&self, from: Connection, event: &Event) -> String {
        let (session, told) = self.session(from);
        let (fields, action, more) = match event {
            Event::Open(_) => {
                return "{\"version\":\"2.0\",\"session\":{\"id\":null,\"mode\":\"stateful\",\"action\":\"connect\"}}\n".to_owned();
            }
            Event::Resume(_) => (String::new(), "connect", format!(",\"token\":\"{TOKEN}\"")),
            Event::Heartbeat => (String::new(), "heartbeat", String::new()),
            Event::Status => (String::new(), "status", String::new()),
            Event::Transfer { offset, size, digest } => {
                let fields = format!(
                    "\"mime_type\":\"text/plain\",\"size\":{size},\"offset\":{offset},\"digest\":\"{digest}\",\"expect\":\"continue\","
                );
                (fields, "transfer", format!(",\"sequence\":{}", told.next_sequence()))
            }
            // These have no header.
            Event::Payload(_) | Event::Finished | Event::Reset => return String::new(),
        };
        let id = uuid(session);
        format!(
            "{{\"version\":\"2.0\",{fields}\"session\":{{\"id\":\"{id}\",\"mode\":\"stateful\",\"action\":\"{action}\"{more}}}}}\n"
        )
    }

    fn reply(&mut self, on: Connection, reply: &Reply) -> String {
        let (session, mut told) = self.session(on);
        let sequence = told.next_sequence();
        let partial =
            |offset: u64, more: &str| format!(",\"partial\":{{\"sequence\":{sequence},\"offset\":{offset}{more}}}");
        let mut expires_in = self.patience;
        let (status, inside, behind) = match reply {
            Reply::SessionCreated => ("session_created", format!(",\"token\":\"{TOKEN}\""), String::new()),
            Reply::SessionResumed { partial: None } => ("session_resumed", String::new(), String::new()),
            Reply::SessionResumed { partial: Some(offset) } => ("session_resumed", String::new(), partial(*offset, "")),
            Reply::HeartbeatAck { expires_in: told } => {
                expires_in = *told;
                ("heartbeat_ack", String::new(), String::new())
            }
            Reply::SessionStatus { partial: None } => ("session_status", String::new(), String::new()),
            Reply::SessionStatus { partial: Some(there) } => {
                let digest = format!(",\"prefix_digest\":\"{}\"", there.prefix_digest);
                ("session_status", String::new(), partial(there.offset, &digest))
            }
            // It comes before the payload, so nothing has changed that it could tell.
            Reply::Continue => {
                return "{\"version\":\"2.0\",\"status\":\"continue\",\"mime_type\":\"text/plain\",\"size\":0}\n"
                    .to_owned();
            }
            Reply::Stored => ("stored", String::new(), format!(",\"sequence\":{sequence}")),
            Reply::Error(refusal) => return error(*refusal),
        };
        if matches!(reply, Reply::SessionCreated | Reply::SessionResumed { .. }) {
            told.epoch = told.epoch.saturating_add(1);
        }
        if *reply == Reply::Stored {
            told.stored = sequence;
        }
        self.sessions.insert(session, told);
        let state = if told.stored == 0 { "pending" } else { "active" };
        format!(
            "{{\"version\":\"2.0\",\"status\":\"{status}\",\"mime_type\":\"text/plain\",\"size\":0,\"session\":{{\"id\":\"{}\",\
             \"mode\":\"stateful\",\"state\":\"{state}\",\"epoch\":{},\"next_sequence\":{},\"expires_in_s\":{}{inside}}}{behind}}}\n",
            uuid(session),
            told.epoch,
            told.next_sequence(),
            expires_in.as_secs(),
        )
    }

    /// The session that a connection asked for, and what its clients were told of it.
    fn session(&self, on: Connection) -> (SessionId, Told) {
        let session = self.asked.get(&on).copied().unwrap_or(SessionId(0));
        (session, self.sessions.get(&session).copied().unwrap_or_default())
    }
}

fn error(refusal: Refusal) -> String {
    let (code, retry, fact, closing) = match refusal {
        Refusal::SessionUnknown => ("session_unknown", "new_session", String::new(), false),
        Refusal::SessionExpired => ("session_gone", "new_session", ",\"reason\":\"expired\"".to_owned(), false),
        Refusal::SessionMoved => ("session_moved", "never", String::new(), true),
        Refusal::Truncated => ("truncated", "resume", String::new(), true),
        Refusal::PayloadTimeout => ("payload_timeout", "resume", String::new(), true),
        Refusal::BadOffset { offset } => ("bad_offset", "same", format!(",\"offset\":{offset}"), false),
        Refusal::DigestMismatch => ("digest_mismatch", "same", String::new(), false),
    };
    let closing = if closing { ",\"closing\":true" } else { "" };
    format!(
        "{{\"version\":\"2.0\",\"status\":\"error\",\"mime_type\":\"text/plain\",\"size\":0,\
         \"error\":{{\"code\":\"{code}\",\"retry\":\"{retry}\",\"message\":\"\"{fact}}}{closing}}}\n"
    )
}

fn uuid(session: SessionId) -> String {
    format!("{:08x}-0000-4000-8000-000000000000", session.0)
}
