//! The checks of this lab, tried on the solution.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use grade_02::Subject;
use lab_kit::program::{Folders, main as run};

fn main() -> ExitCode {
    let subject = Subject {
        serve: Box::new(solution_02::serve),
        open: Box::new(|connection| Box::new(solution_02::Session::open(connection))),
    };
    let lab = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../02-two-lifetimes"));
    let folders = Folders { lab: lab.to_owned(), traces: env!("CARGO_TARGET_TMPDIR").into() };
    run(&grade_02::lab(), &Arc::new(subject), &folders)
}
