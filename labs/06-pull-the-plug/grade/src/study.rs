//! Two uploads, operation by operation, and the moment when the plug is pulled: whose outcome a learner predicts.

use std::fmt::Write as _;

use lab_kit::{Dice, Question, Study};

use crate::simulated::{Loss, Simulated};
use crate::story::{Upload, upload};
use crate::{Disk, DiskError, JOURNAL, PART, Record, file_name, layout};

/// What a program does for one upload, step by step.
const STEPS: usize = 7;
/// Uploads in the story.
const UPLOADS: u64 = 2;

pub(crate) fn study(dice: &mut Dice) -> Study {
    let receipt = "kept as file_2".chars().take(4 + dice.below(10)).collect::<String>().into_bytes();
    let uploads = [upload(1), Upload { record: Record { sequence: 2, receipt }, ..upload(2) }];
    // Between the rename and the last sync of the second upload.
    let off = STEPS + 4 + dice.below(3);
    let mut asked = format!("the plug is out behind operation {off}\n\n");
    for number in 1..=2 * STEPS {
        let says = at(&uploads, number).map_or_else(|error| error.to_string(), |(_, says)| says);
        let mark = if number == off { "  <- the plug is out" } else { "" };
        // Writing into a string cannot fail.
        let _ = writeln!(asked, "  {number:>2}  {says}{mark}");
    }
    let record = layout::written(&uploads[1].record).len();
    let questions = questions(&uploads, off, record);
    Study { answered: format!("{asked}\n{}{}", matrix(&uploads), torn(&uploads)), asked, picture: None, questions }
}

/// The disk after so many operations, and the last of them in words.
fn at(uploads: &[Upload; 2], operations: usize) -> Result<(Simulated, String), DiskError> {
    let mut disk = Simulated::with(&[(JOURNAL, Vec::new())]);
    let mut says = "nothing yet".to_owned();
    for number in 0..operations {
        let Some(Upload { record, payload }) = uploads.get(number / STEPS) else { break };
        let (name, bytes) = (file_name(record.sequence), layout::written(record));
        let part = name.clone() + PART;
        says = match number % STEPS {
            0 => disk.create(&part).map(|()| format!("create {part}")),
            1 => disk.append(&part, payload).map(|()| format!("append {} bytes to {part}", payload.len())),
            2 => disk.sync(&part).map(|()| format!("sync {part}")),
            3 => disk.rename(&part, &name).map(|()| format!("rename {part} to {name}")),
            4 => disk.sync_folder().map(|()| "sync the folder".to_owned()),
            5 => disk.append(JOURNAL, &bytes).map(|()| format!("append {} bytes to {JOURNAL}", bytes.len())),
            _ => disk.sync(JOURNAL).map(|()| format!("sync {JOURNAL}, then reply to the client")),
        }?;
    }
    Ok((disk, says))
}

/// The sequence that counts on this disk.
fn counted(disk: &Simulated) -> u64 {
    layout::last(disk.bytes(JOURNAL).unwrap_or_default()).map_or(0, |record| record.sequence)
}

fn yes(holds: bool) -> &'static str {
    if holds { "yes" } else { "no" }
}

fn questions(uploads: &[Upload; 2], off: usize, record: usize) -> Vec<Question> {
    let (disk, _) = at(uploads, off).unwrap_or_default();
    let (cut, killed) = (disk.crashed(&Loss::All), disk.crashed(&Loss::Nothing));
    let question = |name, answer: String, because: &str| Question { name, answer, because: because.to_owned() };
    vec![
        question(
            "visible_after_power_cut",
            yes(cut.bytes(&file_name(2)).is_some()).to_owned(),
            "a name is there when its folder was synced",
        ),
        question(
            "counted_after_power_cut",
            counted(&cut).to_string(),
            "a record is there when the journal was synced behind it",
        ),
        question(
            "counted_after_kill",
            counted(&killed).to_string(),
            "the system outlives the process, with all that was written",
        ),
        question(
            "torn_lengths",
            (record.saturating_sub(1)).to_string(),
            "all but no byte and the whole record; none of them may count",
        ),
    ]
}

/// What holds, for a crash behind each operation.
fn matrix(uploads: &[Upload; 2]) -> String {
    let mut text = String::from(
        "The crash matrix: all without a sync is lost | the process is killed\n\n  \
         behind  counted  visible  told kept  whole  | counted  visible  told kept  whole\n",
    );
    for operations in 0..=2 * STEPS {
        let Ok((disk, _)) = at(uploads, operations) else { break };
        let told = u64::try_from(operations / STEPS).unwrap_or(0);
        let cells = [Loss::All, Loss::Nothing].map(|loss| {
            let left = disk.crashed(&loss);
            let files: Vec<_> = (1..=UPLOADS).filter(|number| left.bytes(&file_name(*number)).is_some()).collect();
            let kept = counted(&left) >= told && (1..=told).all(|number| files.contains(&number));
            let whole = uploads.iter().all(|upload| {
                left.bytes(&file_name(upload.record.sequence)).is_none_or(|bytes| bytes == upload.payload)
            });
            format!("{:>7}  {:>7}  {:>9}  {:>5}", counted(&left), files.len(), yes(kept), yes(whole))
        });
        // Writing into a string cannot fail.
        let _ = writeln!(text, "  {operations:>6}  {}", cells.join("  | "));
    }
    text
}

/// A journal whose last record came in part.
fn torn(uploads: &[Upload; 2]) -> String {
    let mut journal = layout::written(&uploads[0].record);
    let whole = layout::shown(&journal);
    let record = layout::written(&uploads[1].record);
    journal.extend(record.iter().take(record.len() / 2));
    let damaged = layout::shown(&journal);
    let mut text =
        String::from("\nThe journal, cut in the middle of its second record: length, checksum, sequence, receipt\n\n");
    for (digits, why) in [whole, damaged] {
        // As in a transcript, the line below begins three columns further to the right.
        let _ = writeln!(text, "  {digits}\n     {why}");
    }
    text
}
