//! Shows frames to a person who wants to understand them (`--explain`): each header with its fields, one
//! short explanation each, and the session layer's answers to its five questions. Sends nothing.

mod meaning;

use std::fmt::Write as _;

use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess, Visitor};
use shared::wire::{Explanation, Reply};

use self::meaning::meaning;
use crate::report::{Colour, Report};
use crate::text::{grouped, neutral};

/// Columns for a value; a session's id with its quotes fits.
const VALUE_WIDTH: usize = 38;

/// Looks on while frames go by; may be off.
#[derive(Debug, Clone)]
pub(crate) struct Watch(Option<Report>);

impl Watch {
    pub(crate) fn on(report: Report) -> Self {
        Self(Some(report))
    }

    pub(crate) fn off() -> Self {
        Self(None)
    }

    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn sent_header(&self, line: &[u8]) {
        self.say(|paint| header_text(paint, Direction::Sent, line));
    }

    pub(crate) fn sent_payload(&self, bytes: u64) {
        self.say(|_| format!("   payload … {} bytes", grouped(bytes)));
    }

    pub(crate) fn sent_trailer(&self, line: &[u8]) {
        self.say(|paint| trailer_text(paint, line));
    }

    pub(crate) fn received_header(&self, line: &[u8]) {
        self.say(|paint| header_text(paint, Direction::Received, line));
    }

    pub(crate) fn received_trailer(&self, line: &[u8]) {
        self.say(|paint| trailer_text(paint, line));
    }

    fn say(&self, text: impl FnOnce(Paint) -> String) {
        if let Some(report) = &self.0 {
            report.explain(&text(Paint(report.colour())));
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Sent,
    Received,
}

#[derive(Clone, Copy)]
struct Paint(Colour);

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        match self.0 {
            Colour::Yes => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            Colour::No => text.to_owned(),
        }
    }
}

fn header_text(paint: Paint, direction: Direction, line: &[u8]) -> String {
    let fields = Node::fields(line);
    let field = |name: &str| {
        let found = fields.iter().find(|(path, _)| path == name);
        found.map(|(_, value)| value.trim_matches('"').to_owned())
    };
    let mut text = match direction {
        Direction::Sent => {
            let mut title = format!("-> {}", field("session.action").unwrap_or_default());
            if let Some(sequence) = field("session.sequence") {
                let _ = write!(title, " #{sequence}");
            }
            format!("{}  {} bytes of header", paint.with("1;36", &title), grouped(length(line.trim_ascii_end())))
        }
        Direction::Received => {
            let mut title = format!("<- {}", field("status").unwrap_or_default());
            if let Some(sequence) = field("sequence") {
                let _ = write!(title, " #{sequence}");
            }
            let code = if field("status").as_deref() == Some("error") { "1;31" } else { "1;32" };
            format!("{}  {} bytes of header", paint.with(code, &title), grouped(length(line.trim_ascii_end())))
        }
    };
    for (path, value) in &fields {
        if path.starts_with("explain.") {
            continue;
        }
        let meaning = meaning(path, direction);
        let _ = write!(text, "\n   {path:<22} {value}");
        if !meaning.is_empty() {
            // A long value has its meaning on a line of its own, or the column would be lost.
            let (between, gap) = match VALUE_WIDTH.checked_sub(value.chars().count()) {
                Some(room) => ("", room.saturating_add(2)),
                None => ("\n", 26),
            };
            let _ = write!(text, "{between}{:gap$}{}", "", paint.with("2", meaning));
        }
    }
    if direction == Direction::Received
        && let Ok(reply) = serde_json::from_slice::<Reply>(line)
    {
        if reply.size > 0 {
            let _ = write!(text, "\n   payload … {} bytes", grouped(reply.size));
        }
        if let Some(explanation) = &reply.explain {
            text.push_str(&five_answers(paint, explanation));
        }
    }
    text
}

fn trailer_text(paint: Paint, line: &[u8]) -> String {
    let value = Node::fields(line).into_iter().map(|(path, value)| format!("{path} {value}")).collect::<Vec<_>>();
    let note = paint.with("2", "of the whole payload, computed while it went by");
    format!("   trailer {} {note}", value.join(" "))
}

fn five_answers(paint: Paint, explanation: &Explanation) -> String {
    let mut text = format!("\n   {}", paint.with("1", "the session layer's five questions"));
    for (question, answer) in [
        ("who is this client?", &explanation.who),
        ("new or a continuation?", &explanation.continuation),
        ("what stage is it in?", &explanation.stage),
        ("what happens in silence?", &explanation.silence),
        ("how is it resumed?", &explanation.resume),
    ] {
        let _ = write!(text, "\n     {question:<25} {}", paint.with("33", &neutral(answer)));
    }
    let _ = write!(text, "\n     {:<25} {} bytes", "state read for this", grouped(explanation.state_bytes));
    text
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// JSON with its members in the order of the line.
enum Node {
    Value(String),
    Members(Vec<(String, Node)>),
}

impl Node {
    /// Every value of the line with its path, secrets cut short.
    fn fields(line: &[u8]) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        match serde_json::from_slice::<Self>(line) {
            Ok(node) => node.collect("", &mut fields),
            Err(_) => fields.push((String::new(), neutral(&String::from_utf8_lossy(line)))),
        }
        fields
    }

    fn collect(self, path: &str, fields: &mut Vec<(String, String)>) {
        match self {
            Self::Value(value) => {
                let secret = matches!(path, "session.token" | "transfer_id" | "auth.access_key");
                let shown = if secret { value.chars().take(5).chain("…\"".chars()).collect() } else { value };
                fields.push((path.to_owned(), shown));
            }
            Self::Members(members) => {
                for (key, node) in members {
                    let key = neutral(&key);
                    node.collect(&if path.is_empty() { key } else { format!("{path}.{key}") }, fields);
                }
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Node;

            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("a JSON value")
            }
            fn visit_unit<E>(self) -> Result<Node, E> {
                Ok(Node::Value("null".to_owned()))
            }
            fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
                Ok(Node::Value(value.to_string()))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
                Ok(Node::Value(value.to_string()))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
                Ok(Node::Value(value.to_string()))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
                Ok(Node::Value(value.to_string()))
            }
            fn visit_str<E>(self, value: &str) -> Result<Node, E> {
                Ok(Node::Value(format!("\"{}\"", neutral(value))))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
                let mut shown = Vec::new();
                while let Some(item) = items.next_element::<Node>()? {
                    shown.push(match item {
                        Node::Value(value) => value,
                        Node::Members(_) => "{…}".to_owned(),
                    });
                }
                Ok(Node::Value(format!("[{}]", shown.join(", "))))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
                let mut members = Vec::new();
                while let Some(entry) = entries.next_entry::<String, Node>()? {
                    members.push(entry);
                }
                Ok(Node::Members(members))
            }
        }
        input.deserialize_any(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_shown_field_by_field_without_its_secrets() {
        let line = br#"{"version":"2.0","transfer_id":"0123456789","session":{"id":null,"action":"transfer","sequence":3,"token":"abcdefghijk"},"name":"\u001b[2J"}"#;
        let text = header_text(Paint(Colour::No), Direction::Sent, line);
        assert!(text.starts_with("-> transfer #3"), "{text}");
        assert!(text.contains("session.id             null"), "{text}");
        assert!(!text.contains("efghijk") && !text.contains("456789") && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn what_is_no_json_is_shown_all_the_same() {
        let text = header_text(Paint(Colour::No), Direction::Received, b"HTTP/1.1 400\r\n");
        assert!(text.contains("HTTP/1.1 400"), "{text}");
    }
}
