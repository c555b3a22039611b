//! From bytes to events and back (PROTOCOL.md section 1). Knows the shape of a frame, not its meaning.

mod decoder;

use bytes::Bytes;
use serde::Serialize;

pub use decoder::{Decoder, Event};

use crate::error::ErrorCode;

/// Bytes of the longest chunk length: 16 digits and a CR.
const CHUNK_LINE_BYTES_MAX: usize = 17;

/// How long a payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// Exactly so many bytes.
    Sized(u64),
    /// Chunks, until one of length 0.
    Chunked,
}

/// What follows a header line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framing {
    /// Bytes of session data.
    pub session_data: u64,
    /// The payload.
    pub payload: Payload,
    /// Whether a trailer line ends the frame. Always behind chunks.
    pub trailer: bool,
}

impl Framing {
    /// Nothing follows.
    pub const NONE: Self = Self { session_data: 0, payload: Payload::Sized(0), trailer: false };

    /// What follows a header whose sender waited for `continue` and got another answer.
    #[must_use]
    pub fn without_payload(self) -> Self {
        Self { session_data: self.session_data, ..Self::NONE }
    }
}

/// Bytes that are no frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameFault {
    /// What is wrong.
    pub kind: FrameFaultKind,
    /// The line up to the fault; says in which dialect the peer is to be answered.
    pub line: Bytes,
}

/// What is wrong with bytes that are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameFaultKind {
    /// A header must begin with `{`.
    NotAnObject,
    /// No line end within the limit.
    TooLong,
    /// A byte below 0x20 inside a line.
    ControlCharacter,
    /// A chunk length that is no integer of the wire.
    BadChunkLength,
}

impl FrameFaultKind {
    /// The row of the error table.
    #[must_use]
    pub fn code(self) -> ErrorCode {
        match self {
            Self::NotAnObject | Self::BadChunkLength => ErrorCode::BadHeader,
            Self::TooLong => ErrorCode::HeaderTooLarge,
            Self::ControlCharacter => ErrorCode::BadEncoding,
        }
    }

    /// For a person.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::NotAnObject => "a header begins with {",
            Self::TooLong => "the line is longer than the limit",
            Self::ControlCharacter => "a line holds no control characters",
            Self::BadChunkLength => "a chunk length is a decimal integer",
        }
    }
}

/// A header or trailer as its line, LF included.
///
/// # Errors
/// Only if `header` cannot be written as JSON, which the types of this crate always can.
pub fn encode_line(header: &impl Serialize) -> Result<Bytes, serde_json::Error> {
    // As long as the usual reply.
    let mut line = Vec::with_capacity(512);
    serde_json::to_writer(&mut line, header)?;
    line.push(b'\n');
    Ok(line.into())
}

/// The line before a chunk of `length` bytes; 0 ends the chunks.
#[must_use]
pub fn encode_chunk_length(length: u64) -> Bytes {
    Bytes::from(format!("{length}\n"))
}
