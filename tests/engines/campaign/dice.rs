//! Chance that can be had again: the same seed makes the same choices.

/// A generator of numbers that look random (Steele's splitmix64).
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A seed nobody chose.
    pub(crate) fn fresh_seed() -> u64 {
        let digits: String = harness::uuid().chars().take(8).collect();
        u64::from_str_radix(&digits, 16).unwrap_or_default()
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `from` on and below `to`.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        from.saturating_add(self.roll() % to.saturating_sub(from).max(1))
    }

    /// A place in something of this length.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.roll()).unwrap_or(usize::MAX) % length.max(1)
    }

    /// Dice of its own for somebody who rolls at the same time.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.roll())
    }
}
