//! The checks of lab 03, checked: what they say of right servers and of wrong ones.
#![cfg(test)]

mod flawed;

use std::path::Path;
use std::sync::Arc;

use grade_03::{Subject, lab};
use lab_kit::{Trial, Wrong};

use self::flawed::{FLAWS, Flawed};

fn trial() -> Trial<Subject> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wrong = FLAWS.iter().map(|&(flaw, name, says, caught_by)| {
        let subject: Arc<Subject> = Arc::new(Flawed(flaw));
        Wrong { name, says: says.trim(), caught_by, subject }
    });
    Trial {
        lab: lab(),
        lab_folder: folder.join("../../03-goldfish-or-elephant"),
        solution_folder: folder.to_owned(),
        solution: Arc::new(solution_03::Mine),
        wrong: wrong.collect(),
        seeded: &["any_uploads_in_any_order"],
    }
}

#[test]
fn the_solution_passes_with_a_hundred_seeds() {
    trial().solution_passes(100);
}

#[test]
fn each_wrong_server_is_caught_by_the_check_meant_for_it() {
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
fn each_check_catches_a_wrong_server() {
    trial().each_check_catches_a_wrong();
}

#[test]
fn the_files_of_the_lab_fit_its_checks() {
    trial().files_fit();
}

#[test]
fn the_table_of_wrong_servers_is_in_the_readme() {
    trial().table_is_in_readme();
}

#[test]
fn the_readme_of_the_lab_shows_what_its_starter_says() {
    trial().starter_is_in_readme();
}
