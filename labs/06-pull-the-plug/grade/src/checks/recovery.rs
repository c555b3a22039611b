//! Starts that are cut themselves, and crash after crash.

use lab_kit::{Check, Dice, Failure};

use super::{OPERATIONS_MAX, STORED, add_matrix, at_each_crash};
use crate::matrix::matrix;
use crate::program::killed;
use crate::simulated::{LOSSES, Loss, Simulated};
use crate::story::{Outcome, Story, Upload, upload};
use crate::{JOURNAL, PART, Record, Subject, file_name, layout};

/// Rounds of crashes, and crashes in each.
const ROUNDS: usize = 30;
const CRASHES: usize = 12;

const ALL: &[&str] = &[
    "what_was_never_whole_is_cleared_away",
    "a_full_disk",
    "a_failed_sync",
    "recovery_cut_short",
    "what_was_told_stays",
];

pub(super) fn checks() -> Vec<Check<Subject>> {
    let check = |name, points, promise, builds_on, run| Check { name, promise, points, builds_on, run };
    vec![
        check("recovery_cut_short", 4, "A start may be cut at any moment, and the next one mends all.", STORED, cut),
        check("what_was_told_stays", 4, "What a start tells is durable: the sequence never goes back.", STORED, told),
        check("a_crash_anywhere", 4, "Crash after crash, whatever is lost, all promises hold.", ALL, anywhere),
        check(
            "killed_for_real",
            4,
            "A program on a real disk, killed again and again, goes on where it was.",
            &["a_crash_anywhere"],
            killed,
        ),
    ]
}

/// A disk on which two files were kept, and the third was being counted when the power failed.
fn torn() -> (Simulated, [Upload; 2]) {
    let uploads = [upload(1), upload(2)];
    let mut journal = layout::journal(&uploads.clone().map(|upload| upload.record));
    journal.extend(layout::written(&upload(3).record).into_iter().take(11));
    let mut files = vec![(JOURNAL.to_owned(), journal), (file_name(4) + PART, b"by".to_vec())];
    files.extend(uploads.iter().map(|upload| (file_name(upload.record.sequence), upload.payload.clone())));
    let files: Vec<_> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    (Simulated::with(&files), uploads)
}

fn cut(subject: &Subject, _: &mut Dice) -> Outcome<()> {
    let (disk, uploads) = torn();
    cut_anywhere(subject, &disk, &uploads).map_err(|mut failure| {
        add_matrix(&mut failure, matrix(subject, &disk, &uploads, &[]));
        failure
    })
}

fn cut_anywhere(subject: &Subject, disk: &Simulated, uploads: &[Upload]) -> Outcome<()> {
    for off in 0..OPERATIONS_MAX {
        let mut story = Story::new(subject, disk.clone());
        story.was_told(uploads);
        story.disk.off_before = Some(off);
        let done = story.recover()?;
        for loss in LOSSES {
            let mut next = story.crashed(&loss);
            next.recover()?;
            next.told_files_are_there()?;
            // Once more changes nothing.
            next = next.crashed(&Loss::Nothing);
            next.recover()?;
            next.told_files_are_there()?;
        }
        if done {
            return Ok(());
        }
    }
    Err(Failure::plain(format!("a start of less than {OPERATIONS_MAX} operations"), "more operations"))
}

fn told(subject: &Subject, _: &mut Dice) -> Outcome<()> {
    at_each_crash(subject, &Simulated::default(), &[upload(1), upload(2)], |story| {
        let mut next = story.crashed(&Loss::Nothing);
        next.recover()?;
        let mut last = next.crashed(&Loss::All);
        last.recover()?;
        last.told_files_are_there()
    })
}

fn anywhere(subject: &Subject, dice: &mut Dice) -> Outcome<()> {
    for _ in 0..ROUNDS {
        let mut story = Story::new(subject, Simulated::default());
        for _ in 0..CRASHES {
            story.disk.off_before = Some(dice.below(24));
            let mut goes_on = story.recover()?;
            while goes_on {
                let next = any_upload(story.told.saturating_add(1), dice);
                goes_on = story.store(next)?;
            }
            story.all_holds()?;
            story = story.crashed(&any_loss(&story.disk, dice));
            story.files_are_whole()?;
        }
        story.recover()?;
        story.all_holds()?;
    }
    Ok(())
}

fn any_upload(sequence: u64, dice: &mut Dice) -> Upload {
    let (receipt, payload) = (dice.below(600), dice.below(80));
    Upload { record: Record { sequence, receipt: dice.bytes(receipt) }, payload: dice.bytes(payload) }
}

fn any_loss(disk: &Simulated, dice: &mut Dice) -> Loss {
    match dice.below(6) {
        0 => Loss::Nothing,
        1 => Loss::All,
        2 if disk.last_write() > 0 => Loss::Torn(dice.below(disk.last_write())),
        _ => Loss::Some(Dice::new(u64::try_from(dice.below(usize::MAX)).unwrap_or(0))),
    }
}
