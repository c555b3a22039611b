//! Reply headers of the server in the kit, as values.

use serde_json::{Value, json};

use super::memory::Store;
use super::request::Request;

/// A reply with nothing but its status.
pub(super) fn reply(status: &str) -> Value {
    json!({"version": "2.0", "status": status, "mime_type": "text/plain", "size": 0, "server_time_ms": 0})
}

/// A value with one more member.
pub(super) fn with(mut value: Value, key: &str, member: Value) -> Value {
    if let Some(members) = value.as_object_mut() {
        members.insert(key.to_owned(), member);
    }
    value
}

/// A header line.
pub(super) fn line(header: &Value) -> String {
    format!("{header}\n")
}

/// An error.
pub(super) fn refusal(error: Value, request: &Request, closing: bool) -> Value {
    let mut answer = with(reply("error"), "error", with(error, "message", "as the check wants it".into()));
    if let Some(sequence) = request.frame.get("session.sequence") {
        answer = with(answer, "sequence", sequence.clone());
    }
    if closing { with(answer, "closing", true.into()) } else { answer }
}

/// What this server remembers of a session; no check is about it.
pub(super) fn record() -> Value {
    json!({
        "client_address": "127.0.0.1:1", "created_at": 0, "last_activity": 0, "message_count": 1,
        "total_bytes": 0, "files_transferred": 0, "state_bytes": 0,
    })
}

/// What this server can do.
pub(super) fn hello(store: Store) -> Value {
    let hello = json!({
        "versions": ["2.0"], "modes": ["stateless", "stateful"],
        "actions": ["hello", "connect", "transfer", "status", "heartbeat", "disconnect"],
        "digests": ["blake3", "sha256"], "acks": ["written", "durable"],
        "store": match store { Store::Memory => "memory", Store::Ticket => "ticket" },
        "limits": {
            "header_bytes_max": 8192, "stateless_request_bytes_max": 10_485_760,
            "stateful_request_bytes_max": 10_737_418_240_u64, "in_flight_max": 32,
            "heartbeat_interval_s": 30, "session_timeout_s": 300,
        },
    });
    with(reply("hello"), "hello", hello)
}
