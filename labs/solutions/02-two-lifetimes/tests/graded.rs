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
        Wrong { name, says, caught_by, subject }
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
    }
}

lab_kit::graded!(trial);
