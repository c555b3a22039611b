//! A ladder as lines of characters.

use std::fmt::Write as _;

use super::picture::{Cell, Line, Picture, Shown, decimal, letter};
use crate::Side;

/// Characters from the client to the server.
const WIDTH: usize = 64;

pub(super) fn draw(picture: &Picture) -> String {
    let mut text = String::new();
    for (number, ends) in (1..).zip(&picture.connections) {
        let _ = writeln!(text, "connection {number}: {} -> {}", ends.client, ends.server);
    }
    let mut letters = String::new();
    for (number, session) in picture.sessions.iter().enumerate() {
        let _ = writeln!(text, "session {}: {session}", letter(number));
        let _ = write!(letters, " {}", letter(number));
    }
    let lanes = " ".repeat(picture.lanes.saturating_mul(2));
    let gap = WIDTH.saturating_sub("client".len());
    let _ = writeln!(text, "\n{:>12} {lanes}  client{:>gap$}{letters}", "ms", "server");
    for line in &picture.lines {
        text.push_str(self::line(picture, line).trim_end());
        text.push('\n');
    }
    if picture.left_out > 0 {
        let _ = writeln!(text, "… and {} more that are not shown", picture.left_out);
    }
    text
}

fn line(picture: &Picture, line: &Line) -> String {
    let cells = |cells: &[Cell]| cells.iter().flat_map(|cell| [' ', character(*cell)]).collect::<String>();
    let middle = match &line.what {
        Shown::Rung { connection, from, words, .. } => rung(*from, &picture.said(*connection, words)),
        Shown::Event(words) => format!("{words:^WIDTH$}"),
        Shown::Silence(words) => format!("{:^WIDTH$}", format!("· · · {words} · · ·")),
    };
    let time = decimal(line.at.as_micros(), 1_000);
    let (lanes, sessions) = (cells(&line.lanes), cells(&line.sessions));
    format!("{time:>12} {lanes}  {middle}{sessions}  {}", picture.note(line))
}

/// The words on an arrow, at the end where it begins.
fn rung(from: Side, words: &str) -> String {
    let room = WIDTH.saturating_sub(words.chars().count());
    match from {
        Side::Client => format!("{words} {}>", "─".repeat(room.saturating_sub(2))),
        Side::Server => format!("<{} {words}", "─".repeat(room.saturating_sub(2))),
    }
}

fn character(cell: Cell) -> char {
    match cell {
        Cell::Nothing => ' ',
        Cell::Begins => '┬',
        Cell::Lives => '│',
        Cell::Rests => '┆',
        Cell::Turns => '●',
        Cell::Ends => '┴',
        Cell::Breaks => '×',
    }
}
