//! A client in memory: gives a connection the bytes of ready-made uploads, so many requests at once, and counts the
//! lines of answers. It does so little that a count of instructions is about the server.

use std::io::{self, BufRead as _};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use harness::noise;
use shared::wire::Mode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What the client wants stored.
#[derive(Debug, Clone, Copy)]
pub struct Work {
    /// The mode of its requests.
    pub mode: Mode,
    /// Whether a stateless one has a `transfer_id`, so that a repeat of it is found as one in a session is.
    pub repeatable: bool,
    /// Bytes of each file.
    pub bytes: u64,
    /// Requests that it sends before it waits for their answers.
    pub at_once: u64,
}

/// The stream of such a client.
#[derive(Debug)]
pub struct Script {
    work: Work,
    frames: u64,
    payload: Vec<u8>,
    /// In a session once its id is known.
    session: Option<String>,
    begun: u64,
    header: Vec<u8>,
    /// Bytes of the current header and payload that were given.
    given: usize,
    answered: u64,
    waiting: Option<Waker>,
}

impl Script {
    /// A client that sends so many files and leaves.
    #[must_use]
    pub fn new(work: Work, frames: u64) -> Self {
        let connect = br#"{"version":"2.0","session":{"mode":"stateful","action":"connect"}}"#;
        let header = match work.mode {
            Mode::Stateless => Vec::new(),
            Mode::Stateful => [&connect[..], b"\n"].concat(),
        };
        Self {
            work,
            frames,
            payload: noise(1, usize::try_from(work.bytes).expect("a size")),
            session: None,
            begun: 0,
            header,
            given: 0,
            answered: 0,
            waiting: None,
        }
    }

    fn begin(&mut self) {
        self.begun += 1;
        self.given = 0;
        let size = self.work.bytes;
        let session = match &self.session {
            None if self.work.repeatable => {
                format!(r#""transfer_id":"00000000-0000-4000-8000-{:012x}","#, self.begun)
            }
            None => String::new(),
            Some(id) => {
                let sequence = self.begun;
                format!(r#""session":{{"mode":"stateful","action":"transfer","id":"{id}","sequence":{sequence}}},"#)
            }
        };
        self.header = format!(r#"{{"version":"2.0",{session}"mime_type":"text/plain","size":{size}}}"#).into_bytes();
        self.header.push(b'\n');
    }

    /// What is left of the current request: a part of its header, or of its payload.
    fn rest(&self) -> &[u8] {
        match self.header.get(self.given..) {
            Some(header) if !header.is_empty() => header,
            _ if self.begun == 0 => &[],
            _ => self.payload.get(self.given.saturating_sub(self.header.len())..).unwrap_or_default(),
        }
    }

    fn open(&mut self, reply: &[u8]) {
        let reply = std::str::from_utf8(reply).expect("a line of JSON");
        let (_, id) = reply.split_once(r#""id":""#).expect("a session");
        self.session = id.get(..36).map(str::to_owned);
    }
}

impl AsyncRead for Script {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = into.filled().len();
        while into.remaining() > 0 {
            let rest = this.rest();
            if !rest.is_empty() {
                let length = rest.len().min(into.remaining());
                into.put_slice(rest.get(..length).unwrap_or_default());
                this.given += length;
                continue;
            }
            let opening = this.work.mode == Mode::Stateful && this.session.is_none();
            let waits = opening || this.begun - this.answered == this.work.at_once || this.begun == this.frames;
            // Those that are sent together begin when all before them are answered.
            if waits || (this.begun > this.answered && this.begun.is_multiple_of(this.work.at_once)) {
                break;
            }
            this.begin();
        }
        if into.filled().len() == before && (this.answered < this.frames) {
            this.waiting = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.work.mode == Mode::Stateful && this.session.is_none() {
            this.open(bytes);
        } else {
            // One line is one answer.
            let mut rest = bytes;
            while rest.skip_until(b'\n').expect("bytes in memory") > 0 {
                this.answered += 1;
            }
        }
        if let Some(waiting) = this.waiting.take() {
            waiting.wake();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
