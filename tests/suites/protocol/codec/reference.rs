//! A second reading of PROTOCOL.md section 2, slow and plain, to compare the real one with. Shares nothing with
//! it but the names of codes and dialects. Reads letter by letter and checks rule by rule.

use shared::error::ErrorCode;
use shared::wire::Dialect;

const INTEGER_MAX: u64 = 9_007_199_254_740_991;

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Verdict {
    Frame,
    Week01,
    InvalidWeek01,
    Refused(ErrorCode),
}

/// Judges a line that has no control characters.
pub(super) fn judge(line: &[u8], dialect: Dialect) -> Verdict {
    verdict(line, dialect).unwrap_or_else(Verdict::Refused)
}

fn verdict(line: &[u8], dialect: Dialect) -> Result<Verdict, ErrorCode> {
    let text = std::str::from_utf8(line).map_err(|_| ErrorCode::BadEncoding)?;
    let mut reader = Reader { letters: text.chars().collect(), at: 0 };
    let value = reader.value(0)?;
    reader.spaces();
    let Value::Object(header) = value else { return Err(ErrorCode::BadHeader) };
    if reader.at != reader.letters.len() {
        return Err(ErrorCode::BadHeader);
    }
    if week01_shape(&header) {
        let size = header.get("size").is_none_or(|size| size.integer().is_some());
        let mime_type = header.get("mime_type").is_none_or(|mime_type| mime_type.text().is_some());
        return match dialect {
            Dialect::V2 => Err(ErrorCode::UnsupportedVersion),
            Dialect::Unsettled | Dialect::Week01 if size && mime_type => Ok(Verdict::Week01),
            Dialect::Unsettled | Dialect::Week01 => Ok(Verdict::InvalidWeek01),
        };
    }
    if header.numbers().iter().any(|number| integer(number).is_none()) {
        return Err(ErrorCode::BadHeader);
    }
    if header.get("version").and_then(Value::text) != Some("2.0") || dialect == Dialect::Week01 {
        return Err(ErrorCode::UnsupportedVersion);
    }
    let session_fields = ["id", "mode", "action", "sequence", "token", "data_size"];
    let auth_fields = ["client", "nonce", "access_key"];
    for (object, known) in [
        (Some(&header), &FIELDS[..]),
        (header.object("session"), &session_fields),
        (header.object("auth"), &auth_fields),
    ] {
        if object.is_some_and(|object| object.0.iter().any(|(key, _)| !known.contains(&key.as_str()))) {
            return Err(ErrorCode::UnknownField);
        }
    }
    values(&header)?;
    meaning(&header)
}

const FIELDS: [&str; 14] = [
    "version",
    "mime_type",
    "size",
    "name",
    "file",
    "digest",
    "trailer",
    "transfer_id",
    "offset",
    "ack",
    "expect",
    "auth",
    "session",
    "ext",
];

fn week01_shape(header: &Object) -> bool {
    let version = match header.get("version") {
        None => true,
        Some(version) => matches!(version.text(), Some("1.0" | "1")),
    };
    version
        && FIELDS.iter().all(|field| ["version", "mime_type", "size"].contains(field) || header.get(field).is_none())
}

/// Each value by itself.
fn values(header: &Object) -> Result<(), ErrorCode> {
    let text = |field: &str, fits: &dyn Fn(&str) -> bool| match header.get(field) {
        Some(value) if !value.text().is_some_and(fits) => Err(ErrorCode::BadField),
        Some(_) | None => Ok(()),
    };
    text("mime_type", &is_mime_type)?;
    if header.get("size").is_some_and(|size| size.integer().is_none() && !size.is_null()) {
        return Err(ErrorCode::BadField);
    }
    text("name", &|_| true)?;
    if header.get("name").and_then(Value::text).is_some_and(|name| !is_name(name)) {
        return Err(ErrorCode::BadName);
    }
    text("file", &|_| true)?;
    text("digest", &is_digest)?;
    text("trailer", &|kind| kind == "blake3" || kind == "sha256")?;
    text("transfer_id", &|id| is_uuid(id) && id.chars().nth(14) == Some('4') && "89abAB".contains(&id[19..20]))?;
    text("ack", &|ack| ack == "written" || ack == "durable")?;
    text("expect", &|expect| expect == "continue")?;
    let wrong_type = header.get("offset").is_some_and(|offset| offset.integer().is_none())
        || header.get("auth").is_some() && header.object("auth").is_none()
        || header.object("auth").is_some_and(|auth| !is_access_key(auth))
        || header.get("session").is_some() && header.object("session").is_none()
        || header.get("ext").is_some() && header.object("ext").is_none()
        || header.object("ext").is_some_and(|ext| ext.0.iter().any(|(_, value)| value.text().is_none()));
    if wrong_type || header.object("session").is_some_and(|session| !session_values(session)) {
        return Err(ErrorCode::BadField);
    }
    Ok(())
}

/// Keys of clients do not exist yet.
fn is_access_key(auth: &Object) -> bool {
    let fits = |key: &str| (8..=256).contains(&key.len()) && key.bytes().all(|byte| (b'!'..=b'~').contains(&byte));
    auth.0.iter().all(|(name, value)| name == "access_key" && value.text().is_some_and(fits))
}

fn session_values(session: &Object) -> bool {
    session.get("id").is_none_or(|id| id.is_null() || id.text().is_some_and(is_uuid))
        && session.get("mode").and_then(Value::text).is_some_and(|mode| ["stateless", "stateful"].contains(&mode))
        && session.get("action").and_then(Value::text).is_some_and(|action| ACTIONS.contains(&action))
        && session.get("sequence").is_none_or(|number| number.integer().is_some_and(|number| number >= 1))
        && session.get("token").is_none_or(|token| token.text().is_some_and(is_token))
        && session.get("data_size").is_none_or(|size| size.integer().is_some_and(|size| size <= 65_536))
}

const ACTIONS: [&str; 9] =
    ["hello", "connect", "transfer", "status", "heartbeat", "list", "fetch", "remove", "disconnect"];

/// All values together.
fn meaning(header: &Object) -> Result<Verdict, ErrorCode> {
    let nothing = Object(Vec::new());
    let session = header.object("session").unwrap_or(&nothing);
    let stateful = session.get("mode").and_then(Value::text) == Some("stateful");
    let action = session.get("action").and_then(Value::text).unwrap_or("transfer");
    let one_of = |actions: &[&str]| actions.contains(&action);
    let has = |field: &str| header.get(field).is_some();
    let id = session.get("id").is_some_and(|id| !id.is_null());
    let (token, sequence) = (session.get("token").is_some(), session.get("sequence").is_some());
    let ticket = session.get("data_size").and_then(Value::integer).unwrap_or(0) > 0;
    let numbered = stateful && one_of(&["transfer", "remove", "disconnect"]);
    let size = header.get("size").and_then(Value::integer);
    let offset = header.get("offset").and_then(Value::integer).unwrap_or(0);
    let transfer = action == "transfer";

    let misplaced = ["name", "digest", "trailer", "expect"].iter().any(|field| has(field) && !transfer)
        || has("transfer_id") && (stateful || !one_of(&["transfer", "status"]))
        || has("file") && !one_of(&["fetch", "remove"])
        || has("offset") && !one_of(&["transfer", "fetch", "list"])
        || token && (!stateful || action != "connect")
        || sequence && !numbered
        || id && !stateful
        || has("digest") && has("trailer")
        || header.object("auth").is_some_and(|auth| !auth.0.is_empty()) && !(stateful && action == "connect")
        || !transfer && has("size") && size != Some(0)
        || ticket && !(stateful && action == "connect");
    let missing = transfer && !(has("mime_type") && has("size"))
        || one_of(&["fetch", "remove"]) && !has("file")
        || !stateful && action == "status" && !has("transfer_id")
        || numbered && !sequence
        || stateful && action == "connect" && (id != (token || ticket) || token && ticket)
        || transfer && offset > 0 && !has("digest") && !has("trailer");
    let impossible = transfer && offset + size.unwrap_or(0) > INTEGER_MAX
        || stateful && action == "list" && has("offset") && offset == 0;
    if misplaced || missing || impossible {
        return Err(ErrorCode::BadField);
    }
    if !stateful && !one_of(&["hello", "transfer", "status", "fetch"]) {
        return Err(ErrorCode::IllegalAction);
    }
    if stateful && !one_of(&["hello", "connect"]) && !id {
        return Err(ErrorCode::SessionRequired);
    }
    Ok(Verdict::Frame)
}

fn integer(text: &str) -> Option<u64> {
    let digits = text.len() <= 16 && text.chars().all(|letter| letter.is_ascii_digit());
    let canonical = text == "0" || !text.starts_with('0');
    if digits && canonical { text.parse().ok().filter(|number| *number <= INTEGER_MAX) } else { None }
}

fn is_mime_type(text: &str) -> bool {
    let letter = |letter: char| letter.is_ascii_alphanumeric();
    let part =
        |part: &str| part.starts_with(letter) && part.chars().all(|mark| letter(mark) || "!#$&-^_.+".contains(mark));
    text.len() <= 127 && text.split('/').count() == 2 && text.split('/').all(part)
}

fn is_name(text: &str) -> bool {
    let control = |letter: char| letter < ' ' || ('\u{7f}'..='\u{9f}').contains(&letter);
    let segment = |segment: &str| (1..=255).contains(&segment.len()) && segment != "." && segment != "..";
    text.len() <= 1024 && !text.contains(control) && !text.contains('\\') && text.split('/').all(segment)
}

fn is_digest(text: &str) -> bool {
    let hex = text.strip_prefix("blake3:").or(text.strip_prefix("sha256:"));
    hex.is_some_and(|hex| hex.len() == 64 && hex.chars().all(|digit| "0123456789abcdef".contains(digit)))
}

fn is_uuid(text: &str) -> bool {
    let hyphen = |at: usize| [8, 13, 18, 23].contains(&at);
    let fits = |(at, letter): (usize, char)| if hyphen(at) { letter == '-' } else { letter.is_ascii_hexdigit() };
    text.len() == 36 && text.chars().count() == 36 && text.chars().enumerate().all(fits)
}

/// 43 letters carry 258 bits; the last two must be zero, or one secret had four spellings.
fn is_token(text: &str) -> bool {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = text.chars().last().and_then(|last| alphabet.find(last));
    text.len() == 43 && text.chars().all(|letter| alphabet.contains(letter)) && last.is_some_and(|bits| bits % 4 == 0)
}

enum Value {
    Null,
    Bool,
    Number(String),
    Text(String),
    Object(Object),
}

struct Object(Vec<(String, Value)>);

impl Object {
    fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    fn object(&self, key: &str) -> Option<&Object> {
        match self.get(key) {
            Some(Value::Object(object)) => Some(object),
            Some(Value::Null | Value::Bool | Value::Number(_) | Value::Text(_)) | None => None,
        }
    }

    fn numbers(&self) -> Vec<&str> {
        let numbers = self.0.iter().flat_map(|(_, value)| match value {
            Value::Number(number) => vec![number.as_str()],
            Value::Object(object) => object.numbers(),
            Value::Null | Value::Bool | Value::Text(_) => vec![],
        });
        numbers.collect()
    }
}

impl Value {
    fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    fn integer(&self) -> Option<u64> {
        if let Self::Number(number) = self { integer(number) } else { None }
    }

    fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

/// Reads JSON by the grammar of RFC 8259, the first fault first.
struct Reader {
    letters: Vec<char>,
    at: usize,
}

impl Reader {
    fn next(&mut self) -> Option<char> {
        let letter = self.letters.get(self.at).copied();
        self.at += usize::from(letter.is_some());
        letter
    }

    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn spaces(&mut self) {
        while self.peek() == Some(' ') {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, ErrorCode> {
        self.spaces();
        match self.peek() {
            Some('{') if depth < 3 => self.object(depth + 1).map(Value::Object),
            Some('"') => self.text().map(Value::Text),
            Some('n') => self.word("null", Value::Null),
            Some('t') => self.word("true", Value::Bool),
            Some('f') => self.word("false", Value::Bool),
            Some('-' | '0'..='9') => self.number().map(Value::Number),
            // Arrays, objects too deep, and everything that JSON does not have.
            Some(_) | None => Err(ErrorCode::BadHeader),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, ErrorCode> {
        for letter in word.chars() {
            self.expect(letter)?;
        }
        Ok(value)
    }

    fn expect(&mut self, letter: char) -> Result<(), ErrorCode> {
        if self.next() == Some(letter) { Ok(()) } else { Err(ErrorCode::BadHeader) }
    }

    fn object(&mut self, depth: usize) -> Result<Object, ErrorCode> {
        self.expect('{')?;
        let mut members = Object(Vec::new());
        self.spaces();
        if self.peek() == Some('}') {
            self.at += 1;
            return Ok(members);
        }
        loop {
            self.spaces();
            let key = self.text()?;
            if members.get(&key).is_some() {
                return Err(ErrorCode::DuplicateKey);
            }
            self.spaces();
            self.expect(':')?;
            let value = self.value(depth)?;
            members.0.push((key, value));
            self.spaces();
            match self.next() {
                Some(',') => {}
                Some('}') => return Ok(members),
                Some(_) | None => return Err(ErrorCode::BadHeader),
            }
        }
    }

    fn number(&mut self) -> Result<String, ErrorCode> {
        let start = self.at;
        if self.peek() == Some('-') {
            self.at += 1;
        }
        if self.peek() == Some('0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some('.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some('e' | 'E')) {
            self.at += 1;
            if matches!(self.peek(), Some('+' | '-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let number: String = self.letters[start..self.at].iter().collect();
        // RFC 8259 section 6 lets a reader bound what it takes; the bound here is that of a double.
        if number.parse::<f64>().is_ok_and(f64::is_finite) { Ok(number) } else { Err(ErrorCode::BadHeader) }
    }

    fn digits(&mut self) -> Result<(), ErrorCode> {
        let start = self.at;
        while matches!(self.peek(), Some('0'..='9')) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(ErrorCode::BadHeader) }
    }

    fn text(&mut self) -> Result<String, ErrorCode> {
        self.expect('"')?;
        let mut text = String::new();
        loop {
            match self.next() {
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.escape()?),
                Some(letter) => text.push(letter),
                None => return Err(ErrorCode::BadHeader),
            }
        }
    }

    fn escape(&mut self) -> Result<char, ErrorCode> {
        let letter = match self.next() {
            Some(plain @ ('"' | '\\' | '/')) => Some(plain),
            Some('b') => Some('\u{8}'),
            Some('f') => Some('\u{c}'),
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            Some('u') => {
                let first = self.hex()?;
                if (0xd800..0xdc00).contains(&first) {
                    self.expect('\\')?;
                    self.expect('u')?;
                    let second = self.hex()?;
                    // A low half that is none makes the whole no character.
                    let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400);
                    low.and_then(|low| char::from_u32(0x1_0000 + (first - 0xd800) * 0x400 + low))
                } else {
                    char::from_u32(first)
                }
            }
            Some(_) | None => None,
        };
        letter.ok_or(ErrorCode::BadHeader)
    }

    fn hex(&mut self) -> Result<u32, ErrorCode> {
        let mut number = 0;
        for _ in 0..4 {
            let digit = self.next().and_then(|digit| digit.to_digit(16)).ok_or(ErrorCode::BadHeader)?;
            number = number * 16 + digit;
        }
        Ok(number)
    }
}
