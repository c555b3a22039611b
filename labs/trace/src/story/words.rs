//! Frames in a few words. What a peer wrote is made harmless: no control characters, no marks that turn the direction
//! of writing, and an end.

use std::fmt::Write as _;

use serde_json::Value;
use shared::wire::{Reply, Status};

/// Characters of a peer that are shown at once.
const CHARS_MAX: usize = 40;

/// A request's action, sequence and what it is about. Refused ones too, so this reads whatever is there.
pub(super) fn of_request(line: &[u8]) -> String {
    let header: Value = serde_json::from_slice(line).unwrap_or_default();
    let text = |pointer: &str| header.pointer(pointer).and_then(Value::as_str);
    let number = |pointer: &str| header.pointer(pointer).and_then(Value::as_u64);
    let mut words = harmless(text("/session/action").unwrap_or("transfer"));
    if let Some(sequence) = number("/session/sequence") {
        let _ = write!(words, " #{sequence}");
    }
    if let Some(about) = text("/name").or_else(|| text("/file")) {
        let _ = write!(words, " {}", harmless(about));
    }
    if let Some(offset) = number("/offset").filter(|offset| *offset > 0) {
        let _ = write!(words, " from {offset}");
    }
    if text("/expect") == Some("continue") {
        words.push_str(", waits");
    }
    words
}

/// A reply's status and what it tells.
pub(super) fn of_reply(reply: &Reply) -> String {
    let mut words = match (&reply.error, reply.status) {
        (Some(error), _) => error.code.to_string(),
        (None, status) => status_word(status),
    };
    if let Some(sequence) = reply.sequence {
        let _ = write!(words, " #{}", sequence.get());
    }
    if let Some(session) = &reply.session {
        if matches!(reply.status, Status::SessionCreated | Status::SessionResumed) {
            let _ = write!(words, " epoch {}", session.epoch.get());
        }
        let _ = write!(words, ", next {}", session.next_sequence.get());
    }
    if let Some(error) = &reply.error {
        if let Some(expected) = error.expected_sequence {
            let _ = write!(words, ", expected {}", expected.get());
        }
        if let Some(reason) = &error.reason {
            let _ = write!(words, ", {}", harmless(reason));
        }
    }
    if let Some(partial) = &reply.partial {
        let _ = write!(words, ", {} bytes are there", partial.offset);
    }
    if reply.replayed {
        words.push_str(", replayed");
    }
    if reply.closing {
        words.push_str(", closing");
    }
    words
}

fn status_word(status: Status) -> String {
    serde_json::to_value(status).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A peer's text as one may show it.
pub(super) fn harmless(text: &str) -> String {
    let mut shown: String = text.chars().take(CHARS_MAX).map(|c| if is_harmless(c) { c } else { '\u{fffd}' }).collect();
    if text.chars().nth(CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

/// Neither acted on by a terminal nor without a width.
fn is_harmless(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
