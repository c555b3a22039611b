//! What is around a handler and outlives it: the time, dice, and the disk that all servers share.

use std::collections::BTreeMap;
use std::time::Duration;

use lab_kit::Dice;

use crate::{ErrorCode, SessionId};

/// The time at which a world begins: not zero, so that nobody takes a time that is missing for the beginning.
const BEGINNING_MS: u64 = 1_000_000;

/// The world of a handler. Its time passes only when a check says so.
#[derive(Debug)]
pub struct World {
    now_ms: u64,
    dice: Dice,
    files: BTreeMap<(SessionId, u32), u64>,
    /// The upload that was named last, for the wire.
    named: SessionId,
}

impl World {
    pub(crate) fn new(dice: Dice) -> Self {
        let (files, named) = (BTreeMap::new(), SessionId::from_bytes([0; SessionId::BYTES]));
        Self { now_ms: BEGINNING_MS, dice, files, named }
    }

    /// The time, in milliseconds.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// A name that no upload has had.
    pub fn new_id(&mut self) -> SessionId {
        let mut bytes = [0; SessionId::BYTES];
        for (byte, rolled) in bytes.iter_mut().zip(self.dice.bytes(SessionId::BYTES)) {
            *byte = rolled;
        }
        self.named = SessionId::from_bytes(bytes);
        self.named
    }

    /// Stores a file under the name of its upload and its sequence, from 1. A name is used once: the same file again is
    /// there already, and that is fine; another one is [`ErrorCode::SequenceReused`].
    pub fn store(&mut self, id: SessionId, sequence: u32, size: u64) -> Result<(), ErrorCode> {
        self.named = id;
        // Files are the same here when they have the same size; a server compares digests.
        let there = *self.files.entry((id, sequence)).or_insert(size);
        if there == size { Ok(()) } else { Err(ErrorCode::SequenceReused) }
    }

    pub(crate) fn pass(&mut self, silence_ms: u64) {
        self.now_ms = self.now_ms.saturating_add(silence_ms);
    }

    /// How old this world is.
    pub(crate) fn age(&self) -> Duration {
        Duration::from_millis(self.now_ms.saturating_sub(BEGINNING_MS))
    }

    pub(crate) fn named(&self) -> SessionId {
        self.named
    }

    /// How many files there are, of any upload.
    pub(crate) fn files(&self) -> usize {
        self.files.len()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.files.values().fold(0, |bytes, size| bytes.saturating_add(*size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_used_once() {
        let mut world = World::new(Dice::new(1));
        let id = world.new_id();
        assert_ne!(id, world.new_id());
        assert_eq!(world.store(id, 1, 5), Ok(()));
        assert_eq!(world.store(id, 1, 5), Ok(()));
        assert_eq!(world.store(id, 1, 6), Err(ErrorCode::SequenceReused));
        assert_eq!((world.files(), world.bytes()), (1, 5));
    }
}
