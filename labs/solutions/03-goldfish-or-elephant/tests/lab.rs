//! The checks of this lab, tried on the solution.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use lab_kit::program::{Folders, main as run};

fn main() -> ExitCode {
    let subject: Arc<grade_03::Subject> = Arc::new(solution_03::Mine);
    let lab = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../03-goldfish-or-elephant"));
    run(&grade_03::lab(), &subject, &Folders { lab: lab.to_owned(), traces: env!("CARGO_TARGET_TMPDIR").into() })
}
