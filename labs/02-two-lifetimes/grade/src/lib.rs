//! Lab 02, Two Lifetimes: the words that a solution and its checks share, and the checks. Knows no solution.

mod checks;
mod client;
mod courses;
mod frames;
mod link;
mod model;
mod outcome;
mod session;
mod study;
mod talk;
mod week01;
mod wire;

use std::fmt;

use lab_kit::Lab;

pub use link::{Arrival, DRAIN_BYTES_MAX, DRAIN_TIME, Dropped, FAILED, Full, INVALID, Link, OK, SILENCE, Unsaid};
pub use session::{Connection, Event, Reason, Reply, Said, Session, State};

/// Serves one Week 01 connection to its end; when it returns, the connection is closed.
pub type Serve = dyn Fn(&mut dyn Link) + Send + Sync;

/// Opens a session on its first connection.
pub type Open = dyn Fn(Connection) -> Box<dyn Session> + Send + Sync;

/// What a learner writes.
pub struct Subject {
    /// Part A.
    pub serve: Box<Serve>,
    /// Part B.
    pub open: Box<Open>,
}

impl fmt::Debug for Subject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Subject").finish_non_exhaustive()
    }
}

/// This lab.
#[must_use]
pub fn lab() -> Lab<Subject> {
    Lab { number: "02", title: "Two Lifetimes", checks: checks::all(), study: study::study }
}
