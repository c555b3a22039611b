//! Cuts what a Week 01 client sends into files (the subject of lab 01). Owns no socket.

use serde_json::{Map, Value};

/// Bytes of the longest header, without its line end.
const HEADER_BYTES_MAX: usize = 8192;
/// Bytes of the largest file in this lab.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A file with its header, as a Week 01 client writes it.
pub(crate) fn file(mime_type: &str, bytes: &[u8]) -> Vec<u8> {
    let header = format!("{{\"mime_type\": \"{mime_type}\", \"size\": {}}}\n", bytes.len());
    [header.as_bytes(), bytes].concat()
}

/// What has come of a stream and is not taken yet.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    buffer: Vec<u8>,
    invalid: bool,
}

/// What is at the beginning of the buffer.
pub(crate) enum Found {
    File(String, Vec<u8>),
    Invalid,
    /// The beginning of a file.
    Part,
    Nothing,
}

impl Frames {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether a header was none.
    pub(crate) fn invalid(&self) -> bool {
        self.invalid
    }

    /// Drops what is in the buffer; returns how much it was.
    pub(crate) fn drop_all(&mut self) -> usize {
        std::mem::take(&mut self.buffer).len()
    }

    pub(crate) fn take(&mut self) -> Found {
        let Some(first) = self.buffer.first().filter(|_| !self.invalid) else {
            return if self.invalid { Found::Invalid } else { Found::Nothing };
        };
        let end = self.buffer.iter().take(HEADER_BYTES_MAX.saturating_add(1)).position(|byte| *byte == b'\n');
        let header = end.map(|end| header(self.buffer.get(..end).unwrap_or_default()));
        match (header, end) {
            (Some(Some((mime_type, size))), Some(end)) => {
                let start = end.saturating_add(1);
                let end = start.saturating_add(size);
                if self.buffer.len() < end {
                    return Found::Part;
                }
                let bytes = self.buffer.drain(..end).skip(start).collect();
                Found::File(mime_type, bytes)
            }
            // What does not begin as a header is told at once: such a peer waits.
            (None, _) if *first == b'{' && self.buffer.len() <= HEADER_BYTES_MAX => Found::Part,
            (None | Some(_), _) => {
                self.invalid = true;
                Found::Invalid
            }
        }
    }
}

fn header(line: &[u8]) -> Option<(String, usize)> {
    let fields: Map<String, Value> = serde_json::from_slice(line).ok()?;
    let size = fields.get("size").map_or(Some(0), Value::as_u64).filter(|size| *size <= FILE_BYTES_MAX)?;
    let mime_type = fields.get("mime_type").map_or(Some("application/octet-stream"), Value::as_str)?;
    Some((mime_type.to_owned(), usize::try_from(size).ok()?))
}
