//! Moments of a clock that is handed in. Reads no clock. Counts how often moments are looked at, because what expiry
//! costs is counted and not timed.

use std::cell::Cell;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::ops::Add;
use std::time::Duration;

thread_local! {
    static LOOKS: Cell<u64> = const { Cell::new(0) };
}

/// A moment. It can be compared, moved on, and subtracted from a later one.
#[derive(Clone, Copy, Debug)]
pub struct Timestamp(Duration);

impl Timestamp {
    /// The moment so long after the server's start.
    pub(crate) fn at(since_start: Duration) -> Self {
        Self(since_start)
    }

    /// How long after `earlier` it is; nothing if it is before it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        look();
        self.0.saturating_sub(earlier.0)
    }

    /// How long after the server's start it is.
    pub(crate) fn since_start(self) -> Duration {
        self.0
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        Self(self.0.saturating_add(later))
    }
}

impl Ord for Timestamp {
    fn cmp(&self, other: &Self) -> Ordering {
        look();
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Timestamp {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Timestamp {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Timestamp {}

impl Hash for Timestamp {
    fn hash<H: Hasher>(&self, state: &mut H) {
        look();
        self.0.hash(state);
    }
}

/// How many moments this thread has looked at so far.
pub(crate) fn looks() -> u64 {
    LOOKS.get()
}

fn look() {
    LOOKS.set(LOOKS.get().saturating_add(1));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_look_at_a_moment_counts() {
        let moments = [1, 2].map(|seconds| Timestamp::at(Duration::from_secs(seconds)));
        let before = looks();
        assert!(moments[0] < moments[1]);
        assert_eq!(moments[1].since(moments[0]), Duration::from_secs(1));
        assert_eq!(looks() - before, 2);
    }
}
