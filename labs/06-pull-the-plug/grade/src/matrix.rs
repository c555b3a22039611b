//! The crash matrix of a keeper: before which of its operations the plug is pulled, what that loses, and what no longer
//! holds then. Judges nothing; it stands beside a failure.

use std::fmt::Write as _;

use crate::Subject;
use crate::checks::{OPERATIONS_MAX, run};
use crate::simulated::{LOSSES, Loss, Simulated};
use crate::story::{Story, Upload};

/// Rows of a matrix; a keeper that does more is shown in part.
const ROWS_MAX: usize = 40;

/// A start on this disk, on which the uploads in `told` were kept, and then these uploads.
pub(crate) fn matrix(subject: &Subject, disk: &Simulated, told: &[Upload], uploads: &[Upload]) -> String {
    let mut text = String::from(
        "Before each operation of your keeper the plug is pulled, and the next start looks at what is left.\n  \
         part: a file is visible and not whole   lost: a record that was told is not found\n  \
         lie: a record is found, and its file is not there\n\n  ",
    );
    let _ = write!(text, "{:36}", "the plug is out before");
    for loss in LOSSES {
        let _ = write!(text, "  {:15}", head(&loss));
    }
    for off in 0..ROWS_MAX.min(OPERATIONS_MAX) {
        let mut story = Story::new(subject, disk.clone());
        story.was_told(told);
        story.disk.off_before = Some(off);
        let Ok(done) = run(&mut story, uploads) else {
            text.push_str("\n  it fails without a crash");
            break;
        };
        let before = story.disk.pulled.clone().unwrap_or_else(|| "nothing: all is done".to_owned());
        // Writing into a string cannot fail.
        let _ = write!(text, "\n  {:>3}  {before:31}", off.saturating_add(1));
        for loss in LOSSES {
            let _ = write!(text, "  {:15}", breaks(&story, &loss));
        }
        if done {
            break;
        }
    }
    text.lines().fold(String::new(), |all, line| all + line.trim_end() + "\n")
}

fn head(loss: &Loss) -> &'static str {
    match loss {
        Loss::Nothing => "only killed",
        Loss::Bytes => "bytes lost",
        Loss::Names => "names lost",
        Loss::All => "both lost",
        Loss::Torn(_) | Loss::Some(_) => "some lost",
    }
}

/// What does not hold any more after this crash.
fn breaks(story: &Story<'_>, loss: &Loss) -> String {
    let mut next = story.crashed(loss);
    let part = next.files_are_whole().is_err();
    let lost = next.recover().is_err();
    let lie = !lost && next.told_files_are_there().is_err();
    let broken = [(part, "part"), (lost, "lost"), (lie, "lie")];
    let broken: Vec<_> = broken.into_iter().filter_map(|(is, name)| is.then_some(name)).collect();
    if broken.is_empty() { "-".to_owned() } else { broken.join(" ") }
}
