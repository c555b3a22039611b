//! How long a client waits before it tries again, and when it stops trying. Owns no clock and no dice: both come
//! in as arguments.

use std::time::Duration;

/// The longest wait before the first try; each later one may be twice as long.
const FIRST_WAIT_MAX: Duration = Duration::from_millis(500);
/// The longest wait of all, unless the server asks for more.
const WAIT_MAX: Duration = Duration::from_secs(15);
/// Tries without progress, unless the user says otherwise.
pub(crate) const RETRIES_DEFAULT: u32 = 8;

/// When trying again ends. Progress begins both anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Tries.
    pub(crate) retries: u32,
    /// Time since the first failure.
    pub(crate) time: Duration,
}

/// What to do about a server that was never reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Insistence {
    /// It is probably not there, and the user wants to know that now.
    None,
    /// The user said how often to try.
    OfTheUser,
}

/// The tries since something was achieved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reconnect {
    bounds: Bounds,
    tries: u32,
    /// When the first of them became necessary.
    since: Option<Duration>,
}

/// A try that may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Try {
    /// After this time.
    pub(crate) wait: Duration,
    /// Which one since something was achieved.
    pub(crate) number: u32,
    /// How many there may be.
    pub(crate) of: u32,
}

impl Reconnect {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, tries: 0, since: None }
    }

    /// Something was achieved: what comes next is a new trouble.
    pub(crate) fn progress(&mut self) {
        *self = Self::new(self.bounds);
    }

    /// The next try, if there may be one. `advised` is the wait the server asked for; one that is over only when
    /// patience is too is not begun.
    pub(crate) fn next(&mut self, now: Duration, dice: u64, advised: Option<Duration>) -> Option<Try> {
        let since = *self.since.get_or_insert(now);
        let left = since.saturating_add(self.bounds.time).checked_sub(now).filter(|left| !left.is_zero())?;
        if self.tries >= self.bounds.retries || advised.is_some_and(|advised| advised >= left) {
            return None;
        }
        // Chance decides over the whole length: clients that lost one server do not come back together.
        let longest = FIRST_WAIT_MAX.saturating_mul(1_u32.checked_shl(self.tries).unwrap_or(u32::MAX)).min(WAIT_MAX);
        let spread = share(longest, dice);
        let wait = advised.unwrap_or_default().saturating_add(spread).min(left);
        self.tries = self.tries.saturating_add(1);
        Some(Try { wait, number: self.tries, of: self.bounds.retries })
    }
}

/// `dice` out of all its values, as a part of `time`.
fn share(time: Duration, dice: u64) -> Duration {
    let millis = time.as_millis().saturating_mul(u128::from(dice)) / u128::from(u64::MAX);
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn reconnect(retries: u32, seconds: u32) -> Reconnect {
        Reconnect::new(Bounds { retries, time: SECOND * seconds })
    }

    /// Milliseconds of each wait until there is none, in virtual time.
    fn waits(mut reconnect: Reconnect, dice: u64, advised: Option<Duration>) -> Vec<u128> {
        let (mut now, mut waits) = (SECOND * 1000, Vec::new());
        while let Some(next) = reconnect.next(now, dice, advised) {
            now += next.wait;
            waits.push(next.wait.as_millis());
        }
        waits
    }

    #[test]
    fn waits_grow_to_a_bound_and_end_with_the_tries() {
        let longest = [500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000, 15_000];
        assert_eq!(waits(reconnect(9, 3600), u64::MAX, None), longest);
        assert_eq!(waits(reconnect(40, 36_000), u64::MAX, None).len(), 40);
        assert_eq!(waits(reconnect(0, 3600), u64::MAX, None), []);
    }

    #[test]
    fn chance_decides_between_nothing_and_the_longest_wait() {
        assert_eq!(waits(reconnect(3, 3600), 0, None), [0, 0, 0]);
        assert_eq!(waits(reconnect(3, 3600), u64::MAX / 2, None), [249, 499, 999]);
    }

    #[test]
    fn time_without_progress_ends_it_too() {
        // The last wait is cut to what is left.
        assert_eq!(waits(reconnect(9, 3), u64::MAX, None), [500, 1000, 1500]);
        for (millis, tried) in [(2999, true), (3000, false), (3001, false)] {
            let mut reconnect = reconnect(9, 3);
            reconnect.next(SECOND, 0, None).unwrap();
            assert_eq!(reconnect.next(SECOND + Duration::from_millis(millis), 0, None).is_some(), tried, "{millis}");
        }
    }

    #[test]
    fn the_server_s_advice_is_waited_for_and_only_when_that_can_help() {
        assert_eq!(waits(reconnect(2, 3600), 0, Some(SECOND * 7)), [7000, 7000]);
        assert_eq!(waits(reconnect(2, 3600), u64::MAX, Some(SECOND)), [1500, 2000]);
        assert_eq!(waits(reconnect(2, 7), 0, Some(SECOND * 7)), []);
    }

    #[test]
    fn progress_begins_the_count_anew() {
        let mut reconnect = reconnect(2, 3600);
        for _ in 0..5 {
            assert_eq!(reconnect.next(SECOND, 0, None).map(|next| (next.number, next.of)), Some((1, 2)));
            assert_eq!(reconnect.next(SECOND * 2, 0, None).map(|next| next.number), Some(2));
            assert_eq!(reconnect.next(SECOND * 3, 0, None), None);
            reconnect.progress();
        }
    }
}
