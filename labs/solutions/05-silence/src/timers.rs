//! Deadlines in order, one for each connection and each session. Knows not what they mean.

use std::collections::{BTreeSet, HashMap};

use grade_05::{Connection, SessionId, Timestamp};

/// What has a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Timer {
    Connection(Connection),
    Session(SessionId),
}

/// The deadlines. The next one is found without looking at all of them.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    order: BTreeSet<(Timestamp, Timer)>,
    due: HashMap<Timer, Timestamp>,
}

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, due: Timestamp) {
        self.clear(timer);
        self.due.insert(timer, due);
        self.order.insert((due, timer));
    }

    pub(crate) fn clear(&mut self, timer: Timer) {
        if let Some(due) = self.due.remove(&timer) {
            self.order.remove(&(due, timer));
        }
    }

    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.order.first().map(|(due, _)| *due)
    }

    /// Takes the first one that is due by now.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Option<(Timestamp, Timer)> {
        let (due, timer) = self.order.first().copied().filter(|(due, _)| *due <= now)?;
        self.clear(timer);
        Some((due, timer))
    }
}
