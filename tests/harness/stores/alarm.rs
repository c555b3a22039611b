//! A clock that is waited for, and shows what a test says.

use async_trait::async_trait;
use server::env::Clock;
use shared::id::Timestamp;
use tokio::sync::watch;

/// Time that stands until it is let pass; then whoever waited long enough goes on.
#[derive(Debug)]
pub struct AlarmClock(watch::Sender<u64>);

impl Default for AlarmClock {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl AlarmClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(watch::Sender::new(now.as_millis()))
    }

    /// What it shows.
    #[must_use]
    pub fn millis(&self) -> u64 {
        *self.0.borrow()
    }

    /// Lets time pass.
    pub fn pass(&self, millis: u64) {
        self.0.send_modify(|now| *now += millis);
    }
}

#[async_trait]
impl Clock for AlarmClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.millis())
    }

    async fn wait(&self, millis: u64) {
        let until = self.now().plus_millis(millis).as_millis();
        // The clock is borrowed for as long as somebody waits for it, so it does not go away.
        let _ = self.0.subscribe().wait_for(|now| *now >= until).await;
    }
}
