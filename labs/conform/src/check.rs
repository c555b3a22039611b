//! One check, what it needs, and what came of it. Knows neither servers nor clients.

use std::time::Duration;

use crate::record::Event;

/// The levels, in the order in which somebody builds an implementation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Where a message begins and ends, and what a header may say.
    Framing,
    /// The clients and servers of Week 01.
    Week01,
    /// Requests that carry everything they need.
    Stateless,
    /// Conversations: numbers, repeats, new connections.
    Sessions,
    /// Uploads that go on where they were cut.
    Resuming,
    /// What goes wrong on the way.
    Faults,
}

impl Level {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Framing, Self::Week01, Self::Stateless, Self::Sessions, Self::Resuming, Self::Faults];

    /// Its number, from 1.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Framing => 1,
            Self::Week01 => 2,
            Self::Stateless => 3,
            Self::Sessions => 4,
            Self::Resuming => 5,
            Self::Faults => 6,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Framing => "framing",
            Self::Week01 => "week 01",
            Self::Stateless => "stateless",
            Self::Sessions => "sessions",
            Self::Resuming => "resuming",
            Self::Faults => "faults",
        }
    }
}

/// Why a check did not pass.
#[derive(Debug, Clone)]
pub(crate) enum Stop {
    /// What is graded did not do what the protocol binds it to.
    Failed { expected: String, came: String },
    /// The protocol allows it to lack what the check is about.
    NotOffered(String),
}

/// What a check, or a step of one, comes to.
pub(crate) type Checked<T = ()> = Result<T, Stop>;

/// A failure, for `return Err(…)` and `ok_or_else`.
pub(crate) fn failed(expected: impl Into<String>, came: impl Into<String>) -> Stop {
    Stop::Failed { expected: expected.into(), came: came.into() }
}

/// One thing that the protocol demands of whoever is graded on the ground `G`.
pub(crate) struct Check<G> {
    /// A sentence about behaviour.
    pub(crate) name: &'static str,
    /// The sections of PROTOCOL.md it comes from.
    pub(crate) section: &'static str,
    /// What must be offered, or the check says nothing.
    pub(crate) needs: &'static [Need],
    /// Whether it waits for somebody's patience to end.
    pub(crate) slow: bool,
    /// Carries it out.
    pub(crate) run: fn(&G) -> Checked,
}

impl<G> Check<G> {
    pub(crate) const fn new(name: &'static str, section: &'static str, run: fn(&G) -> Checked) -> Self {
        Self { name, section, needs: &[], slow: false, run }
    }

    pub(crate) const fn needs(self, needs: &'static [Need]) -> Self {
        Self { needs, ..self }
    }

    pub(crate) const fn slow(self) -> Self {
        Self { slow: true, ..self }
    }
}

/// What an implementation may lack and still follow the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// The mode `stateless`.
    Stateless,
    /// The mode `stateful`.
    Stateful,
    /// A store that proves sessions by tokens and keeps more than the last reply.
    Tokens,
    /// A client that can carry its session as a ticket.
    Tickets,
    /// A client's way of sending as in Week 01.
    Week01,
    /// A client that comes back after a lost connection, by itself or when it is run again.
    Repeating,
    /// The same, going on where the upload was cut.
    Resuming,
    /// A client whose exit codes are those of section 4.
    ExitCodes,
}

/// The checks of one level, and what all of them need.
pub(crate) struct Group<G: 'static> {
    pub(crate) level: Level,
    pub(crate) needs: &'static [Need],
    pub(crate) checks: &'static [Check<G>],
}

/// What came of a check.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// It does what is demanded.
    Passed,
    /// It does not.
    Failed {
        /// What the protocol demands.
        expected: String,
        /// What came instead.
        came: String,
        /// What went over the connections.
        exchange: Vec<Event>,
    },
    /// The protocol leaves it free, and it is not there. Nothing was graded.
    NotOffered(String),
    /// The caller wanted to leave it out. Nothing was graded.
    Skipped(String),
}

/// A check that is done.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Its level.
    pub level: Level,
    /// The sentence that it is.
    pub name: &'static str,
    /// The sections of PROTOCOL.md it comes from.
    pub section: &'static str,
    /// What came of it.
    pub verdict: Verdict,
    /// How long it took.
    pub took: Duration,
}
