//! The values a header's fields may have: what is checked once here is never checked again.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The promise a client wants, and the one that was kept (PROTOCOL.md sections 2 and 10).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ack {
    /// The file survives a crash of the server.
    Written,
    /// The file survives a power cut.
    Durable,
}

impl Ack {
    /// Every promise, the weaker first.
    pub const ALL: [Self; 2] = [Self::Written, Self::Durable];

    /// The wire's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Durable => "durable",
        }
    }

    /// Reads the wire's spelling; anything else is `None`.
    #[must_use]
    pub fn from_wire(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ack| ack.as_str() == text)
    }
}

/// The mode of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The request carries all it needs; the server remembers nothing.
    Stateless,
    /// The request belongs to a session.
    Stateful,
}

impl Mode {
    /// Both modes.
    pub const ALL: [Self; 2] = [Self::Stateless, Self::Stateful];

    /// The wire's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stateless => "stateless",
            Self::Stateful => "stateful",
        }
    }

    /// Reads the wire's spelling; anything else is `None`.
    #[must_use]
    pub fn from_wire(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// `type/subtype` without parameters, at most 127 bytes (PROTOCOL.md section 2; RFC 6838 section 4.2 for
/// the letters).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize)]
pub struct MimeType(String);

impl MimeType {
    /// Bytes of the longest type the wire carries.
    pub const BYTES_MAX: usize = 127;

    /// Reads a MIME type; anything that is not `type/subtype` is `None`.
    #[must_use]
    pub fn from_wire(text: &str) -> Option<Self> {
        let (kind, subtype) = text.split_once('/')?;
        let fits = text.len() <= Self::BYTES_MAX && is_restricted_name(kind) && is_restricted_name(subtype);
        fits.then(|| Self(text.to_owned()))
    }

    /// `application/octet-stream`: bytes of which nothing is known.
    #[must_use]
    pub fn octet_stream() -> Self {
        Self("application/octet-stream".to_owned())
    }

    /// The type as the wire carries it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MimeType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// RFC 6838 section 4.2: letters, digits and a few marks, not first.
fn is_restricted_name(part: &str) -> bool {
    let mut bytes = part.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
}

/// The client's name for a file: metadata, never a path on the server (PROTOCOL.md section 2).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize)]
pub struct FileName(String);

impl FileName {
    /// Bytes of the longest name.
    pub const BYTES_MAX: usize = 1_024;
    /// Bytes of the longest segment.
    pub const SEGMENT_BYTES_MAX: usize = 255;

    /// What a name is, for a message to people.
    pub(super) fn rule() -> String {
        let (bytes, segment) = (Self::BYTES_MAX, Self::SEGMENT_BYTES_MAX);
        format!(
            "expected segments of 1 to {segment} bytes joined by /, none of them . or .., no control characters, no \
             backslash, at most {bytes} bytes in all"
        )
    }

    /// Reads a name; `None` when the wire does not carry it.
    #[must_use]
    pub fn from_wire(text: &str) -> Option<Self> {
        let harmless = !text.chars().any(|c| c.is_control() || c == '\\');
        let fits = text.len() <= Self::BYTES_MAX && harmless && text.split('/').all(is_segment);
        fits.then(|| Self(text.to_owned()))
    }

    /// The name as the wire carries it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..") && segment.len() <= FileName::SEGMENT_BYTES_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mime_type_is_two_names_and_a_slash() {
        let longest = format!("a/{}", "b".repeat(125));
        for good in ["image/png", "image/svg+xml", "application/vnd.ms-excel", "x/y", &longest] {
            assert!(MimeType::from_wire(good).is_some(), "{good}");
        }
        let too_long = format!("{longest}b");
        for bad in
            ["", "image", "image/", "/png", "a/b/c", "text/plain; charset=utf-8", "../x", "a/.b", "a/ü", &too_long]
        {
            assert!(MimeType::from_wire(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_name_is_segments_that_harm_nobody() {
        let segment = "s".repeat(255);
        for good in ["a", ".hidden", "-dash", "a b/ü/…", "a/b.txt", &segment] {
            assert!(FileName::from_wire(good).is_some(), "{good}");
        }
        let long_segment = format!("{segment}s");
        for bad in
            ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a\\b", "a\nb", "a\u{7f}", "a\u{85}", &long_segment]
        {
            assert!(FileName::from_wire(bad).is_none(), "{bad:?}");
        }
        let shorter = format!("{segment}/{segment}/{segment}/{}", "s".repeat(255));
        assert_eq!(shorter.len(), 1_023);
        assert!(FileName::from_wire(&shorter).is_some());
        assert!(FileName::from_wire(&format!("{shorter}/s")).is_none());
    }
}
