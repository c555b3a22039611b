//! Wrong gates, and wrong tests. Each is right but for one mistake that people make.

use std::collections::VecDeque;

use grade_04::{Admission, Epoch, Fresh, Gate, KEPT_MAX, Receipt, Refusal, Request, Sequence, Upload, Welcome};

lab_kit::flaws! {
    /// counts from 0
    BeginsAtZero by "the_next_number_is_applied",
    /// does a repeat again
    AppliesAgain by "a_request_that_is_repeated",
    /// refuses a repeat, so that the client never hears what became of it
    RepeatIsAnError by "a_request_that_is_repeated",
    /// forgets its replies with the connection
    RepliesDie by "a_lost_reply",
    /// counts from 1 again on a new connection
    NumbersDie by "a_lost_reply",
    /// answers every repeat with the newest reply
    NewestReply by "each_number_has_its_own_reply",
    /// takes any number above the last one
    SkipsAhead by "a_number_too_far_ahead",
    /// names the number that came as the one it waits for
    NamesWhatCame by "a_number_too_far_ahead",
    /// counts a number when its upload begins
    CountsBegun by "an_upload_that_fails",
    /// knows a repeat by its number alone
    NumberIsEnough by "another_request_under_a_used_number",
    /// knows a repeat by number and name
    NameIsEnough by "another_request_under_a_used_number",
    /// compares headers as they were written
    WholeHeader by "the_same_request_in_other_words",
    /// compares the bytes that are left with those of the whole file
    PayloadIsFile by "the_same_request_in_other_words",
    /// compares with the digest that the first request stated, not with that of the file
    DigestAsStated by "the_same_request_in_other_words",
    /// keeps one reply too few
    OneTooFew by "the_last_64_replies",
    /// takes a number for new when its reply is kept no more
    ForgottenIsNew by "the_last_64_replies",
    /// remembers every number that ever came
    EveryNumber by "what_is_kept_has_a_bound",
    /// keeps all replies, and answers as if it did not
    EveryReply by "what_is_kept_has_a_bound",
    /// goes on with an older connection
    OlderIsHeard by "the_newest_connection_wins",
    /// still answers the repeats of an older connection
    OlderIsAnswered by "the_newest_connection_wins",
    /// looks at the epoch when an upload begins, and not when it ends
    BegunIsFinished by "an_upload_under_way_at_a_takeover",
    /// takes number 1 on a new connection for a new session
    OneBeginsAnew by "a_captured_session_played_again",
    /// takes only the connection before the newest for an older one
    OnlyLastIsOlder by "two_clients_in_every_order",
    /// counts in one byte
    OneByte by "any_course_of_things",
    /// comes with a test that asks more than the rules say
    TestAsksTooMuch by "your_test_passes_a_right_gate",
    /// comes with a test that asserts nothing
    TestAsksNothing by "your_test_finds_five_wrong_gates",
}

impl Flaw {
    /// The test that is handed in beside the gate.
    pub(crate) fn test(self) -> fn(&Fresh) {
        if self == Self::TestAsksTooMuch {
            asks_too_much
        } else if self == Self::TestAsksNothing {
            asks_nothing
        } else {
            solution_04::finds_wrong_gates
        }
    }
}

/// A gate with a flaw.
#[derive(Debug)]
pub(crate) struct Flawed {
    flaw: Flaw,
    epoch: Epoch,
    next: Sequence,
    kept: VecDeque<Kept>,
    every: Vec<Sequence>,
    /// Nothing came on the newest connection yet.
    silent: bool,
}

#[derive(Debug)]
struct Kept {
    sequence: Sequence,
    request: Request,
    receipt: Receipt,
}

impl Flawed {
    pub(crate) fn new(flaw: Flaw) -> Self {
        let next = if flaw == Flaw::BeginsAtZero { Sequence(0) } else { Sequence::FIRST };
        Self { flaw, epoch: Epoch(0), next, kept: VecDeque::new(), every: Vec::new(), silent: true }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    fn is_moved(&self, from: Epoch) -> bool {
        if self.has(Flaw::OnlyLastIsOlder) {
            return from.next() == self.epoch;
        }
        from != self.epoch && !self.has(Flaw::OlderIsHeard)
    }

    fn used(&self, sequence: Sequence, request: &Request) -> Result<Admission, Refusal> {
        let last = self.next.0 - 1;
        let few = u64::from(self.has(Flaw::OneTooFew));
        let is_kept = last - sequence.0 + few < 64;
        match self.kept.iter().find(|kept| is_kept && kept.sequence == sequence) {
            _ if self.has(Flaw::AppliesAgain) => Ok(Admission::Proceed),
            _ if self.has(Flaw::RepeatIsAnError) => Err(Refusal::SequenceReused),
            None if self.has(Flaw::ForgottenIsNew) => Ok(Admission::Proceed),
            None => Err(Refusal::SequenceTooOld),
            Some(kept) if !self.same(kept, request) => Err(Refusal::SequenceReused),
            Some(_) if self.has(Flaw::NewestReply) => Ok(Admission::Replay(self.kept.back().unwrap().receipt.clone())),
            Some(kept) => Ok(Admission::Replay(kept.receipt.clone())),
        }
    }

    fn same(&self, kept: &Kept, request: &Request) -> bool {
        let name = kept.request.name == request.name;
        let size = kept.receipt.size == request.offset + request.size;
        let digest = request.digest.as_ref().is_none_or(|digest| kept.receipt.digest == *digest);
        if self.has(Flaw::NumberIsEnough) {
            return true;
        }
        if self.has(Flaw::WholeHeader) {
            return kept.request == *request;
        }
        let size = if self.has(Flaw::PayloadIsFile) { kept.receipt.size == request.size } else { size };
        let stated = request.digest.is_none() || request.digest == kept.request.digest;
        let digest = if self.has(Flaw::DigestAsStated) { stated } else { digest };
        name && (size && digest || self.has(Flaw::NameIsEnough))
    }
}

impl Gate for Flawed {
    fn connect(&mut self) -> Welcome {
        self.epoch = self.epoch.next();
        self.silent = true;
        if self.has(Flaw::RepliesDie) {
            self.kept.clear();
        }
        if self.has(Flaw::NumbersDie) {
            self.next = Sequence::FIRST;
        }
        Welcome { epoch: self.epoch, next_sequence: self.next }
    }

    fn admit(&mut self, from: Epoch, sequence: Sequence, request: &Request) -> Result<Admission, Refusal> {
        if self.has(Flaw::EveryNumber) {
            self.every.push(sequence);
        }
        if self.is_moved(from) && !(self.has(Flaw::OlderIsAnswered) && sequence < self.next) {
            return Err(Refusal::SessionMoved);
        }
        if std::mem::take(&mut self.silent) && sequence == Sequence::FIRST && self.has(Flaw::OneBeginsAnew) {
            self.next = Sequence::FIRST;
        }
        if sequence < self.next {
            return self.used(sequence, request);
        }
        if sequence > self.next && !self.has(Flaw::SkipsAhead) {
            let expected = if self.has(Flaw::NamesWhatCame) { sequence } else { self.next };
            return Err(Refusal::SequenceGap { expected });
        }
        if self.has(Flaw::CountsBegun) {
            self.next = sequence.next();
        }
        Ok(Admission::Proceed)
    }

    fn commit(&mut self, from: Epoch, sequence: Sequence, request: &Request, receipt: Receipt) -> Result<(), Refusal> {
        if self.is_moved(from) && !self.has(Flaw::BegunIsFinished) {
            return Err(Refusal::SessionMoved);
        }
        if self.kept.len() == KEPT_MAX && !self.has(Flaw::EveryReply) {
            self.kept.pop_front();
        }
        self.kept.push_back(Kept { sequence, request: request.clone(), receipt });
        self.next = if self.has(Flaw::OneByte) { Sequence(sequence.next().0 & 0xff) } else { sequence.next() };
        Ok(())
    }
}

fn asks_too_much(fresh: &Fresh) {
    solution_04::finds_wrong_gates(fresh);
    // Where epochs begin is a rule; that nobody may open a session twice is none.
    let mut gate = fresh();
    assert_eq!(gate.connect(), gate.connect());
}

fn asks_nothing(fresh: &Fresh) {
    let mut gate = fresh();
    let phone = gate.connect().epoch;
    let _ = gate.admit(phone, Sequence::FIRST, &Upload::new("a.txt", "hello").request);
}
