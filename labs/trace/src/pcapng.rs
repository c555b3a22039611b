//! The form of a trace on the disk: pcapng, as Wireshark and tcpdump read it (draft-ietf-opsawg-pcapng), with one
//! interface of raw IP. Reads what it writes, and passes over blocks that others put between.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use crate::Event;
use crate::packet::{Streams, packets};

const SECTION: u32 = 0x0A0D_0D0A;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;
/// Tells the order of bytes; a section in the other one reads differently.
const BYTE_ORDER: u32 = 0x1A2B_3C4D;
/// Packets begin with the header of IP (`LINKTYPE_RAW`).
const RAW_IP: u16 = 101;
/// Type and length before the body of a block, and the length once more behind it.
const AROUND_BYTES: u32 = 12;
/// The body of a packet's block before the packet: interface, time in two halves, two lengths.
const PACKET_HEAD_BYTES: usize = 20;
/// Bytes of the longest block that is read.
const BLOCK_BYTES_MAX: u32 = 1024 * 1024;

/// Writes events as packets.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    bytes: u64,
}

impl<W: Write> Writer<W> {
    /// Begins a trace. The times are in microseconds, as is usual when nothing is said.
    pub fn new(out: W) -> io::Result<Self> {
        let mut writer = Self { out, bytes: 0 };
        let mut section = Vec::new();
        section.extend_from_slice(&BYTE_ORDER.to_le_bytes());
        section.extend_from_slice(&1_u16.to_le_bytes());
        section.extend_from_slice(&0_u16.to_le_bytes());
        // The length of the section is not known yet.
        section.extend_from_slice(&u64::MAX.to_le_bytes());
        writer.block(SECTION, &section)?;
        let mut interface = Vec::new();
        interface.extend_from_slice(&RAW_IP.to_le_bytes());
        interface.extend_from_slice(&[0; 2]);
        // No packet is cut short.
        interface.extend_from_slice(&0_u32.to_le_bytes());
        writer.block(INTERFACE, &interface)?;
        Ok(writer)
    }

    /// Adds what happened.
    pub fn write(&mut self, event: &Event) -> io::Result<()> {
        let micros = u64::try_from(event.at.as_micros()).unwrap_or(u64::MAX);
        for packet in packets(event).map_err(io::Error::other)? {
            let length = u32::try_from(packet.len()).map_err(io::Error::other)?;
            let mut body = Vec::with_capacity(packet.len().saturating_add(PACKET_HEAD_BYTES));
            body.extend_from_slice(&0_u32.to_le_bytes());
            let [low, high] = [micros & u64::from(u32::MAX), micros >> 32];
            for word in [high, low] {
                body.extend_from_slice(&u32::try_from(word).unwrap_or(u32::MAX).to_le_bytes());
            }
            body.extend_from_slice(&length.to_le_bytes());
            body.extend_from_slice(&length.to_le_bytes());
            body.extend_from_slice(&packet);
            self.block(PACKET, &body)?;
        }
        Ok(())
    }

    /// How long the trace is.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Hands on what was written so far.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn block(&mut self, kind: u32, body: &[u8]) -> io::Result<()> {
        let padded = body.len().next_multiple_of(4);
        let length = u32::try_from(padded).map_err(io::Error::other)?.saturating_add(AROUND_BYTES);
        let mut block = Vec::with_capacity(usize::try_from(length).unwrap_or(padded));
        block.extend_from_slice(&kind.to_le_bytes());
        block.extend_from_slice(&length.to_le_bytes());
        block.extend_from_slice(body);
        block.resize(block.len().saturating_add(padded.saturating_sub(body.len())), 0);
        block.extend_from_slice(&length.to_le_bytes());
        self.out.write_all(&block)?;
        self.bytes = self.bytes.saturating_add(u64::from(length));
        Ok(())
    }
}

/// Why a file is no trace.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is something else, or was written elsewhere.
    #[error("{0}")]
    Foreign(&'static str),
}

/// Reads a trace, event by event.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    streams: Streams,
}

impl<R: Read> Reader<R> {
    /// Reads the beginning.
    pub fn new(input: R) -> Result<Self, ReadError> {
        let mut reader = Self { input, streams: Streams::default() };
        match reader.block() {
            Ok(Some((SECTION, body))) if body.get(..4) == Some(&BYTE_ORDER.to_le_bytes()) => Ok(reader),
            Err(ReadError::Io(error)) => Err(error.into()),
            // Of another file the first bytes say anything, a length too.
            Ok(_) | Err(ReadError::Foreign(_)) => {
                Err(ReadError::Foreign("it is no pcapng file with the lowest byte first"))
            }
        }
    }

    /// The next event, or the end. A trace whose writer was killed ends with its last whole block.
    pub fn next_event(&mut self) -> Result<Option<Event>, ReadError> {
        while let Some((kind, body)) = self.block()? {
            match kind {
                INTERFACE if body.get(..2) != Some(&RAW_IP.to_le_bytes()) => {
                    return Err(ReadError::Foreign("its packets are not raw IP, so no server here wrote it"));
                }
                PACKET => {
                    if let Some(event) = self.packet(&body) {
                        return Ok(Some(event));
                    }
                }
                _ => {}
            }
        }
        Ok(None)
    }

    fn packet(&mut self, body: &[u8]) -> Option<Event> {
        let [high, low, length] = [4, 8, 12].map(|at| word(body, at));
        let micros = u64::from(high?) << 32 | u64::from(low?);
        let packet = body.get(PACKET_HEAD_BYTES..)?.get(..usize::try_from(length?).ok()?)?;
        self.streams.event(Duration::from_micros(micros), packet)
    }

    fn block(&mut self) -> Result<Option<(u32, Vec<u8>)>, ReadError> {
        let mut head = [0; 8];
        if !self.whole(&mut head)? {
            return Ok(None);
        }
        let (kind, length) = (word(&head, 0).unwrap_or_default(), word(&head, 4).unwrap_or_default());
        if !(AROUND_BYTES..=BLOCK_BYTES_MAX).contains(&length) {
            return Err(ReadError::Foreign("a block has a length that none can have"));
        }
        let mut body = vec![0; usize::try_from(length.saturating_sub(8)).unwrap_or_default()];
        if !self.whole(&mut body)? {
            return Ok(None);
        }
        body.truncate(body.len().saturating_sub(4));
        Ok(Some((kind, body)))
    }

    /// Fills the buffer, unless the file ends before.
    fn whole(&mut self, buffer: &mut [u8]) -> Result<bool, ReadError> {
        match self.input.read_exact(buffer) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Four bytes at this place, the lowest first.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..)?.first_chunk::<4>()?;
    Some(u32::from_le_bytes(*word))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use bytes::Bytes;

    use super::*;
    use crate::{Ending, Ends, Side, What};

    fn written(events: &[Event]) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new()).unwrap();
        for event in events {
            writer.write(event).unwrap();
        }
        assert_eq!(writer.bytes(), u64::try_from(writer.out.len()).unwrap());
        writer.out
    }

    fn read(bytes: &[u8]) -> Vec<Event> {
        let mut reader = Reader::new(bytes).unwrap();
        std::iter::from_fn(|| reader.next_event().unwrap()).collect()
    }

    /// The life of a connection whose client has sent so many bytes before it sends these.
    fn life(client: &str, server: &str, sent: u64) -> Vec<Event> {
        let ends = Ends::new(client.parse::<SocketAddr>().unwrap(), server.parse::<SocketAddr>().unwrap());
        let bytes = |from, offset, heard, bytes: &'static [u8]| What::Bytes {
            from,
            offset,
            heard,
            bytes: Bytes::from_static(bytes),
        };
        let ended = |by, how, offset, heard| What::Ended { by, how, offset, heard };
        let events = [
            What::Opened,
            bytes(Side::Client, sent, 0, b"{}\n"),
            bytes(Side::Server, 0, sent + 3, b"OK"),
            ended(Side::Client, Ending::Finished, sent + 3, 2),
            bytes(Side::Server, 2, sent + 4, b"\n"),
            ended(Side::Server, Ending::Reset, 3, sent + 4),
        ];
        let at = |index: usize| Duration::from_micros(1_700_000_000_000_000 + u64::try_from(index).unwrap());
        events.into_iter().enumerate().map(|(index, what)| Event { at: at(index), ends, what }).collect()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let longest = u64::from(u32::MAX) - 2;
        for (client, server, sent) in [
            ("127.0.0.1:40000", "127.0.0.1:65432", 0),
            ("[2001:db8::1]:40000", "[2001:db8::2]:65432", 0),
            ("[::ffff:10.0.0.1]:40000", "10.0.0.2:65432", 5),
            // The numbers of TCP go round in the middle of the bytes.
            ("10.0.0.1:40000", "10.0.0.2:65432", longest),
        ] {
            let events = life(client, server, sent);
            assert_eq!(read(&written(&events)), events);
        }
    }

    #[test]
    fn connections_that_take_turns_are_told_apart() {
        let lives = ["10.0.0.1:1", "10.0.0.1:2"].map(|client| life(client, "10.0.0.9:65432", 0));
        let events: Vec<_> = lives[0].iter().zip(&lives[1]).flat_map(|(one, two)| [one.clone(), two.clone()]).collect();
        assert_eq!(read(&written(&events)), events);
    }

    #[test]
    fn a_trace_that_was_cut_is_read_as_far_as_it_goes() {
        let events = life("10.0.0.1:1", "10.0.0.2:2", 0);
        let whole = written(&events);
        for length in 28..whole.len() {
            let found = read(&whole[..length]);
            assert_eq!(found[..], events[..found.len()], "cut at {length}");
        }
    }

    #[test]
    fn what_others_put_between_is_passed_over_and_what_is_foreign_is_refused() {
        let events = life("10.0.0.1:1", "10.0.0.2:2", 0);
        let mut trace = written(&events);
        // A comment of Wireshark's kind: a block of a type nobody here knows.
        trace.splice(28..28, [[5, 0, 0, 0], [16, 0, 0, 0], [1, 2, 3, 4], [16, 0, 0, 0]].concat());
        assert_eq!(read(&trace), events);

        assert!(matches!(Reader::new(&b"GIF89a"[..]), Err(ReadError::Foreign(_))));
        let mut ethernet = written(&events);
        ethernet[28 + 8] = 1;
        let refused = Reader::new(&ethernet[..]).unwrap().next_event();
        assert!(matches!(refused, Err(ReadError::Foreign(_))), "{refused:?}");
        let mut endless = written(&events);
        endless[28 + 4..28 + 8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(Reader::new(&endless[..]).unwrap().next_event(), Err(ReadError::Foreign(_))));
    }
}
