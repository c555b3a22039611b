//! The frames that checks send, as values that a check may change.

use serde_json::{Map, Value, json};

/// A header line and what follows it.
pub(super) fn frame(header: &Value, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let mut bytes = header.to_string().into_bytes();
    bytes.push(b'\n');
    bytes.extend_from_slice(payload.as_ref());
    bytes
}

/// The header of an upload of so many bytes.
pub(super) fn upload(size: usize) -> Value {
    json!({"version": "2.0", "mime_type": "text/plain", "size": size})
}

/// The header of a stateless request other than an upload.
pub(super) fn stateless(action: &str) -> Value {
    json!({"version": "2.0", "session": {"mode": "stateless", "action": action}})
}

/// A header with more members, or with other values for those it has.
pub(super) fn with(header: &Value, more: Value) -> Value {
    let mut members: Map<String, Value> = header.as_object().cloned().unwrap_or_default();
    if let Value::Object(more) = more {
        members.extend(more);
    }
    Value::Object(members)
}

/// Bytes that look like nothing: all values, and different in each block.
pub(super) fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let mut byte = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes().first().copied().unwrap_or_default()
    };
    std::iter::repeat_with(&mut byte).take(count).collect()
}
