//! The only readers of time and dice. Everything else is given them, so that tests can choose both.

use std::fmt::Debug;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use shared::id::{SessionId, Timestamp, Token};

/// Tells the time.
#[async_trait]
pub trait Clock: Send + Sync + Debug {
    /// The current moment.
    fn now(&self) -> Timestamp;

    /// Returns after so many milliseconds. A clock that nobody waits for never does.
    async fn wait(&self, _millis: u64) {
        std::future::pending::<()>().await;
    }
}

/// Rolls dice nobody can predict.
pub trait Dice: Send + Sync + Debug {
    /// Fills `bytes` with random bits.
    ///
    /// # Errors
    /// When the system has none; nothing may be made from `bytes` then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoDice>;
}

/// The system gives no random bits.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random bits")]
pub struct NoDice;

impl dyn Dice {
    /// 128 random bits.
    pub fn bits(&self) -> Result<u128, NoDice> {
        let mut bytes = [0; 16];
        self.fill(&mut bytes)?;
        Ok(u128::from_be_bytes(bytes))
    }

    /// A new session's id.
    pub fn session_id(&self) -> Result<SessionId, NoDice> {
        Ok(SessionId::from_random(self.bits()?.to_be_bytes()))
    }

    /// A new session's secret.
    pub fn token(&self) -> Result<Token, NoDice> {
        let mut bytes = [0; 32];
        self.fill(&mut bytes)?;
        Ok(Token::from_random(bytes))
    }
}

/// The machine's clock. Read once at start and counted on from there, so that a correction of the
/// machine's time ends no session.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    started_at: Duration,
    started: Instant,
}

impl SystemClock {
    /// A clock that shows the machine's time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is where time is read")]
    pub fn start() -> Self {
        let started_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started_at, started: Instant::now() }
    }

    /// The time since 1970, as exactly as the machine tells it.
    #[must_use]
    pub fn since_1970(&self) -> Duration {
        self.started_at.saturating_add(self.started.elapsed())
    }
}

#[async_trait]
impl Clock for SystemClock {
    async fn wait(&self, millis: u64) {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(u64::try_from(self.since_1970().as_millis()).unwrap_or(u64::MAX))
    }
}

/// The machine's random bits.
#[derive(Debug)]
pub struct SystemDice;

impl Dice for SystemDice {
    #[expect(clippy::disallowed_methods, reason = "this is where dice are rolled")]
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoDice> {
        getrandom::fill(bytes).map_err(|_| NoDice)
    }
}
