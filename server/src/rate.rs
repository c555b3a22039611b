//! How often one address may do something. Time comes in as an argument.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use shared::error::ErrorCode;
use shared::id::Timestamp;
use shared::limits::Limits;
use shared::wire::ErrorBody;

/// Addresses watched at once. When there are more, new ones wait until others were quiet for a while.
const ADDRESSES_MAX: usize = 65_536;

const MICROS_PER_MS: u64 = 1_000;
const MICROS_PER_S: u64 = 1_000_000;
const MS_PER_MIN: u64 = 60_000;

/// The first pause after too many wrong tokens; each further one doubles it.
const FIRST_PAUSE_MS: u64 = 1_000;

/// Whether a limit per address counts this machine's own addresses, which everybody on it shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loopback {
    /// It does not, as long as nobody configured the limit.
    Exempt,
    /// It does.
    Counted,
}

impl Loopback {
    /// Exempt while `configured` is the default.
    #[must_use]
    pub fn under<T: PartialEq + Copy>(configured: T, default: T) -> Self {
        if configured == default { Self::Exempt } else { Self::Counted }
    }

    /// Whether the limit is none for `address`.
    #[must_use]
    pub fn exempts(self, address: IpAddr) -> bool {
        self == Self::Exempt && address.to_canonical().is_loopback()
    }
}

/// So many a second and a burst after a quiet time: the generic cell rate algorithm (ITU-T I.371).
#[derive(Debug)]
pub struct Rate {
    loopback: Loopback,
    micros_each: u64,
    burst_micros: u64,
    /// When the next one of this address would be on time, in microseconds since 1970.
    due: Mutex<HashMap<IpAddr, u64>>,
}

impl Rate {
    /// `per_s` a second on average, and up to `burst` at once.
    #[must_use]
    pub fn new(per_s: u64, burst: u64, loopback: Loopback) -> Self {
        let micros_each = MICROS_PER_S / per_s.max(1);
        let burst_micros = micros_each.saturating_mul(burst.saturating_sub(1));
        Self { loopback, micros_each, burst_micros, due: Mutex::default() }
    }

    /// Counts one more of `address`, or says when there may be another.
    ///
    /// # Errors
    /// `rate_limited` with the time to wait; nothing was counted.
    pub fn admit(&self, address: IpAddr, now: Timestamp) -> Result<(), ErrorBody> {
        if self.loopback.exempts(address) {
            return Ok(());
        }
        let now = now.as_millis().saturating_mul(MICROS_PER_MS);
        let mut addresses = lock(&self.due);
        if addresses.len() >= ADDRESSES_MAX {
            addresses.retain(|_, due| *due > now);
        }
        let due = addresses.get(&address).copied().unwrap_or(now).max(now);
        let early = due.saturating_sub(now).saturating_sub(self.burst_micros);
        if early > 0 {
            return Err(limited(early.div_ceil(MICROS_PER_MS)));
        }
        if addresses.len() >= ADDRESSES_MAX && !addresses.contains_key(&address) {
            return Err(limited(self.burst_micros.div_ceil(MICROS_PER_MS)));
        }
        addresses.insert(address, due.saturating_add(self.micros_each));
        Ok(())
    }
}

/// Wrong tokens: a few a minute, then a pause that grows, so that guessing gets nowhere.
#[derive(Debug)]
pub struct WrongTokens {
    loopback: Loopback,
    per_min_max: u64,
    pause_ms_max: u64,
    by_address: Mutex<HashMap<IpAddr, Wrong>>,
}

#[derive(Debug, Clone, Copy)]
struct Wrong {
    since: Timestamp,
    count: u64,
    pause_ms: u64,
    /// Nothing is looked at before this moment.
    until: Timestamp,
}

impl WrongTokens {
    /// The rules of `limits`.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let default = Limits::default();
        let loopback = Loopback::under(limits.wrong_tokens_per_min, default.wrong_tokens_per_min);
        Self {
            loopback,
            per_min_max: limits.wrong_tokens_per_min,
            pause_ms_max: limits.wrong_token_pause_max_ms,
            by_address: Mutex::default(),
        }
    }

    /// Whether a token of `address` is looked at now.
    ///
    /// # Errors
    /// `rate_limited` with the time to wait.
    pub fn admit(&self, address: IpAddr, now: Timestamp) -> Result<(), ErrorBody> {
        let until = lock(&self.by_address).get(&address).map_or(now, |wrong| wrong.until);
        let wait_ms = until.millis_since(now);
        if wait_ms > 0 { Err(limited(wait_ms)) } else { Ok(()) }
    }

    /// Takes note of a wrong token.
    pub fn count(&self, address: IpAddr, now: Timestamp) {
        if self.loopback.exempts(address) {
            return;
        }
        let mut addresses = lock(&self.by_address);
        if addresses.len() >= ADDRESSES_MAX {
            addresses.retain(|_, wrong| now.millis_since(wrong.until) < self.pause_ms_max);
        }
        if addresses.len() >= ADDRESSES_MAX && !addresses.contains_key(&address) {
            return;
        }
        let fresh = Wrong { since: now, count: 0, pause_ms: 0, until: now };
        let wrong = addresses.entry(address).or_insert(fresh);
        // Whoever was quiet for as long as the longest pause begins anew.
        if now.millis_since(wrong.until) >= self.pause_ms_max {
            *wrong = fresh;
        }
        if now.millis_since(wrong.since) >= MS_PER_MIN && wrong.pause_ms == 0 {
            *wrong = fresh;
        }
        wrong.count = wrong.count.saturating_add(1);
        if wrong.count >= self.per_min_max {
            let doubled = wrong.pause_ms.saturating_mul(2).max(FIRST_PAUSE_MS);
            wrong.pause_ms = doubled.min(self.pause_ms_max);
            wrong.until = now.plus_millis(wrong.pause_ms);
        }
    }
}

fn limited(wait_ms: u64) -> ErrorBody {
    ErrorBody { retry_after_ms: Some(wait_ms), ..ErrorCode::RateLimited.into() }
}

fn lock<T>(map: &Mutex<HashMap<IpAddr, T>>) -> MutexGuard<'_, HashMap<IpAddr, T>> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const FAR: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + millis)
    }

    #[test]
    fn a_burst_passes_and_then_so_many_a_second() {
        let rate = Rate::new(20, 100, Loopback::Exempt);
        let passed = |address, millis| (0..1_000).take_while(|_| rate.admit(address, at(millis)).is_ok()).count();
        assert_eq!(passed(FAR, 0), 100);
        assert_eq!(passed(OTHER, 0), 100, "each address has its own");
        assert_eq!(passed(FAR, 49), 0);
        assert_eq!(passed(FAR, 50), 1);
        assert_eq!(passed(FAR, 1_050), 20);
        assert_eq!(passed(FAR, 100_000), 100);
        assert_eq!(rate.admit(FAR, at(100_000)).unwrap_err().retry_after_ms, Some(50));
        assert_eq!(passed(Ipv4Addr::LOCALHOST.into(), 0), 1_000);
        let counted = Rate::new(20, 100, Loopback::under(100, 99));
        assert_eq!((0..1_000).take_while(|_| counted.admit(Ipv4Addr::LOCALHOST.into(), at(0)).is_ok()).count(), 100);
    }

    #[test]
    fn wrong_tokens_are_looked_at_after_a_pause_that_grows() {
        let limits = Limits::default();
        let wrong = WrongTokens::new(&limits);
        for _ in 0..limits.wrong_tokens_per_min {
            assert!(wrong.admit(FAR, at(0)).is_ok());
            wrong.count(FAR, at(0));
        }
        let mut now = at(0);
        let mut pauses = Vec::new();
        for _ in 0..12 {
            let wait_ms = wrong.admit(FAR, now).unwrap_err().retry_after_ms.unwrap();
            pauses.push(wait_ms / 1_000);
            assert!(wrong.admit(FAR, now.plus_millis(wait_ms - 1)).is_err());
            now = now.plus_millis(wait_ms);
            assert!(wrong.admit(FAR, now).is_ok());
            wrong.count(FAR, now);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
        assert!(wrong.admit(OTHER, now).is_ok());
        // After a long quiet time, the address begins anew.
        let later = now.plus_millis(2 * limits.wrong_token_pause_max_ms);
        wrong.count(FAR, later);
        assert!(wrong.admit(FAR, later).is_ok());
    }
}
