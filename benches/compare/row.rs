//! A row of the comparison: a work, who does it, and what it is to show.

use benches::report::{Outcome, Row as Found, Target};
use server::config::Persistence;
use shared::digest::DigestKind;
use shared::wire::Ack;

use crate::peer::Peer;
use crate::stages::Place;

/// The first entry is what the others are measured by, and the second does the same once more: what differs less
/// than these two is no difference.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) title: String,
    pub(crate) place: Place,
    pub(crate) work: Work,
    pub(crate) entries: Vec<Entry>,
    pub(crate) targets: Vec<Target>,
}

/// How many files of which size on how many connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    pub(crate) connections: usize,
    /// On each connection.
    pub(crate) files: usize,
    pub(crate) bytes: u64,
}

/// Somebody who does it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) who: Who,
    /// Unanswered requests on a connection.
    pub(crate) in_flight: usize,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Who {
    This(Service),
    /// This server, asked by Week 01 clients.
    ThisAsWeek01,
    Peer(Peer),
}

/// What this server is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Service {
    /// Where its sessions are; stateless without.
    pub(crate) rung: Option<Persistence>,
    pub(crate) ack: Ack,
    /// What the sender hashes while it sends, and the server checks.
    pub(crate) digest: Option<DigestKind>,
}

impl Service {
    /// A session in memory; a file is there when the server, not the machine, crashes; nothing is hashed.
    pub(crate) const PLAIN: Self = Self { rung: Some(Persistence::Memory), ack: Ack::Written, digest: None };
}

impl Work {
    pub(crate) fn files_in_all(self) -> usize {
        self.connections.saturating_mul(self.files)
    }
}

impl Row {
    /// The row with what was found.
    pub(crate) fn found(&self, filesystem: String, outcomes: Vec<Outcome>, missing: Vec<(String, String)>) -> Found {
        let count = |files: usize| u32::try_from(files).map_or(f64::INFINITY, f64::from);
        let kib = u32::try_from(self.work.bytes / 1_024).map_or(f64::INFINITY, f64::from);
        Found {
            name: self.name.to_owned(),
            title: self.title.clone(),
            filesystem,
            files: count(self.work.files_in_all()),
            bytes: kib * 1_024.0,
            outcomes,
            missing,
            targets: self.targets.clone(),
        }
    }
}
