//! Cuts a byte stream into header lines, session data, payload and trailers. Owns no socket and no clock,
//! and does not know what a header says: whoever reads one tells it what follows.

use bytes::{Bytes, BytesMut};

use super::{CHUNK_LINE_BYTES_MAX, FrameFault, FrameFaultKind, Framing, Payload};
use crate::id::INTEGER_MAX;

/// What the decoder found next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A header line without its line end. [`Decoder::follow`] must say what comes behind it.
    Header(Bytes),
    /// The whole session data; only when there is any.
    SessionData(Bytes),
    /// The next bytes of the payload, never empty.
    Payload(Bytes),
    /// The frame is whole. With its trailer line, if it has one.
    End(Option<Bytes>),
}

/// Where in a frame the next byte belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Header,
    /// A header was given out; nobody has said yet what follows it.
    Undecided,
    SessionData(Framing),
    Sized {
        left: u64,
        trailer: bool,
    },
    ChunkLength,
    Chunk {
        left: u64,
    },
    Trailer,
    End,
}

/// A sans-IO decoder of frames, the same for both directions. Examines each byte once.
#[derive(Debug)]
pub struct Decoder {
    buffer: BytesMut,
    place: Place,
    /// Bytes of the buffer already searched for the end of the current line.
    searched: usize,
    examined: u64,
    header_bytes_max: usize,
}

impl Decoder {
    /// A decoder at the beginning of a stream.
    #[must_use]
    pub fn new(header_bytes_max: usize) -> Self {
        Self { buffer: BytesMut::new(), place: Place::Header, searched: 0, examined: 0, header_bytes_max }
    }

    /// Where the next bytes of the stream are put.
    pub fn buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// How many bytes were looked at to find line ends. Payload bytes never are.
    #[must_use]
    pub fn examined(&self) -> u64 {
        self.examined
    }

    /// Whether the stream may end here: between two frames.
    #[must_use]
    pub fn at_boundary(&self) -> bool {
        self.place == Place::Header && self.buffer.is_empty()
    }

    /// Payload bytes that are certain to come and are not in the buffer yet.
    #[must_use]
    pub fn payload_missing(&self) -> u64 {
        let left = match self.place {
            Place::Sized { left, .. } | Place::Chunk { left } => left,
            Place::Header
            | Place::Undecided
            | Place::SessionData(_)
            | Place::ChunkLength
            | Place::Trailer
            | Place::End => 0,
        };
        left.saturating_sub(u64::try_from(self.buffer.len()).unwrap_or(u64::MAX))
    }

    /// Bytes of session data and payload that belong to this frame and were not given out yet; `None` for
    /// chunks, of which nobody knows.
    #[must_use]
    pub fn body_left(&self) -> Option<u64> {
        match self.place {
            Place::SessionData(Framing { payload: Payload::Sized(size), session_data, .. }) => {
                Some(size.saturating_add(session_data))
            }
            Place::Sized { left, .. } => Some(left),
            Place::SessionData(_) | Place::ChunkLength | Place::Chunk { .. } => None,
            Place::Header | Place::Undecided | Place::Trailer | Place::End => Some(0),
        }
    }

    /// Whether all that follows the header just given out has come already. Of chunks nobody knows.
    #[must_use]
    pub fn holds(&self, framing: Framing) -> bool {
        let Payload::Sized(size) = framing.payload else { return false };
        let body = usize::try_from(size.saturating_add(framing.session_data)).unwrap_or(usize::MAX);
        match self.buffer.get(body..) {
            Some(behind) => !framing.trailer || behind.contains(&b'\n'),
            None => false,
        }
    }

    /// Says what follows the header just given out.
    pub fn follow(&mut self, framing: Framing) {
        self.place = if framing.session_data > 0 { Place::SessionData(framing) } else { payload_place(framing) };
    }

    /// The frame's header was answered before its payload was sent, and the payload will not come.
    pub fn skip_body(&mut self) {
        self.place = Place::Header;
    }

    /// The next event; `None` when more bytes are needed.
    pub fn next_event(&mut self) -> Result<Option<Event>, FrameFault> {
        loop {
            match self.place {
                Place::Undecided => return Ok(None),
                Place::Header => return self.header(),
                Place::SessionData(framing) => return Ok(self.session_data(framing)),
                Place::Sized { left: 0, trailer: true } => self.place = Place::Trailer,
                Place::Sized { left: 0, trailer: false } => self.place = Place::End,
                Place::Sized { left, trailer } => {
                    return Ok(self.payload(left, |left| Place::Sized { left, trailer }));
                }
                Place::ChunkLength => {
                    let Some(length) = self.chunk_length()? else { return Ok(None) };
                    self.place = if length == 0 { Place::Trailer } else { Place::Chunk { left: length } };
                }
                Place::Chunk { left: 0 } => self.place = Place::ChunkLength,
                Place::Chunk { left } => return Ok(self.payload(left, |left| Place::Chunk { left })),
                Place::Trailer => {
                    let Some(line) = self.line(self.header_bytes_max)? else { return Ok(None) };
                    self.place = Place::Header;
                    return Ok(Some(Event::End(Some(line))));
                }
                Place::End => {
                    self.place = Place::Header;
                    return Ok(Some(Event::End(None)));
                }
            }
        }
    }

    /// The bytes of the unfinished line, for whoever must answer a peer that stops in the middle.
    #[must_use]
    pub fn unfinished(&self) -> &[u8] {
        &self.buffer
    }

    fn header(&mut self) -> Result<Option<Event>, FrameFault> {
        // Such a peer speaks something else and may be waiting for us, so no line end is waited for.
        if self.buffer.first().is_some_and(|first| *first != b'{') {
            return Err(self.fault(FrameFaultKind::NotAnObject, 1));
        }
        let line = self.line(self.header_bytes_max)?;
        if line.is_some() {
            self.place = Place::Undecided;
        }
        Ok(line.map(Event::Header))
    }

    fn session_data(&mut self, framing: Framing) -> Option<Event> {
        let size = usize::try_from(framing.session_data).unwrap_or(usize::MAX);
        if self.buffer.len() < size {
            return None;
        }
        self.place = payload_place(framing);
        Some(Event::SessionData(self.buffer.split_to(size).freeze()))
    }

    fn payload(&mut self, left: u64, place: impl FnOnce(u64) -> Place) -> Option<Event> {
        let ready = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
        if ready == 0 {
            return None;
        }
        self.place = place(left.saturating_sub(u64::try_from(ready).unwrap_or(u64::MAX)));
        Some(Event::Payload(self.buffer.split_to(ready).freeze()))
    }

    fn chunk_length(&mut self) -> Result<Option<u64>, FrameFault> {
        let Some(line) = self.line(CHUNK_LINE_BYTES_MAX).map_err(|fault| match fault.kind {
            FrameFaultKind::TooLong => FrameFault { kind: FrameFaultKind::BadChunkLength, ..fault },
            FrameFaultKind::NotAnObject | FrameFaultKind::ControlCharacter | FrameFaultKind::BadChunkLength => fault,
        })?
        else {
            return Ok(None);
        };
        let digits = std::str::from_utf8(&line).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let canonical = digits.filter(|text| *text == "0" || !text.starts_with('0'));
        let length = canonical.and_then(|text| text.parse::<u64>().ok()).filter(|length| *length <= INTEGER_MAX);
        length.map(Some).ok_or(FrameFault { kind: FrameFaultKind::BadChunkLength, line })
    }

    /// A line without its LF, and without one CR directly before it. Any other control character ends the
    /// search at once: the answer does not depend on how the network cut the line.
    fn line(&mut self, bytes_max: usize) -> Result<Option<Bytes>, FrameFault> {
        loop {
            // A CR ends a line or is a fault, and only the byte behind it tells which.
            let after_cr = self.searched.checked_sub(1).and_then(|last| self.buffer.get(last)) == Some(&b'\r');
            if after_cr && self.buffer.get(self.searched).is_some_and(|next| *next != b'\n') {
                return Err(self.fault(FrameFaultKind::ControlCharacter, self.searched));
            }
            let fresh = self.buffer.get(self.searched..).unwrap_or_default();
            let found = fresh.iter().position(|byte| *byte < 0x20);
            let looked_at = found.map_or(fresh.len(), |position| position.saturating_add(1));
            self.examined = self.examined.saturating_add(u64::try_from(looked_at).unwrap_or(u64::MAX));
            let end = self.searched.saturating_add(looked_at);
            let content = if found.is_some() { end.saturating_sub(1) } else { end };
            if content > bytes_max {
                return Err(self.fault(FrameFaultKind::TooLong, bytes_max));
            }
            self.searched = end;
            if found.is_none() {
                return Ok(None);
            }
            match self.buffer.get(content) {
                Some(b'\n') => {
                    let mut line = self.buffer.split_to(end).freeze();
                    self.searched = 0;
                    line.truncate(content);
                    if line.last() == Some(&b'\r') {
                        line.truncate(content.saturating_sub(1));
                    }
                    return Ok(Some(line));
                }
                Some(b'\r') => {}
                Some(_) | None => return Err(self.fault(FrameFaultKind::ControlCharacter, end)),
            }
        }
    }

    fn fault(&mut self, kind: FrameFaultKind, seen: usize) -> FrameFault {
        let seen = seen.min(self.buffer.len());
        FrameFault { kind, line: self.buffer.split_to(seen).freeze() }
    }
}

fn payload_place(framing: Framing) -> Place {
    match framing.payload {
        Payload::Sized(left) => Place::Sized { left, trailer: framing.trailer },
        Payload::Chunked => Place::ChunkLength,
    }
}
