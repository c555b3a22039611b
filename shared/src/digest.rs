//! Digests of whole files: which kinds there are, how they are written on the wire, and a hasher that is
//! fed while bytes pass. Opens no files.

use std::fmt;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

/// The kinds of digest the wire knows (PROTOCOL.md section 2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DigestKind {
    /// BLAKE3, the default: a tenth of a CPU second per GB.
    #[default]
    Blake3,
    /// SHA-256, for clients that have nothing else at hand.
    Sha256,
}

impl DigestKind {
    /// Every kind, the default first.
    pub const ALL: [Self; 2] = [Self::Blake3, Self::Sha256];

    /// The wire's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blake3 => "blake3",
            Self::Sha256 => "sha256",
        }
    }

    /// Reads the wire's spelling; anything else is `None`.
    #[must_use]
    pub fn from_wire(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// A hasher of this kind that has seen no byte.
    #[must_use]
    pub fn hasher(self) -> Hasher {
        match self {
            Self::Blake3 => Hasher::Blake3(Box::default()),
            Self::Sha256 => Hasher::Sha256(Box::default()),
        }
    }
}

/// The digest of a whole file: a kind and 32 bytes, on the wire `blake3:<64 hex digits>`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest {
    kind: DigestKind,
    bytes: [u8; 32],
}

impl Digest {
    /// Reads the wire's spelling, lower-case hex only; anything else is `None`.
    #[must_use]
    pub fn from_wire(text: &str) -> Option<Self> {
        let (kind, hex) = text.split_once(':')?;
        let bytes = HEXLOWER.decode(hex.as_bytes()).ok()?;
        Some(Self { kind: DigestKind::from_wire(kind)?, bytes: bytes.try_into().ok()? })
    }

    /// The wire's spelling.
    #[must_use]
    pub fn to_wire(self) -> String {
        let mut text = String::with_capacity(80);
        text.push_str(self.kind.as_str());
        text.push(':');
        HEXLOWER.encode_append(&self.bytes, &mut text);
        text
    }

    /// Which algorithm made it.
    #[must_use]
    pub fn kind(self) -> DigestKind {
        self.kind
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.to_wire())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.to_wire())
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&self.to_wire())
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = String::deserialize(input)?;
        Self::from_wire(&text).ok_or_else(|| serde::de::Error::custom("not a digest"))
    }
}

/// A digest being computed while bytes pass.
#[derive(Clone)]
pub enum Hasher {
    /// Boxed: the state is about 2 KB.
    Blake3(Box<blake3::Hasher>),
    /// Boxed like its neighbour.
    Sha256(Box<sha2::Sha256>),
}

impl Hasher {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Blake3(hasher) => {
                hasher.update(bytes);
            }
            Self::Sha256(hasher) => hasher.update(bytes),
        }
    }

    /// The digest of all bytes taken.
    #[must_use]
    pub fn finish(self) -> Digest {
        match self {
            Self::Blake3(hasher) => Digest { kind: DigestKind::Blake3, bytes: hasher.finalize().into() },
            Self::Sha256(hasher) => Digest { kind: DigestKind::Sha256, bytes: hasher.finalize().into() },
        }
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Hasher(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_published_vectors() {
        let digest = |kind: DigestKind, input: &[u8]| {
            let mut hasher = kind.hasher();
            hasher.update(input);
            hasher.finish().to_wire()
        };
        // FIPS 180-2 appendix B.1; BLAKE3's test_vectors.json, input_len 0.
        assert_eq!(
            digest(DigestKind::Sha256, b"abc"),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(
            digest(DigestKind::Blake3, b""),
            "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
        );
    }

    #[test]
    fn a_digest_has_one_spelling() {
        let digest = DigestKind::Blake3.hasher().finish();
        assert_eq!(Digest::from_wire(&digest.to_wire()), Some(digest));
        for wrong in ["", "blake3", "blake3:", "md5:00", &digest.to_wire().to_uppercase(), &digest.to_wire()[..70]] {
            assert_eq!(Digest::from_wire(wrong), None, "{wrong}");
        }
    }
}
