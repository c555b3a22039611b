//! What is done to a store, and what it can be answered with. Sessions go by their numbers.

use proptest::prelude::*;

use super::model::Record;

/// What is done to a store. Few ids, addresses, holders and moments, so that they meet.
#[derive(Clone, Copy, Debug)]
pub enum Call {
    /// A session is opened.
    Open {
        /// Its number.
        id: u8,
        /// Where its client is.
        address: u8,
        /// Whose it is.
        holder: Option<u8>,
        /// How many there may be, in all and of one address.
        room: (usize, Option<usize>),
    },
    /// An ended session comes from another store.
    Bring {
        /// Its number.
        id: u8,
        /// Whose it was.
        holder: Option<u8>,
    },
    /// A session is changed by somebody who has not seen so many of its changes.
    Change {
        /// Its number.
        id: u8,
        /// The changes not seen.
        behind: usize,
        /// What it becomes.
        next: Next,
    },
    /// A session is forgotten, likewise.
    Remove {
        /// Its number.
        id: u8,
        /// The changes not seen.
        behind: usize,
    },
    /// A session is asked for.
    Load(u8),
    /// Time passes.
    Pass(u64),
    /// The janitor comes.
    Sweep,
    /// What will be due so much later is asked for, and no more than so many.
    DueAt {
        /// Milliseconds from now.
        later: u64,
        /// Sessions wanted.
        at_most: usize,
    },
}

/// What a session becomes.
#[derive(Clone, Copy, Debug)]
pub enum Next {
    /// It was heard of.
    Heard,
    /// It stored a file of so many bytes.
    Stored(u8),
    /// It was continued from another address.
    Moved(u8),
    /// It said goodbye.
    Closed,
    /// Its holder opened another one.
    Replaced,
}

impl Next {
    /// Anything, and mostly what leaves the session alive.
    pub(super) fn any() -> impl Strategy<Value = Self> {
        prop_oneof![
            4 => Just(Next::Heard),
            10 => any::<u8>().prop_map(Next::Stored),
            4 => (0..3_u8).prop_map(Next::Moved),
            1 => Just(Next::Closed),
            1 => Just(Next::Replaced),
        ]
    }
}

/// What a call is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was done.
    Done,
    /// There is one of this id.
    Exists,
    /// The holder has this one.
    Held(u8),
    /// There is no room.
    Full,
    /// Somebody was quicker.
    Conflict,
    /// What was asked for.
    Found(Option<Record>),
    /// What is due, in this order.
    Due(Vec<u8>),
    /// So many sessions were ended or forgotten.
    Swept(usize),
}
