//! How a record lies in the journal, seen by the checks: written, read and explained here, whatever a keeper does.

use std::fmt::Write as _;

use crate::{JOURNAL, Record};

/// Bytes of a journal in a transcript.
const BYTES_SHOWN: usize = 32;

/// Bytes of a record in front of its body: the body's length and its checksum.
const HEAD: usize = 8;
/// Bytes of the sequence, the beginning of a body.
const SEQUENCE: usize = 8;

/// CRC-32 as in Ethernet, zip and PNG. Of no bytes it is 0.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ if sum & 1 == 1 { 0xedb8_8320 } else { 0 })
    };
    !bytes.iter().fold(!0, step)
}

/// The bytes of a record.
pub(crate) fn written(record: &Record) -> Vec<u8> {
    let body = [record.sequence.to_le_bytes().as_slice(), &record.receipt].concat();
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    [length.to_le_bytes().as_slice(), &checksum(&body).to_le_bytes(), &body].concat()
}

/// A whole journal of these records.
pub(crate) fn journal(records: &[Record]) -> Vec<u8> {
    records.iter().flat_map(written).collect()
}

/// What lies at the beginning of `bytes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A record of so many bytes.
    Whole(Record, usize),
    /// No record; the byte to look at, and why.
    Damaged(usize, &'static str),
}

/// Reads one record. `bytes` is not empty.
pub(crate) fn found(bytes: &[u8]) -> Found {
    let Some((&length, behind)) = bytes.split_first_chunk::<4>() else {
        return Found::Damaged(bytes.len(), "ends in the length");
    };
    let Some((&sum, behind)) = behind.split_first_chunk::<4>() else {
        return Found::Damaged(bytes.len(), "ends in the checksum");
    };
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if length < SEQUENCE {
        return Found::Damaged(0, "too short for a sequence");
    }
    let Some(body) = behind.get(..length) else {
        return Found::Damaged(bytes.len(), "ends in the body");
    };
    if checksum(body) != u32::from_le_bytes(sum) {
        return Found::Damaged(4, "the checksum is of other bytes");
    }
    let Some((&sequence, receipt)) = body.split_first_chunk::<SEQUENCE>() else {
        return Found::Damaged(0, "too short for a sequence");
    };
    let record = Record { sequence: u64::from_le_bytes(sequence), receipt: receipt.to_vec() };
    Found::Whole(record, HEAD.saturating_add(length))
}

/// The last record in front of any damage.
pub(crate) fn last(mut bytes: &[u8]) -> Option<Record> {
    let mut last = None;
    while !bytes.is_empty() {
        let Found::Whole(record, length) = found(bytes) else { break };
        last = Some(record);
        bytes = bytes.get(length..).unwrap_or_default();
    }
    last
}

/// The place in a journal to look at, as a transcript shows it: the bytes, and below them what they are, with a caret.
pub(crate) fn shown(journal: &[u8]) -> (String, String) {
    let mut at = 0;
    loop {
        let bytes = journal.get(at..).unwrap_or_default();
        match if bytes.is_empty() { Found::Damaged(0, "no record") } else { found(bytes) } {
            Found::Whole(_, length) if at.saturating_add(length) < journal.len() => at = at.saturating_add(length),
            Found::Whole(record, length) => {
                return row(at, bytes, 0, &format!("the last record: {}, {length} bytes", record.sequence));
            }
            Found::Damaged(place, why) => return row(at, bytes, place, why),
        }
    }
}

/// All records of a journal, a line each, and below the last one what it is.
pub(crate) fn all_shown(journal: &[u8]) -> String {
    if journal.is_empty() {
        return "  empty\n".to_owned();
    }
    let (mut text, mut at) = (String::new(), 0);
    while at < journal.len() {
        let bytes = journal.get(at..).unwrap_or_default();
        let (length, place, why) = match found(bytes) {
            Found::Whole(record, length) => (length, 0, format!("record {}, {length} bytes", record.sequence)),
            Found::Damaged(place, why) => (bytes.len(), place, why.to_owned()),
        };
        let (digits, below) = row(at, bytes.get(..length).unwrap_or_default(), place, &why);
        // Writing into a string cannot fail. As in a transcript, the line below begins three columns further right.
        let _ = writeln!(text, "  {digits}\n     {below}");
        at = at.saturating_add(length);
    }
    text
}

/// One line of hexadecimal digits; a blank stands behind the length, the checksum and the sequence.
fn row(at: usize, bytes: &[u8], place: usize, why: &str) -> (String, String) {
    let mut digits = String::new();
    let mut column = None;
    for (offset, byte) in bytes.iter().enumerate().take(BYTES_SHOWN) {
        if [4, HEAD, HEAD + SEQUENCE].contains(&offset) {
            digits.push(' ');
        }
        if offset == place {
            column = Some(digits.len());
        }
        // Writing into a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    let column = column.unwrap_or(digits.len());
    let head = format!("{JOURNAL}, byte {at}: ");
    // What came of a step stands three columns further to the right than what was done.
    let width = head.len().saturating_add(column).saturating_sub(3);
    // The words stand before the caret where they would run out of the screen.
    let below = if why.len() < width {
        format!("{why:>before$} ^", before = width - 1)
    } else {
        format!("{:width$}^ {why}", "")
    };
    (head + &digits, below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_published_one() {
        assert_eq!(checksum(b"123456789"), 0xcbf4_3926);
        assert_eq!(checksum(b""), 0);
    }

    #[test]
    fn what_was_written_is_read() {
        let record = |sequence| Record { sequence, receipt: b"told".to_vec() };
        let bytes = journal(&[record(1), record(2)]);
        assert_eq!(found(&bytes), Found::Whole(record(1), 20));
        assert_eq!(last(&bytes), Some(record(2)));
        assert_eq!(last(&bytes[..39]), Some(record(1)));
    }
}
