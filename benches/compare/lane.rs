//! The raw client: one connection, blocking calls, requests made before the clock starts. What differs between
//! protocols is a [`Wire`]; everything else is the same for all who can be spoken to like this.

use std::fs::File;
use std::io::{self, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use benches::together;
use harness::PATIENCE;
use shared::digest::DigestKind;

use crate::source::{Content, Source};

/// Bytes hashed at once: they stay in the cache of a core.
const HASHED_BYTES: usize = 256 * 1024;

/// Bytes of a file that the system is asked to send at once.
const POURED_BYTES: usize = 16 * 1024 * 1024;

/// A connection with all it has to send.
pub(crate) trait Lane: Send {
    /// Sends it, and returns when everything is answered.
    fn run(&mut self);
}

/// What is peculiar to a protocol.
pub(crate) trait Wire: Send {
    /// What stands before and behind a file of so many bytes.
    fn envelope(&mut self, size: u64) -> (Vec<u8>, Tail);
    /// Reads an answer to its end, and insists that it says yes.
    fn answer(&mut self, input: &mut BufReader<TcpStream>);
}

/// What stands behind a file.
#[derive(Debug)]
pub(crate) enum Tail {
    Bytes(Vec<u8>),
    /// A line with the digest of what was sent.
    DigestOf(DigestKind),
}

/// A connection on which requests follow each other, so many unanswered at most.
pub(crate) struct Pipeline<W> {
    input: BufReader<TcpStream>,
    wire: W,
    in_flight: usize,
    requests: Vec<Request>,
}

enum Request {
    Bytes(Vec<u8>),
    File { before: Vec<u8>, path: PathBuf, tail: Tail },
}

/// A connection of the raw client, like all others of it.
pub(crate) fn connect(address: SocketAddr, congestion: &str) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(address).expect("the server accepts a connection");
    stream.set_nodelay(true).expect("TCP_NODELAY");
    // A server that hangs ends the run, late but surely.
    stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
    stream.set_write_timeout(Some(PATIENCE)).expect("a write timeout");
    rustix::net::sockopt::set_tcp_congestion(&stream, congestion).expect("a congestion control that is allowed here");
    BufReader::new(stream)
}

impl<W: Wire> Pipeline<W> {
    /// Makes the requests for so many files.
    pub(crate) fn new(
        input: BufReader<TcpStream>,
        mut wire: W,
        source: &Source,
        files: usize,
        in_flight: usize,
    ) -> Self {
        let request = |_| {
            let (before, tail) = wire.envelope(source.size);
            match (&source.content, tail) {
                (Content::Bytes(bytes), Tail::Bytes(after)) => Request::Bytes([before, bytes.clone(), after].concat()),
                (Content::Bytes(bytes), Tail::DigestOf(kind)) => {
                    let mut hasher = kind.hasher();
                    hasher.update(bytes);
                    Request::Bytes([before, bytes.clone(), trailer(hasher)].concat())
                }
                (Content::File(path), tail) => Request::File { before, path: path.clone(), tail },
            }
        };
        let requests = (0..files).map(request).collect();
        Self { input, wire, in_flight, requests }
    }
}

impl<W: Wire> Lane for Pipeline<W> {
    fn run(&mut self) {
        let mut ahead = self.requests.iter();
        let mut answered: usize = 0;
        let mut sent: usize = 0;
        while answered < self.requests.len() {
            // What there is room for leaves in one piece, as from a client that has it ready.
            let room = self.in_flight.saturating_sub(sent.saturating_sub(answered));
            let next: Vec<_> = ahead.by_ref().take(room).collect();
            sent = sent.saturating_add(next.len());
            send(self.input.get_ref(), &next);
            loop {
                self.wire.answer(&mut self.input);
                answered = answered.saturating_add(1);
                // Answers that came together are taken together.
                if answered == sent || self.input.buffer().is_empty() {
                    break;
                }
            }
        }
    }
}

fn send(stream: &TcpStream, requests: &[&Request]) {
    let mut together: Vec<u8> = Vec::new();
    let alone = requests.len() == 1;
    for request in requests {
        match request {
            Request::Bytes(bytes) if alone => return write(stream, bytes),
            Request::Bytes(bytes) => together.extend_from_slice(bytes),
            Request::File { before, path, tail } => send_file(stream, before, path, tail),
        }
    }
    write(stream, &together);
}

/// Sends a file by the system's own copying, while its digest is made beside it.
fn send_file(stream: &TcpStream, before: &[u8], path: &PathBuf, tail: &Tail) {
    let open = || File::open(path).expect("a file of the source");
    write(stream, before);
    let after = thread::scope(|scope| match tail {
        Tail::Bytes(bytes) => {
            pour(&open(), stream);
            bytes.clone()
        }
        Tail::DigestOf(kind) => {
            let digest = scope.spawn(|| trailer(hashed(open(), *kind)));
            pour(&open(), stream);
            digest.join().expect("a digest")
        }
    });
    write(stream, &after);
}

/// Has the system copy a whole file into a connection. The standard library's copying would take it through small
/// buffers.
pub(crate) fn pour(file: &File, stream: &TcpStream) {
    let mut left = file.metadata().expect("a file of the source").len();
    while left > 0 {
        let some = usize::try_from(left).unwrap_or(usize::MAX).min(POURED_BYTES);
        let sent = rustix::fs::sendfile(stream, file, None, some).expect("the server takes bytes");
        assert!(sent > 0, "a file of the source has become shorter");
        left = left.saturating_sub(u64::try_from(sent).expect("a length"));
    }
}

fn write(mut stream: &TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).expect("the server takes bytes");
}

/// Reads a file through a hasher.
pub(crate) fn hashed(mut file: File, kind: DigestKind) -> shared::digest::Hasher {
    let mut hasher = kind.hasher();
    let mut buffer = vec![0; HASHED_BYTES];
    loop {
        let length = io::Read::read(&mut file, &mut buffer).expect("bytes of the source");
        match buffer.get(..length) {
            Some(bytes) if !bytes.is_empty() => hasher.update(bytes),
            _ => return hasher,
        }
    }
}

fn trailer(hasher: shared::digest::Hasher) -> Vec<u8> {
    format!("{{\"digest\":\"{}\"}}\n", hasher.finish().to_wire()).into_bytes()
}

/// How long these lanes take side by side.
pub(crate) fn side_by_side(lanes: Vec<Box<dyn Lane>>) -> Duration {
    let (_, took) = together(lanes, |mut lane| lane.run());
    took
}
