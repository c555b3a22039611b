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
        self.tried(subject, seed, wanted, CHECK_TIMEOUT)
    }

    /// Behind a check that did not come to an end nothing is tried: its thread still runs, and would be in the way.
    fn tried(
        &self,
        subject: &Arc<S>,
        seed: u64,
        wanted: impl Fn(&str) -> bool,
        timeout: Duration,
    ) -> Vec<(&Check<S>, Verdict)> {
        let mut verdicts: Vec<(&Check<S>, Verdict)> = Vec::new();
        let mut endless = None;
        for check in self.checks.iter().filter(|check| wanted(check.name)) {
            let missing = check.builds_on.iter().find(|base| {
                verdicts.iter().any(|(other, verdict)| other.name == **base && !matches!(verdict, Verdict::Passed))
            });
            let verdict = match missing.copied().or(endless) {
                Some(base) => Verdict::Waits(base),
                None => run(check, subject, seed, timeout).unwrap_or_else(|| {
                    endless = Some(check.name);
                    let got = "nothing: is there a loop that does not end?";
                    Verdict::Failed(Failure::plain(format!("an answer within {} s", timeout.as_secs()), got))
                }),
            };
            verdicts.push((check, verdict));
        }
        verdicts
    }
}

/// Runs one check. Returns nothing when it does not come to an end; its thread is left behind, and the process ends
/// soon.
fn run<S: ?Sized + Send + Sync + 'static>(
    check: &Check<S>,
    subject: &Arc<S>,
    seed: u64,
    timeout: Duration,
) -> Option<Verdict> {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let (sender, outcome) = mpsc::sync_channel(1);
    let (work, subject) = (check.run, Arc::clone(subject));
    // When its stack overflows, the last words of the process are the name of the thread.
    let thread = thread::Builder::new().name(check.name.to_owned()).spawn(move || {
        let outcome = caught(|| work(&subject, &mut Dice::new(seed)));
        // Nobody waits any more for one that was too slow.
        let _ = sender.send(outcome);
    });
    let thread = match thread {
        Ok(thread) => thread,
        Err(error) => return Some(Verdict::Failed(Failure::plain("a thread of this machine", error.to_string()))),
    };
    let outcome = outcome.recv_timeout(timeout);
    if outcome.is_ok() {
        // What it held must not count for the next one. It catches its panics, so there is nothing to learn here.
        let _ = thread.join();
    }
    match outcome {
        Ok(Ok(Ok(()))) => Some(Verdict::Passed),
        Ok(Ok(Err(failure))) => Some(Verdict::Failed(failure)),
        Ok(Err(panicked)) => Some(Verdict::Failed(Failure::panic(&panicked))),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_a_check_without_an_end_nothing_is_tried() {
        let check = |name, run| Check { name, promise: "", points: 45, builds_on: &[], run };
        let study = |_: &mut Dice| Study {
            asked: String::new(),
            answered: String::new(),
            picture: None,
            questions: Vec::new(),
        };
        let endless = |(): &(), _: &mut Dice| loop {
            thread::park();
        };
        let checks = vec![check("good", |(), _| Ok(())), check("endless", endless), check("next", |(), _| Ok(()))];
        let lab = Lab { number: "00", title: "", checks, study };
        let verdicts = lab.tried(&Arc::new(()), 1, |_| true, Duration::from_millis(50));
        let verdicts: Vec<_> = verdicts.into_iter().map(|(_, verdict)| verdict).collect();
        assert!(
            matches!(&verdicts[..], [Verdict::Passed, Verdict::Failed(_), Verdict::Waits("endless")]),
            "{verdicts:?}"
        );
    }
}
