//! A reply, and what may be demanded of it. Each demand shows where in the line it was not met.

use serde_json::Value;

use crate::check::{Checked, failed};
use crate::frame::Frame;
use crate::link::Link;
use crate::record::Record;

/// A frame from the server, with the record that shows it.
pub(super) struct Reply<'a> {
    pub(super) frame: Frame,
    record: &'a Record,
}

impl<'a> Link<'a> {
    /// The next reply.
    pub(super) fn reply(&mut self) -> Checked<Reply<'a>> {
        Ok(Reply { frame: self.frame("a reply")?, record: self.record() })
    }

    /// Sends a frame and reads the reply.
    pub(super) fn ask(&mut self, bytes: impl AsRef<[u8]>) -> Checked<Reply<'a>> {
        self.send(bytes);
        self.reply()
    }

    /// The next reply is this error and says that it closes; then the server closes.
    pub(super) fn refused_and_closed(&mut self, code: &str) -> Checked {
        let reply = self.reply()?.refused(code)?;
        reply.has("closing", true)?;
        self.expect_end("the end of the connection, because the reply says closing")
    }
}

impl Reply<'_> {
    /// Its status must be this one.
    pub(super) fn is(self, status: &str) -> Checked<Self> {
        self.has("status", status)?;
        Ok(self)
    }

    /// It must be this error.
    pub(super) fn refused(self, code: &str) -> Checked<Self> {
        if self.frame.text("status") != Some("error") {
            return Err(self.frame.wrong(self.record, "status", &format!("the error {code}")));
        }
        self.has("error.code", code)?;
        Ok(self)
    }

    /// A field must have this value.
    pub(super) fn has(&self, path: &str, value: impl Into<Value>) -> Checked {
        self.frame.demand(self.record, path, &value.into())
    }

    /// A field must be absent.
    pub(super) fn lacks(&self, path: &str) -> Checked {
        self.frame.lacks(self.record, path)
    }

    /// A field must be a text.
    pub(super) fn text(&self, path: &str) -> Checked<&str> {
        self.frame.text(path).ok_or_else(|| self.frame.wrong(self.record, path, &format!("a text in {path}")))
    }

    /// A field must be an integer.
    pub(super) fn number(&self, path: &str) -> Checked<u64> {
        self.frame.number(path).ok_or_else(|| self.frame.wrong(self.record, path, &format!("an integer in {path}")))
    }

    /// What is demanded of a field holds.
    pub(super) fn holds(&self, path: &str, holds: bool, expected: &str) -> Checked {
        if holds { Ok(()) } else { Err(self.frame.wrong(self.record, path, expected)) }
    }

    /// A file must be stored whole: its size and a digest of its bytes.
    pub(super) fn stored(self, data: &[u8]) -> Checked<Self> {
        let reply = self.is("stored")?;
        reply.has("file.size", data.len())?;
        let digest = reply.text("file.digest")?;
        reply.holds("file.digest", crate::digest::is_of(digest, data), "the digest of the bytes that were sent")?;
        Ok(reply)
    }

    /// The payload must be these bytes.
    pub(super) fn carries(&self, data: &[u8]) -> Checked {
        if self.frame.payload == data {
            return Ok(());
        }
        let came = crate::bytes::brief(&self.frame.payload);
        Err(failed(format!("the payload {}", crate::bytes::brief(data)), came))
    }
}
