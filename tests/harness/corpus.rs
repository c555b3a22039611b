//! Reads the tables of `corpus/`: what is sent, and what it must lead to. Sends nothing itself; the format
//! is described in `corpus/README.md`.

use std::collections::BTreeMap;

use shared::error::ErrorCode;

/// A stream that a decoder takes apart, and the trace it must leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireCase {
    /// What the case is about, as a sentence.
    pub name: String,
    /// The bytes of the stream.
    pub input: Vec<u8>,
    /// Its events, written as in the tables.
    pub trace: String,
}

/// Bytes that are not what the protocol allows, and the answer to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// The group, and where in the tables the case stands.
    pub name: String,
    /// What a client sends.
    pub input: Vec<u8>,
    /// What the client does behind it.
    pub behind: Behind,
    /// What it must get, in order.
    pub answers: Vec<Expected>,
}

/// What a client does after its malformed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// It waits for the answer.
    Waits,
    /// It ends its side of the connection.
    Ends,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// An exact line of the Week 01 servers.
    Line(String),
    /// A reply that is no error, by its status.
    Status(String),
    /// An error reply.
    Error {
        /// The row of the error table.
        code: ErrorCode,
        /// The field it names, where the table of the corpus says one.
        field: Option<String>,
        /// Whether the server closes after it.
        closing: bool,
    },
}

impl Malformed {
    /// Whether the server must close the connection.
    #[must_use]
    pub fn closes(&self) -> bool {
        match self.answers.last() {
            None | Some(Expected::Line(_)) => true,
            Some(Expected::Status(_)) => self.behind == Behind::Ends,
            Some(Expected::Error { closing, .. }) => *closing || self.behind == Behind::Ends,
        }
    }
}

/// Reads a table of streams and traces.
///
/// # Errors
/// A line that cannot be understood, with its number.
pub fn wire_cases(table: &str) -> Result<Vec<WireCase>, String> {
    let mut cases: Vec<WireCase> = Vec::new();
    for entry in entries(table)? {
        if entry.word == "case" {
            cases.push(WireCase { name: entry.rest, input: Vec::new(), trace: String::new() });
            continue;
        }
        let case = cases.last_mut().ok_or_else(|| entry.fault("stands before the first case"))?;
        match entry.word.as_str() {
            "send" => case.input.extend(unescape(&entry.rest).map_err(|why| entry.fault(&why))?),
            "trace" => {
                if !case.trace.is_empty() {
                    case.trace.push(' ');
                }
                case.trace.push_str(&entry.rest);
            }
            _ => return Err(entry.fault("no such word here")),
        }
    }
    Ok(cases)
}

/// Reads a table of malformed inputs: every frame of a group with every value in the place of `@`.
///
/// # Errors
/// A line that cannot be understood, with its number.
pub fn malformed(table: &str) -> Result<Vec<Malformed>, String> {
    let mut groups: Vec<Group> = Vec::new();
    for entry in entries(table)? {
        if entry.word == "group" {
            groups.push(Group { name: entry.rest, ..Group::default() });
            continue;
        }
        let group = groups.last_mut().ok_or_else(|| entry.fault("stands before the first group"))?;
        match entry.word.as_str() {
            "answer" => group.answer = Some(entry.rest),
            "then" if entry.rest == "end" => group.ends = true,
            "frame" => group.frames.push(Cell::new(&entry)),
            "each" => group.values.push(Cell::new(&entry)),
            _ => return Err(entry.fault("no such word here")),
        }
    }
    let mut cases = Vec::new();
    for group in groups {
        group.spread(&mut cases)?;
    }
    Ok(cases)
}

/// The bytes a text of the tables stands for.
///
/// # Errors
/// An escape that is none.
pub fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let wrong = || format!("\\{} is no escape", behind.chars().take(4).collect::<String>());
        let escape = behind.chars().next().ok_or_else(wrong)?;
        rest = behind.get(escape.len_utf8()..).ok_or_else(wrong)?;
        match escape {
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            '\\' => bytes.push(b'\\'),
            'x' => {
                let byte = rest.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()).ok_or_else(wrong)?;
                bytes.push(byte);
                rest = rest.get(2..).ok_or_else(wrong)?;
            }
            '{' => {
                let (repeat, behind) = rest.split_once('}').ok_or_else(wrong)?;
                let (what, times) = repeat.rsplit_once('*').ok_or_else(wrong)?;
                let times = times.parse().map_err(|_| wrong())?;
                bytes.extend(unescape(what)?.repeat(times));
                rest = behind;
            }
            _ => return Err(wrong()),
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

/// Bytes as the tables write them, without repeats.
#[must_use]
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                '\\' => text.push_str("\\\\"),
                control if control < ' ' => push_hex(&mut text, u32::from(control)),
                other => text.push(other),
            }
        }
        for byte in chunk.invalid() {
            push_hex(&mut text, u32::from(*byte));
        }
    }
    text
}

fn push_hex(text: &mut String, byte: u32) {
    text.push_str("\\x");
    text.extend([byte / 16, byte % 16].into_iter().filter_map(|digit| char::from_digit(digit, 16)));
}

/// A line of a table: its first word, and what stands behind it with all names replaced.
struct Entry {
    number: usize,
    word: String,
    rest: String,
}

impl Entry {
    fn fault(&self, why: &str) -> String {
        format!("line {}: `{}`: {why}", self.number, self.word)
    }
}

fn entries(table: &str) -> Result<Vec<Entry>, String> {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut entries = Vec::new();
    for (index, line) in table.lines().enumerate() {
        let number = index.saturating_add(1);
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let mut rest = rest.trim_start().to_owned();
        for (name, text) in &names {
            rest = rest.replace(name, text);
        }
        if word == "let" {
            let (name, text) = rest.split_once(" = ").ok_or(format!("line {number}: `let NAME = TEXT` is meant"))?;
            names.insert(format!("${name}"), text.to_owned());
        } else if rest.contains('$') {
            return Err(format!("line {number}: a name that no `let` gives"));
        } else {
            entries.push(Entry { number, word: word.to_owned(), rest });
        }
    }
    Ok(entries)
}

/// A line of a group that may bring its own answer behind ` => `.
struct Cell {
    number: usize,
    text: String,
    answer: Option<String>,
}

impl Cell {
    fn new(entry: &Entry) -> Self {
        let (text, answer) = match entry.rest.rsplit_once(" => ") {
            Some((text, answer)) => (text.to_owned(), Some(answer.to_owned())),
            None => (entry.rest.clone(), None),
        };
        Self { number: entry.number, text, answer }
    }
}

#[derive(Default)]
struct Group {
    name: String,
    answer: Option<String>,
    ends: bool,
    frames: Vec<Cell>,
    values: Vec<Cell>,
}

impl Group {
    fn spread(self, cases: &mut Vec<Malformed>) -> Result<(), String> {
        let behind = if self.ends { Behind::Ends } else { Behind::Waits };
        let nothing = [Cell { number: 0, text: String::new(), answer: None }];
        for frame in &self.frames {
            let holed = frame.text.contains('@');
            if holed == self.values.is_empty() {
                return Err(format!("line {}: an @ needs values, and values need an @", frame.number));
            }
            for value in if holed { &self.values[..] } else { &nothing[..] } {
                let text = frame.text.replace('@', &value.text);
                let answer = [&value.answer, &frame.answer, &self.answer].into_iter().flatten().next();
                let answer = answer.ok_or_else(|| format!("line {}: no answer", frame.number))?;
                let at = format!("{} (lines {} and {})", self.name, frame.number, value.number);
                cases.push(Malformed {
                    input: unescape(&text).map_err(|why| format!("{at}: {why}"))?,
                    behind,
                    answers: expected(answer).map_err(|why| format!("{at}: {why}"))?,
                    name: at,
                });
            }
        }
        Ok(())
    }
}

fn expected(text: &str) -> Result<Vec<Expected>, String> {
    if text == "nothing" {
        return Ok(Vec::new());
    }
    text.split(", ").map(one_expected).collect()
}

fn one_expected(text: &str) -> Result<Expected, String> {
    let mut words = text.split(' ');
    let first = words.next().unwrap_or_default();
    let fixed = match first {
        "OK" => Some(Expected::Line("OK".to_owned())),
        "invalid" => Some(Expected::Line("ERROR: Invalid header".to_owned())),
        "hello" | "stored" | "continue" | "session_created" => Some(Expected::Status(first.to_owned())),
        _ => None,
    };
    if let Some(fixed) = fixed {
        return Ok(fixed);
    }
    let code = ErrorCode::ALL.iter().find(|code| code.as_str() == first);
    let code = *code.ok_or_else(|| format!("`{first}` is no answer"))?;
    let (mut field, mut closing) = (None, false);
    for word in words {
        if word == "closing" {
            closing = true;
        } else {
            field = Some(word.to_owned());
        }
    }
    Ok(Expected::Error { code, field, closing })
}
