//! A client that sends what it is told, in the pieces it is told, and reads no more than it is told.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;
use socket2::SockRef;

use crate::{Reply, frame};

/// How long a reply may take. Longer than any wait the protocol asks of a client that is served.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of the longest line a server may send.
const LINE_BYTES_MAX: u64 = 1024 * 1024;

/// One connection.
#[derive(Debug)]
pub struct RawClient {
    stream: BufReader<TcpStream>,
}

impl RawClient {
    /// A connection to a server that listens.
    #[must_use]
    #[track_caller]
    pub fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).expect("the server accepts a connection")
    }

    /// A connection to a server that may be gone.
    pub fn try_connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, REPLY_TIMEOUT)?;
        // What is sent in pieces shall arrive in pieces.
        stream.set_nodelay(true).expect("TCP_NODELAY");
        stream.set_read_timeout(Some(REPLY_TIMEOUT)).expect("a read timeout");
        stream.set_write_timeout(Some(REPLY_TIMEOUT)).expect("a write timeout");
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// The same connection, for a thread that sends while this one reads.
    #[must_use]
    pub fn sender(&self) -> Self {
        Self { stream: BufReader::new(self.socket().try_clone().expect("a second handle of a socket")) }
    }

    /// Where this connection comes from.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.socket().local_addr().expect("the address of a socket")
    }

    /// Where it leads to.
    pub fn server(&self) -> io::Result<SocketAddr> {
        self.socket().peer_addr()
    }

    /// Sends bytes.
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the server takes bytes");
    }

    /// Sends bytes to a server that may have closed.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.socket().write_all(bytes.as_ref())
    }

    /// Sends bytes in pieces of `length`, each given to the network by itself.
    #[track_caller]
    pub fn send_cut(&mut self, bytes: &[u8], length: usize) {
        for piece in bytes.chunks(length) {
            self.send(piece);
        }
    }

    /// Sends a header and its payload.
    #[track_caller]
    pub fn send_frame(&mut self, header: &Value, payload: &[u8]) {
        self.send(frame::bytes(header, payload));
    }

    /// Sends a header and its payload, and reads the reply.
    #[track_caller]
    pub fn ask(&mut self, header: &Value, payload: &[u8]) -> Reply {
        self.send_frame(header, payload);
        self.reply()
    }

    /// The next line, without its LF.
    #[track_caller]
    pub fn line(&mut self) -> String {
        self.line_or_end().expect("a line, and not the end")
    }

    /// The next line; nothing when the server has ended its side.
    #[track_caller]
    pub fn line_or_end(&mut self) -> Option<String> {
        let mut line = Vec::new();
        self.stream.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line).expect("a line in time");
        if line.is_empty() {
            return None;
        }
        assert_eq!(line.pop(), Some(b'\n'), "a whole line, not {:?}", String::from_utf8_lossy(&line));
        Some(String::from_utf8(line).expect("a line in UTF-8"))
    }

    /// The next line from a server that may vanish; nothing when it ended its side or reset the connection.
    pub fn try_line(&mut self) -> Option<String> {
        self.whole_line().ok()
    }

    /// The next reply with its payload and trailer.
    #[track_caller]
    pub fn reply(&mut self) -> Reply {
        self.try_reply().unwrap_or_else(|error| panic!("no reply: {error}"))
    }

    /// The next reply of a server that may vanish before the end of it.
    #[track_caller]
    pub fn try_reply(&mut self) -> io::Result<Reply> {
        let line = self.whole_line()?;
        let header: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(header["version"], "2.0", "{line}");
        assert!(header["mime_type"].is_string(), "{line}");
        let size = header["size"].as_u64().unwrap_or_else(|| panic!("no size: {line}"));
        let session_data = header.pointer("/session/data_size").and_then(Value::as_u64).unwrap_or(0);
        let session_data =
            self.try_exact(usize::try_from(session_data).expect("session data that fits into memory"))?;
        let payload = self.try_exact(usize::try_from(size).expect("a size that fits into memory"))?;
        let mut trailer = None;
        if let Some(kind) = header.get("trailer") {
            let line: Value = serde_json::from_str(&self.whole_line()?).expect("a trailer");
            let digest = crate::digest(kind.as_str().expect("a kind of digest"), &payload);
            assert_eq!(line["digest"], digest, "the trailer is the digest of the bytes that came");
            trailer = Some(line);
        }
        Ok(Reply { header, session_data, payload, trailer })
    }

    fn whole_line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.by_ref().take(LINE_BYTES_MAX).read_line(&mut line)?;
        if line.ends_with('\n') { Ok(line) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// So many bytes.
    #[track_caller]
    pub fn exact(&mut self, length: usize) -> Vec<u8> {
        self.try_exact(length).expect("bytes in time")
    }

    fn try_exact(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// All bytes up to the server's end of its side.
    #[track_caller]
    pub fn to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes).expect("the end in time");
        bytes
    }

    /// Asserts that the server has ended its side and said nothing more.
    #[track_caller]
    pub fn ends(&mut self) {
        let rest = self.to_end();
        assert!(rest.is_empty(), "more came: {:?}", String::from_utf8_lossy(&rest));
    }

    /// Asserts that the server says nothing for so long.
    #[track_caller]
    pub fn hears_nothing_for(&mut self, time: Duration) {
        self.socket().set_read_timeout(Some(time)).expect("a read timeout");
        let heard = self.stream.fill_buf().map(<[u8]>::to_vec);
        self.socket().set_read_timeout(Some(REPLY_TIMEOUT)).expect("a read timeout");
        let heard = heard.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let silent = heard
            .as_ref()
            .is_err_and(|error| matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut));
        assert!(silent, "the server broke its silence: {heard:?}");
    }

    /// Ends the sending side; replies can still be read.
    pub fn half_close(&mut self) {
        self.socket().shutdown(Shutdown::Write).expect("a socket to half-close");
    }

    /// Closes the connection with a reset, as a client does that crashes.
    pub fn reset(self) {
        SockRef::from(self.socket()).set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
    }

    fn socket(&self) -> &TcpStream {
        self.stream.get_ref()
    }
}
