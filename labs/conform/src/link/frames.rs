//! Frames on a connection: where each part of one ends. Knows the form of a frame, and not what is in it.

use super::Link;
use crate::bytes::brief;
use crate::check::{Checked, failed};
use crate::frame::Frame;

/// Bytes that chunks may have together before the last one.
const CHUNKS_BYTES_MAX: usize = 32 * 1024 * 1024;

impl Link<'_> {
    /// The next frame; nothing when the peer ended its side instead.
    pub(crate) fn frame_or_end(&mut self, wanted: &str) -> Checked<Option<Frame>> {
        let Some(mut frame) = self.header_or_end(wanted)? else { return Ok(None) };
        self.body(&mut frame, wanted)?;
        Ok(Some(frame))
    }

    /// The header of the next frame; nothing when the peer ended its side instead.
    pub(crate) fn header_or_end(&mut self, wanted: &str) -> Checked<Option<Frame>> {
        let Some(line) = self.line_or_end(wanted)? else { return Ok(None) };
        Frame::read(line).map(Some).map_err(|reason| failed(wanted, reason))
    }

    /// Everything behind the header of a frame.
    pub(crate) fn body(&mut self, frame: &mut Frame, wanted: &str) -> Checked {
        frame.session_data = self.exactly(frame.session_data_bytes(), wanted)?;
        match frame.payload_bytes().map_err(|reason| failed(wanted, reason))? {
            Some(count) => frame.payload = self.exactly(count, wanted)?,
            None => frame.payload = self.chunks(wanted)?,
        }
        if frame.has_trailer() {
            let line =
                self.line_or_end(wanted)?.ok_or_else(|| self.stopped(wanted, "the end where a trailer belongs"))?;
            frame.add_trailer(&line).map_err(|reason| failed(wanted, reason))?;
        }
        Ok(())
    }

    /// The next frame, which must be there.
    pub(crate) fn frame(&mut self, wanted: &str) -> Checked<Frame> {
        self.frame_or_end(wanted)?.ok_or_else(|| failed(wanted, "the end of the connection"))
    }

    fn chunks(&mut self, wanted: &str) -> Checked<Vec<u8>> {
        let mut payload = Vec::new();
        loop {
            let line = self.line_or_end(wanted)?.ok_or_else(|| failed(wanted, "the end where a chunk belongs"))?;
            let line = line.strip_suffix(b"\r").unwrap_or(&line);
            let length = std::str::from_utf8(line).ok().and_then(|text| text.parse::<u64>().ok());
            match length.filter(|length| length.to_string().as_bytes() == line) {
                Some(0) => return Ok(payload),
                Some(_) if payload.len() > CHUNKS_BYTES_MAX => return Err(failed(wanted, "chunks without end")),
                Some(length) => payload.extend(self.exactly(length, wanted)?),
                None => return Err(failed(wanted, format!("the chunk length {}", brief(line)))),
            }
        }
    }
}
