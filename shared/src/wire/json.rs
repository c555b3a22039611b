//! A header line as a tree, by the strict rules of PROTOCOL.md section 2. The parsing is serde's; what
//! it would let pass (arrays, deep nesting, duplicate keys, fractions) is refused here while it visits.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use crate::id::INTEGER_MAX;

/// Objects inside objects a header may have, itself included.
const DEPTH_MAX: usize = 3;

/// The members of an object, by key after unescaping.
pub(crate) type Members<'line> = BTreeMap<Cow<'line, str>, Json<'line>>;

/// A value of a header. Text without escapes stays in the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Json<'line> {
    Null,
    Bool,
    Integer(u64),
    /// A number that is no integer from 0 to 2^53-1. A Week 01 header and a 2.0 header answer it
    /// differently, so it is judged when the version is known.
    OtherNumber,
    Text(Cow<'line, str>),
    Object(Members<'line>),
}

impl Json<'_> {
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Bool | Self::Integer(_) | Self::OtherNumber | Self::Object(_) => None,
        }
    }
}

/// Why a line is no header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JsonFault {
    /// Not UTF-8.
    Encoding,
    /// Not one JSON object, an array somewhere, or too deep.
    Syntax(&'static str),
    /// This key stands twice in one object.
    Duplicate(String),
}

/// Reads one line, without its LF, as one JSON object.
pub(crate) fn parse(line: &[u8]) -> Result<Members<'_>, JsonFault> {
    let text = std::str::from_utf8(line).map_err(|_| JsonFault::Encoding)?;
    let fault = RefCell::new(None);
    let mut input = serde_json::Deserializer::from_str(text);
    let parsed = Seed { depth: 0, fault: &fault }.deserialize(&mut input).and_then(|value| {
        input.end()?;
        Ok(value)
    });
    match parsed {
        Ok(Json::Object(members)) => Ok(members),
        Ok(Json::Null | Json::Bool | Json::Integer(_) | Json::OtherNumber | Json::Text(_)) => {
            Err(JsonFault::Syntax("the header is no JSON object"))
        }
        Err(_) => Err(fault.into_inner().unwrap_or(JsonFault::Syntax("the header is no valid JSON"))),
    }
}

/// Whether a number that breaks the grammar stands anywhere.
pub(crate) fn has_other_number(members: &Members<'_>) -> bool {
    members.values().any(|value| match value {
        Json::OtherNumber => true,
        Json::Object(inner) => has_other_number(inner),
        Json::Null | Json::Bool | Json::Integer(_) | Json::Text(_) => false,
    })
}

/// Carries the depth down and the reason of a refusal up; serde's errors are only text.
#[derive(Clone, Copy)]
struct Seed<'a> {
    depth: usize,
    fault: &'a RefCell<Option<JsonFault>>,
}

impl Seed<'_> {
    fn refuse<E: serde::de::Error>(self, fault: JsonFault) -> E {
        *self.fault.borrow_mut() = Some(fault);
        E::custom("refused")
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Json<'de>;

    fn deserialize<D: serde::Deserializer<'de>>(self, input: D) -> Result<Json<'de>, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Json<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value of a header")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool)
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json<'de>, E> {
        Ok(if number <= INTEGER_MAX { Json::Integer(number) } else { Json::OtherNumber })
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json<'de>, E> {
        Ok(Json::OtherNumber)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json<'de>, E> {
        Ok(Json::OtherNumber)
    }

    fn visit_str<E>(self, text: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Json<'de>, A::Error> {
        Err(self.refuse(JsonFault::Syntax("a header holds no arrays")))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut input: A) -> Result<Json<'de>, A::Error> {
        let depth = self.depth.saturating_add(1);
        if depth > DEPTH_MAX {
            return Err(self.refuse(JsonFault::Syntax("the header is nested too deep")));
        }
        let mut members = Members::new();
        while let Some(key) = input.next_key_seed(self)? {
            let Json::Text(key) = key else { return Err(self.refuse(JsonFault::Syntax("a key is text"))) };
            match members.entry(key) {
                Entry::Vacant(place) => {
                    place.insert(input.next_value_seed(Seed { depth, ..self })?);
                }
                Entry::Occupied(place) => return Err(self.refuse(JsonFault::Duplicate(place.key().to_string()))),
            }
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_serde_json_lets_pass_is_refused_here() {
        for (line, fault) in [
            (r#"{"a":1,"\u0061":2}"#, JsonFault::Duplicate("a".into())),
            (r#"{"session":{"id":null,"id":null}}"#, JsonFault::Duplicate("id".into())),
            (r#"{"a":[1]}"#, JsonFault::Syntax("a header holds no arrays")),
            (r#"["2.0"]"#, JsonFault::Syntax("a header holds no arrays")),
            (r#"{"a":{"b":{"c":{}}}}"#, JsonFault::Syntax("the header is nested too deep")),
            (r#""text""#, JsonFault::Syntax("the header is no JSON object")),
            (r#"{"a":1} x"#, JsonFault::Syntax("the header is no valid JSON")),
            (r#"{"a":01}"#, JsonFault::Syntax("the header is no valid JSON")),
            (r#"{"a":+1}"#, JsonFault::Syntax("the header is no valid JSON")),
            (r#"{"a":"\ud800"}"#, JsonFault::Syntax("the header is no valid JSON")),
            ("", JsonFault::Syntax("the header is no valid JSON")),
        ] {
            assert_eq!(parse(line.as_bytes()), Err(fault), "{line}");
        }
        assert_eq!(parse(b"{\"a\":\"\xff\"}"), Err(JsonFault::Encoding));
    }

    #[test]
    fn numbers_are_integers_of_the_wire_or_marked() {
        for (text, value) in [
            ("0", Json::Integer(0)),
            ("9007199254740991", Json::Integer(INTEGER_MAX)),
            ("9007199254740992", Json::OtherNumber),
            ("-1", Json::OtherNumber),
            ("-0", Json::OtherNumber),
            ("1.0", Json::OtherNumber),
            ("1e3", Json::OtherNumber),
            ("99999999999999999999999", Json::OtherNumber),
        ] {
            let line = format!("{{\"n\":{text}}}");
            let members = parse(line.as_bytes()).unwrap();
            assert_eq!(members["n"], value, "{text}");
            assert_eq!(has_other_number(&members), value == Json::OtherNumber, "{text}");
        }
    }
}
