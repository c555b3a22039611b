//! How long anything here is waited for.

use std::time::{Duration, Instant};

/// Nothing that works takes this long, not even on a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Patience that runs out, for asking a server again until it says something else.
#[derive(Debug)]
pub struct Patience(Instant);

impl Patience {
    /// Patience that is still whole.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "only a bound; no result depends on the time")]
    pub fn fresh() -> Self {
        Self(Instant::now())
    }

    /// Whether there is some left.
    #[must_use]
    pub fn lasts(&self) -> bool {
        self.0.elapsed() < PATIENCE
    }
}
