//! A YAML document as a tree of what was written, and the place of each entry. Knows no key and no meaning.

use std::fmt;
use std::ops::Range;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// One value of a document. Only as deep as a configuration goes; what lies deeper is passed over.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Node {
    /// Nothing after the colon, `null` or `~`; also an empty document.
    Null,
    Bool,
    Integer(i128),
    Float,
    Text(String),
    List,
    /// Key and value in the order of the document, a key that appears twice twice.
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    /// Whether it is this text.
    pub(crate) fn is_text(&self, text: &str) -> bool {
        matches!(self, Self::Text(own) if own == text)
    }
}

/// Mappings inside mappings that are read: sections, and the keys in them.
const DEPTH: u8 = 2;

/// Reads one document. A syntax error carries its place.
pub(crate) fn parse(text: &str) -> Result<Node, serde_yaml::Error> {
    Tree { depth: DEPTH }.deserialize(serde_yaml::Deserializer::from_str(text))
}

/// Which half of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Half {
    Key,
    Value,
}

/// The bytes of one half of an entry: the entry with this index, counted from 0, of the entry before it in
/// `path`, and so on up to the document. An empty path is the document itself.
///
/// The parser tells a place only together with an error. So the document is read once more, and the
/// reader fails on purpose where it arrives.
pub(crate) fn locate(text: &str, path: &[usize], half: Half) -> Option<Range<usize>> {
    let mut scalar_bytes = None;
    let walk = Walk { path, half, scalar_bytes: &mut scalar_bytes };
    let place = walk.deserialize(serde_yaml::Deserializer::from_str(text)).err()?.location()?;
    let rest = text.get(place.index()..)?;
    let line = rest.lines().next().unwrap_or_default();
    let length = match (scalar_bytes, rest.chars().next()) {
        (Some(bytes), Some(quote @ ('"' | '\''))) => quote.len_utf8() * 2 + bytes,
        (Some(bytes), _) => bytes,
        (None, _) => line.trim_end().len(),
    };
    let end = place.index() + length.min(line.len());
    // An alias or an escape may have been measured elsewhere; a range must never cut a character.
    Some(if text.is_char_boundary(end) { place.index()..end } else { place.index()..place.index() })
}

/// The same for an error of the parser itself: the one character it stopped at.
pub(crate) fn place_of(text: &str, error: &serde_yaml::Error) -> Option<Range<usize>> {
    let start = error.location()?.index();
    let length = text.get(start..)?.chars().next().filter(|c| !c.is_control()).map_or(0, char::len_utf8);
    Some(start..start + length)
}

struct Tree {
    depth: u8,
}

impl<'de> DeserializeSeed<'de> for Tree {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Node, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree {
    type Value = Node;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Node, A::Error> {
        Err(A::Error::custom("a tag has no meaning here; expected a plain value"))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Bool)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Integer(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Node, E> {
        Ok(Node::Integer(value))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Node, E> {
        // Out of every range either way; the message shows the spelling of the file.
        Ok(Node::Integer(i128::try_from(value).unwrap_or(i128::MAX)))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Float)
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Node::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let Some(depth) = self.depth.checked_sub(1) else {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Node::Mapping(Vec::new()));
        };
        let mut entries = Vec::new();
        while let Some(key) = map.next_key_seed(Self { depth: 0 })? {
            entries.push((key, map.next_value_seed(Self { depth })?));
        }
        Ok(Node::Mapping(entries))
    }
}

/// Goes to one half of one entry and fails there.
struct Walk<'a> {
    path: &'a [usize],
    half: Half,
    /// Filled on arrival at a scalar that stands in the file as it is meant, without escapes.
    scalar_bytes: &'a mut Option<usize>,
}

const ARRIVED: &str = "arrived";

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        if self.path.is_empty() { reader.deserialize_str(self) } else { reader.deserialize_map(self) }
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the document as it was read before")
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<(), E> {
        *self.scalar_bytes = Some(text.len());
        Err(E::custom(ARRIVED))
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        Err(E::custom(ARRIVED))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((&index, path)) = self.path.split_first() else {
            return Err(A::Error::custom(ARRIVED));
        };
        // Asking for the value of an entry that is not there would stop the parser.
        let beyond = || A::Error::custom("no such entry");
        for _ in 0..index {
            map.next_entry::<IgnoredAny, IgnoredAny>()?.ok_or_else(beyond)?;
        }
        let inside = Walk { path, half: self.half, scalar_bytes: self.scalar_bytes };
        if path.is_empty() && self.half == Half::Key {
            map.next_key_seed(inside)?.ok_or_else(beyond)?;
        } else {
            map.next_key::<IgnoredAny>()?.ok_or_else(beyond)?;
            map.next_value_seed(inside)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key and the value of the first entry of the first section, as bytes of the file.
    fn halves(text: &str) -> [String; 2] {
        parse(text).unwrap();
        [Half::Key, Half::Value].map(|half| text[locate(text, &[0, 0], half).unwrap()].to_owned())
    }

    #[test]
    fn a_place_is_found_however_the_entry_is_written() {
        let rows = [
            ("s:\n  k: 1 # why\n", "k", "1"),
            ("s: {k: 1}", "k", "1"),
            ("\"s\": {'k': \"two words\", l: 2}", "'k'", "\"two words\""),
            ("ü: # größe\n  kö: 'ü ö' # ß", "kö", "'ü ö'"),
            ("s:\r\n  k: v\r\n", "k", "v"),
            ("\u{feff}s:\n  k: v\n", "k", "v"),
            ("a: &x {k: v}\nb: *x", "k", "v"),
            ("s:\n  ? k\n  : v\n", "k", "v"),
            ("s:\n  k: [1, 2] \n", "k", "[1, 2]"),
            ("s:\n  k:\n    - 1\n", "k", "- 1"),
            ("s:\n  k: \"\\u0041\" # escaped\n", "k", "\"\\u0041\" # escaped"),
            ("s:\n  k:\n  l: 1\n", "k", ""),
        ];
        for (text, key, value) in rows {
            assert_eq!(halves(text), [key, value], "{text:?}");
        }
    }

    #[test]
    fn a_tree_is_what_was_written() {
        let rows = [
            ("", "Null"),
            ("# nothing\n", "Null"),
            ("--- ~", "Null"),
            ("s:", r#"Mapping([(Text("s"), Null)])"#),
            ("[s]", "List"),
            (
                "s: {a: 1, a: -1, b: 1.5, c: true, d: x, e: [], f: {g: {h: 1}}}",
                concat!(
                    r#"Mapping([(Text("s"), Mapping([(Text("a"), Integer(1)), (Text("a"), Integer(-1)), "#,
                    r#"(Text("b"), Float), (Text("c"), Bool), (Text("d"), Text("x")), (Text("e"), List), "#,
                    r#"(Text("f"), Mapping([]))]))])"#
                ),
            ),
        ];
        for (text, expected) in rows {
            assert_eq!(format!("{:?}", parse(text).unwrap()), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_document_is_an_error_and_never_a_panic() {
        let deep = "[".repeat(10_000);
        let bomb = format!("a: &a [x, x]\n{}", "b: [*a, *a, *a]\n".repeat(50));
        for bad in ["a: b: c", "\t", "a: [", "a: 'b", "*a", "a: !t 1", "a: 1\n---\nb: 2", "@", &deep] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        // Aliases are passed over, not expanded.
        assert!(parse(&bomb).is_ok());
        for text in ["", "a", "a: 1", "a: {b: 1}", "[a]", "a: [", "? [x]\n: y"] {
            for path in [&[][..], &[0], &[1], &[0, 0], &[0, 1], &[9, 9, 9]] {
                for half in [Half::Key, Half::Value] {
                    let _ = locate(text, path, half);
                }
            }
        }
    }
}
