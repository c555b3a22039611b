//! Checks again whenever a file of the lab was saved. Ends with the terminal's interrupt.

use std::path::Path;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use crate::chosen::Chosen;

/// Short enough that nobody waits for it, long enough to cost nothing.
const PAUSE: Duration = Duration::from_millis(300);

pub(crate) fn watch(lab: &Chosen) -> Result<ExitCode, String> {
    loop {
        let seen = newest(&lab.folder);
        lab.run([])?;
        let name = lab.folder.file_name().unwrap_or_default().display();
        println!("\nwaiting for you to save a file in labs/{name} (Ctrl-C ends)");
        while newest(&lab.folder) == seen {
            sleep(PAUSE);
        }
    }
}

/// When the newest file below `folder` was written, and how many there are.
fn newest(folder: &Path) -> (Option<SystemTime>, usize) {
    let mut all = (None, 0_usize);
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let (time, files) = if path.is_dir() {
            newest(&path)
        } else {
            (entry.metadata().and_then(|metadata| metadata.modified()).ok(), 1)
        };
        all = (all.0.max(time), all.1.saturating_add(files));
    }
    all
}
