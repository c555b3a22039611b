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
            .map(|(flaw, name, says, caught_by)| Wrong { name, says, caught_by, subject: wrong(*flaw) })
            .collect(),
    }
}

lab_kit::graded!(trial);
