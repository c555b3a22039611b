//! The checks of lab 01, checked: what they say of a right decoder and of wrong ones.
#![cfg(test)]

mod flawed;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use grade_01::{Subject, lab};
use lab_kit::folder::{Hints, Predictions};
use lab_kit::{Dice, Report, Verdict, golden};

use self::flawed::{FLAWS, Flaw, Flawed};

/// The check that depends on a seed.
const SEEDED: &str = "any_frames_in_any_pieces";
/// What a learner sees stays on the screen.
const LINES_MAX: usize = 25;

/// One test at a time: a check measures the memory of the whole process.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn solution() -> Arc<Subject> {
    Arc::new(|| Box::new(solution_01::Decoder::default()))
}

fn wrong(flaw: Flaw) -> Arc<Subject> {
    Arc::new(move || Box::new(Flawed::new(flaw)))
}

fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The checks that this decoder fails with this seed.
fn failed(subject: &Arc<Subject>, seed: u64, wanted: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let lab = lab();
    let verdicts = lab.run(subject, seed, wanted);
    assert!(!verdicts.is_empty());
    verdicts.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Failed(_))).map(|(check, _)| check.name).collect()
}

#[test]
fn the_solution_passes_with_a_hundred_seeds() {
    let _alone = alone();
    assert_eq!(failed(&solution(), 1, |_| true), Vec::<&str>::new());
    for seed in 1..=100 {
        assert_eq!(failed(&solution(), seed, |name| name == SEEDED), Vec::<&str>::new(), "seed {seed}");
    }
}

#[test]
fn each_wrong_decoder_is_caught_by_the_check_meant_for_it() {
    let _alone = alone();
    for (flaw, _, check) in FLAWS {
        assert_eq!(failed(&wrong(*flaw), 1, |_| true), [*check], "{flaw:?}");
    }
}

#[test]
fn a_verdict_does_not_depend_on_the_seed() {
    let _alone = alone();
    for seed in 1..=50 {
        assert_eq!(failed(&wrong(Flaw::SizeInTwoBytes), seed, |name| name == SEEDED), [SEEDED], "seed {seed}");
    }
}

#[test]
fn each_failure_is_told_as_it_was_and_fits_on_a_screen() {
    let _alone = alone();
    let lab = lab();
    for (flaw, ..) in FLAWS {
        let verdicts = lab.run(&wrong(*flaw), 1, |_| true);
        let trace = Some("target/tmp/trace.pcapng");
        let told = Report { lab: &lab, seed: 1, verdicts: &verdicts, trace }.to_string();
        assert!(told.lines().count() <= LINES_MAX, "{told}");
        golden(&folder("golden").join(format!("{flaw:?}.txt")), &told);
    }
}

#[test]
fn each_check_catches_a_wrong_decoder() {
    let _alone = alone();
    // Whoever fails the first one has nothing yet; the starter does.
    for check in lab().checks.iter().skip(1) {
        assert!(FLAWS.iter().any(|(_, _, caught_by)| *caught_by == check.name), "nobody needs {}", check.name);
    }
}

#[test]
fn the_table_of_wrong_decoders_is_in_the_readme() {
    let _alone = alone();
    let mut table = String::from("| a decoder that | is caught by |\n|---|---|\n");
    for (_, says, check) in FLAWS {
        table.extend(["| ", says.trim(), " | `", check, "` |\n"]);
    }
    let readme = include_str!("../../../README.md").replace("\r\n", "\n");
    assert!(readme.contains(&table), "labs/README.md lacks\n{table}");
}

#[test]
fn the_readme_of_the_lab_shows_what_its_starter_says() {
    let _alone = alone();
    // That the starter says so is no test here, where a learner's half-done work would fail it.
    let said = include_str!("../golden/starter.txt").replace("\r\n", "\n");
    let readme = include_str!("../../../01-frame-it/README.md").replace("\r\n", "\n");
    let (failure, _) = said.split_once("\n\n  again").unwrap();
    assert!(readme.contains(failure), "labs/01-frame-it/README.md lacks\n{failure}");
}

#[test]
fn the_files_of_the_lab_fit_its_checks() {
    let _alone = alone();
    let (lab, folder) = (lab(), folder("../../01-frame-it"));
    let Hints(hints) = Hints::read(&folder).unwrap();
    let mut names: Vec<_> = lab.checks.iter().map(|check| check.name).collect();
    names.sort_unstable();
    assert_eq!(hints.keys().collect::<Vec<_>>(), names);
    assert!(hints.values().all(|levels| levels.len() == 3));

    let questions = (lab.questions)(&(lab.stream)(&mut Dice::new(1)));
    let predictions = Predictions::read(&folder).unwrap();
    assert!(questions.iter().all(|question| predictions.question.contains_key(question.name)));
    assert_eq!(questions.len(), predictions.question.len());

    // With the ten for predictions, a lab is a hundred.
    assert_eq!(lab.checks.iter().map(|check| check.points).sum::<u32>(), 90);
}
