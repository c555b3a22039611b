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

/// A session as its client carries it, on a server whose store is `ticket`.
#[derive(Clone, Debug)]
pub struct Carried {
    /// Its frames. There is no token.
    pub session: Session,
    /// Its newest ticket.
    pub ticket: Vec<u8>,
}

impl Carried {
    /// Opens a session on a connection.
    #[must_use]
    #[track_caller]
    pub fn open(client: &mut RawClient) -> Self {
        let created = client.ask(&frame::stateful("connect"), b"").is("session_created");
        assert!(created["session"].get("token").is_none(), "the ticket is the secret: {}", created.header);
        let id = created["session"]["id"].as_str().expect("an id").to_owned();
        Self { session: Session { id, token: String::new() }, ticket: created.session_data }
    }

    /// The reply, whose ticket is the newest from now on.
    #[track_caller]
    pub fn keep(&mut self, reply: Reply) -> Reply {
        assert!(!reply.session_data.is_empty(), "a ticket in every reply that shows the session: {}", reply.header);
        self.ticket.clone_from(&reply.session_data);
        reply
    }

    /// The `connect` that continues it, with its session data.
    #[must_use]
    pub fn resume(&self) -> Vec<u8> {
        self.resume_with(&self.ticket)
    }

    /// The `connect` with another ticket.
    #[must_use]
    pub fn resume_with(&self, ticket: &[u8]) -> Vec<u8> {
        frame::bytes(&frame::with(self.session.frame("connect"), "session.data_size", ticket.len()), ticket)
    }
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
