//! What a session does with a request, by its phase:
//!
//! ```text
//!             connect   transfer  status    heartbeat list      fetch     remove    disconnect
//! pending     take      change    look      look      look      look      change    change
//! active      take      change    look      look      look      look      change    change
//! idle        take      change    look      look      look      look      change    change
//! suspended   take      change    look      look      look      look      change    change
//! terminated  repeat    gone      gone      gone      gone      gone      gone      repeat
//! expired     gone      gone      gone      gone      gone      gone      gone      gone
//! ```
//!
//! A session that is not alive is gone for everybody, but a client that lost the goodbye asks again, perhaps
//! on a new connection, and that answer must not turn into an error.

use crate::wire::Action;

/// What a session is doing, computed from facts and the clock (PROTOCOL.md section 6).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Phase {
    /// Nothing stored yet.
    Pending,
    /// Heard of lately.
    Active,
    /// Silent for a heartbeat.
    Idle,
    /// No connection, or two heartbeats missed.
    Suspended,
    /// Ended on purpose.
    Terminated,
    /// Silent for too long.
    Expired,
}

impl Phase {
    /// Every phase, in the order of a session's life.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Active, Self::Idle, Self::Suspended, Self::Terminated, Self::Expired];

    /// The wire's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Idle => "idle",
            Self::Suspended => "suspended",
            Self::Terminated => "terminated",
            Self::Expired => "expired",
        }
    }
}

/// What to do with a request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Step {
    /// The connection that asks becomes the session's.
    Take,
    /// Something changes; the sequence decides.
    Change,
    /// Only looked at, and heard of.
    Look,
    /// The kept answer again.
    Repeat,
    /// `session_gone`, with the reason.
    Gone,
}

/// The table. `hello` belongs to no session, so it has no column.
#[must_use]
pub fn step(phase: Phase, action: Action) -> Step {
    match (phase, action) {
        (Phase::Terminated, Action::Connect | Action::Disconnect) => Step::Repeat,
        (
            Phase::Terminated | Phase::Expired,
            Action::Hello
            | Action::Connect
            | Action::Transfer
            | Action::Status
            | Action::Heartbeat
            | Action::List
            | Action::Fetch
            | Action::Remove
            | Action::Disconnect,
        ) => Step::Gone,
        (Phase::Pending | Phase::Active | Phase::Idle | Phase::Suspended, action) => match action {
            Action::Connect => Step::Take,
            Action::Transfer | Action::Remove | Action::Disconnect => Step::Change,
            Action::Hello | Action::Status | Action::Heartbeat | Action::List | Action::Fetch => Step::Look,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_above_is_the_code() {
        let columns =
            ["connect", "transfer", "status", "heartbeat", "list", "fetch", "remove", "disconnect"].map(str::to_owned);
        let row = |head: &str, cells: &[String]| {
            let cells = cells.iter().map(|cell| format!("{cell:10}")).collect::<Vec<_>>().concat();
            format!("//! {head:12}{cells}").trim_end().to_owned()
        };
        let mut lines = vec![row("", &columns)];
        for phase in Phase::ALL {
            let steps = columns.clone().map(|action| {
                let step = step(phase, Action::from_wire(&action).unwrap());
                format!("{step:?}").to_lowercase()
            });
            lines.push(row(phase.as_str(), &steps));
        }
        let table = lines.join("\n");
        assert!(include_str!("table.rs").contains(&table), "the table should read\n{table}");
    }
}
