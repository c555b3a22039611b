//! One TCP connection: writes frames, reads replies, and reads while it writes. Every wait has a bound.
//! Knows the shape of frames, not what they mean.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use shared::codec::{Decoder, Event, Framing, Payload, encode_line};
use shared::limits::SESSION_DATA_BYTES_MAX;
use shared::wire::{Reply, Trailer, VERSION};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use crate::address::Address;
use crate::explain::Watch;
use crate::failure::{Failure, system_words};
use crate::header::Header;
use crate::text::neutral;

/// Bytes of the longest reply line (PROTOCOL.md section 2).
const HEADER_BYTES_MAX: usize = 8 * 1024;
/// Small pieces are gathered up to this before they are written, so that a small file is one packet.
const GATHERED_BYTES_MAX: usize = 64 * 1024;
/// Bytes asked of the socket at once.
const READ_BYTES: usize = 256 * 1024;
/// The longest wait for a connection to open.
const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(10);
/// How long a last word is waited for after the server stopped reading.
const LAST_WORD_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection to a server.
#[derive(Debug)]
pub(crate) struct Connection {
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
    decoder: Decoder,
    gathered: BytesMut,
    patience: Duration,
    watch: Watch,
    tail: Tail,
    /// A reply whose session data is not there yet.
    begun: Option<Box<Reply>>,
}

/// What of the last reply's frame still stands before the next header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// What its reader takes: a payload or a trailer. Or nothing.
    Taken,
    /// Nothing anybody wants: the end.
    Unwanted,
}

/// A piece of a reply's payload.
#[derive(Debug)]
pub(crate) enum Body {
    /// The next bytes.
    Bytes(Bytes),
    /// All bytes are there.
    End(Trailer),
}

/// What came of writing.
#[derive(Debug)]
pub(crate) enum Written {
    /// All of it is on its way.
    All,
    /// The server answered before everything was written.
    Answered(Box<Reply>),
}

impl Connection {
    /// Opens a connection. `patience` bounds every later wait, and this one too.
    pub(crate) async fn open(address: &Address, patience: Duration, watch: Watch) -> Result<Self, Failure> {
        let unreachable = |cause: String| Failure::Unreachable { address: address.to_string(), cause };
        let bound = patience.min(CONNECT_TIMEOUT_MAX);
        let stream = match timeout(bound, TcpStream::connect((address.host(), address.port()))).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(unreachable(system_words(&error))),
            Err(_) => return Err(unreachable(format!("no answer within {} s", bound.as_secs()))),
        };
        // Frames are gathered here already; the kernel need not wait for more.
        stream.set_nodelay(true).map_err(|error| unreachable(system_words(&error)))?;
        let (read, write) = stream.into_split();
        let decoder = Decoder::new(HEADER_BYTES_MAX);
        Ok(Self { read, write, decoder, gathered: BytesMut::new(), patience, watch, tail: Tail::Taken, begun: None })
    }

    /// Sends a header line.
    pub(crate) async fn header(&mut self, header: &Header) -> Result<Written, Failure> {
        let header = if self.watch.is_on() { header.clone().explained() } else { header.clone() };
        let line = line(&header)?;
        self.watch.sent_header(&line);
        match self.push(line).await? {
            Written::All => self.push(header.session_data()).await,
            answered @ Written::Answered(_) => Ok(answered),
        }
    }

    /// Sends a frame that has no payload and waits for its reply.
    pub(crate) async fn ask(&mut self, header: &Header) -> Result<Reply, Failure> {
        match self.header(header).await? {
            Written::Answered(reply) => Ok(*reply),
            Written::All => self.answer().await,
        }
    }

    /// Sends bytes, soon: small ones wait for company.
    pub(crate) async fn push(&mut self, bytes: Bytes) -> Result<Written, Failure> {
        if self.gathered.len().saturating_add(bytes.len()) <= GATHERED_BYTES_MAX {
            self.gathered.extend_from_slice(&bytes);
            return Ok(Written::All);
        }
        match self.flush().await? {
            Written::All => self.write_watching(bytes).await,
            answered @ Written::Answered(_) => Ok(answered),
        }
    }

    /// Sends a trailer.
    pub(crate) async fn trailer(&mut self, trailer: &Trailer) -> Result<Written, Failure> {
        let line = line(trailer)?;
        self.watch.sent_trailer(&line);
        self.push(line).await
    }

    /// Says to whoever watches that a payload of so many bytes went out.
    pub(crate) fn payload_ends(&self, bytes: u64) {
        self.watch.sent_payload(bytes);
    }

    /// Sends what was gathered.
    pub(crate) async fn flush(&mut self) -> Result<Written, Failure> {
        if self.gathered.is_empty() {
            return Ok(Written::All);
        }
        let gathered = self.gathered.split().freeze();
        self.write_watching(gathered).await
    }

    /// Sends what was gathered and waits for the next reply. A reply's payload, if there is one, is read with
    /// [`Connection::body`].
    pub(crate) async fn answer(&mut self) -> Result<Reply, Failure> {
        if let Written::Answered(reply) = self.flush().await? {
            return Ok(*reply);
        }
        let patience = self.patience;
        match timeout(patience, self.reply()).await {
            Ok(reply) => reply,
            Err(_) => Err(Failure::Lost(format!("no reply within {} s", patience.as_secs()))),
        }
    }

    /// Waits, as long as it takes, for a reply nobody asked for yet. Dropped while it waits, it has lost nothing.
    pub(crate) async fn early(&mut self) -> Result<Written, Failure> {
        self.reply().await.map(|reply| Written::Answered(Box::new(reply)))
    }

    /// The next piece of the payload of the reply just read.
    pub(crate) async fn body(&mut self) -> Result<Body, Failure> {
        loop {
            match self.event()? {
                Some(Event::Payload(bytes)) => return Ok(Body::Bytes(bytes)),
                Some(Event::End(None)) => return Ok(Body::End(Trailer::default())),
                Some(Event::End(Some(line))) => {
                    self.watch.received_trailer(&line);
                    let trailer = serde_json::from_slice(&line);
                    return trailer.map(Body::End).map_err(|error| broken("its trailer cannot be read", &error));
                }
                Some(Event::Header(_)) => return Err(Failure::Broken("a header where a payload was due".to_owned())),
                Some(Event::SessionData(_)) => {
                    return Err(Failure::Broken("session data where a payload was due".to_owned()));
                }
                None => match timeout(self.patience, self.fill()).await {
                    Ok(filled) => filled?,
                    Err(_) => {
                        return Err(Failure::Lost(format!("nothing came for {} s", self.patience.as_secs())));
                    }
                },
            }
        }
    }

    /// Writes all of `bytes`, unless a reply comes first.
    async fn write_watching(&mut self, mut bytes: Bytes) -> Result<Written, Failure> {
        while !bytes.is_empty() {
            if let Some(reply) = self.ready_reply()? {
                return Ok(Written::Answered(Box::new(reply)));
            }
            let step = async {
                tokio::select! {
                    biased;
                    read = self.read.read_buf(self.decoder.buffer_mut()) => Step::Read(read),
                    written = self.write.write(&bytes) => Step::Wrote(written),
                }
            };
            match timeout(self.patience, step).await {
                Ok(Step::Wrote(Ok(count))) => {
                    let _ = bytes.split_to(count.min(bytes.len()));
                }
                Ok(Step::Read(Ok(count))) if count > 0 => {}
                Ok(Step::Read(Ok(_))) => return Err(Failure::Lost("the server closed it".to_owned())),
                Ok(Step::Wrote(Err(error))) => return self.last_word(&error).await,
                Ok(Step::Read(Err(error))) => return Err(Failure::Lost(system_words(&error))),
                Err(_) => {
                    return Err(Failure::Lost(format!("the server took nothing for {} s", self.patience.as_secs())));
                }
            }
        }
        Ok(Written::All)
    }

    /// The server does not take more; perhaps it said why before.
    async fn last_word(&mut self, error: &io::Error) -> Result<Written, Failure> {
        match timeout(LAST_WORD_TIMEOUT, self.reply()).await {
            Ok(Ok(reply)) => Ok(Written::Answered(Box::new(reply))),
            Ok(Err(Failure::Lost(_))) | Err(_) => Err(Failure::Lost(system_words(error))),
            Ok(Err(other)) => Err(other),
        }
    }

    async fn reply(&mut self) -> Result<Reply, Failure> {
        loop {
            if let Some(reply) = self.ready_reply()? {
                return Ok(reply);
            }
            self.fill().await?;
        }
    }

    /// The next reply, if its header is there, and its session data.
    fn ready_reply(&mut self) -> Result<Option<Reply>, Failure> {
        self.skip_tail()?;
        if self.tail == Tail::Unwanted {
            return Ok(None);
        }
        let begun = match self.begun.take() {
            Some(begun) => Some(*begun),
            None => self.ready_header()?,
        };
        let Some(mut reply) = begun else { return Ok(None) };
        if let Some(session) = reply.session.as_mut().filter(|session| session.data_size > 0) {
            match self.event()? {
                Some(Event::SessionData(bytes)) => session.ticket = bytes,
                Some(Event::Header(_) | Event::Payload(_) | Event::End(_)) => {
                    return Err(Failure::Broken("no session data where some was due".to_owned()));
                }
                None => {
                    self.begun = Some(Box::new(reply));
                    return Ok(None);
                }
            }
        }
        if reply.size == 0 && reply.trailer.is_none() {
            // The end of an empty frame needs no more bytes, and the next reply begins behind it.
            self.tail = Tail::Unwanted;
            self.skip_tail()?;
        }
        Ok(Some(reply))
    }

    fn ready_header(&mut self) -> Result<Option<Reply>, Failure> {
        let Some(event) = self.event()? else { return Ok(None) };
        let Event::Header(line) = event else {
            return Err(Failure::Broken("bytes where a reply was due".to_owned()));
        };
        self.watch.received_header(&line);
        let reply: Reply = match serde_json::from_slice(&line) {
            Ok(reply) => reply,
            Err(error) => return Err(version_of(&line).unwrap_or_else(|| broken("its reply cannot be read", &error))),
        };
        if reply.version != VERSION {
            return Err(Failure::Version(neutral(&reply.version)));
        }
        let session_data = reply.session.as_ref().map_or(0, |session| session.data_size);
        if session_data > SESSION_DATA_BYTES_MAX {
            return Err(Failure::Broken("more session data than the protocol allows".to_owned()));
        }
        let framing = Framing { session_data, payload: Payload::Sized(reply.size), trailer: reply.trailer.is_some() };
        self.decoder.follow(framing);
        Ok(Some(reply))
    }

    /// Drops what is there of a frame nobody reads to its end.
    fn skip_tail(&mut self) -> Result<(), Failure> {
        while self.tail == Tail::Unwanted {
            match self.event()? {
                Some(Event::End(_)) => self.tail = Tail::Taken,
                Some(Event::Header(_) | Event::SessionData(_) | Event::Payload(_)) => {
                    return Err(Failure::Broken("bytes in a frame that states none".to_owned()));
                }
                None => break,
            }
        }
        Ok(())
    }

    fn event(&mut self) -> Result<Option<Event>, Failure> {
        self.decoder.next_event().map_err(|fault| {
            let mut said = String::from_utf8_lossy(&fault.line).into_owned();
            said.push_str(&String::from_utf8_lossy(self.decoder.unfinished()));
            let said: String = said.lines().next().unwrap_or_default().chars().take(60).collect();
            Failure::Broken(format!("{}; it said \"{}\"", fault.kind.message(), neutral(&said)))
        })
    }

    async fn fill(&mut self) -> Result<(), Failure> {
        self.decoder.buffer_mut().reserve(READ_BYTES);
        match self.read.read_buf(self.decoder.buffer_mut()).await {
            Ok(0) if self.decoder.at_boundary() => Err(Failure::Lost("the server closed it".to_owned())),
            Ok(0) => Err(Failure::Lost("the server closed it in the middle of a reply".to_owned())),
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::Lost(system_words(&error))),
        }
    }
}

enum Step {
    Read(io::Result<usize>),
    Wrote(io::Result<usize>),
}

fn line(value: &impl serde::Serialize) -> Result<Bytes, Failure> {
    encode_line(value).map_err(|error| Failure::Broken(error.to_string()))
}

fn broken(what: &str, error: &serde_json::Error) -> Failure {
    Failure::Broken(format!("{what}: {}", neutral(&error.to_string())))
}

/// A reply in another version need not look like ours.
fn version_of(line: &[u8]) -> Option<Failure> {
    let value: serde_json::Value = serde_json::from_slice(line).ok()?;
    let version = value.get("version")?.as_str()?;
    (version != VERSION).then(|| Failure::Version(neutral(version)))
}
