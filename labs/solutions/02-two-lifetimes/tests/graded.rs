//! The checks of lab 02, checked: what they say of a right solution and of wrong ones.
#![cfg(test)]

mod flawed;

use std::path::Path;
use std::sync::Arc;

use grade_02::{Subject, lab};
use lab_kit::{Trial, Wrong};

use self::flawed::FLAWS;

fn trial() -> Trial<Subject> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wrong = FLAWS.iter().map(|&(flaw, name, says, caught_by)| {
        let subject = Arc::new(flawed::subject(flaw));
        Wrong { name, says: says.trim(), caught_by, subject }
    });
    let solution = Subject {
        serve: Box::new(solution_02::serve),
        open: Box::new(|connection| Box::new(solution_02::Session::open(connection))),
    };
    Trial {
        lab: lab(),
        lab_folder: folder.join("../../02-two-lifetimes"),
        solution_folder: folder.to_owned(),
        solution: Arc::new(solution),
        wrong: wrong.collect(),
        seeded: &["any_client_keeps_its_files"],
    }
}

#[test]
fn the_solution_passes_with_a_hundred_seeds() {
    trial().solution_passes(100);
}

#[test]
fn each_wrong_solution_is_caught_by_the_check_meant_for_it() {
    trial().each_wrong_is_caught_by_its_check();
}

#[test]
fn a_verdict_does_not_depend_on_the_seed() {
    trial().verdicts_do_not_change(50);
}

#[test]
fn each_failure_is_told_as_it_was_and_fits_on_a_screen() {
    trial().failures_are_golden();
}

#[test]
fn each_check_catches_a_wrong_solution() {
    trial().each_check_catches_a_wrong();
}

#[test]
fn the_files_of_the_lab_fit_its_checks() {
    trial().files_fit();
}

#[test]
fn the_table_of_wrong_solutions_is_in_the_readme() {
    trial().table_is_in_readme();
}

#[test]
fn the_readme_of_the_lab_shows_what_its_starter_says() {
    trial().starter_is_in_readme();
}
