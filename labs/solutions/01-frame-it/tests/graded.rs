//! The checks of lab 01, checked: what they say of a right decoder and of wrong ones.
#![cfg(test)]

mod flawed;

use std::path::Path;
use std::sync::Arc;

use grade_01::{Subject, lab};
use lab_kit::{Trial, Wrong};

use self::flawed::{FLAWS, Flawed};

fn trial() -> Trial<Subject> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wrong = FLAWS.iter().map(|&(flaw, name, says, caught_by)| {
        let subject: Arc<Subject> = Arc::new(move || Box::new(Flawed::new(flaw)));
        Wrong { name, says, caught_by, subject }
    });
    Trial {
        lab: lab(),
        lab_folder: folder.join("../../01-frame-it"),
        solution_folder: folder.to_owned(),
        solution: Arc::new(|| Box::new(solution_01::Decoder::default())),
        wrong: wrong.collect(),
    }
}

lab_kit::graded!(trial);
