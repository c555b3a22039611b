//! Dice that roll the same in every run.

use std::sync::atomic::{AtomicU64, Ordering};

use server::env::{Dice, NoDice};

/// Dice that count.
#[derive(Debug, Default)]
pub struct KnownDice {
    rolled: AtomicU64,
}

impl KnownDice {
    /// How often they were rolled.
    #[must_use]
    pub fn rolled(&self) -> u64 {
        self.rolled.load(Ordering::SeqCst)
    }
}

impl Dice for KnownDice {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoDice> {
        let mut roll = self.rolled.fetch_add(1, Ordering::SeqCst).wrapping_add(1);
        for byte in bytes {
            // SplitMix64, so that neighbours share no digits.
            roll = roll.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (roll ^ (roll >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            *byte = mixed.to_be_bytes()[0];
        }
        Ok(())
    }
}
