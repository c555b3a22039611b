//! The frames of this lab as they are on the wire (PROTOCOL.md sections 2 to 4). Knows no gate.

use crate::{Receipt, Refusal, Request, Sequence, Welcome};

const SESSION: &str = "5e55104a-0b1e-4c0d-8a5e-0123456789ab";
/// As long as a real one.
const TOKEN: &str = "c2F5LWl0LW9uY2UtYW5kLW5vLW1vcmUtdGhhbi1vbmN";

/// The request that opens the session, or continues it.
pub(crate) fn connect(opens: bool) -> String {
    let session = if opens { "\"id\":null".to_owned() } else { format!("\"id\":\"{SESSION}\",\"token\":\"{TOKEN}\"") };
    format!("{{\"version\":\"2.0\",\"session\":{{{session},\"mode\":\"stateful\",\"action\":\"connect\"}}}}\n")
}

/// The answer to it.
pub(crate) fn welcome(opens: bool, welcome: Welcome) -> String {
    let token = if opens { format!(",\"token\":\"{TOKEN}\"") } else { String::new() };
    reply(if opens { "session_created" } else { "session_resumed" }, welcome, &token, "")
}

/// The header of an upload.
pub(crate) fn transfer(sequence: Sequence, request: &Request) -> String {
    let Request { name, offset, size, digest } = request;
    let offset = if *offset > 0 { format!(",\"offset\":{offset}") } else { String::new() };
    let digest = digest.as_ref().map_or(String::new(), |digest| format!(",\"digest\":\"{digest}\""));
    format!(
        "{{\"version\":\"2.0\",\"mime_type\":\"text/plain\",\"size\":{size},\"name\":\"{name}\"{offset}{digest},\"session\":\
         {{\"id\":\"{SESSION}\",\"mode\":\"stateful\",\"action\":\"transfer\",\"sequence\":{}}}}}\n",
        sequence.0
    )
}

/// The answer to an upload that is stored, now or before.
pub(crate) fn stored(sequence: Sequence, holds: Welcome, receipt: &Receipt, replayed: bool) -> String {
    let Receipt { stored_as, size, digest } = receipt;
    let replayed = if replayed { ",\"replayed\":true" } else { "" };
    let more = format!(
        ",\"sequence\":{},\"file\":{{\"stored_as\":\"session_{SESSION}/{stored_as}\",\"size\":{size},\
         \"digest\":\"{digest}\"}},\"ack\":\"durable\"{replayed}",
        sequence.0
    );
    reply("stored", holds, "", &more)
}

/// The answer to one that is refused.
pub(crate) fn refused(sequence: Sequence, code: &str, retry: &str, more: &str) -> String {
    let closing = if code == "session_moved" { ",\"closing\":true" } else { "" };
    format!(
        "{{\"version\":\"2.0\",\"status\":\"error\",\"mime_type\":\"text/plain\",\"size\":0,\"sequence\":{}{closing},\
         \"error\":{{\"code\":\"{code}\",\"retry\":\"{retry}\",\"message\":\"refused\"{more}}}}}\n",
        sequence.0
    )
}

/// The answer to one that a gate refuses. `next` is the number that the session expects.
pub(crate) fn refusal(sequence: Sequence, refusal: Refusal, next: Sequence) -> String {
    let (code, retry, expected) = match refusal {
        Refusal::SequenceGap { expected } => ("sequence_gap", "same", Some(expected)),
        Refusal::SequenceReused => ("sequence_reused", "never", Some(next)),
        Refusal::SequenceTooOld => ("sequence_too_old", "never", Some(next)),
        Refusal::SessionMoved => ("session_moved", "never", None),
    };
    let expected = expected.map_or(String::new(), |expected| format!(",\"expected_sequence\":{}", expected.0));
    refused(sequence, code, retry, &expected)
}

fn reply(status: &str, holds: Welcome, in_session: &str, more: &str) -> String {
    // Defaults: a session that has stored nothing is waited for less long.
    let (state, expires) = if holds.next_sequence == Sequence::FIRST { ("pending", 60) } else { ("active", 300) };
    format!(
        "{{\"version\":\"2.0\",\"status\":\"{status}\",\"mime_type\":\"text/plain\",\"size\":0,\"session\":{{\"id\":\"{SESSION}\",\
         \"mode\":\"stateful\",\"state\":\"{state}\",\"epoch\":{},\"next_sequence\":{},\"expires_in_s\":{expires}{in_session}}}{more}}}\n",
        holds.epoch.0, holds.next_sequence.0
    )
}
