//! A frame from the client, judged by the rules that need nothing else to be known.

use serde_json::{Value, json};

use super::rules;
use super::story::Mode;
use crate::check::{Checked, failed};
use crate::digest::{blake3, sha256};
use crate::frame::Frame;
use crate::record::Record;

/// When a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// Before the request in front of it had its answer.
    Ahead,
    /// Afterwards.
    Behind,
}

/// A request.
pub(super) struct Request {
    pub(super) frame: Frame,
    pub(super) sent: Sent,
}

impl Request {
    /// Demands that the header keeps every rule and is in the mode that was asked for.
    pub(super) fn judged(frame: Frame, sent: Sent, mode: Mode, record: &Record) -> Checked<Self> {
        rules::kept(&frame, record)?;
        let request = Self { frame, sent };
        let asked = request.frame.text("session.mode").unwrap_or("stateless");
        if asked != mode.word() && request.action() != "hello" {
            return Err(request.frame.wrong(record, "session", &format!("a frame in the mode {}", mode.word())));
        }
        Ok(request)
    }

    pub(super) fn action(&self) -> &str {
        rules::action(&self.frame)
    }

    pub(super) fn is(&self, action: &str) -> bool {
        self.action() == action
    }

    /// Where its payload begins in the file.
    pub(super) fn offset(&self) -> u64 {
        self.frame.number("offset").unwrap_or(0)
    }

    pub(super) fn waits(&self) -> bool {
        self.frame.get("expect").is_some()
    }

    /// What makes it the same request again, but for its size and digest (section 5).
    pub(super) fn facts(&self) -> Value {
        json!([self.action(), self.frame.get("mime_type"), self.frame.get("name"), self.frame.get("file")])
    }

    /// The digest that it states, in the header or behind the payload.
    pub(super) fn stated(&self) -> Option<&str> {
        self.frame.text("digest").or_else(|| self.frame.trailer.get("digest").and_then(Value::as_str))
    }

    /// A digest of these bytes in the kind that the client uses.
    pub(super) fn digest_of(&self, data: &[u8]) -> String {
        let kind = self.frame.text("trailer").or(self.frame.text("digest")).unwrap_or_default();
        if kind.starts_with("sha256") { sha256(data) } else { blake3(data) }
    }

    /// Demands that the trailer is as announced, and that a stated digest is that of the whole file.
    pub(super) fn digest_holds(&self, data: &[u8], record: &Record) -> Checked {
        let trailer = self.frame.text("trailer");
        let stated = self.frame.trailer.get("digest").and_then(Value::as_str);
        let fits = match (trailer, stated) {
            (Some(kind), Some(digest)) => digest.split_once(':').is_some_and(|(of, _)| of == kind),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if let Some(fault) = self.frame.faults.first() {
            return Err(failed("a trailer by the grammar of section 2", format!("{fault:?}")));
        }
        if !fits || self.frame.trailer.keys().any(|key| key != "digest") {
            return Err(self.frame.wrong(record, "trailer", "a trailer with the announced digest and nothing else"));
        }
        match self.stated() {
            Some(digest) if !crate::digest::is_of(digest, data) => {
                let path = if trailer.is_some() { "trailer" } else { "digest" };
                Err(self.frame.wrong(record, path, &format!("the digest of the whole file, {}", self.digest_of(data))))
            }
            Some(_) | None => Ok(()),
        }
    }
}
