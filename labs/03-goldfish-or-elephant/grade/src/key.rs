//! The secret of the servers, which shows them what they have written themselves.

use std::fmt;

/// Bytes of a message authentication code.
pub const MAC_BYTES: usize = 32;

/// A secret that all servers share and no client knows.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl Key {
    /// The key with these bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The code of this message. Whoever lacks the key cannot make it, for this message or for another.
    #[must_use]
    pub fn mac(&self, message: &[u8]) -> [u8; MAC_BYTES] {
        *blake3::keyed_hash(&self.0, message).as_bytes()
    }

    /// Whether this is the code of this message. It takes as long for a code that is nearly right.
    #[must_use]
    pub fn verify(&self, message: &[u8], mac: &[u8; MAC_BYTES]) -> bool {
        blake3::keyed_hash(&self.0, message) == blake3::Hash::from_bytes(*mac)
    }
}

/// Never the secret.
impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Key(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_of_one_key_and_one_message() {
        let key = Key::new([7; 32]);
        let mac = key.mac(b"message");
        assert!(key.verify(b"message", &mac));
        assert!(!key.verify(b"massage", &mac) && !Key::new([8; 32]).verify(b"message", &mac));
        assert_eq!(format!("{key:?}"), "Key(..)");
    }
}
