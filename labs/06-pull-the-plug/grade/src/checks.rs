//! What is checked, in the order of the work. Each check but the last ones is about one thing only, so that its failure
//! names the mistake.

mod files;
mod journal;
mod recovery;

use lab_kit::{Check, Failure, Picture};

use crate::Subject;
use crate::matrix::matrix;
use crate::simulated::{Loss, Simulated};
use crate::story::{Outcome, Story, Upload};

/// Operations that a few files may take.
pub(crate) const OPERATIONS_MAX: usize = 200;

/// What must hold before the disk fails and starts are cut.
const STORED: &[&str] = &[
    "an_append_is_durable",
    "the_journal_keeps_its_name",
    "appending_behind_a_torn_record",
    "a_counted_file_is_there",
    "a_reader_sees_whole_files_only",
    "a_file_keeps_its_bytes",
    "a_file_keeps_its_name",
    "a_repeat_after_a_crash",
];

pub(crate) fn all() -> Vec<Check<Subject>> {
    [journal::checks(), files::checks(), recovery::checks()].into_iter().flatten().collect()
}

/// Stores these uploads on this disk, as often as there are operations: each time the plug is out before another one.
/// `then` is given what happened.
fn at_each_crash(
    subject: &Subject,
    disk: &Simulated,
    uploads: &[Upload],
    then: impl Fn(&Story<'_>) -> Outcome<()>,
) -> Outcome<()> {
    for off in 0..OPERATIONS_MAX {
        let mut story = Story::new(subject, disk.clone());
        story.disk.off_before = Some(off);
        let done = run(&mut story, uploads).and_then(|done| then(&story).map(|()| done)).map_err(|mut failure| {
            add_matrix(&mut failure, matrix(subject, disk, &[], uploads));
            failure
        })?;
        if done {
            return Ok(());
        }
    }
    Err(Failure::plain(format!("{} files in less than {OPERATIONS_MAX} operations", uploads.len()), "more operations"))
}

/// Puts all the other crashes into the files of a failure too.
fn add_matrix(failure: &mut Failure, matrix: String) {
    let mut texts = match failure.picture.take() {
        Some(Picture::Sheet(texts)) => texts,
        Some(Picture::Bytes(_) | Picture::Wire(_)) | None => Vec::new(),
    };
    texts.insert(0, ("The crash matrix", matrix));
    failure.picture = Some(Picture::Sheet(texts));
}

/// Recovers and stores; `false`: the plug came out.
pub(crate) fn run(story: &mut Story<'_>, uploads: &[Upload]) -> Outcome<bool> {
    let mut goes_on = story.recover()?;
    for upload in uploads {
        goes_on = goes_on && story.store(upload.clone())?;
    }
    Ok(goes_on)
}

/// What follows from this crash: the next start, and whether all that was told holds.
fn starts_again(story: &Story<'_>, loss: &Loss) -> Outcome<()> {
    let mut next = story.crashed(loss);
    next.recover()?;
    next.told_files_are_there()
}
