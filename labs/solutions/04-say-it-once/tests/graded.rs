//! The checks of lab 04, checked: what they say of a right gate, of wrong ones, and of wrong tests.
#![cfg(test)]

mod flawed;

use std::path::Path;
use std::sync::Arc;

use grade_04::{Gate, Work, lab};
use lab_kit::{Trial, Wrong};

use self::flawed::{FLAWS, Flaw, Flawed};

fn wrong(flaw: Flaw) -> Arc<Work> {
    Arc::new(Work { gate: Box::new(move || -> Box<dyn Gate> { Box::new(Flawed::new(flaw)) }), test: flaw.test() })
}

fn trial() -> Trial<Work> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let gate = Box::new(|| -> Box<dyn Gate> { Box::new(solution_04::SeqGate::default()) });
    Trial {
        lab: lab(),
        lab_folder: folder.join("../../04-say-it-once"),
        solution_folder: folder.to_owned(),
        solution: Arc::new(Work { gate, test: solution_04::finds_wrong_gates }),
        wrong: FLAWS
            .iter()
            .map(|(flaw, name, says, caught_by)| Wrong { name, says, caught_by, subject: wrong(*flaw) })
            .collect(),
        seeded: &["a_captured_session_played_again", "any_course_of_things"],
    }
}

#[test]
fn the_solution_passes_with_a_hundred_seeds() {
    trial().solution_passes(100);
}

#[test]
fn each_wrong_gate_is_caught_by_the_check_meant_for_it() {
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
fn each_check_catches_a_wrong_gate() {
    trial().each_check_catches_a_wrong();
}

#[test]
fn the_files_of_the_lab_fit_its_checks() {
    trial().files_fit();
}

#[test]
fn the_table_of_wrong_gates_is_in_the_readme() {
    trial().table_is_in_readme();
}

#[test]
fn the_readme_of_the_lab_shows_what_its_starter_says() {
    trial().starter_is_in_readme();
}
