//! Parts of cut uploads that wait for their rest: what they are called, and how long and how many of them are
//! kept. Knows nothing of where they lie.

use std::fmt;

use shared::id::{Sequence, SessionId, TransferId};
use shared::limits::Limits;

/// What the smallest part counts as. It bounds how many there can be, because a file costs more than its bytes.
const COUNTED_BYTES_MIN: u64 = 1024 * 1024;

/// Names the part of one upload. Made by a hash from what makes the upload the same when it comes again, so that it
/// tells neither a transfer id nor a session, and no byte of a client becomes a path.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartKey(u128);

impl PartKey {
    /// The part of a stateless upload.
    #[must_use]
    pub fn of_transfer(id: TransferId) -> Self {
        Self::hashed("dual-mode file transfer: part of a transfer", &id.as_bits().to_be_bytes())
    }

    /// The part of an upload in a session.
    #[must_use]
    pub fn of_sequence(session: SessionId, sequence: Sequence) -> Self {
        let material = [session.as_bytes().as_slice(), &sequence.get().to_be_bytes()].concat();
        Self::hashed("dual-mode file transfer: part of a sequence", &material)
    }

    /// Its 32 hex digits.
    pub(super) fn digits(self) -> String {
        format!("{:032x}", self.0)
    }

    /// Reads what [`PartKey::digits`] wrote, and nothing else.
    pub(super) fn parse(digits: &str) -> Option<Self> {
        let key = Self(u128::from_str_radix(digits, 16).ok()?);
        (key.digits() == digits).then_some(key)
    }

    fn hashed(context: &str, material: &[u8]) -> Self {
        let hash = blake3::derive_key(context, material);
        Self(u128::from_be_bytes(hash.first_chunk().copied().unwrap_or_default()))
    }
}

/// Enough to follow a part through a log.
impl fmt::Debug for PartKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "PartKey({:08x}..)", self.0 >> 96)
    }
}

/// Who claims a part. What was sent earlier may be read later, so the order in which claims are made is not that in
/// which they were meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Claimant {
    /// A connection, by its place among those the server has accepted. It takes a part over from an older connection
    /// and from itself; a newer one is not disturbed while it writes.
    Connection(u64),
    /// A connection that holds a session, by its place among those that were bound to one. An older one has no say any
    /// more, whether the newer one still writes or not. The session's epoch would not do: one that came in a ticket, or
    /// from a store that lost its newest changes, may have been here before.
    Bound(u64),
}

impl Claimant {
    /// Whether `other`, who claimed the part before, stays its master.
    pub(super) fn yields_to(self, other: Self, writes: bool) -> bool {
        match (self, other) {
            (Self::Connection(own), Self::Connection(other)) => writes && own < other,
            (Self::Bound(own), Self::Bound(other)) => own < other,
            // The same key is never made from a transfer and from a session.
            (Self::Connection(_), Self::Bound(_)) | (Self::Bound(_), Self::Connection(_)) => false,
        }
    }
}

/// The bounds of what is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keeping {
    /// How long a part is kept that nobody touches.
    pub kept_ms: u64,
    /// What all that nobody writes may count together.
    pub bytes_max: u64,
}

impl Keeping {
    /// The bounds of a server. No session outlives the part of its upload by being silent.
    #[must_use]
    pub fn of(limits: &Limits) -> Self {
        let silent_ms = limits.session_timeout_ms.max(limits.pending_timeout_ms);
        Self { kept_ms: limits.part_kept_ms.max(silent_ms), bytes_max: limits.parts_bytes_max }
    }

    /// Bytes that a part of this length counts.
    pub(super) fn counted(length: u64) -> u64 {
        length.max(COUNTED_BYTES_MIN)
    }

    /// Which parts have to go, given the length of each and when it was touched: the longest untouched first, until
    /// the others fit.
    pub(super) fn surplus(self, mut parts: Vec<(u64, PartKey, u64)>) -> Vec<PartKey> {
        let mut held = parts.iter().fold(0_u64, |sum, (_, _, length)| sum.saturating_add(Self::counted(*length)));
        if held <= self.bytes_max {
            return Vec::new();
        }
        parts.sort_unstable();
        let mut surplus = Vec::new();
        for (_, key, length) in parts {
            if held <= self.bytes_max {
                break;
            }
            held = held.saturating_sub(Self::counted(length));
            surplus.push(key);
        }
        surplus
    }
}

impl Default for Keeping {
    fn default() -> Self {
        Self::of(&Limits::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u128) -> PartKey {
        PartKey(number)
    }

    #[test]
    fn every_upload_has_a_part_of_its_own() {
        let (one, other) = (SessionId::from_random([1; 16]), SessionId::from_random([2; 16]));
        let second = Sequence::FIRST.next();
        let keys = [
            PartKey::of_sequence(one, Sequence::FIRST),
            PartKey::of_sequence(one, second),
            PartKey::of_sequence(other, Sequence::FIRST),
            PartKey::of_transfer(TransferId::from_random([1; 16])),
        ];
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(key));
            assert_eq!(PartKey::parse(&key.digits()), Some(*key));
        }
        assert_eq!(PartKey::parse(&format!("+{}", &keys[0].digits()[1..])), None);
        assert_eq!(PartKey::parse("7"), None);
    }

    #[test]
    fn the_longest_untouched_goes_first_and_small_ones_count_too() {
        const MIB: u64 = COUNTED_BYTES_MIN;
        let keeping = Keeping { kept_ms: 0, bytes_max: 3 * MIB };
        let parts = vec![(7, key(1), 1), (5, key(2), MIB), (6, key(3), 2)];
        assert_eq!(keeping.surplus(parts.clone()), []);
        let more = |part| parts.iter().copied().chain([part]).collect();
        assert_eq!(keeping.surplus(more((9, key(4), 1))), [key(2)]);
        assert_eq!(keeping.surplus(more((9, key(4), MIB + 1))), [key(2), key(3)]);
        assert_eq!(keeping.surplus(more((9, key(4), 3 * MIB))), [key(2), key(3), key(1)]);
        assert_eq!(keeping.surplus(more((9, key(4), 4 * MIB))).len(), 4);
    }

    #[test]
    fn whoever_was_meant_later_has_the_part() {
        let (first, second) = (Claimant::Bound(1), Claimant::Bound(2));
        let (older, newer) = (Claimant::Connection(1), Claimant::Connection(2));
        for (one, other, writes, yields) in [
            (older, newer, true, true),
            (older, newer, false, false),
            (newer, older, true, false),
            (older, older, true, false),
            (first, second, true, true),
            (first, second, false, true),
            (second, first, true, false),
            (first, first, true, false),
        ] {
            assert_eq!(one.yields_to(other, writes), yields, "{one:?} {other:?} {writes}");
        }
    }

    #[test]
    fn a_part_waits_as_long_as_its_session() {
        let limits = Limits { part_kept_ms: 5, session_timeout_ms: 7, pending_timeout_ms: 6, ..Limits::default() };
        assert_eq!(Keeping::of(&limits).kept_ms, 7);
        assert_eq!(Keeping::default().kept_ms, Limits::default().part_kept_ms);
    }
}
