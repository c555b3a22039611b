//! The names things go by: session, token, transfer, sequence, epoch, time. Each its own type, so that
//! no two can be swapped. Knows neither where randomness comes from nor what time it is.

use std::fmt;
use std::num::NonZeroU64;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use uuid::{Uuid, Variant};

/// The largest integer the wire carries: 2^53-1 (PROTOCOL.md section 2).
pub const INTEGER_MAX: u64 = (1 << 53) - 1;

/// Names a session. A UUID v4 made by the server; knowing it is not enough to continue the session.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(Uuid);

impl SessionId {
    /// A session id from 16 random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    /// The id that a store kept.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// Reads the hyphenated form; anything else is `None`.
    #[must_use]
    pub fn from_wire(text: &str) -> Option<Self> {
        hyphenated(text).map(Self)
    }

    /// The whole id, as the wire and file names carry it.
    #[must_use]
    pub fn to_wire(self) -> String {
        self.0.hyphenated().encode_lower(&mut Uuid::encode_buffer()).to_owned()
    }

    /// The 16 bytes of the id.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.simple().to_string();
        write!(out, "SessionId({}..)", text.get(..8).unwrap_or_default())
    }
}

/// The first eight digits: enough to find a session in a log, too little to name it.
impl fmt::Display for SessionId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.simple().to_string();
        write!(out, "{}", text.get(..8).unwrap_or_default())
    }
}

impl Serialize for SessionId {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(self.0.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
    }
}

impl<'de> Deserialize<'de> for SessionId {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = String::deserialize(input)?;
        Self::from_wire(&text).ok_or_else(|| serde::de::Error::custom("not a session id"))
    }
}

/// Uuid's own parser also takes braces, URNs and missing hyphens; the wire has one spelling.
fn hyphenated(text: &str) -> Option<Uuid> {
    if text.len() == 36 { Uuid::try_parse(text).ok() } else { None }
}

/// The secret that continues a session: 256 random bits (PROTOCOL.md section 6). Never printed whole.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl Token {
    /// A token from 32 random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads base64url without padding; anything else is `None`.
    #[must_use]
    pub fn from_wire(text: &str) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The secret itself, for the one reply that carries it and the client's journal.
    #[must_use]
    pub fn to_wire(&self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }

    /// What the server keeps instead of the token.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0).into())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Token(..)")
    }
}

/// SHA-256 of a token.
#[derive(Clone, Copy)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash that a store kept.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash, for a store. Nobody continues a session with it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether this is the hash of `token`; takes the same time wherever they differ.
    #[must_use]
    pub fn matches(&self, token: &Token) -> bool {
        self.0.ct_eq(&token.hash().0).into()
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("TokenHash(..)")
    }
}

/// Who may hold one session at a time: SHA-256 of a client's access key (PROTOCOL.md section 6).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Holder([u8; 32]);

/// Bytes of an access key.
const ACCESS_KEY_BYTES: std::ops::RangeInclusive<usize> = 8..=256;

impl Holder {
    /// The holder of this access key: 8 to 256 visible ASCII characters; anything else is `None`.
    #[must_use]
    pub fn of_key(key: &str) -> Option<Self> {
        let fits = ACCESS_KEY_BYTES.contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(Sha256::digest(key).into()))
    }

    /// The holder that a store kept.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash, for a store. Nobody gets the key from it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Holder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Holder(..)")
    }
}

/// A stateless client's secret key for retry and resuming (PROTOCOL.md section 5). A UUID v4.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TransferId(Uuid);

impl TransferId {
    /// A transfer id from 16 random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    /// Reads the hyphenated form of a version 4 UUID; anything else is `None`.
    #[must_use]
    pub fn from_wire(text: &str) -> Option<Self> {
        // The version means something only in the variant of RFC 9562.
        let is_v4 = |uuid: &Uuid| uuid.get_version_num() == 4 && uuid.get_variant() == Variant::RFC4122;
        hyphenated(text).filter(is_v4).map(Self)
    }

    /// The secret itself, for the client's frames.
    #[must_use]
    pub fn to_wire(self) -> String {
        self.0.to_string()
    }

    /// The 128 bits of the id; the stored file's name is made from them.
    #[must_use]
    pub fn as_bits(self) -> u128 {
        self.0.as_u128()
    }
}

impl fmt::Debug for TransferId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = Sha256::digest(self.0.as_bytes());
        write!(out, "TransferId(#{})", HEXLOWER.encode(hash.get(..4).unwrap_or_default()))
    }
}

/// The place of a changing request in its session: 1, 2, 3, … (PROTOCOL.md section 5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Sequence(NonZeroU64);

impl Sequence {
    /// The first of a session.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// A sequence from its number; `None` for 0 and beyond [`INTEGER_MAX`].
    #[must_use]
    pub fn new(number: u64) -> Option<Self> {
        NonZeroU64::new(number).filter(|n| n.get() <= INTEGER_MAX).map(Self)
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0.get()
    }

    /// The one after this.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// Counts the connections a session has had; the highest one holds it (PROTOCOL.md section 6).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Epoch(u64);

impl Epoch {
    /// The epoch of a session's first connection.
    pub const FIRST: Self = Self(1);

    /// The epoch of the connection that takes over.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}

/// A moment: milliseconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Timestamp(u64);

impl Timestamp {
    /// A moment from its milliseconds since 1970.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn as_millis(self) -> u64 {
        self.0
    }

    /// Milliseconds from `earlier` to this moment; 0 when it is not earlier.
    #[must_use]
    pub fn millis_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment `millis` later.
    #[must_use]
    pub fn plus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// The moment `millis` earlier.
    #[must_use]
    pub fn minus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_sub(millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_print_themselves() {
        let token = Token::from_random([7; 32]);
        assert_eq!(format!("{token:?} {:?}", token.hash()), "Token(..) TokenHash(..)");
        let id = SessionId::from_random([0xab; 16]);
        assert_eq!(format!("{id:?} {id}"), "SessionId(abababab..) abababab");
        let transfer = TransferId::from_random([3; 16]);
        assert!(!format!("{transfer:?}").contains("0303"));
    }

    #[test]
    fn a_token_matches_only_its_own_hash() {
        let token = Token::from_random([7; 32]);
        assert!(token.hash().matches(&token));
        assert!(!token.hash().matches(&Token::from_random([8; 32])));
        assert_eq!(Token::from_wire(&token.to_wire()), Some(token));
        assert_eq!(Token::from_wire("short"), None);
    }

    #[test]
    fn ids_have_one_spelling() {
        let id = SessionId::from_random([9; 16]);
        assert_eq!(SessionId::from_wire(&id.to_wire()), Some(id));
        assert_eq!(SessionId::from_wire(&id.to_wire().replace('-', "")), None);
        assert_eq!(SessionId::from_wire(&format!("{{{}}}", id.to_wire())), None);
        // A version 1 UUID is a session id nobody has, but no transfer id.
        assert_eq!(TransferId::from_wire("c232ab00-9414-11ec-b3c8-9f68deced846"), None);
        assert_eq!(TransferId::from_wire("4c1b8a4e-5d6f-4a7b-0c9d-0e1f2a3b4c5d"), None, "of another variant");
    }

    #[test]
    fn a_sequence_counts_from_one_within_the_wire_s_integers() {
        assert_eq!(Sequence::new(0), None);
        assert_eq!(Sequence::new(1), Some(Sequence::FIRST));
        assert!(Sequence::new(INTEGER_MAX).is_some());
        assert_eq!(Sequence::new(INTEGER_MAX + 1), None);
    }
}
