//! The checks of lab 06, checked: what they say of a right keeper and of wrong ones.
#![cfg(test)]

mod flawed;

use std::path::Path;
use std::sync::Arc;

use grade_06::{Keep, Subject, lab, program};
use lab_kit::{Picture, Trial, Verdict, Wrong};

use self::flawed::{FLAWS, Flaw, Flawed};

/// The test that is the program to be killed: of the keeper whose name is behind it.
const PROGRAM: &str = "the_program_that_is_killed";

fn subject(name: &'static str, fresh: impl Fn() -> Box<dyn Keep> + Send + Sync + 'static) -> Subject {
    let arguments = [PROGRAM, "--exact", "--nocapture", "--skip", name];
    Subject { fresh: Box::new(fresh), program: arguments.map(ToOwned::to_owned).to_vec() }
}

fn solution() -> Subject {
    subject("Solution", || Box::new(solution_06::Keeper::default()))
}

fn trial() -> Trial<Subject> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wrong = FLAWS.iter().map(|&(flaw, name, says, caught_by)| {
        let subject = Arc::new(subject(name, move || Box::new(Flawed::new(flaw))));
        Wrong { name, says, caught_by, subject }
    });
    Trial {
        lab: lab(),
        lab_folder: folder.join("../../06-pull-the-plug"),
        solution_folder: folder.to_owned(),
        solution: Arc::new(solution()),
        wrong: wrong.collect(),
    }
}

/// Does nothing unless a check has started it.
#[test]
fn the_program_that_is_killed() {
    let name = std::env::args().next_back().unwrap();
    let flawed = trial().wrong.into_iter().find(|wrong| wrong.name == name).map(|wrong| wrong.subject);
    let _ended = program::serve(&flawed.unwrap_or_else(|| Arc::new(solution())));
}

#[test]
fn a_failure_draws_the_crash_matrix_of_the_keeper_that_was_checked() {
    let wrong = Arc::new(subject("FolderIsNotSynced", || Box::new(Flawed::new(Flaw::FolderIsNotSynced))));
    let lab = lab();
    let verdicts = lab.run(&wrong, 1, |name| name == "a_file_keeps_its_name");
    let [(_, Verdict::Failed(failure))] = verdicts.as_slice() else { panic!("it passes") };
    let Some(Picture::Sheet(texts)) = &failure.picture else { panic!("{failure:?}") };
    let text = |wanted: &str| &texts.iter().find(|(head, _)| *head == wanted).unwrap().1;
    let row = |name: &str| {
        let row = text("The crash matrix").lines().find(|row| row.contains(name)).unwrap();
        row.split_whitespace().rev().take(4).collect::<Vec<_>>()
    };
    assert_eq!(row("rename file_1.part to file_1"), ["-"; 4]);
    assert_eq!(row("nothing: all is done"), ["lie", "lie", "-", "-"]);
    assert!(
        text("The disk when the last crash came").contains("file_1                        10 bytes             -\n")
    );
}

lab_kit::graded!(trial);
