//! What connections carried, told by whoever drives them: a check with virtual time, or a proxy with real. Reads no
//! clock and owns no socket.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use trace::pcapng::Writer;
use trace::{Ending, Ends, Event, ROWS_MAX, Side, Story, What};

use crate::view::{cells, shown};

/// The port of the server, so that the dissector knows the protocol.
const SERVER_PORT: u16 = 65432;
/// The port of a client is this and the number of its connection.
const CLIENT_PORT: u16 = 40000;
/// Bytes that are kept; nobody reads further.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// Rows on the screen.
const ROWS_SHOWN: usize = 6;
/// Of these, so many behind the one with the caret.
const ROWS_BEHIND: usize = 1;
/// Columns of a row's bytes.
const COLUMNS: usize = 64;
/// Bytes that are shown before the caret when not all have room.
const BYTES_BEFORE: usize = 12;

/// What connections carried, in order. Has a bound: what happens behind it is counted.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    rows: Vec<Row>,
    bytes: usize,
    left_out: u64,
    /// How much each side of each connection has sent; an end counts as one.
    sent: BTreeMap<u16, Sent>,
    caret: Option<Caret>,
}

/// One thing that happened.
#[derive(Clone, Debug)]
enum Row {
    Carried { connection: u16, event: Event },
    Noted { at: Duration, text: String },
}

/// Bytes of both sides.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    client: u64,
    server: u64,
}

/// The byte to look at.
#[derive(Clone, Debug)]
struct Caret {
    connection: u16,
    from: Side,
    offset: u64,
    why: String,
}

impl Recording {
    /// The connection of this number opens; the first one is 1.
    pub fn open(&mut self, at: Duration, connection: u16) {
        self.sent.insert(connection, Sent::default());
        self.carried(at, connection, What::Opened);
    }

    /// A side sends `bytes`.
    pub fn bytes(&mut self, at: Duration, connection: u16, from: Side, bytes: &[u8]) {
        for piece in bytes.chunks(Event::BYTES_MAX) {
            let (offset, heard) = self.offsets(connection, from);
            self.carried(at, connection, What::Bytes { from, offset, heard, bytes: Bytes::copy_from_slice(piece) });
            let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            *self.sent.entry(connection).or_default().of(from) = offset.saturating_add(length);
        }
    }

    /// A side sends no more.
    pub fn end(&mut self, at: Duration, connection: u16, by: Side, how: Ending) {
        let (offset, heard) = self.offsets(connection, by);
        self.carried(at, connection, What::Ended { by, how, offset, heard });
        *self.sent.entry(connection).or_default().of(by) = offset.saturating_add(1);
    }

    /// Something happens that the wire does not show.
    pub fn note(&mut self, at: Duration, text: impl Into<String>) {
        self.add(Row::Noted { at, text: text.into() }, 0);
    }

    /// The byte to look at, by what its side had sent before it, and why.
    pub fn caret(&mut self, connection: u16, from: Side, offset: u64, why: impl Into<String>) {
        self.caret = Some(Caret { connection, from, offset, why: why.into() });
    }

    /// All rows.
    #[must_use]
    pub fn whole(&self) -> String {
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = self.write(&mut text, 0..self.rows.len());
        if self.left_out > 0 {
            let _ = writeln!(text, "          ({} more that were not kept)", self.left_out);
        }
        text
    }

    /// As a story, of which ladders are drawn.
    pub(crate) fn story(&self) -> Story {
        let mut story = Story::default();
        for row in &self.rows {
            match row {
                Row::Carried { event, .. } => story.take(event),
                Row::Noted { at, text } => story.note(*at, text.as_str()),
            }
        }
        story
    }

    /// Writes what the wire shows as a trace for Wireshark.
    pub(crate) fn capture(&self, out: impl io::Write) -> io::Result<()> {
        let mut writer = Writer::new(out)?;
        for row in &self.rows {
            if let Row::Carried { event, .. } = row {
                writer.write(event)?;
            }
        }
        writer.flush()
    }

    /// How much a side has sent, and how much the other.
    fn offsets(&self, connection: u16, from: Side) -> (u64, u64) {
        let mut sent = self.sent.get(&connection).copied().unwrap_or_default();
        (*sent.of(from), *sent.of(from.other()))
    }

    fn carried(&mut self, at: Duration, connection: u16, what: What) {
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let ends = Ends { client: local(CLIENT_PORT.saturating_add(connection)), server: local(SERVER_PORT) };
        let length = if let What::Bytes { bytes, .. } = &what { bytes.len() } else { 0 };
        self.add(Row::Carried { connection, event: Event { at, ends, what } }, length);
    }

    /// Once something was left out, all behind it is, so that no stream has a hole.
    fn add(&mut self, row: Row, bytes: usize) {
        let bytes = self.bytes.saturating_add(bytes);
        if self.left_out > 0 || self.rows.len() >= ROWS_MAX || bytes > BYTES_MAX {
            self.left_out = self.left_out.saturating_add(1);
            return;
        }
        self.bytes = bytes;
        self.rows.push(row);
    }

    /// The row with the caret's byte, or the last one before it.
    fn caret_row(&self) -> Option<usize> {
        let caret = self.caret.as_ref()?;
        self.rows.iter().rposition(|row| {
            let Row::Carried { connection, event } = row else { return false };
            let What::Bytes { from, offset, .. } = event.what else { return false };
            *connection == caret.connection && from == caret.from && offset <= caret.offset
        })
    }

    fn write(&self, out: &mut impl fmt::Write, range: Range<usize>) -> fmt::Result {
        let caret_row = self.caret_row();
        for (number, row) in self.rows.iter().enumerate().take(range.end).skip(range.start) {
            let lane = if number == range.start { "wire" } else { "" };
            let (at, text) = match row {
                Row::Carried { connection, event } => (event.at, told(*connection, &event.what)),
                Row::Noted { at, text } => (*at, format!("-- {text}")),
            };
            let head = format!("  {lane:<6}{:>8}.{:03}  ", at.as_millis(), at.subsec_micros() % 1000);
            let caret = self.caret.as_ref().filter(|_| caret_row == Some(number));
            match (row, caret) {
                (
                    Row::Carried { connection, event: Event { what: What::Bytes { from, offset, bytes, .. }, .. } },
                    Some(caret),
                ) => {
                    let at =
                        usize::try_from(caret.offset.saturating_sub(*offset)).unwrap_or(bytes.len()).min(bytes.len());
                    let head = head + &heading(*connection, *from, *offset);
                    let (text, column) = around(bytes, at);
                    let column = head.len().saturating_add(column);
                    writeln!(out, "{head}{text}\n{:column$}^ byte {}: {}", "", caret.offset, caret.why)?;
                }
                (Row::Carried { .. } | Row::Noted { .. }, _) => writeln!(out, "{head}{text}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Recording {
    /// The last rows, or those around the caret.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.rows.len();
        let last = self.caret_row().map_or(all, |row| row.saturating_add(1).saturating_add(ROWS_BEHIND));
        let end = last.max(ROWS_SHOWN).min(all);
        let start = end.saturating_sub(ROWS_SHOWN);
        if start > 0 {
            writeln!(out, "  ({start} more before)")?;
        }
        self.write(out, start..end)
    }
}

impl Sent {
    fn of(&mut self, side: Side) -> &mut u64 {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }
}

fn told(connection: u16, what: &What) -> String {
    match what {
        What::Opened => format!("{connection} opens"),
        What::Bytes { from, offset, bytes, .. } => heading(connection, *from, *offset) + &shown(bytes, COLUMNS),
        What::Ended { by, how, .. } => {
            let who = match by {
                Side::Client => "client",
                Side::Server => "server",
            };
            match how {
                Ending::Finished => format!("{connection} {who} ends (FIN)"),
                Ending::Reset => format!("{connection} {who} resets (RST)"),
            }
        }
    }
}

/// What stands before bytes: the connection, the direction, and where they are in all that their side sends.
fn heading(connection: u16, from: Side, offset: u64) -> String {
    let arrow = match from {
        Side::Client => '>',
        Side::Server => '<',
    };
    format!("{connection} {arrow} {offset:>5}  ")
}

/// The bytes around the one at `at`, and its column.
fn around(bytes: &[u8], at: usize) -> (String, usize) {
    let first = if cells(bytes).len() <= COLUMNS { 0 } else { at.saturating_sub(BYTES_BEFORE) };
    let (before, behind) = (bytes.get(first..at).unwrap_or_default(), bytes.get(at..).unwrap_or_default());
    let before = if first > 0 { "...".to_owned() + &cells(before) } else { cells(before) };
    let mut text: String = before.clone() + &cells(behind);
    // Cells are of ASCII alone.
    if text.len() > COLUMNS {
        text.truncate(COLUMNS);
        text.push_str("...");
    }
    (text, before.len())
}

#[cfg(test)]
mod tests {
    use trace::pcapng::Reader;

    use super::*;

    fn ms(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    fn talk() -> Recording {
        let mut talk = Recording::default();
        talk.open(ms(0), 1);
        talk.bytes(ms(1), 1, Side::Client, b"{\"size\":2}\n");
        talk.bytes(ms(2), 1, Side::Client, b"hi");
        talk.bytes(ms(3), 1, Side::Server, b"OK\n");
        talk.note(ms(4), "server killed");
        talk.end(ms(5), 1, Side::Server, Ending::Reset);
        talk.open(ms(300_000), 2);
        talk
    }

    #[test]
    fn the_last_rows_are_shown_with_all_that_happened() {
        let lines = [
            "  (1 more before)",
            "  wire         1.000  1 >     0  {\"size\":2}\\n",
            "               2.000  1 >    11  hi",
            "               3.000  1 <     0  OK\\n",
            "               4.000  -- server killed",
            "               5.000  1 server resets (RST)",
            "          300000.000  2 opens",
            "",
        ];
        assert_eq!(talk().to_string(), lines.join("\n"));
        assert_eq!(talk().whole().lines().count(), 7);
    }

    #[test]
    fn the_caret_stands_below_its_byte_and_its_row_is_among_those_shown() {
        let mut talk = talk();
        talk.caret(1, Side::Client, 12, "this was never asked");
        for number in 0..100 {
            talk.note(ms(300_001), number.to_string());
        }
        let text = talk.to_string();
        let lines: Vec<_> = text.lines().collect();
        let row = lines.iter().position(|line| line.ends_with("  hi")).unwrap();
        assert_eq!(lines[row + 1].find('^'), lines[row].find('i'), "{text}");
        assert!(lines[row + 1].ends_with("^ byte 12: this was never asked"), "{text}");
    }

    #[test]
    fn the_caret_of_a_long_row_is_in_sight() {
        let mut talk = Recording::default();
        talk.open(ms(0), 1);
        talk.bytes(ms(1), 1, Side::Server, &[b'x'; 5000]);
        talk.bytes(ms(1), 1, Side::Server, b"!");
        talk.caret(1, Side::Server, 4999, "here");
        let text = talk.to_string();
        assert!(text.lines().all(|line| line.len() < 110) && text.contains("^ byte 4999: here"), "{text}");
        talk.caret(1, Side::Server, 5001, "more was due");
        assert!(
            talk.to_string().ends_with("!\n                                  ^ byte 5001: more was due\n"),
            "{talk}"
        );
    }

    #[test]
    fn what_was_recorded_is_a_trace_and_a_story() {
        let mut file = Vec::new();
        talk().capture(&mut file).unwrap();
        let mut reader = Reader::new(&file[..]).unwrap();
        let events: Vec<_> = std::iter::from_fn(|| reader.next_event().unwrap()).collect();
        assert_eq!(events.len(), 6, "all but the note");
        assert_eq!(talk().story().rows().len(), 6, "the two pieces are one frame");
    }

    #[test]
    fn a_recording_has_an_end_and_says_how_much_is_behind_it() {
        let mut long = Recording::default();
        long.open(ms(0), 1);
        for _ in 0..5 {
            long.bytes(ms(1), 1, Side::Client, &vec![0; 1024 * 1024]);
        }
        long.note(ms(2), "not kept");
        assert!(long.whole().ends_with("(33 more that were not kept)\n"), "{}", long.left_out);
    }
}
