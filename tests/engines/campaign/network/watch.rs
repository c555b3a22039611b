//! Reads along what a client sends, to know how far in its file it is. Changes nothing.

use serde_json::Value;
use shared::codec::{Decoder, Event, Framing, Payload};
use shared::limits::Limits;

/// One direction of one connection.
#[derive(Debug)]
pub(super) struct Watch {
    /// Nothing once it is out of step: a client that waits for `continue` and gets another answer sends no payload,
    /// and only the other direction tells. Up to there everything was counted.
    decoder: Option<Decoder>,
    /// Where in its file the payload begins that is on its way, or was last.
    pub(super) offset: u64,
    /// How far it has come.
    pub(super) position: u64,
}

impl Default for Watch {
    fn default() -> Self {
        Self { decoder: Some(Decoder::new(Limits::default().header_bytes_max)), offset: 0, position: 0 }
    }
}

impl Watch {
    /// How many of these bytes are payload.
    pub(super) fn see(&mut self, bytes: &[u8]) -> u64 {
        let Some(mut decoder) = self.decoder.take() else { return 0 };
        decoder.buffer_mut().extend_from_slice(bytes);
        let mut payload = 0_u64;
        loop {
            match decoder.next_event() {
                Ok(Some(Event::Header(line))) => match serde_json::from_slice(&line) {
                    Ok(header) => decoder.follow(self.header(&header)),
                    Err(_) => break,
                },
                Ok(Some(Event::Payload(bytes))) => payload += u64::try_from(bytes.len()).unwrap_or(0),
                Ok(Some(Event::SessionData(_) | Event::End(_))) => {}
                Ok(None) => {
                    self.decoder = Some(decoder);
                    break;
                }
                Err(_) => break,
            }
        }
        self.position = self.position.saturating_add(payload);
        payload
    }

    /// What follows a header.
    fn header(&mut self, header: &Value) -> Framing {
        let is_chunked = header.get("size").is_some_and(Value::is_null);
        let size = header["size"].as_u64().unwrap_or(0);
        let payload = if is_chunked { Payload::Chunked } else { Payload::Sized(size) };
        let session_data = header["session"]["data_size"].as_u64().unwrap_or(0);
        let trailer = header.get("trailer").is_some() || is_chunked;
        if payload != Payload::Sized(0) {
            self.offset = header["offset"].as_u64().unwrap_or(0);
            self.position = self.offset;
        }
        Framing { session_data, payload, trailer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_is_counted_however_the_bytes_are_cut() {
        let connect = r#"{"version":"2.0","session":{"mode":"stateful","action":"connect","data_size":3}}"#;
        let upload = r#"{"version":"2.0","mime_type":"image/png","size":5,"offset":7,"trailer":"blake3"}"#;
        let bytes = format!("{connect}\n{{a}}{upload}\nhello{{}}\n");
        for length in 1..=bytes.len() {
            let mut watch = Watch::default();
            let payload: u64 = bytes.as_bytes().chunks(length).map(|piece| watch.see(piece)).sum();
            assert_eq!((payload, watch.offset, watch.position), (5, 7, 12), "in pieces of {length}");
        }
    }
}
