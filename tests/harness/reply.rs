//! What a server answered.

use std::ops::Index;

use serde_json::Value;

/// A reply: its header, its session data, its payload, and its trailer if it has one. Indexed like its header.
#[derive(Clone, PartialEq, Debug)]
pub struct Reply {
    /// The header.
    pub header: Value,
    /// The session data: the session's ticket, from a server that has such.
    pub session_data: Vec<u8>,
    /// The payload.
    pub payload: Vec<u8>,
    /// The trailer.
    pub trailer: Option<Value>,
}

impl Index<&str> for Reply {
    type Output = Value;

    fn index(&self, field: &str) -> &Value {
        &self.header[field]
    }
}

#[expect(
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    reason = "an assertion is worth making for itself"
)]
impl Reply {
    /// The reply, which must have this status.
    #[track_caller]
    pub fn is(self, status: &str) -> Self {
        assert_eq!(self["status"], status, "{}", self.header);
        self
    }

    /// The reply, which must be an error with this code and the advice that belongs to it.
    #[track_caller]
    pub fn refuses(self, code: &str) -> Self {
        assert_eq!(self["error"]["code"], code, "{}", self.header);
        let row = shared::error::ErrorCode::ALL.iter().find(|row| row.as_str() == code).expect("a row of the table");
        assert_eq!(self["error"]["retry"], row.retry().as_str(), "{}", self.header);
        assert_eq!(self["status"], "error", "{}", self.header);
        assert!(self.header.get("file").is_none(), "an error shows no file: {}", self.header);
        if row.always_closes() {
            assert!(self.closes(), "{code} always closes: {}", self.header);
        }
        self
    }

    /// The error's code; nothing if it is none.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self["error"]["code"].as_str()
    }

    /// Whether the server closes the connection after it.
    #[must_use]
    pub fn closes(&self) -> bool {
        self["closing"] == true
    }

    /// Whether it is the kept answer to a repeated request.
    #[must_use]
    pub fn is_replayed(&self) -> bool {
        self["replayed"] == true
    }

    /// The name of the file it speaks of.
    #[must_use]
    #[track_caller]
    pub fn stored_as(&self) -> &str {
        self["file"]["stored_as"].as_str().unwrap_or_else(|| panic!("no file: {}", self.header))
    }

    /// The payload of a list: a JSON object a line.
    #[must_use]
    #[track_caller]
    pub fn lines(&self) -> Vec<Value> {
        let lines = self.payload.split_inclusive(|byte| *byte == b'\n');
        lines.map(|line| serde_json::from_slice(line).expect("a JSON object a line")).collect()
    }

    /// The number of a field, with a dot to a member.
    #[must_use]
    #[track_caller]
    pub fn number(&self, field: &str) -> u64 {
        let pointer = format!("/{}", field.replace('.', "/"));
        let number = self.header.pointer(&pointer).and_then(Value::as_u64);
        number.unwrap_or_else(|| panic!("no number {field}: {}", self.header))
    }
}
