//! Wrong decoders. Each is right but for one mistake that people make.

use grade_01::{Decode, Event, Fault, HEADER_BYTES_MAX, SIZE_MAX, Version};
use serde_json::{Map, Value};

lab_kit::flaws! {
    /// forgets the beginning of a header when the read ends
    HeaderIsOneRead by "a_header_in_two_pieces",
    /// takes the end of a read for the end of the payload
    PayloadIsOneRead by "a_payload_in_two_pieces",
    /// reads each piece as text, not each line
    PieceIsText by "a_letter_in_two_pieces",
    /// throws away what comes behind a frame in the same read
    ReadIsOneFrame by "frames_behind_each_other_in_one_piece",
    /// ends a payload at a line end
    PayloadIsOneLine by "a_payload_that_looks_like_frames",
    /// waits for a payload that has no bytes
    PayloadHasBytes by "a_frame_of_size_zero",
    /// looks for a line end for ever
    HeaderHasNoBound by "a_header_has_a_bound",
    /// counts the line end as a byte of the header
    BoundWithLineEnd by "a_header_has_a_bound",
    /// reads a size with a sign and forgets the sign
    SizeMayBeNegative by "sizes_that_are_none",
    /// rounds a size to an integer
    SizeIsRounded by "sizes_that_are_none",
    /// takes a size that other JSON readers cannot hold
    SizeHasNoBound by "sizes_that_are_none",
    /// wants a size in every header
    SizeAlwaysStated by "both_versions",
    /// takes every version for 2.0
    VersionIsIgnored by "both_versions",
    /// takes any JSON for a header
    AnyJson by "a_line_that_is_no_object",
    /// looks for the next line behind a fault
    FaultIsSkipped by "nothing_comes_behind_a_fault",
    /// gathers a payload until it is whole
    PayloadIsGathered by "what_has_come_is_handed_on",
    /// keeps all that ever came
    NothingIsLetGo by "what_was_handed_on_is_let_go",
    /// keeps only the last two pieces of a header
    TwoPiecesAtMost by "a_stream_cut_anywhere",
    /// counts the payload in two bytes
    SizeInTwoBytes by "any_frames_in_any_pieces",
}

/// A decoder with a flaw.
pub(crate) struct Flawed {
    flaw: Flaw,
    buffer: Vec<u8>,
    /// Bytes of the payload that are to come; none between frames.
    left: Option<u64>,
    /// Where the last piece of the header in the buffer begins.
    last_piece: usize,
    gathered: Vec<u8>,
    kept: Vec<u8>,
    faulty: bool,
}

impl Flawed {
    pub(crate) fn new(flaw: Flaw) -> Self {
        let (buffer, gathered, kept) = (Vec::new(), Vec::new(), Vec::new());
        Self { flaw, buffer, left: None, last_piece: 0, gathered, kept, faulty: false }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    /// Takes a header from the buffer; `None` if there is no whole one.
    fn header(&mut self) -> Option<Event> {
        let end = self.buffer.iter().position(|byte| *byte == b'\n');
        let extra = usize::from(self.has(Flaw::BoundWithLineEnd) && end.is_some());
        let long = end.unwrap_or(self.buffer.len()) + extra > HEADER_BYTES_MAX;
        if long && !self.has(Flaw::HeaderHasNoBound) {
            return Some(Event::Fault(Fault::HeaderTooLarge));
        }
        let line: Vec<u8> = self.buffer.drain(..=end?).collect();
        Some(self.read(&line).unwrap_or_else(Event::Fault))
    }

    fn read(&self, line: &[u8]) -> Result<Event, Fault> {
        let any: Value = serde_json::from_slice(line).map_err(|_| Fault::BadHeader)?;
        let none = self.has(Flaw::AnyJson).then(Map::new);
        let fields = any.as_object().cloned().or(none).ok_or(Fault::BadHeader)?;
        let version = match fields.get("version").map(Value::as_str) {
            None | Some(Some("1" | "1.0")) => Version::Week01,
            Some(Some("2.0")) => Version::V2,
            Some(_) if self.has(Flaw::VersionIsIgnored) => Version::V2,
            Some(_) => return Err(Fault::UnsupportedVersion),
        };
        let size = match fields.get("size") {
            Some(size) if self.has(Flaw::SizeMayBeNegative) => size.as_i64().map(i64::unsigned_abs),
            Some(size) if self.has(Flaw::SizeIsRounded) => {
                let whole = size.to_string();
                whole.split('.').next().and_then(|whole| whole.parse().ok())
            }
            Some(size) => size.as_u64(),
            None if version == Version::V2 && !self.has(Flaw::SizeAlwaysStated) => Some(0),
            None => None,
        };
        let size = size.filter(|size| *size <= SIZE_MAX || self.has(Flaw::SizeHasNoBound)).ok_or(Fault::BadField)?;
        let mime_type = fields.get("mime_type").and_then(Value::as_str).map(ToOwned::to_owned);
        Ok(Event::Header { version, mime_type, size })
    }

    /// Takes payload from the buffer.
    fn payload(&mut self, left: u64, events: &mut Vec<Event>) {
        let mut length = self.buffer.len().min(usize::try_from(left).unwrap());
        let mut left = left - u64::try_from(length).unwrap();
        if self.has(Flaw::PayloadIsOneLine)
            && let Some(end) = self.buffer[..length].iter().position(|byte| *byte == b'\n')
        {
            (length, left) = (end + 1, 0);
        }
        self.gathered.extend(self.buffer.drain(..length));
        if !self.gathered.is_empty() && (left == 0 || !self.has(Flaw::PayloadIsGathered)) {
            events.push(Event::Payload(std::mem::take(&mut self.gathered)));
        }
        self.left = Some(left);
        if left == 0 {
            events.push(Event::End);
            self.left = None;
            self.last_piece = 0;
            if self.has(Flaw::ReadIsOneFrame) {
                self.buffer.clear();
            }
        }
    }

    fn header_or_fault(&mut self, events: &mut Vec<Event>) -> Option<()> {
        let event = self.header()?;
        match event {
            Event::Header { size, .. } if self.has(Flaw::SizeInTwoBytes) => self.left = Some(size & 0xffff),
            Event::Header { size, .. } => self.left = Some(size),
            Event::Fault(fault) => {
                self.faulty = !(fault == Fault::BadHeader && self.has(Flaw::FaultIsSkipped));
            }
            Event::Payload(_) | Event::End => {}
        }
        events.push(event);
        Some(())
    }
}

impl Decode for Flawed {
    fn push(&mut self, bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        if self.faulty {
            return events;
        }
        if self.has(Flaw::NothingIsLetGo) {
            self.kept.extend_from_slice(bytes);
        }
        let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        if self.left.is_none() && self.has(Flaw::PieceIsText) && std::str::from_utf8(line).is_err() {
            self.faulty = true;
            return vec![Event::Fault(Fault::BadHeader)];
        }
        if self.left.is_none() && self.has(Flaw::TwoPiecesAtMost) {
            self.buffer.drain(..self.last_piece);
            self.last_piece = self.buffer.len();
        }
        self.buffer.extend_from_slice(bytes);
        while !self.faulty {
            match self.left {
                None => {
                    let Some(()) = self.header_or_fault(&mut events) else { break };
                    if self.left == Some(0) && self.buffer.is_empty() && self.has(Flaw::PayloadHasBytes) {
                        break;
                    }
                }
                Some(left) if left > 0 && self.buffer.is_empty() => break,
                Some(left) => self.payload(left, &mut events),
            }
        }
        if self.left.is_none() && self.has(Flaw::HeaderIsOneRead) {
            self.buffer.clear();
        }
        if self.left.is_some() && self.has(Flaw::PayloadIsOneRead) {
            self.left = None;
        }
        events
    }
}
