//! Chunks on their way to the disk.

use bytes::{Bytes, BytesMut};

/// A chunk up to this many bytes is always copied to its neighbours, so that what is held is about as large as its
/// bytes, however the network cuts them.
const SHORT_BYTES_MAX: usize = 1_024;
/// Bytes of the room that short chunks are copied to.
const JOINED_BYTES: usize = 64 * 1024;

/// Chunks in their order. Where all bytes are the file's, a long one stays where the network put it. Where the client
/// cuts the payload itself, a chunk may be a small part of the buffer it came in, so all are copied.
#[derive(Debug)]
pub(super) struct Collected {
    copied_bytes_max: usize,
    chunks: Vec<Bytes>,
    /// Short chunks behind all others.
    short: BytesMut,
    bytes: usize,
}

impl Default for Collected {
    /// Nothing yet, of a payload whose size is known.
    fn default() -> Self {
        Self::new(Some(0))
    }
}

impl Collected {
    /// Nothing yet, of a payload whose size is known or not.
    pub(super) fn new(size: Option<u64>) -> Self {
        let copied_bytes_max = if size.is_some() { SHORT_BYTES_MAX } else { usize::MAX };
        Self { copied_bytes_max, chunks: Vec::new(), short: BytesMut::new(), bytes: 0 }
    }

    /// All there is, leaving nothing.
    pub(super) fn take(&mut self) -> Self {
        let copied_bytes_max = self.copied_bytes_max;
        std::mem::replace(self, Self { copied_bytes_max, chunks: Vec::new(), short: BytesMut::new(), bytes: 0 })
    }

    /// How many bytes there are.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn push(&mut self, chunk: Bytes) {
        self.bytes = self.bytes.saturating_add(chunk.len());
        if chunk.len() > self.copied_bytes_max {
            self.close_short();
            self.chunks.push(chunk);
            return;
        }
        if self.short.len().saturating_add(chunk.len()) > JOINED_BYTES {
            self.close_short();
        }
        self.short.extend_from_slice(&chunk);
    }

    fn close_short(&mut self) {
        if !self.short.is_empty() {
            self.chunks.push(self.short.split().freeze());
        }
    }

    /// All of them.
    pub(super) fn into_chunks(mut self) -> Vec<Bytes> {
        self.close_short();
        self.chunks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_payload_in_chunks_no_buffer_is_held_for_a_part_of_it() {
        let mut collected = Collected::new(None);
        let buffer = Bytes::from(vec![0; 8 * 1_024]);
        for _ in 0..1_000 {
            collected.push(buffer.slice(..1_025));
        }
        assert!(buffer.is_unique(), "a chunk still holds the buffer it came in");
        assert_eq!(collected.into_chunks().concat().len(), 1_025_000);
    }

    #[test]
    fn the_bytes_keep_their_order_and_short_chunks_are_joined() {
        let mut collected = Collected::new(Some(0));
        let mut expected = Vec::new();
        for (fill, length) in (0..).zip([1, 1_024, 1_025, 3, 0, 4_096, 2]) {
            collected.push(Bytes::from(vec![fill; length]));
            expected.extend(vec![fill; length]);
        }
        for _ in 0..3 * JOINED_BYTES {
            collected.push(Bytes::from_static(b"x"));
        }
        expected.extend(vec![b'x'; 3 * JOINED_BYTES]);
        assert_eq!(collected.bytes(), expected.len());
        let chunks = collected.into_chunks();
        assert_eq!(chunks.concat(), expected);
        assert!(chunks.len() < 12, "{} chunks", chunks.len());
    }
}
