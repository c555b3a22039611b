//! Bytes to send, their digests, and ids that no other test has.

use shared::digest::DigestKind;

/// The picture of `tests/fixtures`.
#[must_use]
pub fn picture() -> Vec<u8> {
    include_bytes!("../fixtures/picture.png").to_vec()
}

/// So many bytes that look random and are the same every time. Two seeds give two contents.
#[must_use]
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    // Marsaglia's xorshift, which cannot leave zero.
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length.next_multiple_of(8));
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// The digest as the wire writes it, `kind` being `blake3` or `sha256`.
#[must_use]
pub fn digest(kind: &str, bytes: &[u8]) -> String {
    let mut hasher = DigestKind::from_wire(kind).expect("a kind of digest").hasher();
    hasher.update(bytes);
    hasher.finish().to_wire()
}

/// A fresh UUID version 4, for a `transfer_id` or a session that never was.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "no result depends on it; it only has to be fresh")]
pub fn uuid() -> String {
    uuid::Uuid::new_v4().to_string()
}
