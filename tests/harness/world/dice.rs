//! Time that stands until it is set, and dice that roll the same in every run.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use server::env::{Clock, Dice, NoDice};
use shared::id::Timestamp;

/// A clock somebody sets.
#[derive(Debug)]
pub struct SetClock {
    millis: AtomicU64,
    waits_are_over: AtomicBool,
}

impl SetClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self { millis: AtomicU64::new(now.as_millis()), waits_are_over: AtomicBool::new(false) }
    }

    /// Lets time pass.
    pub fn pass(&self, millis: u64) {
        self.millis.fetch_add(millis, Ordering::SeqCst);
    }

    /// From now on, whoever waits has waited long enough.
    pub fn end_waits(&self) {
        self.waits_are_over.store(true, Ordering::SeqCst);
    }

    /// What it shows.
    #[must_use]
    pub fn millis(&self) -> u64 {
        self.millis.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.millis())
    }

    async fn wait(&self, _millis: u64) {
        if !self.waits_are_over.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }
}

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
