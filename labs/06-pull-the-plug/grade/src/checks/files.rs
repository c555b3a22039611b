//! Files and their records: in which order they reach the disk, and what is done when the disk says no.

use lab_kit::{Check, Dice};

use super::{OPERATIONS_MAX, STORED, at_each_crash, run, starts_again};
use crate::simulated::{Loss, Simulated};
use crate::story::{Outcome, Story, Upload, upload};
use crate::{PART, Subject};

const FOUND: &[&str] = &["records_are_found_again"];

pub(super) fn checks() -> Vec<Check<Subject>> {
    let check = |name, points, promise, builds_on, run| Check { name, promise, points, builds_on, run };
    vec![
        check("a_counted_file_is_there", 5, "A record says of a file that is there, at every moment.", FOUND, counted),
        check(
            "a_reader_sees_whole_files_only",
            5,
            "Whoever opens a file at any moment finds all of it.",
            FOUND,
            visible,
        ),
        check(
            "a_file_keeps_its_bytes",
            5,
            "Bytes are durable before their file has its name.",
            &["a_reader_sees_whole_files_only"],
            bytes,
        ),
        check(
            "a_file_keeps_its_name",
            5,
            "A name is durable before its file is counted.",
            &["a_counted_file_is_there", "an_append_is_durable", "the_journal_keeps_its_name"],
            names,
        ),
        check(
            "a_repeat_after_a_crash",
            4,
            "A client that was told nothing may send again, other bytes too.",
            &["a_counted_file_is_there", "a_reader_sees_whole_files_only"],
            repeated,
        ),
        check(
            "what_was_never_whole_is_cleared_away",
            4,
            "After a start no part of a file is left, so crashes do not fill the disk.",
            &["a_repeat_after_a_crash"],
            cleared,
        ),
        check("a_full_disk", 5, "A full disk loses nothing, and with room again the work goes on.", STORED, full),
        check(
            "a_failed_sync",
            4,
            "What a failed sync left open is never told to be there.",
            &["a_full_disk"],
            failed_sync,
        ),
    ]
}

/// Two files, the second nearly three times as long.
fn two() -> [Upload; 2] {
    [upload(1), Upload { payload: b"bytes of 2, and more of them".to_vec(), ..upload(2) }]
}

/// Another file for the same sequence, as whole as the first.
fn another(upload: &Upload) -> Upload {
    Upload { payload: b"other bytes".to_vec(), ..upload.clone() }
}

fn counted(subject: &Subject, _: &mut Dice) -> Outcome<()> {
    at_each_crash(subject, &Simulated::default(), &two(), |story| starts_again(story, &Loss::Nothing))
}

fn visible(subject: &Subject, _: &mut Dice) -> Outcome<()> {
    at_each_crash(subject, &Simulated::default(), &two(), |story| {
        story.crashed(&Loss::Nothing).files_are_whole()?;
        (0..story.disk.last_write()).try_for_each(|kept| story.crashed(&Loss::Torn(kept)).files_are_whole())
    })
}

fn bytes(subject: &Subject, _: &mut Dice) -> Outcome<()> {
    at_each_crash(subject, &Simulated::default(), &two(), |story| story.crashed(&Loss::Bytes).files_are_whole())
}

fn names(subject: &Subject, _: &mut Dice) -> Outcome<()> {
    at_each_crash(subject, &Simulated::default(), &two(), |story| starts_again(story, &Loss::Names))
}

fn repeated(subject: &Subject, _: &mut Dice) -> Outcome<()> {
    let two = two();
    at_each_crash(subject, &Simulated::default(), &two, |story| {
        let mut next = story.crashed(&Loss::Nothing);
        next.recover()?;
        for upload in &two {
            if upload.record.sequence > next.told {
                next.store(another(upload))?;
            }
        }
        next.all_holds()?;
        starts_again(&next, &Loss::Nothing)
    })
}

fn cleared(subject: &Subject, _: &mut Dice) -> Outcome<()> {
    at_each_crash(subject, &Simulated::default(), &two(), |story| {
        let mut next = story.crashed(&Loss::Nothing);
        next.recover()?;
        match next.disk.all().find(|(name, _)| name.ends_with(PART)) {
            Some((name, _)) => Err(next.failure(format!("no name that ends with {PART}"), name)),
            None => Ok(()),
        }
    })
}

fn full(subject: &Subject, _: &mut Dice) -> Outcome<()> {
    let [first, second] = two();
    for room in 0..OPERATIONS_MAX {
        let mut story = Story::new(subject, Simulated::default());
        run(&mut story, std::slice::from_ref(&first))?;
        let used: usize = story.disk.all().map(|(_, bytes)| bytes.len()).sum();
        story.disk.capacity = Some(used.saturating_add(room));
        let fits = story.store(second.clone())?;
        story.files_are_whole()?;
        story.disk.capacity = None;
        if !fits {
            story.store(second.clone())?;
            story.join_last(format!("store file_2 with {room} bytes left on the disk, and again with room"));
        }
        story.all_holds()?;
        starts_again(&story, &Loss::All)?;
        if fits {
            break;
        }
    }
    Ok(())
}

fn failed_sync(subject: &Subject, _: &mut Dice) -> Outcome<()> {
    for failing in 0..OPERATIONS_MAX {
        let mut story = Story::new(subject, Simulated::default());
        story.disk.failing = Some(failing);
        if !story.recover()? {
            continue;
        }
        // Tried three times, as a client does. That nothing is accepted any more would be right too.
        for sequence in [1, 1, 1, 2, 2, 2] {
            if sequence == story.told.saturating_add(1) {
                story.store(upload(sequence))?;
            }
        }
        starts_again(&story, &Loss::All)?;
        if story.disk.done <= failing {
            break;
        }
    }
    Ok(())
}
