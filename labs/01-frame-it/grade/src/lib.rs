//! Lab 01, Frame It: the words that a decoder and its checks share, and the checks. Knows no decoder.

mod checks;
mod drive;
mod frame;
mod memory;
mod stream;
mod study;

use std::fmt;

use lab_kit::{Lab, shown};

pub use frame::Frame;

/// Bytes of the longest header line, without its line end.
pub const HEADER_BYTES_MAX: usize = 8192;

/// The largest integer on the wire: the largest that every JSON reader keeps whole.
pub const SIZE_MAX: u64 = (1 << 53) - 1;

/// Makes frames of bytes. Owns no socket: it is given what arrived, and says what that completes.
pub trait Decode {
    /// Takes the next bytes of the stream, any number of them, and returns what they complete, in order.
    fn push(&mut self, bytes: &[u8]) -> Vec<Event>;
}

/// What a decoder finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A whole header line was read.
    Header {
        /// Which protocol it speaks.
        version: Version,
        /// What the payload is.
        mime_type: Option<String>,
        /// How many bytes of payload follow.
        size: u64,
    },
    /// Bytes of the payload, in as many pieces as is convenient; never empty.
    Payload(Vec<u8>),
    /// The frame is whole; the next byte begins a header.
    End,
    /// The stream is no protocol any more. Nothing comes behind this.
    Fault(Fault),
}

/// The protocol of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `version` is missing, `"1"` or `"1.0"`.
    Week01,
    /// `version` is `"2.0"`.
    V2,
}

/// Why a stream ends, by the names of the wire's error codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `header_too_large`: more bytes than [`HEADER_BYTES_MAX`] and no line end.
    HeaderTooLarge,
    /// `bad_header`: the line is no JSON object.
    BadHeader,
    /// `unsupported_version`: a version nobody speaks here.
    UnsupportedVersion,
    /// `bad_field`: the size is no integer from 0 to [`SIZE_MAX`], or a Week 01 header has none.
    BadField,
}

/// What makes a fresh decoder.
pub type Subject = dyn Fn() -> Box<dyn Decode> + Send + Sync;

/// This lab.
#[must_use]
pub fn lab() -> Lab<Subject> {
    Lab { number: "01", title: "Frame It", checks: checks::all(), study: study::study }
}

/// How transcripts write an event.
impl fmt::Display for Event {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header { version, mime_type, size } => {
                let version = match version {
                    Version::Week01 => "week 01",
                    Version::V2 => "2.0",
                };
                write!(out, "Header({version}, {}, size {size})", mime_type.as_deref().unwrap_or("no type"))
            }
            Self::Payload(bytes) => write!(out, "Payload(\"{}\")", shown(bytes, 40)),
            Self::End => out.write_str("End"),
            Self::Fault(fault) => write!(out, "Fault({fault:?})"),
        }
    }
}
