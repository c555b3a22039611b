//! Requests and replies as frames of protocol 2.0, so that they can be counted and drawn. Knows no handler.

use crate::{Carried, ErrorCode, Mode, Progress, QUOTA_BYTES, Request, SILENCE_MS_MAX, SessionId};

/// What every frame begins with.
const VERSION: &str = "{\"version\":\"2.0\",";

/// A frame: all that is on the wire beside a file, and the file.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Header and session data.
    pub(crate) head: Vec<u8>,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// A request. `asked` is the mode of one that carries nothing yet, `sequence` the number of the file to be stored.
    pub(crate) fn request(request: &Request, asked: Mode, sequence: u32) -> Self {
        let (carried, size) = match request {
            Request::Connect => {
                let session = format!("{{\"id\":null,\"mode\":\"{}\",\"action\":\"connect\"}}", word(asked));
                return Self { head: line(&format!("\"session\":{session}")), payload: Vec::new() };
            }
            Request::Transfer { carried, size } => (carried, *size),
        };
        let (session, data): (String, &[u8]) = match carried {
            Carried::Session(id) => (format!("\"id\":\"{id}\",\"mode\":\"stateful\",\"sequence\":{sequence}"), &[]),
            Carried::Context(data) => {
                (format!("\"id\":null,\"mode\":\"stateless\",\"data_size\":{}", data.len()), data)
            }
        };
        // A file that cannot fit is not sent before the server wants it.
        let (expect, payload) = match usize::try_from(size) {
            Ok(length) if size <= QUOTA_BYTES => ("", vec![b'x'; length]),
            Ok(_) | Err(_) => ("\"expect\":\"continue\",", Vec::new()),
        };
        let fields = format!(
            "\"mime_type\":\"text/plain\",\"size\":{size},{expect}\"session\":{{{session},\"action\":\"transfer\"}}"
        );
        Self { head: [&line(&fields), data].concat(), payload }
    }

    /// The reply to a request about the upload `named`.
    pub(crate) fn reply(reply: &Result<Progress, ErrorCode>, named: SessionId) -> Self {
        let head = match reply {
            Ok(progress) => done(progress, named),
            Err(code) => line(&format!(
                "\"status\":\"error\",\"mime_type\":\"application/json\",\"size\":0,\"error\":{{\"code\":\"{}\",{}}}",
                code.on_the_wire(),
                advice(*code)
            )),
        };
        Self { head, payload: Vec::new() }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        [self.head.as_slice(), &self.payload].concat()
    }
}

fn done(progress: &Progress, named: SessionId) -> Vec<u8> {
    let (id, mode, data): (SessionId, Mode, &[u8]) = match &progress.carried {
        Carried::Session(id) => (*id, Mode::Stateful, &[]),
        Carried::Context(data) => (named, Mode::Stateless, data),
    };
    let status = match progress.files {
        0 => "\"session_created\"".to_owned(),
        files => format!("\"stored\",\"sequence\":{files}"),
    };
    let degraded =
        progress.degraded_from.map_or(String::new(), |mode| format!(",\"degraded_from\":\"{}\"", word(mode)));
    let (mode, next, data_size) = (word(mode), progress.files.saturating_add(1), data.len());
    let state = if progress.files == 0 { "pending" } else { "active" };
    let session = format!(
        "{{\"id\":\"{id}\",\"mode\":\"{mode}\",\"state\":\"{state}\",\"epoch\":1,\"next_sequence\":{next},\
         \"expires_in_s\":{},\"data_size\":{data_size}}}",
        SILENCE_MS_MAX / 1_000
    );
    let fields =
        format!("\"status\":{status},\"mime_type\":\"application/json\",\"size\":0,\"session\":{session}{degraded}");
    [&line(&fields), data].concat()
}

fn line(fields: &str) -> Vec<u8> {
    format!("{VERSION}{fields}}}\n").into_bytes()
}

fn word(mode: Mode) -> &'static str {
    match mode {
        Mode::Stateless => "stateless",
        Mode::Stateful => "stateful",
    }
}

fn advice(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::QuotaExceeded => "\"retry\":\"never\",\"message\":\"the upload has no room for this file\"",
        ErrorCode::SessionUnknown => "\"retry\":\"new_session\",\"message\":\"nothing is known of this session\"",
        ErrorCode::SessionGone => {
            "\"retry\":\"new_session\",\"message\":\"the session has ended\",\"reason\":\"expired\""
        }
        ErrorCode::SequenceReused => "\"retry\":\"never\",\"message\":\"there is another file of this sequence\"",
    }
}

impl ErrorCode {
    /// Its name on the wire.
    pub(crate) fn on_the_wire(self) -> &'static str {
        match self {
            Self::QuotaExceeded => "quota_exceeded",
            Self::SessionUnknown => "session_unknown",
            Self::SessionGone => "session_gone",
            Self::SequenceReused => "sequence_reused",
        }
    }
}
