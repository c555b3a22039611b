//! What a session must say, as a specification: everything is asked of the whole history, and nothing is remembered. A
//! session that serves people cannot afford that; what it keeps instead is yours to find.

use crate::{Connection, Event, Reason, Reply, Said, State};

/// The connection that opens the session.
pub(crate) const FIRST: Connection = Connection(1);

/// How the session ended, if it did. The first end stays.
fn ended(history: &[Event]) -> Option<Reason> {
    let (last, before) = history.split_last()?;
    ended(before).or(match last {
        Event::Silence => Some(Reason::Expired),
        Event::Disconnect(from) => (holder(before) == *from).then_some(Reason::Closed),
        Event::Connect(_) | Event::Transfer(_) | Event::Lost(_) => None,
    })
}

/// The connection that took the session last, whether it is still there or not.
fn holder(history: &[Event]) -> Connection {
    let Some((last, before)) = history.split_last() else { return FIRST };
    match last {
        Event::Connect(from) if ended(before).is_none() => *from,
        Event::Connect(_) | Event::Transfer(_) | Event::Disconnect(_) | Event::Lost(_) | Event::Silence => {
            holder(before)
        }
    }
}

/// Whether that connection is still there.
fn held(history: &[Event]) -> bool {
    !history.contains(&Event::Lost(holder(history)))
}

/// How often the session was taken, the first time included.
fn epoch(history: &[Event]) -> u64 {
    let taken = |(place, event): (usize, &Event)| {
        matches!(event, Event::Connect(_)) && ended(history.get(..place).unwrap_or_default()).is_none()
    };
    1 + count(history.iter().enumerate().filter(|one| taken(*one)))
}

/// How many files were stored.
fn stored(history: &[Event]) -> u64 {
    let stored = |(place, event): (usize, &Event)| {
        let before = history.get(..place).unwrap_or_default();
        matches!(event, Event::Transfer(from) if holder(before) == *from) && ended(before).is_none()
    };
    count(history.iter().enumerate().filter(|one| stored(*one)))
}

fn count(some: impl Iterator) -> u64 {
    u64::try_from(some.count()).unwrap_or(u64::MAX)
}

/// What must be said when `event` happens behind `history`.
pub(crate) fn said(history: &[Event], event: Event) -> Vec<Said> {
    let (from, alive) = match event {
        Event::Lost(_) | Event::Silence => return Vec::new(),
        Event::Connect(from) => {
            let after = [history, &[event]].concat();
            (from, Reply::Resumed { epoch: epoch(&after), next_sequence: stored(history).saturating_add(1) })
        }
        Event::Transfer(from) => (from, Reply::Stored { sequence: stored(history).saturating_add(1) }),
        Event::Disconnect(from) => (from, Reply::Closed),
    };
    // A connection that was told that it has lost the session is closed; what still comes from it counts for nothing.
    if from < holder(history) {
        return Vec::new();
    }
    let reply = match (ended(history), event) {
        (None, _) => alive,
        // Who lost the goodbye asks again, and that is no error.
        (Some(Reason::Closed), Event::Connect(_) | Event::Disconnect(_)) => Reply::Closed,
        (Some(reason), _) => Reply::Gone(reason),
    };
    let mut said = vec![Said { to: from, reply }];
    if matches!(reply, Reply::Resumed { .. }) && held(history) {
        said.push(Said { to: holder(history), reply: Reply::Moved });
    }
    said
}

/// The state behind `history`.
pub(crate) fn state(history: &[Event]) -> State {
    match ended(history) {
        Some(Reason::Closed) => State::Terminated,
        Some(Reason::Expired) => State::Expired,
        None if stored(history) == 0 => State::Pending,
        None if !held(history) => State::Suspended,
        None => State::Active,
    }
}
