//! A ladder as a drawing: one file, no scripts, readable on light and on dark ground.

use std::fmt::Write as _;

use super::picture::{Cell, Line, Picture, Shown, decimal, letter};
use crate::Side;
use crate::story::Tone;

const LINE_HEIGHT: usize = 30;
const HEAD_HEIGHT: usize = 56;
const TIME_WIDTH: usize = 96;
const LANE_WIDTH: usize = 20;
/// Between lanes and rungs.
const GAP: usize = 40;
/// From the client to the server.
const RUNG_WIDTH: usize = 540;
const NOTE_WIDTH: usize = 230;

/// Colours that are told apart on both grounds, also by those who see red and green alike (Okabe and Ito).
const STYLE: &str = "
.ladder { font: 13px/1.3 ui-sans-serif, system-ui, sans-serif; color: #1a1a1a; background: #ffffff }
.ladder text { fill: currentColor } .ladder .dim { opacity: .65 } .ladder .head { font-weight: 600 }
.ladder line, .ladder path { stroke: currentColor; fill: none } .ladder .rail { opacity: .25 }
.ladder .rung { stroke-width: 1.6 } .ladder .replay { stroke-dasharray: 6 4 }
.ladder .refusal { stroke: #d55e00 } .ladder text.refusal { fill: #b84f00; stroke: none }
.ladder .noise { stroke-dasharray: 2 3 } .ladder text.noise { opacity: .65 }
.ladder .connection { stroke: #0072b2; stroke-width: 7 } .ladder .session { stroke: #009e73; stroke-width: 9 }
.ladder .rests { stroke-dasharray: 3 5 } .ladder .breaks { stroke: #d55e00; stroke-width: 3 }
.ladder circle { fill: #ffffff; stroke: #009e73; stroke-width: 3 } .ladder circle.of-connection { stroke: #0072b2 }
@media (prefers-color-scheme: dark) {
  .ladder { color: #e8e8e8; background: #16181c } .ladder text.refusal { fill: #ff9a5c }
  .ladder .connection { stroke: #56b4e9 } .ladder circle { fill: #16181c } .ladder circle.of-connection { stroke: #56b4e9 }
}
";

/// Where things stand from left to right.
struct Places {
    client: usize,
    server: usize,
    note: usize,
    width: usize,
}

pub(super) fn draw(picture: &Picture) -> String {
    let client = TIME_WIDTH.saturating_add(picture.lanes.saturating_mul(LANE_WIDTH)).saturating_add(GAP);
    let server = client.saturating_add(RUNG_WIDTH);
    let lanes = picture.sessions.len().saturating_mul(LANE_WIDTH);
    let note = server.saturating_add(GAP).saturating_add(lanes);
    let places = Places { client, server, note, width: note.saturating_add(NOTE_WIDTH) };
    let rows = picture.lines.len().saturating_add(2);
    let height = HEAD_HEIGHT.saturating_add(rows.saturating_mul(LINE_HEIGHT));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"ladder\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" aria-label=\"ladder of frames\">\n<style>{STYLE}</style>\n",
        width = places.width
    );
    head(&mut svg, picture, &places, height);
    for (index, line) in picture.lines.iter().enumerate() {
        let y = HEAD_HEIGHT.saturating_add(index.saturating_mul(LINE_HEIGHT));
        self::line(&mut svg, picture, &places, line, y);
    }
    if picture.left_out > 0 {
        let y = height.saturating_sub(LINE_HEIGHT);
        label(
            &mut svg,
            "dim",
            "start",
            places.client,
            y,
            &format!("… and {} more that are not shown", picture.left_out),
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn head(svg: &mut String, picture: &Picture, places: &Places, height: usize) {
    label(svg, "head", "end", TIME_WIDTH.saturating_sub(16), 24, "ms");
    label(svg, "head", "middle", places.client, 24, "client");
    label(svg, "head", "middle", places.server, 24, "server");
    for (number, session) in picture.sessions.iter().enumerate() {
        // One beside the other, whole ids would not fit.
        let words = if picture.sessions.len() > 1 { letter(number).to_string() } else { format!("session {session}") };
        label(svg, "head", "start", session_x(places, number).saturating_sub(4), 24, &words);
    }
    for x in [places.client, places.server] {
        let _ = writeln!(svg, "<line class=\"rail\" x1=\"{x}\" y1=\"34\" x2=\"{x}\" y2=\"{height}\"/>");
    }
}

fn session_x(places: &Places, number: usize) -> usize {
    places.server.saturating_add(GAP).saturating_add(number.saturating_mul(LANE_WIDTH))
}

fn line(svg: &mut String, picture: &Picture, places: &Places, line: &Line, y: usize) {
    let middle = y.saturating_add(LINE_HEIGHT / 2);
    let base = middle.saturating_add(4);
    for (lane, cell) in line.lanes.iter().enumerate() {
        let x = TIME_WIDTH.saturating_add(lane.saturating_mul(LANE_WIDTH));
        self::cell(svg, "connection", *cell, x, y);
    }
    for (number, cell) in line.sessions.iter().enumerate() {
        self::cell(svg, "session", *cell, session_x(places, number), y);
    }
    label(svg, "dim", "end", TIME_WIDTH.saturating_sub(16), base, &decimal(line.at.as_micros(), 1_000));
    let center = places.client.saturating_add(RUNG_WIDTH / 2);
    match &line.what {
        Shown::Rung { connection, from, words, tone } => {
            rung(svg, places, *from, *tone, &picture.said(*connection, words), y);
        }
        Shown::Event(words) | Shown::Silence(words) => label(svg, "dim", "middle", center, base, words),
    }
    label(svg, "", "start", places.note, base, &picture.note(line));
}

fn rung(svg: &mut String, places: &Places, from: Side, tone: Tone, words: &str, y: usize) {
    let class = match tone {
        Tone::Plain => "",
        Tone::Replay => "replay",
        Tone::Refusal => "refusal",
        Tone::Noise => "noise",
    };
    let at = y.saturating_add(LINE_HEIGHT - 8);
    let (near, far) = (places.client.saturating_add(6), places.server.saturating_sub(6));
    let (begin, end, back, anchor, text) = match from {
        Side::Client => (near, far, far.saturating_sub(8), "start", near.saturating_add(8)),
        Side::Server => (far, near, near.saturating_add(8), "end", far.saturating_sub(8)),
    };
    let (above, below) = (at.saturating_sub(4), at.saturating_add(4));
    let _ = writeln!(svg, "<line class=\"rung {class}\" x1=\"{begin}\" y1=\"{at}\" x2=\"{end}\" y2=\"{at}\"/>");
    let _ = writeln!(
        svg,
        "<path class=\"rung {class}\" style=\"stroke-dasharray:none\" d=\"M{back} {above}L{end} {at}L{back} {below}\"/>"
    );
    label(svg, class, anchor, text, at.saturating_sub(5), words);
}

/// A piece of a lane, as high as its line.
fn cell(svg: &mut String, class: &str, cell: Cell, x: usize, y: usize) {
    let (middle, bottom) = (y.saturating_add(LINE_HEIGHT / 2), y.saturating_add(LINE_HEIGHT));
    let mut bar = |class: &str, top: usize, bottom: usize| {
        let _ = writeln!(svg, "<line class=\"{class}\" x1=\"{x}\" y1=\"{top}\" x2=\"{x}\" y2=\"{bottom}\"/>");
    };
    match cell {
        Cell::Nothing => {}
        Cell::Begins => bar(class, middle, bottom),
        Cell::Lives => bar(class, y, bottom),
        Cell::Rests => bar(&format!("{class} rests"), y, bottom),
        Cell::Ends => bar(class, y, middle),
        Cell::Turns => {
            bar(class, y, bottom);
            let _ = writeln!(svg, "<circle class=\"of-{class}\" cx=\"{x}\" cy=\"{middle}\" r=\"6\"/>");
        }
        Cell::Breaks => {
            bar(class, y, middle);
            let (left, right) = (x.saturating_sub(6), x.saturating_add(6));
            let (top, low) = (middle.saturating_sub(6), middle.saturating_add(6));
            let _ =
                writeln!(svg, "<path class=\"breaks\" d=\"M{left} {top}L{right} {low}M{left} {low}L{right} {top}\"/>");
        }
    }
}

fn label(svg: &mut String, class: &str, anchor: &str, x: usize, y: usize, words: &str) {
    if words.is_empty() {
        return;
    }
    let _ =
        writeln!(svg, "<text class=\"{class}\" text-anchor=\"{anchor}\" x=\"{x}\" y=\"{y}\">{}</text>", escaped(words));
}

/// Words in which neither SVG nor HTML finds anything of its own.
pub(super) fn escaped(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for c in words.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
