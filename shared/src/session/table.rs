//! What a session does with a request, by its phase:
//!
//! ```text
//!             connect   transfer  status    heartbeat list      fetch     remove    disconnect
//! error       unknown   gone      gone      gone      gone      gone      gone      gone
//! terminated  repeat    gone      gone      gone      gone      gone      gone      repeat
//! expired     gone      gone      gone      gone      gone      gone      gone      gone
//! closing     wait      wait      wait      wait      wait      wait      wait      wait
//! pending     take      change    look      look      look      look      change    change
//! suspended   take      change    look      look      look      look      change    change
//! idle        take      change    look      look      look      look      change    change
//! active      take      change    look      look      look      look      change    change
//! ```
//!
//! A session that is not alive is gone for everybody, but a client that lost the goodbye asks again, perhaps
//! on a new connection, and that answer must not turn into an error.

use crate::wire::Action;

/// What a session is doing, computed from facts and the clock (PROTOCOL.md section 6).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Phase {
    /// Its record is there and is no session any more, so there is nothing else to ask.
    Error,
    /// Ended on purpose.
    Terminated,
    /// Silent for too long.
    Expired,
    /// Its end is under way.
    Closing,
    /// Nothing stored yet.
    Pending,
    /// No connection, or two heartbeats missed.
    Suspended,
    /// Silent for a heartbeat.
    Idle,
    /// Heard of lately.
    Active,
}

impl Phase {
    /// Every phase. Of those whose condition holds, the first is the session's.
    pub const ALL: [Self; 8] = [
        Self::Error,
        Self::Terminated,
        Self::Expired,
        Self::Closing,
        Self::Pending,
        Self::Suspended,
        Self::Idle,
        Self::Active,
    ];

    /// The wire's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Terminated => "terminated",
            Self::Expired => "expired",
            Self::Closing => "closing",
            Self::Pending => "pending",
            Self::Suspended => "suspended",
            Self::Idle => "idle",
            Self::Active => "active",
        }
    }

    /// When it holds, unless one before it does; for PROTOCOL.md.
    #[must_use]
    pub fn condition(self) -> &'static str {
        match self {
            Self::Error => "Its record is damaged.",
            Self::Terminated => "It was ended by `disconnect` or by the server.",
            Self::Expired => "It was silent for its timeout.",
            Self::Closing => "`disconnect` is admitted, and what was begun before is finished first.",
            Self::Pending => "It has stored nothing yet.",
            Self::Suspended => "No connection holds it, or two heartbeats were missed.",
            Self::Idle => "It was silent for one heartbeat interval.",
            Self::Active => "Otherwise.",
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
    /// Its end is waited for.
    Wait,
    /// `session_gone`, with the reason.
    Gone,
    /// `session_unknown`: nobody can prove that it is theirs.
    Unknown,
}

/// The table. `hello` belongs to no session, so it has no column.
#[must_use]
pub fn step(phase: Phase, action: Action) -> Step {
    match action {
        Action::Connect => match phase {
            Phase::Error => Step::Unknown,
            Phase::Terminated => Step::Repeat,
            Phase::Expired => Step::Gone,
            Phase::Closing => Step::Wait,
            Phase::Pending | Phase::Suspended | Phase::Idle | Phase::Active => Step::Take,
        },
        Action::Disconnect => match phase {
            Phase::Terminated => Step::Repeat,
            Phase::Error | Phase::Expired => Step::Gone,
            Phase::Closing => Step::Wait,
            Phase::Pending | Phase::Suspended | Phase::Idle | Phase::Active => Step::Change,
        },
        Action::Transfer | Action::Remove => match phase {
            Phase::Error | Phase::Terminated | Phase::Expired => Step::Gone,
            Phase::Closing => Step::Wait,
            Phase::Pending | Phase::Suspended | Phase::Idle | Phase::Active => Step::Change,
        },
        Action::Hello | Action::Status | Action::Heartbeat | Action::List | Action::Fetch => match phase {
            Phase::Error | Phase::Terminated | Phase::Expired => Step::Gone,
            Phase::Closing => Step::Wait,
            Phase::Pending | Phase::Suspended | Phase::Idle | Phase::Active => Step::Look,
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
