//! All that a storage in memory holds.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use bytes::Bytes;

use super::kept::KeptPart;
use super::operation::{Fault, Operation};
use crate::files::{Keeping, ObjectName, PartKey};

#[derive(Debug, Default)]
pub(super) struct World {
    /// By the path, so that order never depends on a hash.
    pub(super) visible: BTreeMap<String, Kept>,
    pub(super) aside: Vec<(u64, Bytes)>,
    pub(super) parts: BTreeMap<PartKey, KeptPart>,
    pub(super) keeping: Keeping,
    /// Claims so far; the number of the newest.
    pub(super) claims: u64,
    pub(super) partial: usize,
    pub(super) now_ms: u64,
    pub(super) done: BTreeMap<Operation, u64>,
    pub(super) faults: BTreeMap<(Operation, u64), Fault>,
}

#[derive(Debug)]
pub(super) struct Kept {
    pub(super) name: ObjectName,
    pub(super) bytes: Bytes,
    pub(super) durable: bool,
}

impl World {
    /// Makes a file visible, if its name is free.
    pub(super) fn shows(&mut self, kept: Kept) -> bool {
        match self.visible.entry(kept.name.to_wire()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(free) => {
                free.insert(kept);
                true
            }
        }
    }
}
