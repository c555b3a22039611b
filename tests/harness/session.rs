//! A session as a client knows it: what it must name in every frame. Sends nothing by itself.

use serde_json::{Value, json};

use crate::{RawClient, Reply, frame};

/// A session's id and token.
#[derive(Clone, Debug)]
pub struct Session {
    /// The id.
    pub id: String,
    /// The secret that continues it.
    pub token: String,
}

impl Session {
    /// Opens a session on a connection.
    #[must_use]
    #[track_caller]
    pub fn open(client: &mut RawClient) -> Self {
        Self::of(&client.ask(&frame::stateful("connect"), b"").is("session_created"))
    }

    /// The session that a reply to `connect` speaks of.
    #[must_use]
    #[track_caller]
    pub fn of(created: &Reply) -> Self {
        let member = |name: &str| created["session"][name].as_str().expect("id and token").to_owned();
        Self { id: member("id"), token: member("token") }
    }

    /// A frame inside it that takes no sequence.
    #[must_use]
    pub fn frame(&self, action: &str) -> Value {
        json!({"version": "2.0", "session": {"mode": "stateful", "action": action, "id": self.id}})
    }

    /// A frame inside it with a sequence.
    #[must_use]
    pub fn numbered(&self, action: &str, sequence: u64) -> Value {
        frame::with(self.frame(action), "session.sequence", sequence)
    }

    /// A `transfer` of `size` bytes.
    #[must_use]
    pub fn upload(&self, sequence: u64, mime_type: &str, size: usize) -> Value {
        let header = frame::with(self.numbered("transfer", sequence), "mime_type", mime_type);
        frame::with(header, "size", size)
    }

    /// The `connect` that continues it.
    #[must_use]
    pub fn resume(&self) -> Value {
        frame::with(self.frame("connect"), "session.token", self.token.as_str())
    }

    /// Stores a file under `sequence`.
    #[track_caller]
    pub fn store(&self, client: &mut RawClient, sequence: u64, payload: &[u8]) -> Reply {
        client.ask(&self.upload(sequence, "text/plain", payload.len()), payload).is("stored")
    }
}
