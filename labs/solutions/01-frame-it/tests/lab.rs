//! The checks of this lab, tried on the solution.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use lab_kit::program::{Folders, main as run};

fn main() -> ExitCode {
    let subject: Arc<grade_01::Subject> = Arc::new(|| Box::new(solution_01::Decoder::default()));
    let lab = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../01-frame-it"));
    run(&grade_01::lab(), &subject, &Folders { lab: lab.to_owned(), traces: env!("CARGO_TARGET_TMPDIR").into() })
}
