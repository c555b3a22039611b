//! How transcripts write what happens and what is answered.

use std::fmt;

use crate::{Connection, Digest, Event, Output, Refusal, Reply, SessionId};

impl fmt::Display for SessionId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "session {:X}", self.0)
    }
}

impl fmt::Display for Connection {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "connection {}", self.0)
    }
}

/// As on the wire.
impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "blake3:{}", self.0.to_hex())
    }
}

impl fmt::Display for Event {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(id) => write!(out, "connect, a new {id}"),
            Self::Resume(id) => write!(out, "connect to {id}"),
            Self::Heartbeat => out.write_str("heartbeat"),
            Self::Status => out.write_str("status"),
            Self::Transfer { offset, size, .. } => write!(out, "transfer of {size} bytes from {offset} on"),
            Self::Payload(bytes) => write!(out, "{} bytes of payload", bytes.len()),
            Self::Finished => out.write_str("FIN"),
            Self::Reset => out.write_str("RST"),
        }
    }
}

impl fmt::Display for Output {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reply(on, reply) => write!(out, "{on} hears {reply}"),
            Self::Close(on) => write!(out, "close {on}"),
            Self::Expired(id) => write!(out, "{id} expired"),
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SessionCreated => out.write_str("session_created"),
            Self::SessionResumed { partial: None } => out.write_str("session_resumed"),
            Self::SessionResumed { partial: Some(offset) } => write!(out, "session_resumed, {offset} bytes are there"),
            Self::HeartbeatAck { expires_in } => {
                write!(out, "heartbeat_ack, expires in {:.3} s", expires_in.as_secs_f64())
            }
            Self::SessionStatus { partial: None } => out.write_str("session_status, nothing is there"),
            Self::SessionStatus { partial: Some(partial) } => {
                let digest: String = partial.prefix_digest.to_string().chars().take(15).collect();
                write!(out, "session_status, {} bytes are there, {digest}..", partial.offset)
            }
            Self::Continue => out.write_str("continue"),
            Self::Stored => out.write_str("stored"),
            Self::Error(refusal) => refusal.fmt(out),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SessionUnknown => out.write_str("session_unknown"),
            Self::SessionExpired => out.write_str("session_gone (expired)"),
            Self::SessionMoved => out.write_str("session_moved"),
            Self::Truncated => out.write_str("truncated"),
            Self::PayloadTimeout => out.write_str("payload_timeout"),
            Self::BadOffset { offset } => write!(out, "bad_offset, {offset} bytes are there"),
            Self::DigestMismatch => out.write_str("digest_mismatch"),
        }
    }
}

/// What was answered, in one line.
pub(crate) fn listed(outputs: &[Output]) -> String {
    if outputs.is_empty() {
        return "nothing".to_owned();
    }
    outputs.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
