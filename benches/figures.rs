//! Figures with their spread. A single number hides how much it moves; none is given alone here.

use std::fmt;
use std::time::{Duration, Instant};

/// A stopwatch.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    /// Starts.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "time is what a bench measures")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Since the start.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Latencies of one kind of request.
#[derive(Debug, Default)]
pub struct Sample(Vec<Duration>);

impl Extend<Duration> for Sample {
    fn extend<I: IntoIterator<Item = Duration>>(&mut self, latencies: I) {
        self.0.extend(latencies);
        self.0.sort_unstable();
    }
}

impl Sample {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The latency that so many per mille do not exceed.
    #[must_use]
    pub fn per_mille(&self, per_mille: usize) -> Duration {
        let last = self.0.len().saturating_sub(1);
        let at = self.0.len().saturating_mul(per_mille).div_ceil(1_000).saturating_sub(1).min(last);
        self.0.get(at).copied().unwrap_or_default()
    }
}

/// The median and range of repeated measurements.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Half of them are not larger.
    pub median: f64,
    /// The smallest.
    pub least: f64,
    /// The largest.
    pub most: f64,
}

impl Spread {
    /// Of these values, in any order; nothing of none.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let median = *values.get(values.len() / 2)?;
        Some(Self { median, least: *values.first()?, most: *values.last()? })
    }

    /// How many times as long one took as the other, round by round.
    #[must_use]
    pub fn of_ratios(one: &[f64], other: &[f64]) -> Option<Self> {
        Self::of(one.iter().zip(other).map(|(one, other)| one / other))
    }

    /// So many things per second, round by round.
    #[must_use]
    pub fn of_rates(seconds: &[f64], things: f64) -> Option<Self> {
        Self::of(seconds.iter().map(|seconds| things / seconds))
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:.2} ({:.2} to {:.2})", self.median, self.least, self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_latencies_that_were_measured() {
        let mut sample = Sample::default();
        sample.extend((1..=100).rev().map(Duration::from_millis));
        assert_eq!(sample.per_mille(500), Duration::from_millis(50));
        assert_eq!(sample.per_mille(990), Duration::from_millis(99));
        assert_eq!(sample.per_mille(1_000), Duration::from_millis(100));
        assert_eq!(Sample::default().per_mille(500), Duration::ZERO);
    }

    #[test]
    fn a_spread_is_the_middle_and_both_ends() {
        let spread = Spread::of([3.0, 1.0, 2.0]);
        assert_eq!(spread.map(|spread| spread.to_string()).as_deref(), Some("2.00 (1.00 to 3.00)"));
        assert_eq!(Spread::of([]), None);
    }
}
