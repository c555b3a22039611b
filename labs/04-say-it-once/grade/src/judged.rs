//! A learner's test, tried: on a right gate, which it must pass, and on wrong ones, which it must not.

use std::sync::{Arc, Mutex, PoisonError};

use lab_kit::{Dice, Failure, Panicked, Step, caught};

use crate::model::{Mistake, Model};
use crate::world::{Answer, Outcome};
use crate::{Admission, Epoch, Gate, Receipt, Refusal, Request, Sequence, Welcome, Work};

/// Calls of a test that are remembered; more than a careful test makes.
const STEPS_MAX: usize = 10_000;

type Steps = Arc<Mutex<Vec<Step>>>;

pub(crate) fn passes_right(work: &Work, _: &mut Dice) -> Outcome {
    let (outcome, mut steps) = tried(work, &Model::default());
    let Err(panicked) = outcome else { return Ok(()) };
    // A step of its own, so that there is room for what the test wanted.
    steps.push(Step { did: "your test panics".to_owned(), got: sides(&panicked.message).to_owned() });
    // Told alike on systems whose paths have backslashes.
    let got = format!("a panic at {}", panicked.place.replace('\\', "/"));
    let expected = "that your test passes: this gate answers by the rules".to_owned();
    Err(Box::new(Failure { steps, expected, got, ..Failure::default() }))
}

pub(crate) fn finds_wrong(work: &Work, _: &mut Dice) -> Outcome {
    for (mistake, says) in Mistake::ALL {
        if let (Ok(()), steps) = tried(work, &Model::with(mistake)) {
            let expected = format!("that your test fails for a gate that {says}");
            let asked = if steps.is_empty() { ", and asked nothing" } else { "; above is what it asked last" };
            let got = format!("it passes{asked}");
            return Err(Box::new(Failure { steps, expected, got, ..Failure::default() }));
        }
    }
    Ok(())
}

/// What `assert_eq!` says without its first words: the two values.
fn sides(message: &str) -> &str {
    message.strip_prefix("assertion `left == right` failed").unwrap_or(message).trim_start_matches(':').trim_start()
}

/// What the test does with such gates, and what it asked them.
fn tried(work: &Work, gate: &Model) -> (Result<(), Panicked>, Vec<Step>) {
    let steps = Steps::default();
    let (gate, told) = (gate.clone(), Arc::clone(&steps));
    let outcome = caught(|| (work.test)(&move || Box::new(Watched { gate: gate.clone(), steps: Arc::clone(&told) })));
    let steps = steps.lock().unwrap_or_else(PoisonError::into_inner).clone();
    (outcome, steps)
}

/// A gate that remembers what it was asked.
struct Watched {
    gate: Model,
    steps: Steps,
}

impl Watched {
    fn note(&self, did: String, answer: &Answer) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        if steps.len() < STEPS_MAX {
            steps.push(Step { did, got: answer.to_string() });
        }
    }
}

impl Gate for Watched {
    fn connect(&mut self) -> Welcome {
        let welcome = self.gate.connect();
        self.note("connect".to_owned(), &Answer::Welcome(welcome));
        welcome
    }

    fn admit(&mut self, from: Epoch, sequence: Sequence, request: &Request) -> Result<Admission, Refusal> {
        let admission = self.gate.admit(from, sequence, request);
        self.note(format!("admit {from}, {sequence} {request}"), &Answer::Admission(admission.clone()));
        admission
    }

    fn commit(&mut self, from: Epoch, sequence: Sequence, request: &Request, receipt: Receipt) -> Result<(), Refusal> {
        let did = format!("commit {from}, {sequence} {request}, as {}", receipt.stored_as);
        let outcome = self.gate.commit(from, sequence, request, receipt);
        self.note(did, &Answer::Commit(outcome));
        outcome
    }
}
