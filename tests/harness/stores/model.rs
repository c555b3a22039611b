//! What a store should hold after any calls in any order, while time passes and the janitor comes: a list of records
//! too plain to be wrong. Knows no store; a store is held against it in `agreement.rs`.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;
use proptest_state_machine::ReferenceStateMachine;
use shared::limits::Limits;
use shared::session::EndReason;

use super::call::{Answer, Call, Next};

/// Ended sessions that are remembered; few, so that some are forgotten.
pub const TOMBSTONES_MAX: usize = 2;

/// Ids that sessions are opened under at a time.
const IDS: usize = 5;

/// A session in figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// How often it was written; each time has a revision of its own.
    pub writes: usize,
    /// Where its client is.
    pub address: u8,
    /// Whose it is.
    pub holder: Option<u8>,
    /// How many connections have had it.
    pub epoch: u64,
    /// When it was heard of last.
    pub heard: u64,
    /// How often it was heard of.
    pub messages: u64,
    /// Files it stored.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Receipts it has kept.
    pub kept: usize,
    /// Why it ended, and when.
    pub ended: Option<(EndReason, u64)>,
}

impl Record {
    fn new(address: u8, holder: Option<u8>, now: u64) -> Self {
        Self { writes: 1, address, holder, epoch: 1, heard: now, messages: 1, files: 0, bytes: 0, kept: 0, ended: None }
    }

    fn due(&self, limits: &Limits) -> u64 {
        match self.ended {
            Some((_, at)) => at + limits.tombstone_ms,
            None if self.files == 0 => self.heard + limits.pending_timeout_ms,
            None => self.heard + limits.session_timeout_ms,
        }
    }

    fn end(&mut self, reason: EndReason, now: u64) {
        self.ended = Some((reason, now));
        self.kept = usize::from(reason == EndReason::Closed);
    }

    fn become_next(&mut self, next: Next, now: u64, limits: &Limits) {
        self.writes += 1;
        match next {
            Next::Heard | Next::Stored(_) | Next::Moved(_) | Next::Closed => {
                self.heard = now;
                self.messages += 1;
            }
            Next::Replaced => {}
        }
        match next {
            Next::Heard => {}
            Next::Stored(size) => {
                self.files += 1;
                self.bytes += u64::from(size);
                self.kept = (self.kept + 1).min(limits.receipts_per_session_max);
            }
            Next::Moved(to) => {
                self.epoch += 1;
                self.address = to;
            }
            Next::Closed => self.end(EndReason::Closed, now),
            Next::Replaced => self.end(EndReason::Replaced, now),
        }
    }
}

/// What there is, and what the last call should have come to.
#[derive(Clone, Debug)]
pub struct Model {
    /// The time.
    pub now: u64,
    /// Sessions, live and ended.
    pub records: BTreeMap<u8, Record>,
    /// As they were before they were forgotten: whoever saw them may come late.
    forgotten: BTreeMap<u8, Record>,
    /// What the last call is answered with.
    pub answer: Answer,
}

/// Timeouts that calls can reach.
#[must_use]
pub fn limits() -> Limits {
    Limits {
        pending_timeout_ms: 4,
        session_timeout_ms: 7,
        tombstone_ms: 5,
        receipts_per_session_max: 3,
        sessions_max: TOMBSTONES_MAX,
        ..Limits::default()
    }
}

impl Model {
    fn open(&mut self, id: u8, record: Record, room: (usize, Option<usize>)) -> Answer {
        if self.records.contains_key(&id) {
            return Answer::Exists;
        }
        let live = || self.records.iter().filter(|(_, other)| other.ended.is_none());
        let of_holder = live().find(|(_, other)| record.holder.is_some() && other.holder == record.holder);
        let beside = live().filter(|(_, other)| other.address == record.address).count();
        let (in_all_max, per_address_max) = room;
        if record.ended.is_none() {
            if let Some((other, _)) = of_holder {
                return Answer::Held(*other);
            }
            if live().count() >= in_all_max || per_address_max.is_some_and(|max| beside >= max) {
                return Answer::Full;
            }
        }
        self.records.insert(id, record);
        self.forget_oldest();
        Answer::Done
    }

    fn change(&mut self, id: u8, behind: usize, next: Next) -> Answer {
        let Some(record) = self.records.get_mut(&id).filter(|_| behind == 0) else { return Answer::Conflict };
        record.become_next(next, self.now, &limits());
        self.forget_oldest();
        Answer::Done
    }

    fn remove(&mut self, id: u8, behind: usize) -> Answer {
        if behind > 0 || !self.records.contains_key(&id) {
            return Answer::Conflict;
        }
        self.forget(id);
        Answer::Done
    }

    fn sweep(&mut self) -> Answer {
        let mut swept = 0;
        for id in self.due_at(self.now) {
            // One that was due may have been forgotten meanwhile, to make room for a newer tombstone.
            let Some(record) = self.records.get_mut(&id) else { continue };
            swept += 1;
            if record.ended.is_some() {
                self.forget(id);
            } else {
                record.writes += 1;
                record.end(EndReason::Expired, self.now);
                self.forget_oldest();
            }
        }
        Answer::Swept(swept)
    }

    /// The longest overdue first.
    fn due_at(&self, moment: u64) -> Vec<u8> {
        let due = self.records.iter().map(|(id, record)| (record.due(&limits()), *id));
        let mut due: Vec<(u64, u8)> = due.filter(|(due, _)| *due <= moment).collect();
        due.sort_unstable();
        due.into_iter().map(|(_, id)| id).collect()
    }

    fn forget_oldest(&mut self) {
        let ended = self.records.iter().filter_map(|(id, record)| Some((record.ended?.1, *id)));
        if ended.clone().count() > TOMBSTONES_MAX
            && let Some((_, oldest)) = ended.min()
        {
            self.forget(oldest);
        }
    }

    fn forget(&mut self, id: u8) {
        if let Some(record) = self.records.remove(&id) {
            self.forgotten.insert(id, record);
        }
    }

    /// The session that somebody has seen who has not seen so many of its changes.
    fn seen(&self, id: u8, behind: usize) -> Option<&Record> {
        self.records.get(&id).or_else(|| self.forgotten.get(&id)).filter(|record| behind < record.writes)
    }

    /// An id that was forgotten never comes again.
    fn is_openable(&self, id: u8) -> bool {
        !self.forgotten.contains_key(&id)
    }

    /// Whether somebody saw it alive. Nobody changes what they saw ended.
    fn is_changeable(&self, id: u8, behind: usize) -> bool {
        self.seen(id, behind).is_some_and(|record| behind > 0 || record.ended.is_none())
    }

    /// What may have been seen of all sessions, and how many changes ago.
    fn all_seen(&self) -> impl Iterator<Item = (u8, usize)> {
        let all = self.records.iter().chain(&self.forgotten);
        all.flat_map(|(id, record)| (0..record.writes).map(|behind| (*id, behind)))
    }
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Call;

    fn init_state() -> BoxedStrategy<Self> {
        let (records, forgotten) = (BTreeMap::new(), BTreeMap::new());
        Just(Self { now: 1, records, forgotten, answer: Answer::Done }).boxed()
    }

    fn transitions(state: &Self) -> BoxedStrategy<Call> {
        let holder = || prop_oneof![2 => Just(None), 1 => (0..2_u8).prop_map(Some)];
        let room = (1..6_usize, prop::option::of(1..3_usize));
        let ids: Vec<u8> = (0..).filter(|id| state.is_openable(*id)).take(IDS).collect();
        let any_id: Vec<u8> = ids.iter().chain(state.forgotten.keys()).copied().collect();
        let open = (select(ids.clone()), 0..3_u8, holder(), room).prop_map(|(id, address, holder, room)| Call::Open {
            id,
            address,
            holder,
            room,
        });
        let bring = (select(ids), holder()).prop_map(|(id, holder)| Call::Bring { id, holder });
        let due_at = (0..9_u64, 0..4_usize).prop_map(|(later, at_most)| Call::DueAt { later, at_most });
        let mut calls = vec![
            (10, open.boxed()),
            (1, bring.boxed()),
            (3, select(any_id).prop_map(Call::Load).boxed()),
            (6, (0..6_u64).prop_map(Call::Pass).boxed()),
            (4, Just(Call::Sweep).boxed()),
            (2, due_at.boxed()),
        ];
        let (newest, older): (Vec<_>, Vec<_>) = state.all_seen().partition(|(_, behind)| *behind == 0);
        for (weight, some) in [(3, newest), (1, older)] {
            let changeable: Vec<_> =
                some.iter().copied().filter(|(id, behind)| state.is_changeable(*id, *behind)).collect();
            if !changeable.is_empty() {
                let change = (select(changeable), Next::any()).prop_map(|((id, behind), next)| Call::Change {
                    id,
                    behind,
                    next,
                });
                calls.push((6 * weight, change.boxed()));
            }
            if !some.is_empty() {
                calls.push((weight, select(some).prop_map(|(id, behind)| Call::Remove { id, behind }).boxed()));
            }
        }
        prop::strategy::Union::new_weighted(calls).boxed()
    }

    fn preconditions(state: &Self, call: &Call) -> bool {
        match *call {
            Call::Change { id, behind, .. } => state.is_changeable(id, behind),
            Call::Remove { id, behind } => state.seen(id, behind).is_some(),
            Call::Open { id, .. } | Call::Bring { id, .. } => state.is_openable(id),
            Call::Load(_) | Call::Pass(_) | Call::Sweep | Call::DueAt { .. } => true,
        }
    }

    fn apply(mut state: Self, call: &Call) -> Self {
        let now = state.now;
        state.answer = match *call {
            Call::Open { id, address, holder, room } => state.open(id, Record::new(address, holder, now), room),
            Call::Bring { id, holder } => {
                let mut record = Record::new(0, holder, now);
                record.end(EndReason::Expired, now);
                state.open(id, record, (0, None))
            }
            Call::Change { id, behind, next } => state.change(id, behind, next),
            Call::Remove { id, behind } => state.remove(id, behind),
            Call::Load(id) => Answer::Found(state.records.get(&id).cloned()),
            Call::Pass(millis) => {
                state.now += millis;
                Answer::Done
            }
            Call::Sweep => state.sweep(),
            Call::DueAt { later, at_most } => {
                Answer::Due(state.due_at(now + later).into_iter().take(at_most).collect())
            }
        };
        state
    }
}
