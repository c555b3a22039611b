//! A right gate that keeps all that ever happened, which yours may not, so that its rules can be read one by one. Every
//! answer of a learner's gate is compared with it. With a mistake in it, it is one of the gates that a learner's test
//! has to find.

use crate::{Admission, Epoch, Gate, KEPT_MAX, Receipt, Refusal, Request, Sequence, Welcome};

/// The gate.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    mistake: Option<Mistake>,
    epoch: Epoch,
    next: Sequence,
    done: Vec<Done>,
}

/// What a gate may do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    NewestReply,
    AnyRequest,
    CountsBegun,
    FinishesOlder,
    ForgottenIsNew,
}

/// What was done under a number.
#[derive(Clone, Debug)]
struct Done {
    sequence: Sequence,
    request: Request,
    receipt: Receipt,
}

impl Mistake {
    /// All, each with what the gate does.
    pub(crate) const ALL: [(Self, &'static str); 5] = [
        (Self::NewestReply, "answers every repeat with its newest reply"),
        (Self::AnyRequest, "takes another request under a used number for a repeat"),
        (Self::CountsBegun, "counts a number when its upload begins"),
        (Self::FinishesOlder, "lets an older connection finish an upload after a takeover"),
        (Self::ForgottenIsNew, "takes a number for new when its reply is kept no more"),
    ];
}

impl Model {
    /// A gate with a mistake.
    pub(crate) fn with(mistake: Mistake) -> Self {
        Self { mistake: Some(mistake), ..Self::default() }
    }

    fn has(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    /// What is answered under a number that was used.
    fn used(&self, sequence: Sequence, request: &Request) -> Result<Admission, Refusal> {
        let forgotten = self.done.len().saturating_sub(KEPT_MAX);
        let mut kept = self.done.iter().skip(forgotten);
        let Some(done) = kept.find(|done| done.sequence == sequence) else {
            return if self.has(Mistake::ForgottenIsNew) {
                Ok(Admission::Proceed)
            } else {
                Err(Refusal::SequenceTooOld)
            };
        };
        if !done.was(request) && !self.has(Mistake::AnyRequest) {
            return Err(Refusal::SequenceReused);
        }
        let answer = if self.has(Mistake::NewestReply) { self.done.last() } else { Some(done) };
        Ok(Admission::Replay(answer.unwrap_or(done).receipt.clone()))
    }
}

impl Done {
    /// Whether `repeat` asks for what was done. What it does not state, it does not contradict.
    fn was(&self, repeat: &Request) -> bool {
        self.request.name == repeat.name
            && self.receipt.size == repeat.offset.saturating_add(repeat.size)
            && repeat.digest.as_ref().is_none_or(|digest| self.receipt.digest == *digest)
    }
}

impl Gate for Model {
    fn connect(&mut self) -> Welcome {
        self.epoch = self.epoch.next();
        Welcome { epoch: self.epoch, next_sequence: self.next }
    }

    fn admit(&mut self, from: Epoch, sequence: Sequence, request: &Request) -> Result<Admission, Refusal> {
        if from != self.epoch {
            return Err(Refusal::SessionMoved);
        }
        if sequence > self.next {
            return Err(Refusal::SequenceGap { expected: self.next });
        }
        if sequence < self.next {
            return self.used(sequence, request);
        }
        if self.has(Mistake::CountsBegun) {
            self.next = sequence.next();
        }
        Ok(Admission::Proceed)
    }

    fn commit(&mut self, from: Epoch, sequence: Sequence, request: &Request, receipt: Receipt) -> Result<(), Refusal> {
        if from != self.epoch && !self.has(Mistake::FinishesOlder) {
            return Err(Refusal::SessionMoved);
        }
        self.done.push(Done { sequence, request: request.clone(), receipt });
        self.next = self.next.max(sequence.next());
        Ok(())
    }
}
