//! A ladder as a sequence diagram of Mermaid.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::picture::{Cell, Note, Picture, Shown};
use crate::Side;
use crate::story::Tone;

pub(super) fn draw(picture: &Picture) -> String {
    let mut text = String::from("sequenceDiagram\n    participant C as client\n    participant S as server\n");
    for (number, session) in picture.sessions.iter().enumerate() {
        let _ = writeln!(text, "    participant A{number} as session {}", escaped(session));
    }
    let mut alive = BTreeSet::new();
    for line in &picture.lines {
        match &line.what {
            Shown::Rung { connection, from, words, tone } => {
                let arrow = match (from, tone) {
                    (_, Tone::Refusal | Tone::Noise) => "--x",
                    (Side::Client, Tone::Plain | Tone::Replay) => "->>",
                    (Side::Server, Tone::Plain | Tone::Replay) => "-->>",
                };
                let (from, to) = match from {
                    Side::Client => ("C", "S"),
                    Side::Server => ("S", "C"),
                };
                let _ = writeln!(text, "    {from}{arrow}{to}: {}", escaped(&picture.said(*connection, words)));
            }
            Shown::Event(words) | Shown::Silence(words) => {
                let _ = writeln!(text, "    Note over C,S: {}", escaped(words));
            }
        }
        if let Some(Note { session, words }) = &line.note {
            let _ = writeln!(text, "    Note over A{session}: {}", escaped(words));
            match line.sessions.get(*session) {
                Some(Cell::Begins) => {
                    alive.insert(*session);
                    let _ = writeln!(text, "    activate A{session}");
                }
                Some(Cell::Ends) => {
                    alive.remove(session);
                    let _ = writeln!(text, "    deactivate A{session}");
                }
                Some(Cell::Nothing | Cell::Lives | Cell::Rests | Cell::Turns | Cell::Breaks) | None => {}
            }
        }
    }
    if picture.left_out > 0 {
        let _ = writeln!(text, "    Note over C,S: and {} more that are not shown", picture.left_out);
    }
    // A bar is drawn where it ends, so one that goes on ends with the drawing.
    for session in alive {
        let _ = writeln!(text, "    deactivate A{session}");
    }
    text
}

/// Words in which Mermaid finds nothing of its own: all but letters, digits and a few signs by their numbers.
fn escaped(words: &str) -> String {
    words
        .chars()
        .map(
            |c| {
                if c.is_alphanumeric() || " ,.:/_-".contains(c) { c.to_string() } else { format!("#{};", u32::from(c)) }
            },
        )
        .collect()
}
