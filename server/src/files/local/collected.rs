//! Chunks on their way to the disk.

use bytes::{Bytes, BytesMut};

/// A chunk up to this many bytes is copied to its neighbours, so that what is held is about as large as its bytes,
/// however the network cuts them.
const SHORT_BYTES_MAX: usize = 1_024;
/// Bytes of the room that short chunks are copied to.
const JOINED_BYTES: usize = 64 * 1024;

/// Chunks in their order. A long one stays where the network put it.
#[derive(Debug, Default)]
pub(super) struct Collected {
    chunks: Vec<Bytes>,
    /// Short chunks behind all others.
    short: BytesMut,
    bytes: usize,
}

impl Collected {
    /// How many bytes there are.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn push(&mut self, chunk: Bytes) {
        self.bytes = self.bytes.saturating_add(chunk.len());
        if chunk.len() > SHORT_BYTES_MAX {
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
    fn the_bytes_keep_their_order_and_short_chunks_are_joined() {
        let mut collected = Collected::default();
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
