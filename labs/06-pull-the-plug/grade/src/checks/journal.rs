//! The journal by itself: what is written, and what is made of what a crash has left of it.

use lab_kit::{Check, Dice};

use crate::simulated::{Loss, Simulated};
use crate::story::{Outcome, Story, upload};
use crate::{JOURNAL, RECEIPT_BYTES_MAX, Record, Subject, layout};

/// Zeros that a file may have grown by.
const ZEROS_MAX: usize = 64;

const WRITTEN: &[&str] = &["a_record_on_the_disk"];
const FOUND: &[&str] = &["records_are_found_again"];
const MENDED: &[&str] = &["a_record_torn_at_every_byte", "a_damaged_record_ends_the_journal", "zeros_are_no_record"];

pub(super) fn checks() -> Vec<Check<Subject>> {
    let check = |name, points, promise, builds_on, run| Check { name, promise, points, builds_on, run };
    vec![
        check("a_record_on_the_disk", 4, "A record is its length, its checksum and its body.", &[], written),
        check("records_are_found_again", 4, "A start finds the last record, and what it says.", WRITTEN, found),
        check("an_append_is_durable", 5, "A record that was told to be there survives a power cut.", FOUND, bytes),
        check("the_journal_keeps_its_name", 5, "A file without a durable name is lost with its bytes.", FOUND, name),
        check("a_record_torn_at_every_byte", 5, "A record that is not whole does not count.", FOUND, torn),
        check(
            "a_damaged_record_ends_the_journal",
            5,
            "A record with another checksum does not count, nor does what lies behind its beginning.",
            &["a_record_torn_at_every_byte"],
            damaged,
        ),
        check(
            "zeros_are_no_record",
            4,
            "A file may have grown before its bytes came: zeros are no record.",
            &["a_damaged_record_ends_the_journal"],
            zeros,
        ),
        check(
            "appending_behind_a_torn_record",
            5,
            "What is appended after a torn record is found again.",
            MENDED,
            behind,
        ),
    ]
}

fn written(subject: &Subject, _: &mut Dice) -> Outcome<()> {
    let mut story = Story::new(subject, Simulated::default());
    story.recover()?;
    let records = [upload(1).record, Record { sequence: 2, receipt: vec![b'x'; RECEIPT_BYTES_MAX] }, upload(3).record];
    for count in 1..=records.len() {
        let records = records.get(..count).unwrap_or_default();
        if let Some(last) = records.last() {
            story.append(last)?;
        }
        let (due, found) = (layout::journal(records), story.disk.bytes(JOURNAL).unwrap_or_default());
        if due != found {
            let at = due.iter().zip(found).take_while(|(due, found)| due == found).count();
            let hexadecimal = |bytes: &[u8]| {
                let digits: Vec<_> = bytes.iter().skip(at).take(16).map(|byte| format!("{byte:02x}")).collect();
                format!("from byte {at} of {}: {}", bytes.len(), digits.join(" "))
            };
            return Err(story.failure(hexadecimal(&due), hexadecimal(found)));
        }
    }
    Ok(())
}

fn found(subject: &Subject, _: &mut Dice) -> Outcome<()> {
    for records in 0..4 {
        let mut story = Story::with_journal(subject, records, b"");
        story.recover()?;
        story.append(&upload(records + 1).record)?;
        story.crashed(&Loss::Nothing).recover()?;
    }
    Ok(())
}

/// Appends three records, with a crash after each.
fn survives(subject: &Subject, loss: &Loss) -> Outcome<()> {
    let mut story = Story::new(subject, Simulated::default());
    story.recover()?;
    for sequence in 1..=3 {
        story.append(&upload(sequence).record)?;
        story.crashed(loss).recover()?;
    }
    Ok(())
}

fn bytes(subject: &Subject, _: &mut Dice) -> Outcome<()> {
    survives(subject, &Loss::Bytes)
}

fn name(subject: &Subject, _: &mut Dice) -> Outcome<()> {
    survives(subject, &Loss::Names)
}

fn torn(subject: &Subject, _: &mut Dice) -> Outcome<()> {
    let record = layout::written(&upload(3).record);
    for kept in 1..record.len() {
        Story::with_journal(subject, 2, record.get(..kept).unwrap_or_default()).recover()?;
    }
    Ok(())
}

fn damaged(subject: &Subject, _: &mut Dice) -> Outcome<()> {
    let record = layout::written(&upload(3).record);
    for place in 0..record.len() {
        let mut bytes = record.clone();
        if let Some(byte) = bytes.get_mut(place) {
            *byte ^= 0x80;
        }
        Story::with_journal(subject, 2, &bytes).recover()?;
    }
    // A receipt may hold anything, also what somebody wants to be taken for a record.
    let inner = layout::written(&Record { sequence: 9, receipt: b"never sent".to_vec() });
    let mut outer = layout::written(&Record { sequence: 3, receipt: inner });
    if let Some(byte) = outer.get_mut(4) {
        *byte ^= 0x80;
    }
    Story::with_journal(subject, 2, &outer).recover().map(|_| ())
}

fn zeros(subject: &Subject, _: &mut Dice) -> Outcome<()> {
    for count in 1..=ZEROS_MAX {
        Story::with_journal(subject, 2, &vec![0; count]).recover()?;
    }
    Ok(())
}

fn behind(subject: &Subject, _: &mut Dice) -> Outcome<()> {
    let record = layout::written(&upload(3).record);
    for kept in 1..record.len() {
        let mut story = Story::with_journal(subject, 2, record.get(..kept).unwrap_or_default());
        story.recover()?;
        story.append(&Record { sequence: 3, receipt: b"another".to_vec() })?;
        story.append(&upload(4).record)?;
        story.crashed(&Loss::Nothing).recover()?;
    }
    Ok(())
}
