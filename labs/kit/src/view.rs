//! Bytes as a person reads them.

use std::fmt::Write as _;

/// One byte: itself, or its escape.
#[must_use]
pub(crate) fn cell(byte: u8) -> String {
    let mut cell = String::new();
    match byte {
        b'\n' => cell.push_str("\\n"),
        b'\r' => cell.push_str("\\r"),
        b' '..=b'~' => cell.push(char::from(byte)),
        0..=0x1f | 0x7f..=0xff => {
            // Writing into a string cannot fail.
            let _ = write!(cell, "\\x{byte:02x}");
        }
    }
    cell
}

/// These bytes, each as itself or its escape.
pub(crate) fn cells(bytes: &[u8]) -> String {
    bytes.iter().copied().map(cell).collect()
}

/// These bytes, and of long ones the beginning, the end, and how many are between.
#[must_use]
pub fn shown(bytes: &[u8], columns: usize) -> String {
    let all = cells(bytes);
    if all.len() <= columns {
        return all;
    }
    let (mut head, mut tail) = (String::new(), String::new());
    let half = columns / 2;
    let mut left = 0;
    for &byte in bytes {
        if head.len().saturating_add(cell(byte).len()) > half {
            break;
        }
        head.push_str(&cell(byte));
        left += 1;
    }
    let mut right = 0;
    for &byte in bytes.iter().rev() {
        if tail.len().saturating_add(cell(byte).len()) > half.saturating_sub(12) {
            break;
        }
        tail.insert_str(0, &cell(byte));
        right += 1;
    }
    format!("{head}[{} more]{tail}", bytes.len().saturating_sub(left).saturating_sub(right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_picture_is_escaped() {
        assert_eq!(shown(b"{a}\r\n\x00\xc3", 80), "{a}\\r\\n\\x00\\xc3");
    }

    #[test]
    fn long_bytes_show_both_ends() {
        let bytes: Vec<u8> = (0..200).map(|number| b'a' + number % 26).collect();
        assert_eq!(shown(&bytes, 40), "abcdefghijklmnopqrst[172 more]klmnopqr");
    }
}
