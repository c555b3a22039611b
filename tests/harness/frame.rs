//! Headers to send, as JSON values that a test may spoil, and whole frames as bytes.

use serde_json::{Value, json};

/// A stateless `transfer` of `size` bytes: the shortest header that stores a file.
#[must_use]
pub fn upload(mime_type: &str, size: usize) -> Value {
    json!({"version": "2.0", "mime_type": mime_type, "size": size})
}

/// A `transfer` in chunks.
#[must_use]
pub fn chunked(mime_type: &str) -> Value {
    json!({"version": "2.0", "mime_type": mime_type, "size": null})
}

/// A stateless frame without payload.
#[must_use]
pub fn stateless(action: &str) -> Value {
    json!({"version": "2.0", "session": {"mode": "stateless", "action": action}})
}

/// A stateful frame without id; [`crate::Session`] makes those inside a session.
#[must_use]
pub fn stateful(action: &str) -> Value {
    json!({"version": "2.0", "session": {"mode": "stateful", "action": action}})
}

/// A Week 01 header as its clients write it.
#[must_use]
pub fn week01(mime_type: &str, size: usize) -> String {
    format!("{{\"mime_type\": \"{mime_type}\", \"size\": {size}}}\n")
}

/// The header with one field more, or another value of it; `field` may be `session.…`.
#[must_use]
pub fn with(mut header: Value, field: &str, value: impl Into<Value>) -> Value {
    let place = match field.split_once('.') {
        Some((object, member)) => &mut header[object][member],
        None => &mut header[field],
    };
    *place = value.into();
    header
}

/// The header's line and what follows it.
#[must_use]
pub fn bytes(header: &Value, payload: &[u8]) -> Vec<u8> {
    let mut frame = header.to_string().into_bytes();
    frame.push(b'\n');
    frame.extend_from_slice(payload);
    frame
}

/// A payload as chunks of at most `length` bytes, with the trailer behind them.
#[must_use]
pub fn chunks(payload: &[u8], length: usize, trailer: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    for chunk in payload.chunks(length) {
        bytes.extend_from_slice(format!("{}\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
    }
    bytes.extend_from_slice(format!("0\n{trailer}\n").as_bytes());
    bytes
}
