//! Frames behind each other, as one stream of bytes with what must be found in it, and where.

use crate::{Event, Frame, HEADER_BYTES_MAX};

/// A stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stream {
    pub(crate) bytes: Vec<u8>,
    pub(crate) due: Vec<Due>,
}

/// An event that must be found.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    pub(crate) event: Event,
    /// The first byte it is about.
    pub(crate) from: usize,
    /// How many bytes of the stream must have come before it can be known.
    pub(crate) by: usize,
}

impl Stream {
    pub(crate) fn of(frames: &[Frame]) -> Self {
        let mut stream = Self::default();
        for frame in frames {
            let start = stream.bytes.len();
            stream.bytes.extend_from_slice(&frame.line);
            let body = stream.bytes.len();
            stream.bytes.extend_from_slice(&frame.payload);
            let end = stream.bytes.len();
            if stream.faulty() {
                // Bytes behind a fault mean nothing.
                continue;
            }
            // A line that is too long is known as such before it ends.
            let by = body.min(start.saturating_add(HEADER_BYTES_MAX).saturating_add(1));
            stream.due.push(Due { event: frame.found.clone(), from: start, by });
            let Event::Header { size, .. } = frame.found else { continue };
            if !frame.payload.is_empty() {
                stream.due.push(Due { event: Event::Payload(frame.payload.clone()), from: body, by: end });
            }
            // Otherwise the stream ends inside the payload.
            if u64::try_from(frame.payload.len()) == Ok(size) {
                stream.due.push(Due { event: Event::End, from: end, by: end });
            }
        }
        stream
    }

    fn faulty(&self) -> bool {
        matches!(self.due.last(), Some(Due { event: Event::Fault(_), .. }))
    }

    /// Where headers and payloads begin, for the ruler.
    pub(crate) fn parts(&self) -> Vec<(usize, String)> {
        let part = |due: &Due| match due.event {
            Event::Header { .. } => Some((due.from, "header".to_owned())),
            Event::Payload(_) => Some((due.from, "payload".to_owned())),
            Event::Fault(_) => Some((due.from, "no frame".to_owned())),
            Event::End => None,
        };
        self.due.iter().filter_map(part).collect()
    }
}
