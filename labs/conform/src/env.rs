//! Time and dice: the only place that asks the machine for either.

use std::time::{Duration, Instant};

use uuid::Uuid;

/// A moment after which nothing is waited for any more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    begun: Instant,
    after: Duration,
}

impl Deadline {
    /// So long from now.
    #[expect(clippy::disallowed_methods, reason = "only a bound and a figure; no verdict is read off the clock")]
    pub(crate) fn after(after: Duration) -> Self {
        Self { begun: Instant::now(), after }
    }

    /// What is left of it; nothing when it has passed.
    pub(crate) fn left(self) -> Option<Duration> {
        self.after.checked_sub(self.begun.elapsed()).filter(|left| !left.is_zero())
    }

    /// How long ago it was set.
    pub(crate) fn elapsed(self) -> Duration {
        self.begun.elapsed()
    }
}

/// A transfer id that nobody else has.
#[expect(clippy::disallowed_methods, reason = "the dice of the kit")]
pub(crate) fn fresh_id() -> String {
    Uuid::new_v4().to_string()
}

/// Lets time pass that a check is about.
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
