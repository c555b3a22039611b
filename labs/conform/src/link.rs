//! One TCP connection on which nothing is waited for without a bound and nothing is read without one. Raw bytes and
//! lines both ways.

mod frames;

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use crate::bytes::brief;
use crate::check::{Checked, Stop, failed};
use crate::env::Deadline;
use crate::record::{Record, Way};

/// Bytes of a line that are read before it counts as endless; far above any limit of the wire.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// Bytes of one payload that are taken; more than any check sends or asks for.
const BODY_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// How much longer than a piece all bytes of a payload may take.
const BODY_PATIENCES_MAX: u32 = 12;

/// Bytes that are read behind the last reply while the end is waited for.
const REST_BYTES_MAX: usize = 1024 * 1024;

/// What a connection that is refused may still send.
const CLOSING_BYTES_MAX: usize = 4 * 1024 * 1024;
const CLOSING_TIMEOUT: Duration = Duration::from_secs(2);

/// What a read came to.
enum Filled {
    Some,
    /// The peer ended its side, or reset the connection.
    End,
    /// Nothing came in time.
    Silence,
}

/// One connection of a check.
#[derive(Debug)]
pub(crate) struct Link<'a> {
    stream: TcpStream,
    number: usize,
    /// Read, and not yet taken.
    buffer: Vec<u8>,
    record: &'a Record,
    patience: Duration,
    /// Whether the end of the peer's side was seen.
    ended: bool,
}

impl<'a> Link<'a> {
    /// A connection to a server.
    pub(crate) fn connect(address: SocketAddr, patience: Duration, record: &'a Record) -> Checked<Self> {
        let stream = TcpStream::connect_timeout(&address, patience)
            .map_err(|error| failed("a server that accepts a connection", error.to_string()))?;
        Ok(Self::over(stream, patience, record))
    }

    /// A connection that a client opened.
    pub(crate) fn over(stream: TcpStream, patience: Duration, record: &'a Record) -> Self {
        // What is sent in pieces shall leave in pieces; where that cannot be had, the pieces are only larger.
        let _ = stream.set_nodelay(true);
        let _ = stream.set_write_timeout(Some(patience));
        Self { stream, number: record.connection(), buffer: Vec::new(), record, patience, ended: false }
    }

    /// The same connection with another patience.
    pub(crate) fn patient(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sends bytes. That the peer does not take them is told by what it says or does not say afterwards.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        if bytes.is_empty() {
            return;
        }
        self.record.note(self.number, Way::Sent, bytes);
        if let Err(error) = self.stream.write_all(bytes) {
            self.happened(&format!("not all of it could be sent: {error}"));
        }
    }

    /// Sends bytes in pieces of `length`, each given to the network by itself.
    pub(crate) fn send_cut(&mut self, bytes: &[u8], length: usize) {
        for piece in bytes.chunks(length) {
            self.send(piece);
        }
    }

    /// Marks what matters in what was sent last.
    pub(crate) fn mark(&self, part: impl AsRef<[u8]>) {
        self.record.mark(Way::Sent, part.as_ref());
    }

    /// Ends the sending side; replies may still come.
    pub(crate) fn end(&mut self) {
        self.happened("the kit ended its sending side");
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The next line without its LF; nothing when the peer ended its side instead.
    pub(crate) fn line_or_end(&mut self, wanted: &str) -> Checked<Option<Vec<u8>>> {
        let deadline = Deadline::after(self.patience);
        loop {
            if let Some(place) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let mut line = self.take(place + 1);
                self.record.note(self.number, Way::Came, &line);
                line.pop();
                return Ok(Some(line));
            }
            if self.buffer.len() > LINE_BYTES_MAX {
                return Err(self.stopped(wanted, "a line without end"));
            }
            match self.fill(deadline) {
                Filled::Some => {}
                Filled::End if self.buffer.is_empty() => {
                    self.happened("the connection was ended by the other side");
                    return Ok(None);
                }
                Filled::End => return Err(self.stopped(wanted, "the end of the connection inside a line")),
                Filled::Silence => return Err(self.silence(wanted)),
            }
        }
    }

    /// Exactly so many bytes.
    pub(crate) fn exactly(&mut self, count: u64, wanted: &str) -> Checked<Vec<u8>> {
        let count = match usize::try_from(count) {
            Ok(0) => return Ok(Vec::new()),
            Ok(bytes) if count <= BODY_BYTES_MAX => bytes,
            Ok(_) | Err(_) => return Err(failed(wanted, format!("an announcement of {count} bytes"))),
        };
        let whole = Deadline::after(self.patience.saturating_mul(BODY_PATIENCES_MAX));
        while self.buffer.len() < count {
            // Each piece has its time, and so have all together: a peer that hardly moves is waited for no longer.
            let piece = whole.left().map_or(whole, |left| Deadline::after(self.patience.min(left)));
            match self.fill(piece) {
                Filled::Some => {}
                Filled::End => {
                    let had = self.buffer.len();
                    return Err(self.stopped(wanted, &format!("the end of the connection {had} bytes into {count}")));
                }
                Filled::Silence => return Err(self.silence(wanted)),
            }
        }
        let bytes = self.take(count);
        self.record.note(self.number, Way::Came, &bytes);
        Ok(bytes)
    }

    /// The peer closes now and has nothing more to say.
    pub(crate) fn expect_end(&mut self, wanted: &str) -> Checked {
        match self.line_or_end(wanted)? {
            None => Ok(()),
            Some(line) => Err(failed(wanted, brief(&line))),
        }
    }

    /// All that still comes until the end.
    pub(crate) fn rest(&mut self, wanted: &str) -> Checked<Vec<u8>> {
        let deadline = Deadline::after(self.patience);
        loop {
            match self.fill(deadline) {
                Filled::Some if self.buffer.len() > REST_BYTES_MAX => {
                    return Err(self.stopped(wanted, "no end of bytes"));
                }
                Filled::Some => {}
                Filled::End => break,
                Filled::Silence => return Err(self.silence(wanted)),
            }
        }
        let rest = self.take(self.buffer.len());
        self.record.note(self.number, Way::Came, &rest);
        self.happened("the connection was ended by the other side");
        Ok(rest)
    }

    /// Drops what still comes until the end, within the bounds of PROTOCOL.md section 11.
    pub(crate) fn drop_rest(&mut self) {
        let (deadline, mut dropped) = (Deadline::after(CLOSING_TIMEOUT), 0);
        while dropped <= CLOSING_BYTES_MAX && matches!(self.fill(deadline), Filled::Some) {
            dropped += self.take(self.buffer.len()).len();
        }
    }

    /// Nothing comes, and the connection stays open, for so long.
    pub(crate) fn silent_for(&mut self, time: Duration, wanted: &str) -> Checked {
        if self.buffer.is_empty() {
            match self.fill(Deadline::after(time)) {
                Filled::Silence => return Ok(()),
                Filled::End => return Err(failed(wanted, "the end of the connection")),
                Filled::Some => {}
            }
        }
        Err(self.stopped(wanted, "bytes at once"))
    }

    /// Whether nothing comes for so long, not even the end.
    pub(crate) fn idle_for(&mut self, time: Duration) -> bool {
        self.buffer.is_empty() && matches!(self.fill(Deadline::after(time)), Filled::Silence)
    }

    /// Reads all that comes until there is silence for so long, or an end; it is not taken by that.
    pub(crate) fn gather(&mut self, silence: Duration) {
        while self.buffer.len() <= REST_BYTES_MAX && matches!(self.fill(Deadline::after(silence)), Filled::Some) {}
    }

    /// Whether something was read that nobody has taken yet.
    pub(crate) fn holds_more(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Ends both directions at once.
    pub(crate) fn cut(&self) {
        self.happened("the kit closed the connection");
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let rest = self.buffer.split_off(count.min(self.buffer.len()));
        std::mem::replace(&mut self.buffer, rest)
    }

    fn fill(&mut self, deadline: Deadline) -> Filled {
        let mut piece = [0; 16 * 1024];
        loop {
            if self.ended {
                return Filled::End;
            }
            let Some(left) = deadline.left() else { return Filled::Silence };
            let _ = self.stream.set_read_timeout(Some(left));
            match self.stream.read(&mut piece) {
                Ok(0) => self.ended = true,
                Ok(count) => {
                    self.buffer.extend(piece.iter().take(count));
                    return Filled::Some;
                }
                Err(error) if waits(error.kind()) => {}
                Err(error) => {
                    // A reset ends what comes as well as an orderly end does.
                    self.happened(&format!("the connection broke: {error}"));
                    self.ended = true;
                }
            }
        }
    }

    fn happened(&self, what: &str) {
        self.record.note(self.number, Way::Happened, what.as_bytes());
    }

    fn silence(&mut self, wanted: &str) -> Stop {
        let came = if self.buffer.is_empty() { "nothing" } else { "no end of what began" };
        let patience = self.patience;
        self.stopped(wanted, &format!("{came} within {patience:?}"))
    }

    /// A failure that shows what was read and could not be used.
    fn stopped(&mut self, wanted: &str, came: &str) -> Stop {
        if !self.buffer.is_empty() {
            self.record.note(self.number, Way::Came, &self.buffer);
            self.buffer.clear();
        }
        failed(wanted, came)
    }

    /// The record that it writes to.
    pub(crate) fn record(&self) -> &'a Record {
        self.record
    }
}

/// Whether a read that failed so may be tried again, while there is time.
fn waits(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
