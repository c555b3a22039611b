//! Lab 01, Frame It: a solution. There are others.

use grade_01::{Decode, Event, Fault, HEADER_BYTES_MAX, SIZE_MAX, Version};
use serde_json::{Map, Value};

/// Makes frames of bytes, however the network cuts them.
#[derive(Debug, Default)]
pub struct Decoder {
    place: Place,
    /// The beginning of a header line that has not ended yet.
    line: Vec<u8>,
}

/// Where in a frame the next byte belongs.
#[derive(Debug, Default, Clone, Copy)]
enum Place {
    #[default]
    Header,
    Payload {
        left: u64,
    },
    /// Behind a fault.
    Nowhere,
}

impl Decode for Decoder {
    fn push(&mut self, mut bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        while !bytes.is_empty() {
            bytes = match self.place {
                Place::Header => self.header(bytes, &mut events),
                Place::Payload { left } => self.payload(bytes, left, &mut events),
                Place::Nowhere => &[],
            };
        }
        events
    }
}

impl Decoder {
    /// Takes the line's next bytes; returns the bytes behind it.
    fn header<'bytes>(&mut self, bytes: &'bytes [u8], events: &mut Vec<Event>) -> &'bytes [u8] {
        // No more than one byte beyond the bound is ever kept or looked at.
        let room = (HEADER_BYTES_MAX + 1).saturating_sub(self.line.len());
        let seen = bytes.get(..room).unwrap_or(bytes);
        let end = seen.iter().position(|byte| *byte == b'\n');
        self.line.extend_from_slice(seen.get(..end.unwrap_or(seen.len())).unwrap_or_default());
        let Some(end) = end else {
            if self.line.len() > HEADER_BYTES_MAX {
                self.fault(Fault::HeaderTooLarge, events);
            }
            return bytes.get(seen.len()..).unwrap_or_default();
        };
        match read(&std::mem::take(&mut self.line)) {
            Ok(header) => {
                if let Event::Header { size, .. } = header {
                    self.place = Place::Payload { left: size };
                }
                events.push(header);
                self.end_if_whole(events);
            }
            Err(fault) => self.fault(fault, events),
        }
        bytes.get(end + 1..).unwrap_or_default()
    }

    /// Hands the payload's next bytes on; returns the bytes behind it.
    fn payload<'bytes>(&mut self, bytes: &'bytes [u8], left: u64, events: &mut Vec<Event>) -> &'bytes [u8] {
        let length = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
        let (payload, behind) = bytes.split_at(length);
        events.push(Event::Payload(payload.to_vec()));
        self.place = Place::Payload { left: left.saturating_sub(u64::try_from(length).unwrap_or(left)) };
        self.end_if_whole(events);
        behind
    }

    fn end_if_whole(&mut self, events: &mut Vec<Event>) {
        if let Place::Payload { left: 0 } = self.place {
            events.push(Event::End);
            self.place = Place::Header;
        }
    }

    fn fault(&mut self, fault: Fault, events: &mut Vec<Event>) {
        events.push(Event::Fault(fault));
        self.place = Place::Nowhere;
    }
}

/// Reads a whole header line.
fn read(line: &[u8]) -> Result<Event, Fault> {
    let fields: Map<String, Value> = serde_json::from_slice(line).map_err(|_| Fault::BadHeader)?;
    let version = match fields.get("version") {
        None => Version::Week01,
        Some(version) => match version.as_str() {
            Some("1" | "1.0") => Version::Week01,
            Some("2.0") => Version::V2,
            Some(_) | None => return Err(Fault::UnsupportedVersion),
        },
    };
    let size = match (fields.get("size"), version) {
        (Some(size), _) => size.as_u64().filter(|size| *size <= SIZE_MAX).ok_or(Fault::BadField)?,
        (None, Version::V2) => 0,
        (None, Version::Week01) => return Err(Fault::BadField),
    };
    let mime_type = fields.get("mime_type").and_then(Value::as_str).map(ToOwned::to_owned);
    Ok(Event::Header { version, mime_type, size })
}
