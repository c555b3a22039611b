//! A stretch of a byte stream between two scales: what came at once above, what belongs together below, and a caret.

use std::fmt::{self, Write as _};
use std::ops::Range;

use crate::view::cell;

/// Columns of bytes in a line.
const COLUMNS: usize = 72;
/// Bytes that are shown when all are asked for; of more, those around the caret.
const BYTES_MAX: usize = 8 * 1024;

/// A byte stream with its scales.
#[derive(Clone, Debug, Default)]
pub struct Ruler {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Where a new read begins.
    pub reads: Vec<usize>,
    /// Where a new part begins, and what it is.
    pub parts: Vec<(usize, String)>,
    /// The byte to look at, and why; one behind the last is the end.
    pub caret: Option<(usize, String)>,
}

impl Ruler {
    /// All bytes, in as many lines as they take.
    #[must_use]
    pub fn whole(&self) -> String {
        let mut text = String::new();
        let at = self.caret.as_ref().map_or(0, |(at, _)| *at).min(self.bytes.len());
        let mut first = if self.bytes.len() > BYTES_MAX { at.saturating_sub(BYTES_MAX / 2) } else { 0 };
        let end = self.bytes.len().min(first.saturating_add(BYTES_MAX));
        // Writing into a string cannot fail.
        let _ = if first > 0 { writeln!(text, "  ({first} bytes before)\n") } else { Ok(()) };
        while first < end {
            let last = self.fitting(first);
            let _ = self.lines(&mut text, first..last).and_then(|column| {
                let here = first..if last == self.bytes.len() { last.saturating_add(1) } else { last };
                if here.contains(&at) { self.caret(&mut text, column) } else { Ok(()) }
            });
            text.push('\n');
            first = last;
        }
        text
    }

    /// What came at once, in order.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let ends = self.reads.iter().skip(1).copied().chain([self.bytes.len()]);
        self.reads.iter().zip(ends).filter_map(|(&start, end)| self.bytes.get(start..end))
    }

    /// Writes the scales and the bytes between them; returns the column of the caret's byte.
    fn lines(&self, out: &mut impl fmt::Write, range: Range<usize>) -> Result<usize, fmt::Error> {
        let at = self.caret.as_ref().map(|(at, _)| *at);
        let (mut reads, mut bytes, mut parts) = (String::new(), String::new(), String::new());
        // What began before the first byte goes on.
        let goes_on = self.parts.iter().rev().find(|(start, _)| *start < range.start);
        parts.push_str(goes_on.map_or("", |(_, part)| part));
        let mut caret = None;
        for (offset, &byte) in self.bytes.iter().enumerate().take(range.end).skip(range.start) {
            if Some(offset) == at {
                caret = Some(bytes.len());
            }
            if self.reads.contains(&offset) {
                mark(&mut reads, bytes.len(), "");
            }
            for (_, part) in self.parts.iter().filter(|(start, _)| *start == offset) {
                mark(&mut parts, bytes.len(), part);
            }
            bytes.push_str(&cell(byte));
        }
        for line in [&mut reads, &mut parts] {
            mark(line, bytes.len(), "");
            line.truncate(bytes.len());
        }
        writeln!(out, "  reads   {reads}\n  bytes   {bytes}")?;
        if !self.parts.is_empty() {
            writeln!(out, "  frames  {parts}")?;
        }
        Ok(caret.unwrap_or(bytes.len()))
    }

    /// Writes the caret below `column`, with its words.
    fn caret(&self, out: &mut impl fmt::Write, column: usize) -> fmt::Result {
        let Some((at, why)) = &self.caret else { return Ok(()) };
        let words = format!("byte {at}: {why}");
        // The words stand before the caret where they would run out of the screen.
        if words.len() < column {
            writeln!(out, "  {words:>width$} ^", width = column.saturating_add(7))
        } else {
            writeln!(out, "          {:column$}^ {words}", "")
        }
    }

    /// Where a line ends that begins with the byte `first`.
    fn fitting(&self, first: usize) -> usize {
        let mut columns = 0_usize;
        let fitting = self.bytes.get(first..).unwrap_or_default().iter().take_while(|byte| {
            columns = columns.saturating_add(cell(**byte).len());
            columns <= COLUMNS
        });
        first.saturating_add(fitting.count())
    }

    /// Where a line begins that has the byte `at` in its middle, or nearer to its end if there the stream ends.
    fn before(&self, at: usize) -> usize {
        let behind: usize =
            self.bytes.get(at..).unwrap_or_default().iter().take(COLUMNS).map(|byte| cell(*byte).len()).sum();
        let mut columns = behind.min(COLUMNS / 2);
        let end = self.bytes.len().min(at);
        let before = self.bytes.get(..end).unwrap_or_default().iter().rev().take_while(|byte| {
            columns = columns.saturating_add(cell(**byte).len());
            columns <= COLUMNS
        });
        end.saturating_sub(before.count())
    }
}

impl fmt::Display for Ruler {
    /// The line around the caret.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.caret.as_ref().map_or(0, |(at, _)| *at);
        let first = self.before(at);
        let column = self.lines(out, first..self.fitting(first))?;
        self.caret(out, column)
    }
}

/// Fills `line` up to `column`, and writes there that something begins.
fn mark(line: &mut String, column: usize, what: &str) {
    line.truncate(column);
    while line.len() < column {
        line.push('-');
    }
    // Writing into a string cannot fail.
    let _ = write!(line, "|{what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_stream_is_shown_whole() {
        let ruler = Ruler {
            bytes: b"{}\nhello".to_vec(),
            reads: vec![0, 5],
            parts: vec![(0, "header".into()), (3, "data".into())],
            caret: Some((5, "lost".into())),
        };
        let lines = [
            "  reads   |-----|--",
            "  bytes   {}\\nhello",
            "  frames  |hea|data",
            "                ^ byte 5: lost",
            "",
        ];
        assert_eq!(ruler.to_string(), lines.join("\n"));
    }

    #[test]
    fn a_long_stream_is_shown_around_the_caret() {
        let ruler =
            Ruler { bytes: vec![b'x'; 5000], reads: vec![0, 3000], parts: vec![], caret: Some((3000, "wrong".into())) };
        let text = ruler.to_string();
        assert!(text.lines().all(|line| line.len() <= 90), "{text}");
        let caret = text.lines().last().unwrap().find('^').unwrap();
        assert_eq!(text.lines().next().unwrap().find('|'), Some(caret), "{text}");
    }

    #[test]
    fn the_whole_stream_takes_as_many_lines_as_it_needs() {
        let ruler = Ruler { bytes: vec![0; 40], reads: vec![0, 39], ..Ruler::default() };
        assert_eq!(ruler.whole().lines().filter(|line| line.contains("bytes")).count(), 3);
    }

    #[test]
    fn of_a_very_long_stream_what_is_around_the_caret_is_shown_with_the_caret() {
        let ruler = Ruler {
            bytes: vec![b'x'; 500_000],
            reads: vec![0],
            caret: Some((400_000, "wrong".into())),
            ..Ruler::default()
        };
        let text = ruler.whole();
        assert!(text.starts_with("  (395904 bytes before)\n") && text.len() < 40_000, "{}", text.len());
        assert_eq!(text.matches("byte 400000: wrong").count(), 1);
        let end = Ruler { caret: Some((500_000, "more".into())), ..ruler };
        assert_eq!(end.whole().matches("byte 500000: more").count(), 1);
    }
}
