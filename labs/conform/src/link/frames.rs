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

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use super::*;
    use crate::env::pause;
    use crate::record::Record;

    /// What reading a frame comes to when the peer sends this header and then goes on with `says` until nobody reads it.
    fn read(header: &'static str, says: fn(&mut TcpStream) -> io::Result<()>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut peer, _) = listener.accept().unwrap();
            let mut going_on = peer.write_all(header.as_bytes());
            while going_on.is_ok() {
                going_on = says(&mut peer);
            }
        });
        let record = Record::default();
        let mut link = Link::connect(address, Duration::from_millis(100), &record).unwrap();
        crate::judge::reason(&link.frame("a frame").unwrap_err())
    }

    #[test]
    fn a_payload_that_hardly_moves_is_not_waited_for() {
        let reason = read("{\"size\":1000000}\n", |peer| {
            pause(Duration::from_millis(10));
            peer.write_all(b"x")
        });
        assert!(reason.contains("no end of what began"), "{reason}");
    }

    #[test]
    fn chunks_without_end_are_not_kept() {
        let reason = read("{\"size\":null}\n", |peer| peer.write_all(&[b"65536\n".to_vec(), vec![0; 65536]].concat()));
        assert!(reason.contains("chunks without end"), "{reason}");
    }
}
