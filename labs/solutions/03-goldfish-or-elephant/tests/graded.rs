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
        Wrong { name, says, caught_by, subject }
    });
    Trial {
        lab: lab(),
        lab_folder: folder.join("../../03-goldfish-or-elephant"),
        solution_folder: folder.to_owned(),
        solution: Arc::new(solution_03::Mine),
        wrong: wrong.collect(),
    }
}

lab_kit::graded!(trial);
