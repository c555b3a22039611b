//! The proxy between real sockets: each fault does what it says, at its byte, and the same every time.
#![cfg(test)]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use lab_kit::proxy::{Chance, Fault, Mix, Placed, Plan, Proxy, Way};

/// Nothing here takes so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// What one connection of the server came to: its bytes, and how they ended.
type Heard = (Vec<u8>, Option<ErrorKind>);

/// A server that reads each connection to its end, answers `reply`, and tells what it heard.
fn server(reply: &'static [u8]) -> (SocketAddr, Receiver<Heard>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, heard) = mpsc::channel();
    thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut bytes = Vec::new();
            let error = connection.read_to_end(&mut bytes).err().map(|error| error.kind());
            let _ = connection.write_all(reply);
            drop(connection);
            if sender.send((bytes, error)).is_err() {
                return;
            }
        }
    });
    (address, heard)
}

fn at(way: Way, offset: u64, fault: Fault) -> Plan {
    Plan::fixed([Placed { connection: 1, way, offset, fault }])
}

fn connected(proxy: &Proxy) -> TcpStream {
    let client = TcpStream::connect(proxy.address()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

/// Sends `bytes`, ends, and reads what comes back.
fn ask(proxy: &Proxy, bytes: &[u8]) -> Heard {
    let mut client = connected(proxy);
    // A fault may end the connection while this is being written.
    let _ = client.write_all(bytes);
    let _ = client.shutdown(Shutdown::Write);
    let mut reply = Vec::new();
    let error = client.read_to_end(&mut reply).err().map(|error| error.kind());
    (reply, error)
}

#[test]
fn without_faults_both_sides_get_everything_and_the_end() {
    let (address, heard) = server(b"reply");
    let proxy = Proxy::start(address, Plan::none()).unwrap();
    let bytes: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    assert_eq!(ask(&proxy, &bytes), (b"reply".to_vec(), None));
    assert_eq!(heard.recv_timeout(PATIENCE), Ok((bytes.clone(), None)));
    let counts = proxy.counts();
    assert_eq!((counts.connections, counts.to_server, counts.to_client), (1, 400_000, 5));
    assert!(counts.faults.is_empty());
}

#[test]
fn each_fault_does_to_the_bytes_what_it_says() {
    for (offset, fault, arrives) in [
        (3, Fault::Split, &b"0123456789"[..]),
        (3, Fault::Coalesce(4), b"0123456789"),
        (3, Fault::Coalesce(400), b"0123456789"),
        (3, Fault::Delay(Duration::from_millis(1)), b"0123456789"),
        (3, Fault::Duplicate(2), b"012343456789"),
        (3, Fault::Duplicate(400), b"01234567893456789"),
        (3, Fault::Lose(2), b"01256789"),
        (0, Fault::Tamper(1), b"1123456789"),
        (9, Fault::Tamper(1), b"0123456788"),
        (10, Fault::Tamper(1), b"0123456789"),
        (3, Fault::Close, b"012"),
        (0, Fault::Close, b""),
    ] {
        let (address, heard) = server(b"");
        let proxy = Proxy::start(address, at(Way::ToServer, offset, fault)).unwrap();
        ask(&proxy, b"0123456789");
        assert_eq!(heard.recv_timeout(PATIENCE), Ok((arrives.to_vec(), None)), "{fault:?} at {offset}");
        let happened = proxy.counts().faults.get(fault.name()).copied();
        assert_eq!(happened, (offset < 10).then_some(1), "{fault:?} at {offset}");
    }
}

#[test]
fn replies_have_faults_of_their_own() {
    let (address, heard) = server(b"a long reply");
    let proxy = Proxy::start(address, at(Way::ToClient, 2, Fault::Lose(5))).unwrap();
    assert_eq!(ask(&proxy, b"question"), (b"a reply".to_vec(), None));
    assert_eq!(heard.recv_timeout(PATIENCE), Ok((b"question".to_vec(), None)));
}

#[test]
fn a_reset_reaches_both_sides() {
    let (address, heard) = server(b"");
    let proxy = Proxy::start(address, at(Way::ToServer, 5, Fault::Reset)).unwrap();
    let mut client = connected(&proxy);
    client.write_all(b"0123456789").unwrap();
    assert_eq!(client.read(&mut [0]).map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
    assert_eq!(heard.recv_timeout(PATIENCE).unwrap().1, Some(ErrorKind::ConnectionReset));
}

#[test]
fn a_black_hole_tells_nobody() {
    let (address, heard) = server(b"");
    let proxy = Proxy::start(address, at(Way::ToServer, 5, Fault::BlackHole)).unwrap();
    let mut client = connected(&proxy);
    client.write_all(&vec![b'x'; 100_000]).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    // The server would have been told of an end by now; nothing can be waited for instead.
    assert!(heard.recv_timeout(Duration::from_millis(300)).is_err());
    drop(proxy);
    assert_eq!(heard.recv_timeout(PATIENCE).unwrap().0, b"xxxxx");
}

#[test]
fn a_server_that_is_gone_resets_and_its_successor_is_led_to() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = Proxy::start(gone, Plan::none()).unwrap();
    assert_eq!(ask(&proxy, b"").1, Some(ErrorKind::ConnectionReset));
    let (address, _heard) = server(b"here");
    proxy.lead_to(address);
    assert_eq!(ask(&proxy, b"").0, b"here");
}

#[test]
fn what_was_carried_is_recorded_as_it_arrived_with_the_faults() {
    let (address, heard) = server(b"reply");
    let proxy = Proxy::start(address, at(Way::ToServer, 3, Fault::Lose(2))).unwrap();
    assert_eq!(ask(&proxy, b"0123456789").0, b"reply");
    heard.recv_timeout(PATIENCE).unwrap();
    let told = proxy.recording().whole();
    let rows: Vec<_> = told.lines().map(|line| line[22..].to_owned()).collect();
    assert_eq!(
        rows[..6],
        [
            "1 opens",
            "1 >     0  012",
            "-- 1: Lose(2) behind 3 bytes of the client",
            "1 >     3  56789",
            "1 client ends (FIN)",
            "1 <     0  reply",
        ],
        "{told}"
    );
}

#[test]
fn the_same_seed_does_the_same_to_every_connection() {
    let run = |seed| {
        let (address, heard) = server(b"");
        let faults = [Fault::Split, Fault::Duplicate(7), Fault::Lose(3), Fault::Tamper(0x20), Fault::Close];
        let chances = faults.map(|fault| Chance { fault, way: Way::ToServer, per_mille: 400 }).into();
        let proxy = Proxy::start(address, Plan::seeded(seed, Mix { chances, span: 200 })).unwrap();
        let bytes: Vec<u8> = (0..200).collect();
        let heard: Vec<_> = (0..20)
            .map(|_| {
                ask(&proxy, &bytes);
                heard.recv_timeout(PATIENCE).unwrap()
            })
            .collect();
        (heard, proxy.counts().faults)
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3).0, run(4).0);
}
