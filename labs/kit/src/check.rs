//! A lab's checks, and how they are run: one at a time, with a bound, and so that a panic is a finding. Knows no lab.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::{Dice, Failure, Picture, caught};

/// How long a check may take, so that a loop without an end is a finding too. The whole lab takes seconds.
const CHECK_TIMEOUT: Duration = Duration::from_secs(20);

/// Checks measure memory, so no other may run meanwhile.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Something that must hold for a learner's `S`.
#[derive(Debug)]
pub struct Check<S: ?Sized> {
    /// Its name.
    pub name: &'static str,
    /// What holds when it passes, as a sentence.
    pub promise: &'static str,
    /// What it is worth.
    pub points: u32,
    /// Checks that must pass before this one says anything new.
    pub builds_on: &'static [&'static str],
    /// Tries it.
    pub run: fn(&S, &mut Dice) -> Result<(), Box<Failure>>,
}

/// What came of a check.
#[derive(Debug)]
pub enum Verdict {
    /// It holds.
    Passed,
    /// It does not.
    Failed(Box<Failure>),
    /// A check it builds on has not passed, so it was not tried.
    Waits(&'static str),
}

/// A question whose answer follows from a learner's own seed.
#[derive(Debug)]
pub struct Question {
    /// Its name in `predict.toml`.
    pub name: &'static str,
    /// The right answer.
    pub answer: String,
    /// Why it is that.
    pub because: String,
}

/// What a learner predicts, of the learner's own seed.
#[derive(Debug)]
pub struct Study {
    /// What is shown before all is answered: what was done, without what is asked.
    pub asked: String,
    /// What is shown afterwards: what came of it.
    pub answered: String,
    /// What the wire carried, if it did; drawn afterwards.
    pub picture: Option<Picture>,
    /// The questions with their answers.
    pub questions: Vec<Question>,
}

/// A lab for whoever implements `S`.
#[derive(Debug)]
pub struct Lab<S: ?Sized> {
    /// Its number, in two digits.
    pub number: &'static str,
    /// Its title.
    pub title: &'static str,
    /// The checks, in the order of the work.
    pub checks: Vec<Check<S>>,
    /// What is predicted.
    pub study: fn(&mut Dice) -> Study,
}

impl<S: ?Sized + Send + Sync + 'static> Lab<S> {
    /// Runs the checks that `wanted` names, all with the same seed.
    pub fn run(&self, subject: &Arc<S>, seed: u64, wanted: impl Fn(&str) -> bool) -> Vec<(&Check<S>, Verdict)> {
        let mut verdicts: Vec<(&Check<S>, Verdict)> = Vec::new();
        for check in self.checks.iter().filter(|check| wanted(check.name)) {
            let missing = check.builds_on.iter().find(|base| {
                verdicts.iter().any(|(other, verdict)| other.name == **base && !matches!(verdict, Verdict::Passed))
            });
            let verdict = match missing {
                Some(base) => Verdict::Waits(base),
                None => run(check, subject, seed),
            };
            verdicts.push((check, verdict));
        }
        verdicts
    }
}

/// Runs one check. Its thread is left behind when it does not come to an end; the process ends soon.
fn run<S: ?Sized + Send + Sync + 'static>(check: &Check<S>, subject: &Arc<S>, seed: u64) -> Verdict {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let (sender, outcome) = mpsc::sync_channel(1);
    let (work, subject) = (check.run, Arc::clone(subject));
    let thread = thread::spawn(move || {
        let outcome = caught(|| work(&subject, &mut Dice::new(seed)));
        // Nobody waits any more for one that was too slow.
        let _ = sender.send(outcome);
    });
    let outcome = outcome.recv_timeout(CHECK_TIMEOUT);
    if outcome.is_ok() {
        // What it held must not count for the next one. It catches its panics, so there is nothing to learn here.
        let _ = thread.join();
    }
    match outcome {
        Ok(Ok(Ok(()))) => Verdict::Passed,
        Ok(Ok(Err(failure))) => Verdict::Failed(failure),
        Ok(Err(panicked)) => Verdict::Failed(Failure::panic(&panicked)),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Verdict::Failed(Failure::plain(
            format!("an answer within {} s", CHECK_TIMEOUT.as_secs()),
            "nothing: is there a loop that does not end?",
        )),
    }
}
