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
    }
}

lab_kit::graded!(trial);
