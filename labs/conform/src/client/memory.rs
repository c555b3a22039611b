//! What the server in the kit remembers: sessions, answers, files, parts. Reads and writes no byte.

use serde_json::{Value, json};

use super::request::Request;
use crate::digest::blake3;
use crate::env::fresh_id;

/// A session.
pub(super) struct Conversation {
    pub(super) id: String,
    pub(super) token: String,
    /// The newest that was told, where the store is `ticket`.
    pub(super) ticket: Option<String>,
    pub(super) epoch: u64,
    pub(super) next: u64,
    pub(super) ended: bool,
}

/// What continues a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Store {
    /// A token, told once.
    #[default]
    Memory,
    /// A ticket, another one with each reply.
    Ticket,
}

/// Something that was done under a name of its own.
pub(super) struct Done {
    key: String,
    pub(super) facts: Value,
    pub(super) size: usize,
    pub(super) reply: Value,
}

/// Everything.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) store: Store,
    pub(super) sessions: Vec<Conversation>,
    done: Vec<Done>,
    parts: Vec<(String, Vec<u8>)>,
    pub(super) files: Vec<Vec<u8>>,
}

impl Conversation {
    /// The member `session` of a reply.
    pub(super) fn told(&self) -> Value {
        let state = match (self.ended, self.next) {
            (true, _) => "terminated",
            (false, 1) => "pending",
            (false, _) => "active",
        };
        json!({
            "id": self.id, "mode": "stateful", "state": state, "epoch": self.epoch,
            "next_sequence": self.next, "expires_in_s": 300,
            "data_size": self.ticket.as_ref().map_or(0, String::len),
        })
    }
}

/// All tickets have one length, so that a kept reply can be told again with a newer one.
fn fresh_ticket() -> String {
    format!("ticket {}", fresh_id())
}

impl Memory {
    pub(super) fn of(store: Store) -> Self {
        Self { store, ..Self::default() }
    }

    /// A new session: its id, and what its opening tells.
    pub(super) fn open(&mut self) -> (String, Value) {
        let digits: String = format!("{}{}", fresh_id(), fresh_id()).chars().filter(|c| *c != '-').take(42).collect();
        // The last character of 256 bits has only four of its six.
        let token = digits + "A";
        let ticket = (self.store == Store::Ticket).then(fresh_ticket);
        let session = Conversation { id: fresh_id(), token, ticket, epoch: 1, next: 1, ended: false };
        let mut told = session.told();
        if let (Store::Memory, Some(members)) = (self.store, told.as_object_mut()) {
            members.insert("token".to_owned(), session.token.clone().into());
        }
        let id = session.id.clone();
        self.sessions.push(session);
        (id, told)
    }

    /// The session data behind this reply: a new ticket of the session that it tells of, if there are tickets.
    pub(super) fn session_data(&mut self, reply: &Value) -> String {
        let id = reply.pointer("/session/id").and_then(Value::as_str).unwrap_or_default();
        let Some(ticket) = self.session(id).and_then(|session| session.ticket.as_mut()) else { return String::new() };
        *ticket = fresh_ticket();
        ticket.clone()
    }

    pub(super) fn session(&mut self, id: &str) -> Option<&mut Conversation> {
        self.sessions.iter_mut().find(|session| session.id == id)
    }

    /// The name under which a request can be repeated, if it has one.
    pub(super) fn key(request: &Request) -> Option<String> {
        match (request.frame.text("transfer_id"), request.frame.number("session.sequence")) {
            (Some(id), _) => Some(id.to_owned()),
            (None, Some(sequence)) => {
                Some(format!("{}/{sequence}", request.frame.text("session.id").unwrap_or_default()))
            }
            (None, None) => None,
        }
    }

    pub(super) fn done(&self, key: Option<&str>) -> Option<&Done> {
        self.done.iter().find(|done| Some(done.key.as_str()) == key)
    }

    pub(super) fn part(&self, key: Option<&str>) -> Option<&Vec<u8>> {
        self.parts.iter().find(|(part, _)| Some(part.as_str()) == key).map(|(_, data)| data)
    }

    /// Keeps what came of a cut upload.
    pub(super) fn keep(&mut self, key: Option<String>, data: Vec<u8>) {
        let Some(key) = key else { return };
        self.drop_part(&key);
        self.parts.push((key, data));
    }

    /// Forgets what came of a cut upload.
    pub(super) fn drop_part(&mut self, key: &str) {
        self.parts.retain(|(part, _)| part != key);
    }

    /// Notes that a request was carried out, and how it was answered.
    pub(super) fn note(&mut self, key: Option<String>, facts: Value, size: usize, reply: &Value) {
        let Some(key) = key else { return };
        self.drop_part(&key);
        self.done.push(Done { key, facts, size, reply: reply.clone() });
    }

    /// The member `partial` of an answer.
    pub(super) fn partial(&self, key: Option<&str>) -> Option<Value> {
        let part = self.part(key)?;
        Some(json!({"offset": part.len(), "prefix_digest": blake3(part)}))
    }
}
