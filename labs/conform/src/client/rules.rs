//! What a request header may say, as somebody reads PROTOCOL.md section 2 who wants to find fault. Knows nothing of
//! what was said before.

use serde_json::Value;

use crate::check::{Checked, failed};
use crate::frame::Frame;
use crate::record::Record;

/// Bytes of a header line by default.
pub(super) const HEADER_BYTES_MAX: usize = 8192;

/// A field, what its value must be, and in words.
type Rule = (&'static str, fn(&Value) -> bool, &'static str);

const RULES: [Rule; 19] = [
    ("version", |value| value == "2.0", "\"2.0\""),
    ("mime_type", |value| value.as_str().is_some_and(is_type), "type/subtype without parameters"),
    ("size", |value| value.is_null() || value.is_u64(), "an integer or null"),
    ("name", |value| value.as_str().is_some_and(is_name), "a name that the wire carries"),
    ("file", Value::is_string, "a string"),
    ("digest", |value| value.as_str().is_some_and(is_digest), "blake3: or sha256: and 64 lower-case hex digits"),
    ("trailer", |value| value == "blake3" || value == "sha256", "blake3 or sha256"),
    ("transfer_id", |value| value.as_str().is_some_and(|id| is_uuid(id) && id.get(14..15) == Some("4")), "a UUID v4"),
    ("offset", Value::is_u64, "an integer"),
    ("ack", |value| value == "written" || value == "durable", "written or durable"),
    ("expect", |value| value == "continue", "continue"),
    ("auth", Value::is_object, "an object"),
    ("ext", |value| value.as_object().is_some_and(|ext| ext.values().all(Value::is_string)), "an object of strings"),
    ("session", Value::is_object, "an object"),
    ("session.mode", |value| value == "stateless" || value == "stateful", "stateless or stateful"),
    ("session.id", |value| value.is_null() || value.as_str().is_some_and(is_uuid), "a UUID or null"),
    ("session.sequence", |value| value.as_u64().is_some_and(|sequence| sequence > 0), "an integer from 1"),
    ("session.token", |value| value.as_str().is_some_and(|token| token.len() == 43), "43 characters"),
    ("session.data_size", |value| value.as_u64().is_some_and(|size| size <= 65536), "an integer up to 65536"),
];

/// Which fields only some actions have, and which.
const PLACES: [(&str, &[&str]); 10] = [
    ("name", &["transfer"]),
    ("digest", &["transfer"]),
    ("trailer", &["transfer"]),
    ("expect", &["transfer"]),
    ("transfer_id", &["transfer", "status"]),
    ("file", &["fetch", "remove"]),
    ("offset", &["transfer", "fetch", "list"]),
    ("auth", &["connect"]),
    ("session.token", &["connect"]),
    ("session.sequence", &["transfer", "remove", "disconnect"]),
];

/// Every rule that a header by itself can break.
pub(super) fn kept(frame: &Frame, record: &Record) -> Checked {
    if frame.line.len() > HEADER_BYTES_MAX {
        return Err(failed(format!("a header of at most {HEADER_BYTES_MAX} bytes"), frame.line.len().to_string()));
    }
    if let Some(fault) = frame.faults.first() {
        return Err(failed("a header by the grammar of section 2", format!("{fault:?}")));
    }
    fields_known(frame, record)?;
    for (path, holds, expected) in RULES {
        if frame.get(path).is_some_and(|value| !holds(value)) {
            return Err(frame.wrong(record, path, &format!("{path} to be {expected}")));
        }
    }
    let (mode, action) = (frame.text("session.mode").unwrap_or("stateless"), action(frame));
    needed(frame, record, action)?;
    for (path, actions) in PLACES {
        if frame.get(path).is_some() && !actions.contains(&action) {
            return Err(frame.wrong(record, path, &format!("no {path} in {action}")));
        }
    }
    let exists = match mode {
        "stateless" => ["hello", "transfer", "status", "fetch"].contains(&action),
        _ => true,
    };
    if !exists {
        return Err(frame.wrong(record, "session.action", "an action that is possible without a session"));
    }
    let out_of_place: &[&str] =
        if mode == "stateless" { &["session.sequence", "session.token"] } else { &["transfer_id"] };
    out_of_place.iter().try_for_each(|path| frame.lacks(record, path))
}

/// What a header asks for.
pub(super) fn action(frame: &Frame) -> &str {
    frame.text("session.action").unwrap_or("transfer")
}

fn fields_known(frame: &Frame, record: &Record) -> Checked {
    let known = |path: &str| RULES.iter().any(|(rule, ..)| *rule == path) || path == "session.action";
    let members = |path: &str| frame.get(path).and_then(Value::as_object).cloned().unwrap_or_default();
    let top = frame.header.as_object().cloned().unwrap_or_default();
    let session = members("session");
    let auth = members("auth");
    let paths = top.keys().cloned().chain(session.keys().map(|key| format!("session.{key}")));
    for path in paths.chain(auth.keys().filter(|key| *key != "access_key").map(|key| format!("auth.{key}"))) {
        if !known(&path) {
            return Err(frame.wrong(record, &path, "only fields of section 2"));
        }
    }
    Ok(())
}

/// What must be there, and what must not be together.
fn needed(frame: &Frame, record: &Record, action: &str) -> Checked {
    let mut needed = vec!["version"];
    if frame.get("session").is_some() {
        needed.extend(["session.mode", "session.action"]);
    }
    if action == "transfer" {
        needed.extend(["mime_type", "size"]);
    }
    for path in needed {
        if frame.get(path).is_none() {
            return Err(frame.wrong(record, path, &format!("{path} in every {action}")));
        }
    }
    if action != "transfer" && frame.get("size").is_some_and(|size| *size != 0) {
        return Err(frame.wrong(record, "size", "no payload here"));
    }
    if action != "connect" && frame.session_data_bytes() > 0 {
        return Err(frame.wrong(record, "session.data_size", "no session data here"));
    }
    if frame.get("digest").is_some() && frame.get("trailer").is_some() {
        return Err(frame.wrong(record, "digest", "a digest or a trailer, not both"));
    }
    let behind = action == "transfer" && frame.number("offset").unwrap_or(0) > 0;
    if behind && frame.get("digest").is_none() && frame.get("trailer").is_none() {
        return Err(frame.wrong(record, "offset", "the digest of the whole file with an offset above 0"));
    }
    Ok(())
}

fn is_type(text: &str) -> bool {
    let part = |part: &str| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        part.bytes().all(letter) && part.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
    };
    text.len() <= 127 && text.split_once('/').is_some_and(|(kind, subtype)| part(kind) && part(subtype))
}

fn is_name(text: &str) -> bool {
    let segment = |segment: &str| (1..=255).contains(&segment.len()) && segment != "." && segment != "..";
    text.len() <= 1024 && text.split('/').all(segment) && !text.contains(|c: char| c.is_control() || c == '\\')
}

fn is_digest(text: &str) -> bool {
    let digits = text.strip_prefix("blake3:").or_else(|| text.strip_prefix("sha256:"));
    digits.is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}

fn is_uuid(text: &str) -> bool {
    let hyphen = |place: usize| [8, 13, 18, 23].contains(&place);
    let fits = |(place, byte): (usize, u8)| if hyphen(place) { byte == b'-' } else { byte.is_ascii_hexdigit() };
    text.len() == 36 && text.bytes().enumerate().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with a header line.
    fn wrong(line: &str) -> Option<String> {
        let frame = Frame::read(line.as_bytes().to_vec()).unwrap();
        kept(&frame, &Record::default()).err().map(|stop| crate::judge::reason(&stop))
    }

    #[test]
    fn every_rule_finds_what_breaks_it() {
        let upload = |more: &str| format!(r#"{{"version":"2.0","mime_type":"a/b","size":1{more}}}"#);
        let session =
            |more: &str| format!(r#"{{"version":"2.0","session":{{"mode":"stateful","action":"connect"{more}}}}}"#);
        assert_eq!(wrong(&upload("")), None);
        assert_eq!(wrong(&session(r#","id":null"#)), None);
        for (line, told) in [
            (upload(r#","size":2"#), "Twice"),
            (upload(r#","colour":"blue""#), "colour"),
            (upload(r#","name":"../x""#), "name"),
            (upload(r#","digest":"md5:00""#), "digest"),
            (upload(r#","transfer_id":"6ba7b810-9dad-11d1-80b4-00c04fd430c8""#), "transfer_id"),
            (upload(r#","offset":1"#), "offset"),
            (upload(r#","file":"x""#), "file"),
            (upload(r#","ext":{"a":1}"#), "ext"),
            (r#"{"version":"2.0","mime_type":"a/b; c","size":1}"#.to_owned(), "mime_type"),
            (r#"{"version":"2.0","size":1}"#.to_owned(), "mime_type"),
            (r#"{"version":"1.0","mime_type":"a/b","size":1}"#.to_owned(), "version"),
            (session(r#","sequence":1"#), "session.sequence"),
            (session(r#","token":"short""#), "session.token"),
            (session(r#","colour":"blue""#), "session.colour"),
            (session(r#","data_size":65537"#), "session.data_size"),
            (session(r#","data_size":9"#).replace("connect", "heartbeat"), "session.data_size"),
        ] {
            assert!(wrong(&line).is_some_and(|reason| reason.contains(told)), "{line}: {:?}", wrong(&line));
        }
    }
}
