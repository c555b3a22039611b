//! Digests as the wire writes them (PROTOCOL.md section 2).

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

pub(crate) fn sha256(data: &[u8]) -> String {
    Sha256::digest(data).iter().fold("sha256:".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(crate) fn blake3(data: &[u8]) -> String {
    format!("blake3:{}", blake3::hash(data).to_hex())
}

/// Whether a text is the digest of these bytes, in whichever of the two kinds it is.
pub(crate) fn is_of(text: &str, data: &[u8]) -> bool {
    text == sha256(data) || text == blake3(data)
}
