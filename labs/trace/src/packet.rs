//! An event as the packets of IP and TCP that would have carried it, and back. The numbers are those of a connection
//! that loses nothing and whose first sequence numbers are 0.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use etherparse::err::packet::BuildWriteError;
use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TransportSlice};

use crate::{Ending, Ends, Event, Side, What};

/// As on a machine's own network; nothing is ever forwarded.
const TIME_TO_LIVE: u8 = 64;

/// Room a side says it has. Whoever looks for stalls finds none.
const WINDOW: u16 = u16::MAX;

/// What a packet says beside its bytes.
#[derive(Clone, Copy)]
enum Flag {
    Syn,
    SynAck,
    Ack,
    Push,
    Finish,
    Reset,
}

/// The packets of an event, in order.
pub(crate) fn packets(event: &Event) -> Result<Vec<Vec<u8>>, BuildWriteError> {
    let packet = |from, flag, sequence, acknowledged, bytes: &[u8]| {
        build(event.ends, from, flag, (sequence, acknowledged), bytes)
    };
    match &event.what {
        What::Opened => Ok(vec![
            packet(Side::Client, Flag::Syn, 0, 0, &[])?,
            packet(Side::Server, Flag::SynAck, 0, 1, &[])?,
            packet(Side::Client, Flag::Ack, 1, 1, &[])?,
        ]),
        What::Bytes { from, offset, heard, bytes } => {
            Ok(vec![packet(*from, Flag::Push, number(*offset), number(*heard), bytes)?])
        }
        What::Ended { by, how, offset, heard } => {
            let flag = match how {
                Ending::Finished => Flag::Finish,
                Ending::Reset => Flag::Reset,
            };
            Ok(vec![packet(*by, flag, number(*offset), number(*heard), &[])?])
        }
    }
}

/// The sequence number of the byte behind so many. SYN takes the first number; 4 GiB go round.
fn number(offset: u64) -> u32 {
    u32::try_from(offset.wrapping_add(1) & u64::from(u32::MAX)).unwrap_or_default()
}

fn build(
    ends: Ends,
    from: Side,
    flag: Flag,
    (sequence, acknowledged): (u32, u32),
    bytes: &[u8],
) -> Result<Vec<u8>, BuildWriteError> {
    let (source, target) = (ends.of(from), ends.of(from.other()));
    let ip = match (source.ip(), target.ip()) {
        (IpAddr::V4(source), IpAddr::V4(target)) => PacketBuilder::ipv4(source.octets(), target.octets(), TIME_TO_LIVE),
        (source, target) => {
            let octets = |address: IpAddr| match address {
                IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
                IpAddr::V6(address) => address.octets(),
            };
            PacketBuilder::ipv6(octets(source), octets(target), TIME_TO_LIVE)
        }
    };
    let tcp = ip.tcp(source.port(), target.port(), sequence, WINDOW);
    let tcp = match flag {
        Flag::Syn => tcp.syn(),
        Flag::SynAck => tcp.syn().ack(acknowledged),
        Flag::Ack => tcp.ack(acknowledged),
        Flag::Push => tcp.ack(acknowledged).psh(),
        Flag::Finish => tcp.ack(acknowledged).fin(),
        Flag::Reset => tcp.ack(acknowledged).rst(),
    };
    let mut packet = Vec::with_capacity(tcp.size(bytes.len()));
    tcp.write(&mut packet, bytes)?;
    Ok(packet)
}

/// The connections of a trace that is read: which end is which, and how much each has sent.
#[derive(Debug, Default)]
pub(crate) struct Streams(HashMap<Ends, [u64; 2]>);

impl Streams {
    /// What a packet tells that was not known before. Nothing, when it only acknowledges or belongs to no connection
    /// whose beginning was seen.
    pub(crate) fn event(&mut self, at: Duration, packet: &[u8]) -> Option<Event> {
        let sliced = SlicedPacket::from_ip(packet).ok()?;
        let Some(TransportSlice::Tcp(tcp)) = &sliced.transport else { return None };
        let (source, target): (IpAddr, IpAddr) = match &sliced.net {
            Some(NetSlice::Ipv4(ip)) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
            Some(NetSlice::Ipv6(ip)) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
            Some(NetSlice::Arp(_)) | None => return None,
        };
        let source = SocketAddr::new(source, tcp.source_port());
        let target = SocketAddr::new(target, tcp.destination_port());
        let event = |ends, what| Some(Event { at, ends, what });
        if tcp.syn() {
            let ends = Ends { client: source, server: target };
            if tcp.ack() {
                return None;
            }
            self.0.insert(ends, [0; 2]);
            return event(ends, What::Opened);
        }
        let forth = Ends { client: source, server: target };
        let back = Ends { client: target, server: source };
        let (ends, from) = if self.0.contains_key(&forth) { (forth, Side::Client) } else { (back, Side::Server) };
        let [client, server] = self.0.get_mut(&ends)?;
        let (own, heard) = match from {
            Side::Client => (client, *server),
            Side::Server => (server, *client),
        };
        // What was lost while recording is a gap; the numbers tell how long it is.
        let offset = own.saturating_add(u64::from(tcp.sequence_number().wrapping_sub(number(*own))));
        let bytes = tcp.payload();
        *own = offset.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let ended = |how| What::Ended { by: from, how, offset, heard };
        match (tcp.rst(), tcp.fin()) {
            (true, _) => {
                self.0.remove(&ends);
                event(ends, ended(Ending::Reset))
            }
            (false, true) => {
                *own = offset.saturating_add(1);
                event(ends, ended(Ending::Finished))
            }
            (false, false) if bytes.is_empty() => None,
            (false, false) => event(ends, What::Bytes { from, offset, heard, bytes: Bytes::copy_from_slice(bytes) }),
        }
    }
}
