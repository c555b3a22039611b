//! A header line as JSON, with everything noted that the grammar of PROTOCOL.md section 2 forbids and a
//! lenient reader would let pass. Decides nothing.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Objects inside objects that a header may have, itself included.
const DEPTH_MAX: usize = 3;

/// The largest integer of the wire.
const INTEGER_MAX: u64 = 9_007_199_254_740_991;

/// Something in a line that a strict reader refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// This key stands twice in one object.
    Twice(String),
    /// There is an array; replies may have one.
    Array,
    /// There is a number that is no integer of the wire.
    Number(String),
    /// Objects are nested too deep.
    Deep,
}

/// Members and faults of one line without its LF, or why it is no JSON object.
pub(crate) fn read(line: &[u8]) -> Result<(Map<String, Value>, Vec<Fault>), String> {
    if let Some(byte) = line.iter().find(|byte| **byte < 0x20) {
        return Err(format!("a line with the control character 0x{byte:02x}"));
    }
    let text = std::str::from_utf8(line).map_err(|_| "a line that is not UTF-8".to_owned())?;
    let faults = RefCell::new(Vec::new());
    let mut input = serde_json::Deserializer::from_str(text);
    let value = Seed { depth: 0, faults: &faults }.deserialize(&mut input);
    match value.and_then(|value| input.end().map(|()| value)) {
        Ok(Value::Object(members)) => Ok((members, faults.into_inner())),
        Ok(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            Err("JSON that is no object".to_owned())
        }
        Err(error) => Err(format!("a line that is no JSON ({error})")),
    }
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    depth: usize,
    faults: &'a RefCell<Vec<Fault>>,
}

impl Seed<'_> {
    fn fault(self, fault: Fault) {
        self.faults.borrow_mut().push(fault);
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, into: &mut fmt::Formatter<'_>) -> fmt::Result {
        into.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        if value > INTEGER_MAX {
            self.fault(Fault::Number(value.to_string()));
        }
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        self.fault(Fault::Number(value.to_string()));
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        self.fault(Fault::Number(value.to_string()));
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        self.fault(Fault::Array);
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let inside = Self { depth: self.depth + 1, ..self };
        if inside.depth == DEPTH_MAX + 1 {
            self.fault(Fault::Deep);
        }
        let mut members = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value_seed(inside)?;
            if members.insert(key.clone(), value).is_some() {
                self.fault(Fault::Twice(key));
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_strict_reader_refuses_is_noted() {
        let faults = |line: &str| read(line.as_bytes()).unwrap().1;
        assert_eq!(faults(r#"{"a":1,"b":{"c":{"d":9007199254740991}},"e":null}"#), []);
        assert_eq!(faults(r#"{"a":1,"\u0061":2}"#), [Fault::Twice("a".into())]);
        assert_eq!(faults(r#"{"a":[]}"#), [Fault::Array]);
        assert_eq!(faults(r#"{"a":{"b":{"c":{}}}}"#), [Fault::Deep]);
        for number in ["-1", "1.5", "9007199254740992"] {
            assert_eq!(faults(&format!(r#"{{"a":{number}}}"#)), [Fault::Number(number.into())]);
        }
        assert_eq!(faults(r#"{"a":1e3}"#).len(), 1);
    }

    #[test]
    fn what_is_no_object_is_told_with_the_reason() {
        for (line, reason) in [
            (&b"[]"[..], "no object"),
            (b"{} {}", "no JSON"),
            (b"{\"a\":01}", "no JSON"),
            (b"{\"a\":\"\xff\"}", "UTF-8"),
            (b"{\t}", "0x09"),
        ] {
            assert!(read(line).unwrap_err().contains(reason), "{line:?}: {:?}", read(line));
        }
    }
}
