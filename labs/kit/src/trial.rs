//! The checks of a lab, checked: what they say of a right solution and of wrong ones, and whether the lab's files fit
//! them. Each method panics with what does not hold, so a test of it is one line.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::folder::{Hints, Predictions};
use crate::{Check, Dice, Lab, Report, Verdict, golden};

/// What a learner sees of a failure stays on the screen: 25 lines, of which two tell of predictions.
const LINES_MAX: usize = 23;
/// Points of all checks together; with those for predictions, a lab is a hundred.
const POINTS: u32 = 90;
/// Seeds with which the answers to predictions are computed.
const STUDIES: u64 = 10;
/// Levels of the hints for a check.
const LEVELS: usize = 3;

/// One method at a time: a check may measure the memory of the whole process.
static ALONE: Mutex<()> = Mutex::new(());

/// A lab's checks, with those on whom they are tried.
pub struct Trial<S: ?Sized + 'static> {
    /// The lab.
    pub lab: Lab<S>,
    /// Where its files are.
    pub lab_folder: PathBuf,
    /// Where its solution is, with `golden/`.
    pub solution_folder: PathBuf,
    /// A right solution.
    pub solution: Arc<S>,
    /// Wrong ones.
    pub wrong: Vec<Wrong<S>>,
}

/// A solution that is right but for one mistake.
pub struct Wrong<S: ?Sized> {
    /// Its name, and that of the file with what its learner reads.
    pub name: &'static str,
    /// What it does wrong, as a clause.
    pub says: &'static str,
    /// The one check that must catch it.
    pub caught_by: &'static str,
    /// It.
    pub subject: Arc<S>,
}

impl<S: ?Sized + Send + Sync + 'static> Trial<S> {
    /// The solution passes all checks, those that depend on the seed with each up to this one, or up to `LAB_SEEDS`.
    ///
    /// # Panics
    /// When it does not.
    pub fn solution_passes(&self, seeds: u64) {
        let _alone = alone();
        assert_eq!(self.failed(&self.solution, 1, |_| true), [""; 0]);
        let seeded = self.seeded();
        for seed in 1..=wished(seeds) {
            assert_eq!(self.failed(&self.solution, seed, |name| seeded.contains(&name)), [""; 0], "seed {seed}");
        }
    }

    /// The checks whose course depends on the seed: those that roll the dice.
    fn seeded(&self) -> Vec<&'static str> {
        let rolls = |check: &&Check<S>| {
            let mut dice = Dice::new(1);
            (check.run)(&self.solution, &mut dice).is_ok() && dice != Dice::new(1)
        };
        self.lab.checks.iter().filter(rolls).map(|check| check.name).collect()
    }

    /// Each wrong solution fails the check meant for it, and no other.
    ///
    /// # Panics
    /// When one does not.
    pub fn each_wrong_is_caught_by_its_check(&self) {
        let _alone = alone();
        for wrong in &self.wrong {
            assert_eq!(self.failed(&wrong.subject, 1, |_| true), [wrong.caught_by], "{}", wrong.name);
        }
    }

    /// What a check finds that depends on the seed, it finds with each up to this one, or up to `LAB_SEEDS`.
    ///
    /// # Panics
    /// When a seed changes a verdict.
    pub fn verdicts_do_not_change(&self, seeds: u64) {
        let _alone = alone();
        let seeded = self.seeded();
        for wrong in self.wrong.iter().filter(|wrong| seeded.contains(&wrong.caught_by)) {
            for seed in 1..=wished(seeds) {
                let failed = self.failed(&wrong.subject, seed, |name| name == wrong.caught_by);
                assert_eq!(failed, [wrong.caught_by], "{} with seed {seed}", wrong.name);
            }
        }
    }

    /// What a learner reads of each wrong solution is as in its file, and fits on a screen.
    ///
    /// # Panics
    /// When it is or does not.
    pub fn failures_are_golden(&self) {
        let _alone = alone();
        for wrong in &self.wrong {
            let verdicts = self.lab.run(&wrong.subject, 1, |_| true);
            let first = verdicts.iter().find_map(|(check, verdict)| match verdict {
                Verdict::Failed(failure) => Some((check.name, failure)),
                Verdict::Passed | Verdict::Waits(_) => None,
            });
            let drawn = first.and_then(|(name, failure)| {
                let endings = failure.picture.as_ref()?.endings();
                Some(format!("target/tmp/{}-{name}{endings}", self.lab.number))
            });
            let told = Report { lab: &self.lab, seed: 1, verdicts: &verdicts, drawn: drawn.as_deref() }.to_string();
            assert!(told.lines().count() <= LINES_MAX, "{}: more than {LINES_MAX} lines\n{told}", wrong.name);
            golden(&self.solution_folder.join("golden").join(format!("{}.txt", wrong.name)), &told);
        }
    }

    /// No check is without use. Whoever fails the first one has nothing yet; the starter does.
    ///
    /// # Panics
    /// When a check catches nobody.
    pub fn each_check_catches_a_wrong(&self) {
        for check in self.lab.checks.iter().skip(1) {
            let caught = self.wrong.iter().any(|wrong| wrong.caught_by == check.name);
            assert!(caught, "nobody needs {}", check.name);
        }
    }

    /// Hints, predictions, points, README and explanation are there and are about this lab.
    ///
    /// # Panics
    /// When something is missing or too much.
    pub fn files_fit(&self) {
        let _alone = alone();
        let folder = &self.lab_folder;
        let hints = Hints::read(folder);
        assert!(hints.is_ok(), "{hints:?}");
        let Hints(hints) = hints.unwrap_or_default();
        let mut names: Vec<_> = self.lab.checks.iter().map(|check| check.name).collect();
        names.sort_unstable();
        assert_eq!(hints.keys().collect::<Vec<_>>(), names, "hints.toml");
        for (name, levels) in &hints {
            assert_eq!(levels.len(), LEVELS, "hints for {name}");
        }

        let predictions = Predictions::read(folder);
        assert!(predictions.is_ok(), "{predictions:?}");
        let asked: Vec<_> = predictions.iter().flat_map(|predictions| predictions.question.keys()).collect();
        for seed in 1..=STUDIES {
            let [answers, again] = [(), ()].map(|()| self.answers(seed));
            assert_eq!(asked, answers.iter().map(|(name, _)| name).collect::<Vec<_>>(), "predict.toml, seed {seed}");
            assert!(answers.iter().all(|(_, answer)| !answer.is_empty()), "no answer with seed {seed}: {answers:?}");
            assert_eq!(answers, again, "other answers with the same seed {seed}");
        }

        assert_eq!(self.lab.checks.iter().map(|check| check.points).sum::<u32>(), POINTS, "points");
        let title = format!("# Lab {}: {}\n", self.lab.number, self.lab.title);
        assert!(text(&folder.join("README.md")).starts_with(&title), "README.md begins with another title");
        assert!(!text(&folder.join("explain.md")).is_empty(), "explain.md says nothing");
    }

    /// What is right to predict, in the order of names.
    fn answers(&self, seed: u64) -> Vec<(&'static str, String)> {
        let questions = (self.lab.study)(&mut Dice::new(seed)).questions;
        let mut answers: Vec<_> = questions.into_iter().map(|question| (question.name, question.answer)).collect();
        answers.sort_unstable();
        answers
    }

    /// The table of wrong solutions is in the README of all labs.
    ///
    /// # Panics
    /// When it is not.
    pub fn table_is_in_readme(&self) {
        let _alone = alone();
        let row = |wrong: &Wrong<S>| format!("| {} | `{}` |\n", wrong.says, wrong.caught_by);
        let table = " that | is caught by |\n|---|---|\n".to_owned() + &self.wrong.iter().map(row).collect::<String>();
        let readme = text(&self.lab_folder.join("../README.md"));
        assert!(readme.contains(&table), "labs/README.md lacks\n| ...{table}");
    }

    /// The README of the lab shows what its starter says. That the starter says so is no test here, where a learner's
    /// half-done work would fail it.
    ///
    /// # Panics
    /// When it does not.
    pub fn starter_is_in_readme(&self) {
        let _alone = alone();
        let said = text(&self.solution_folder.join("golden/starter.txt"));
        let failure = said.split("\n\n  again").next().unwrap_or_default();
        let readme = text(&self.lab_folder.join("README.md"));
        assert!(!failure.is_empty() && readme.contains(failure), "README.md of the lab lacks\n{failure}");
    }

    /// The checks that `subject` fails with this seed.
    fn failed(&self, subject: &Arc<S>, seed: u64, wanted: impl Fn(&str) -> bool) -> Vec<&'static str> {
        let verdicts = self.lab.run(subject, seed, wanted);
        let failed = verdicts.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Failed(_)));
        failed.map(|(check, _)| check.name).collect()
    }
}

/// So many seeds, or as many as `LAB_SEEDS` says.
fn wished(seeds: u64) -> u64 {
    let Ok(wished) = std::env::var("LAB_SEEDS") else { return seeds };
    let number = wished.parse();
    assert!(number.is_ok(), "LAB_SEEDS is a number of seeds, not {wished}");
    number.unwrap_or(seeds)
}

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file of the lab, with the line ends of this program.
fn text(path: &Path) -> String {
    let text = fs::read_to_string(path);
    assert!(text.is_ok(), "{}: {text:?}", path.display());
    text.unwrap_or_default().replace("\r\n", "\n")
}
