//! What silence costs a server with many sessions: looks at moments are counted, so that no machine is too slow.

use std::time::Duration;

use lab_kit::{Dice, Failure};

use crate::timestamp::looks;
use crate::world::Outcome;
use crate::{Connection, Event, Keeper, Output, SessionId, Subject, Timeouts, Timestamp};

const SESSIONS: u16 = 10_000;
/// Between the opening of one and of the next.
const STEP: Duration = Duration::from_millis(10);
/// Sessions that expire while it is counted.
const EXPIRING: u16 = 10;
/// Looks that finding and ending one may take: a tree of all that wait is looked at a few times from top to bottom.
const LOOKS_EACH: u64 = 300;

pub(crate) fn ten_thousand(subject: &Subject, _: &mut Dice) -> Outcome {
    let timeouts = Timeouts::default();
    let mut keeper = subject(timeouts);
    for number in 0..SESSIONS {
        let (now, on) = (Timestamp::at(STEP * u32::from(number)), Connection(number));
        keeper.on(now, on, Event::Open(SessionId(u64::from(number))));
        keeper.on(now, on, Event::Reset);
    }
    let bound = LOOKS_EACH * u64::from(EXPIRING);
    // The last of them has just expired, and the next one has not.
    let now = timeouts.session + STEP * u32::from(EXPIRING - 1) + STEP / 2;
    let cost = silence(&mut *keeper, now);
    if cost.expired != usize::from(EXPIRING) {
        return Err(Failure::plain(
            format!("{EXPIRING} of {SESSIONS} sessions expire"),
            format!("{} were said to", cost.expired),
        ));
    }
    if cost.polling.saturating_add(cost.firing) > bound {
        return Err(Failure::plain(
            format!("at most {bound} looks at a moment when {EXPIRING} of {SESSIONS} sessions expire"),
            format!("{} looks in poll_timeout, and {} in on_timeout", cost.polling, cost.firing),
        ));
    }
    Ok(())
}

/// What silence took.
#[derive(Default)]
struct Cost {
    expired: usize,
    /// Looks in `poll_timeout`.
    polling: u64,
    /// Looks in `on_timeout`.
    firing: u64,
}

/// Lets the keeper's timers fire until `until`.
fn silence(keeper: &mut dyn Keeper, until: Duration) -> Cost {
    let mut cost = Cost::default();
    for _ in 0..=EXPIRING * 2 {
        let before = looks();
        let timer = keeper.poll_timeout().map(Timestamp::since_start);
        let polled = looks();
        cost.polling = cost.polling.saturating_add(polled.saturating_sub(before));
        let Some(timer) = timer.filter(|timer| *timer <= until) else { break };
        let outputs = keeper.on_timeout(Timestamp::at(timer.saturating_add(Duration::from_millis(1))));
        cost.firing = cost.firing.saturating_add(looks().saturating_sub(polled));
        let expired = outputs.iter().filter(|output| matches!(output, Output::Expired(_))).count();
        cost.expired = cost.expired.saturating_add(expired);
    }
    cost
}
