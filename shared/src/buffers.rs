//! Buffers for a file's bytes on their way. One is filled again once nobody reads any more what was in it, because
//! fresh memory costs more than what is done with it. Reads nothing itself.

use bytes::{Bytes, BytesMut};

/// Buffers of one length, at most so many of them.
#[derive(Debug)]
pub struct Buffers {
    length: usize,
    count_max: usize,
    /// Those that were given away, the newest last.
    given: Vec<Bytes>,
}

impl Buffers {
    /// None yet. `count_max` is how many are used in turn; whoever holds on to more gets fresh ones.
    #[must_use]
    pub fn new(length: usize, count_max: usize) -> Self {
        Self { length, count_max, given: Vec::new() }
    }

    /// A buffer to be filled: all of its bytes are to be written over, or cut off.
    pub fn take(&mut self) -> BytesMut {
        let free = self.given.iter().position(Bytes::is_unique).map(|free| self.given.remove(free));
        let used = free.and_then(|free| free.try_into_mut().ok()).filter(|used| used.len() == self.length);
        used.unwrap_or_else(|| BytesMut::zeroed(self.length))
    }

    /// Gives a filled one away until its reader drops it.
    pub fn give(&mut self, filled: BytesMut) -> Bytes {
        let filled = filled.freeze();
        if self.given.len() == self.count_max {
            self.given.remove(0);
        }
        self.given.push(filled.clone());
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_filled_again_once_nobody_reads_it() {
        let mut buffers = Buffers::new(3, 2);
        let mut give = |bytes: &[u8]| {
            let mut buffer = buffers.take();
            buffer.copy_from_slice(bytes);
            buffers.give(buffer)
        };
        let (one, two) = (give(b"one"), give(b"two"));
        let (first, second) = (one.as_ptr(), two.as_ptr());
        drop(one);
        let three = give(b"new");
        assert_eq!(three.as_ptr(), first);
        assert_eq!((&two[..], &three[..]), (&b"two"[..], &b"new"[..]));
        // More than it was made for are held, so the one behind is fresh.
        let four = give(b"end");
        assert!(four.as_ptr() != first && four.as_ptr() != second);
        assert_eq!(&two[..], b"two");
    }

    #[test]
    fn a_buffer_that_was_cut_is_not_filled_again() {
        let mut buffers = Buffers::new(3, 1);
        let mut buffer = buffers.take();
        buffer.truncate(1);
        drop(buffers.give(buffer));
        assert_eq!(buffers.take().len(), 3);
    }
}
