//! A frame as it came: header, session data, payload, trailer. Requests and replies have the same form.
//! Knows how to ask for a field by its path, and not which fields there should be.

use serde_json::{Map, Value};

use crate::check::{Checked, Stop, failed};
use crate::json::{self, Fault};
use crate::record::{Record, Way};

/// One frame.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// The header line without its LF.
    pub(crate) line: Vec<u8>,
    pub(crate) header: Value,
    /// What a strict reader would refuse in header and trailer.
    pub(crate) faults: Vec<Fault>,
    pub(crate) session_data: Vec<u8>,
    pub(crate) payload: Vec<u8>,
    pub(crate) trailer: Map<String, Value>,
}

impl Frame {
    /// The header of a frame whose body is still to come.
    pub(crate) fn read(line: Vec<u8>) -> Result<Self, String> {
        let (header, faults) = json::read(line.strip_suffix(b"\r").unwrap_or(&line))?;
        let header = Value::Object(header);
        Ok(Self { line, header, faults, session_data: Vec::new(), payload: Vec::new(), trailer: Map::new() })
    }

    pub(crate) fn add_trailer(&mut self, line: &[u8]) -> Result<(), String> {
        let (trailer, faults) = json::read(line.strip_suffix(b"\r").unwrap_or(line))?;
        self.trailer = trailer;
        self.faults.extend(faults);
        Ok(())
    }

    pub(crate) fn session_data_bytes(&self) -> u64 {
        self.number("session.data_size").unwrap_or(0)
    }

    /// How many bytes the payload has; nothing when it comes in chunks.
    pub(crate) fn payload_bytes(&self) -> Result<Option<u64>, String> {
        match self.get("size") {
            None => Ok(Some(0)),
            Some(Value::Null) => Ok(None),
            Some(size) => size.as_u64().map(Some).ok_or_else(|| format!("the size {size}")),
        }
    }

    pub(crate) fn has_trailer(&self) -> bool {
        self.get("trailer").is_some() || self.get("size") == Some(&Value::Null)
    }

    /// The field at a path like `session.id`.
    pub(crate) fn get(&self, path: &str) -> Option<&Value> {
        path.split('.').try_fold(&self.header, |value, key| value.get(key))
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.get(path).and_then(Value::as_str)
    }

    pub(crate) fn number(&self, path: &str) -> Option<u64> {
        self.get(path).and_then(Value::as_u64)
    }

    /// Demands this value at a path, or shows where it stands instead.
    pub(crate) fn demand(&self, record: &Record, path: &str, value: &Value) -> Checked {
        if self.get(path) == Some(value) {
            return Ok(());
        }
        Err(self.wrong(record, path, &format!("{path} to be {value}")))
    }

    /// Demands that a field is not there.
    pub(crate) fn lacks(&self, record: &Record, path: &str) -> Checked {
        match self.get(path) {
            None => Ok(()),
            Some(_) => Err(self.wrong(record, path, &format!("no {path} here"))),
        }
    }

    /// A failure about the field at a path, with the carets below it, or below the object that lacks it.
    pub(crate) fn wrong(&self, record: &Record, path: &str, expected: &str) -> Stop {
        let parent = path.rsplit_once('.').map(|(parent, _)| parent);
        let there = [Some(path), parent].into_iter().flatten().find(|path| self.get(path).is_some());
        if let Some((path, from)) = there.and_then(|path| Some((path, place(&self.line, path)?))) {
            let key = path.rsplit('.').next().unwrap_or(path);
            record.mark_from(Way::Came, &self.line, from, key.len() + 2);
        }
        let came = self.get(path).map_or_else(|| format!("no {path}"), |value| format!("{path} is {value}"));
        failed(expected, came)
    }
}

/// Where the key of a path begins in a header line: strings are skipped, depth is counted.
fn place(line: &[u8], path: &str) -> Option<usize> {
    let keys: Vec<&str> = path.split('.').collect();
    let (mut depth, mut found, mut index) = (0_usize, 0_usize, 0_usize);
    while let Some(byte) = line.get(index) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let end = string_end(line, index)?;
                let is_key = line.get(end + 1..)?.iter().find(|byte| **byte != b' ') == Some(&b':');
                if is_key && depth == found + 1 && keys.get(found)?.as_bytes() == line.get(index + 1..end)? {
                    found += 1;
                    if found == keys.len() {
                        return Some(index);
                    }
                }
                index = end;
            }
            _ => {}
        }
        index += 1;
    }
    None
}

/// Where the string that begins at `start` has its closing quote.
fn string_end(line: &[u8], start: usize) -> Option<usize> {
    let mut index = start + 1;
    loop {
        match line.get(index)? {
            b'\\' => index += 2,
            b'"' => return Some(index),
            _ => index += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_path_is_found_at_its_own_depth() {
        let line = br#"{"file":{"size":1,"a":"\"size\":"},"size":2,"session":{"id":"size"}}"#;
        assert_eq!(place(line, "file.size"), Some(9));
        assert_eq!(place(line, "size"), Some(35));
        assert_eq!(place(line, "session.id"), Some(55));
        assert_eq!(place(line, "session.size"), None);
        assert_eq!(place(b"{\"a", "a"), None);
    }
}
