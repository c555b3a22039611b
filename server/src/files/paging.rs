//! The first few sequences of many names that come in any order, in bounded memory.

use std::collections::BTreeMap;

use shared::id::Sequence;

use super::ObjectName;

/// Keeps one sequence more than asked for, because that is where the next page begins. A sequence is never divided
/// between two pages.
pub(super) struct FirstSequences {
    at_most: usize,
    kept: BTreeMap<Sequence, Vec<ObjectName>>,
}

impl FirstSequences {
    pub(super) fn new(at_most: usize) -> Self {
        Self { at_most: at_most.max(1), kept: BTreeMap::new() }
    }

    pub(super) fn offer(&mut self, sequence: Sequence, name: ObjectName) {
        self.kept.entry(sequence).or_default().push(name);
        if self.kept.len() > self.at_most.saturating_add(1) {
            self.kept.pop_last();
        }
    }

    /// The names in order, and where the next page begins.
    pub(super) fn finish(mut self) -> (Vec<(Sequence, ObjectName)>, Option<Sequence>) {
        let more = if self.kept.len() > self.at_most { self.kept.pop_last() } else { None };
        let mut names = Vec::new();
        for (sequence, mut alike) in self.kept {
            alike.sort_by_key(ObjectName::to_wire);
            names.extend(alike.into_iter().map(|name| (sequence, name)));
        }
        (names, more.map(|(sequence, _)| sequence))
    }
}
