//! A byte stream as a trace for Wireshark, with a packet for each read.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use trace::pcapng::Writer;
use trace::{Ending, Ends, Event, Side, What};

use crate::Ruler;

/// Writes the stream that `ruler` shows into `out`, as if it had come over one connection, a millisecond a read.
pub(crate) fn capture(ruler: &Ruler, out: impl io::Write) -> io::Result<()> {
    let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    // The port of the server, so that the dissector knows the protocol.
    let ends = Ends { client: local(40001), server: local(65432) };
    let mut writer = Writer::new(out)?;
    let mut at = Duration::ZERO;
    writer.write(&Event { at, ends, what: What::Opened })?;
    let from = Side::Client;
    let mut offset = 0_u64;
    for piece in ruler.pieces() {
        at = at.saturating_add(Duration::from_millis(1));
        for bytes in piece.chunks(Event::BYTES_MAX) {
            let what = What::Bytes { from, offset, heard: 0, bytes: Bytes::copy_from_slice(bytes) };
            writer.write(&Event { at, ends, what })?;
            offset = offset.saturating_add(u64::try_from(bytes.len()).unwrap_or(0));
        }
    }
    let what = What::Ended { by: from, how: Ending::Finished, offset, heard: 0 };
    writer.write(&Event { at: at.saturating_add(Duration::from_millis(1)), ends, what })?;
    writer.flush()
}
