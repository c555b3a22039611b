//! Lab 04, Say It Once: a solution. There are others.

use std::collections::VecDeque;

use grade_04::{Admission, Epoch, Fresh, Gate, KEPT_MAX, Receipt, Refusal, Request, Sequence, Upload, Welcome};

/// Decides what becomes of each request of a session.
#[derive(Debug, Default)]
pub struct SeqGate {
    /// The connection that holds the session.
    epoch: Epoch,
    next: Sequence,
    /// The newest last, each one number above the one before.
    kept: VecDeque<Kept>,
}

/// A reply that may be asked for again, and what it was the reply to.
#[derive(Debug)]
struct Kept {
    sequence: Sequence,
    name: String,
    receipt: Receipt,
}

impl Gate for SeqGate {
    // Number and replies belong to the session: a new connection changes neither.
    fn connect(&mut self) -> Welcome {
        self.epoch = self.epoch.next();
        Welcome { epoch: self.epoch, next_sequence: self.next }
    }

    // Changes nothing: an upload that fails was never there.
    fn admit(&mut self, from: Epoch, sequence: Sequence, request: &Request) -> Result<Admission, Refusal> {
        self.held_by(from)?;
        if sequence == self.next {
            return Ok(Admission::Proceed);
        }
        if sequence > self.next {
            return Err(Refusal::SequenceGap { expected: self.next });
        }
        match self.kept.iter().find(|kept| kept.sequence == sequence) {
            None => Err(Refusal::SequenceTooOld),
            Some(kept) if kept.answers(request) => Ok(Admission::Replay(kept.receipt.clone())),
            Some(_) => Err(Refusal::SequenceReused),
        }
    }

    // Counter and reply change together, or not at all. Between admission and here another connection may have taken
    // the session, so who holds it is asked again.
    fn commit(&mut self, from: Epoch, sequence: Sequence, request: &Request, receipt: Receipt) -> Result<(), Refusal> {
        self.held_by(from)?;
        if self.kept.len() == KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(Kept { sequence, name: request.name.clone(), receipt });
        self.next = sequence.next();
        Ok(())
    }
}

impl SeqGate {
    fn held_by(&self, from: Epoch) -> Result<(), Refusal> {
        if from == self.epoch { Ok(()) } else { Err(Refusal::SessionMoved) }
    }
}

impl Kept {
    /// Whether `repeat` asks for what was done. It is compared with what was stored, not with how the first request
    /// said it: a repeat may bring only the rest of the file, and either may leave the digest out.
    fn answers(&self, repeat: &Request) -> bool {
        self.name == repeat.name
            && self.receipt.size == repeat.offset.saturating_add(repeat.size)
            && repeat.digest.as_ref().is_none_or(|digest| self.receipt.digest == *digest)
    }
}

/// A test that no wrong gate passes.
///
/// # Panics
/// When the gates that `fresh` makes are wrong.
pub fn finds_wrong_gates(fresh: &Fresh) {
    let mut gate = fresh();
    let file = |number: u64| Upload::new(&format!("{number}.txt"), "hello");
    let phone = gate.connect().epoch;
    // One more than are kept. Each is begun twice, because the first upload is cut.
    for number in 1..=65 {
        let (sequence, upload) = (Sequence(number), file(number));
        for _ in 0..2 {
            assert_eq!(gate.admit(phone, sequence, &upload.request), Ok(Admission::Proceed));
        }
        assert_eq!(gate.commit(phone, sequence, &upload.request, upload.receipt(&upload.request.name)), Ok(()));
    }
    assert_eq!(gate.admit(phone, Sequence(1), &file(1).request), Err(Refusal::SequenceTooOld));
    let replay = Admission::Replay(file(2).receipt("2.txt"));
    assert_eq!(gate.admit(phone, Sequence(2), &file(2).request), Ok(replay));
    assert_eq!(gate.admit(phone, Sequence(2), &file(3).request), Err(Refusal::SequenceReused));

    assert_eq!(gate.admit(phone, Sequence(66), &file(66).request), Ok(Admission::Proceed));
    gate.connect();
    let late = gate.commit(phone, Sequence(66), &file(66).request, file(66).receipt("66.txt"));
    assert_eq!(late, Err(Refusal::SessionMoved));
}
