//! Two uploads, operation by operation, and the moment when the plug is pulled: whose outcome a learner predicts.

use std::fmt::Write as _;

use lab_kit::{Dice, Picture, Question, Study};

use crate::simulated::{LOSSES, Loss, Simulated};
use crate::story::{Upload, upload};
use crate::{Disk, DiskError, JOURNAL, PART, Record, file_name, layout};

/// What a program does for an upload.
#[derive(Clone, Copy)]
enum Step {
    Create,
    Write,
    SyncBytes,
    Rename,
    SyncFolder,
    Record,
    SyncRecord,
}

/// The right order: bytes, then the name, then the record.
const ORDER: &[Step] =
    &[Step::Create, Step::Write, Step::SyncBytes, Step::Rename, Step::SyncFolder, Step::Record, Step::SyncRecord];

/// The right order, and others that people believe in.
const ORDERS: [(&str, &[Step]); 5] = [
    ("as above", ORDER),
    ("bytes unsynced", &[Step::Create, Step::Write, Step::Rename, Step::SyncFolder, Step::Record, Step::SyncRecord]),
    ("folder unsynced", &[Step::Create, Step::Write, Step::SyncBytes, Step::Rename, Step::Record, Step::SyncRecord]),
    ("record unsynced", &[Step::Create, Step::Write, Step::SyncBytes, Step::Rename, Step::SyncFolder, Step::Record]),
    (
        "record first",
        &[Step::Record, Step::SyncRecord, Step::Create, Step::Write, Step::SyncBytes, Step::Rename, Step::SyncFolder],
    ),
];

pub(crate) fn study(dice: &mut Dice) -> Study {
    let receipt = "kept as file_2".chars().take(4 + dice.below(10)).collect::<String>().into_bytes();
    let uploads = [upload(1), Upload { record: Record { sequence: 2, receipt }, ..upload(2) }];
    // Between the rename and the last sync of the second upload.
    let off = ORDER.len() + 4 + dice.below(3);
    let mut asked = format!("the plug is out behind operation {off}\n\n");
    for number in 1..=2 * ORDER.len() {
        let says = at(&uploads, ORDER, number).map_or_else(|error| error.to_string(), |(_, says)| says);
        let mark = if number == off { "  <- the plug is out" } else { "" };
        // Writing into a string cannot fail.
        let _ = writeln!(asked, "  {number:>2}  {says}{mark}");
    }
    let record = layout::written(&uploads[1].record).len();
    let questions = questions(&uploads, off, record);
    // A page of the words that stand on the screen, for a lecture.
    let picture = Some(Picture::Sheet(Vec::new()));
    Study { answered: format!("{asked}\n{}{}", matrix(&uploads), torn(&uploads)), asked, picture, questions }
}

/// The disk after so many operations in this order, and the last of them in words.
fn at(uploads: &[Upload; 2], order: &[Step], operations: usize) -> Result<(Simulated, String), DiskError> {
    let mut disk = Simulated::with(&[(JOURNAL, Vec::new())]);
    let mut says = "nothing yet".to_owned();
    let steps = uploads.iter().flat_map(|upload| order.iter().map(move |step| (upload, *step)));
    for (Upload { record, payload }, step) in steps.take(operations) {
        let (name, bytes) = (file_name(record.sequence), layout::written(record));
        let part = name.clone() + PART;
        says = match step {
            Step::Create => disk.create(&part).map(|()| format!("create {part}")),
            Step::Write => disk.append(&part, payload).map(|()| format!("append {} bytes to {part}", payload.len())),
            Step::SyncBytes => disk.sync(&part).map(|()| format!("sync {part}")),
            Step::Rename => disk.rename(&part, &name).map(|()| format!("rename {part} to {name}")),
            Step::SyncFolder => disk.sync_folder().map(|()| "sync the folder".to_owned()),
            Step::Record => disk.append(JOURNAL, &bytes).map(|()| format!("append {} bytes to {JOURNAL}", bytes.len())),
            Step::SyncRecord => disk.sync(JOURNAL).map(|()| format!("sync {JOURNAL}, then reply to the client")),
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
    let (disk, _) = at(uploads, ORDER, off).unwrap_or_default();
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

/// For a crash behind each operation of the second upload, what does not hold any more, in each order.
fn matrix(uploads: &[Upload; 2]) -> String {
    let mut text = String::from(
        "The crash matrix: what a crash breaks behind each operation of the second upload, if it loses the worst\n  \
         lost: acknowledged, and not there   part: visible, and not whole   lie: counted, and there is no such file\n\n  \
         behind",
    );
    text.extend(ORDERS.iter().map(|(name, _)| format!("  {name:15}")));
    for operations in 0..=ORDER.len() {
        // Writing into a string cannot fail.
        let _ = write!(text, "\n  {operations:>6}");
        for (_, order) in ORDERS {
            let told = if operations < order.len() { 1 } else { 2 };
            let cell = match at(uploads, order, order.len().saturating_add(operations)) {
                Ok((disk, _)) if operations <= order.len() => breaks(&disk, uploads, told),
                // It is done already.
                Ok(_) | Err(_) => String::new(),
            };
            let _ = write!(text, "  {cell:15}");
        }
    }
    text.lines().fold(String::new(), |all, line| all + line.trim_end() + "\n")
}

/// What a crash can break when so many uploads are acknowledged.
fn breaks(disk: &Simulated, uploads: &[Upload; 2], told: u64) -> String {
    let (mut lost, mut part, mut lie) = (false, false, false);
    for left in LOSSES.map(|loss| disk.crashed(&loss)) {
        let counted = counted(&left);
        lost |= counted < told;
        for Upload { record, payload } in uploads {
            let file = left.bytes(&file_name(record.sequence));
            lost |= record.sequence <= told && file.is_none();
            lie |= record.sequence <= counted && file.is_none();
            part |= file.is_some_and(|bytes| bytes != payload);
        }
    }
    let broken = [(lost, "lost"), (part, "part"), (lie, "lie")];
    let broken: Vec<_> = broken.into_iter().filter_map(|(is, name)| is.then_some(name)).collect();
    if broken.is_empty() { "-".to_owned() } else { broken.join(" ") }
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
