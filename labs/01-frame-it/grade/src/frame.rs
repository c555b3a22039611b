//! A frame as somebody sends it, and what a decoder must find in it.

use crate::{Event, Fault, Version};

/// Bytes that are sent together.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The header, with its line end unless it is cut on purpose.
    pub line: Vec<u8>,
    /// What follows the header.
    pub payload: Vec<u8>,
    /// What the header leads to: an [`Event::Header`] or a fault.
    pub found: Event,
}

impl Frame {
    /// A Week 01 frame.
    #[must_use]
    pub fn week01(mime_type: &str, payload: &[u8]) -> Self {
        let line = format!("{{\"mime_type\":\"{mime_type}\",\"size\":{}}}\n", payload.len());
        Self::of(line, Version::Week01, Some(mime_type), payload)
    }

    /// A frame of version 2.0. `fields` stand between version and type, each with a comma behind it.
    #[must_use]
    pub fn v2(fields: &str, mime_type: &str, payload: &[u8]) -> Self {
        let size = payload.len();
        let line = format!("{{\"version\":\"2.0\",{fields}\"mime_type\":\"{mime_type}\",\"size\":{size}}}\n");
        Self::of(line, Version::V2, Some(mime_type), payload)
    }

    /// A frame of version 2.0 that says nothing of type and size, as those without payload may.
    #[must_use]
    pub fn bare(fields: &str) -> Self {
        Self::of(format!("{{\"version\":\"2.0\"{fields}}}\n"), Version::V2, None, b"")
    }

    /// A frame with this very line in front.
    #[must_use]
    pub fn of(line: impl Into<Vec<u8>>, version: Version, mime_type: Option<&str>, payload: &[u8]) -> Self {
        let size = u64::try_from(payload.len()).unwrap_or(u64::MAX);
        let found = Event::Header { version, mime_type: mime_type.map(ToOwned::to_owned), size };
        Self { line: line.into(), payload: payload.to_vec(), found }
    }

    /// Bytes that are no frame.
    #[must_use]
    pub fn wrong(line: impl Into<Vec<u8>>, fault: Fault) -> Self {
        Self { line: line.into(), payload: Vec::new(), found: Event::Fault(fault) }
    }
}
