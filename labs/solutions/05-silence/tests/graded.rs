//! The checks of lab 05, checked: what they say of a right keeper and of wrong ones.
#![cfg(test)]

mod flawed;
mod flaws;
#[path = "../src/timers.rs"]
mod timers;

use std::path::Path;
use std::sync::Arc;

use grade_05::{Subject, lab};
use lab_kit::{Trial, Wrong};

use self::flawed::Flawed;
use self::flaws::{FLAWS, Flaw};

fn wrong(flaw: Flaw) -> Arc<Subject> {
    Arc::new(move |timeouts| Box::new(Flawed::new(flaw, timeouts)))
}

fn trial() -> Trial<Subject> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    Trial {
        lab: lab(),
        lab_folder: folder.join("../../05-silence"),
        solution_folder: folder.to_owned(),
        solution: Arc::new(|timeouts| Box::new(solution_05::Sessions::new(timeouts))),
        wrong: FLAWS
            .iter()
            .map(|(flaw, name, says, caught_by)| Wrong { name, says: says.trim(), caught_by, subject: wrong(*flaw) })
            .collect(),
        seeded: &["a_day_in_the_bag", "a_file_is_no_mixture", "an_offset_beyond_what_is_there"],
    }
}

#[test]
fn the_solution_passes_with_a_hundred_seeds() {
    trial().solution_passes(100);
}

#[test]
fn each_wrong_keeper_is_caught_by_the_check_meant_for_it() {
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
fn each_check_catches_a_wrong_keeper() {
    trial().each_check_catches_a_wrong();
}

#[test]
fn the_files_of_the_lab_fit_its_checks() {
    trial().files_fit();
}

#[test]
fn the_table_of_wrong_keepers_is_in_the_readme() {
    trial().table_is_in_readme();
}

#[test]
fn the_readme_of_the_lab_shows_what_its_starter_says() {
    trial().starter_is_in_readme();
}
