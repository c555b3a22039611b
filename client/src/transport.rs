//! One TCP connection: writes frames, reads replies, and reads while it writes. Every wait has a bound.
//! Knows the shape of frames, not what they mean.

mod replies;

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use shared::codec::{Event, encode_line};
use shared::congestion::Congestion;
use shared::wire::{Reply, Status, Trailer};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::time::timeout;
use trace::{Ends, Lane, Recorder, Side, Tap};

use crate::address::Address;
use crate::congestion;
use crate::explain::Watch;
use crate::failure::{Failure, system_words};
use crate::header::Header;
use crate::text::neutral;
use replies::Replies;

/// Small pieces are gathered up to this before they are written, so that a small file is one packet.
const GATHERED_BYTES_MAX: usize = 64 * 1024;
/// The longest wait for a connection to open.
const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(10);
/// How long a last word is waited for after the server stopped reading.
const LAST_WORD_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection to a server.
#[derive(Debug)]
pub(crate) struct Connection {
    write: Tap<OwnedWriteHalf>,
    replies: Replies,
    gathered: BytesMut,
    patience: Duration,
    watch: Watch,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// All of it is on its way.
    All,
    /// The server answered this frame before everything was written; [`Connection::answer`] has its reply.
    Answered,
}

impl Connection {
    /// Opens a connection. `patience` bounds every later wait, and this one too.
    pub(crate) async fn open(
        address: &Address,
        congestion: Congestion,
        patience: Duration,
        watch: Watch,
        recorder: Option<&Recorder>,
    ) -> Result<Self, Failure> {
        let unreachable = |cause: String| Failure::Unreachable { address: address.to_string(), cause };
        let bound = patience.min(CONNECT_TIMEOUT_MAX);
        let stream = match timeout(bound, TcpStream::connect((address.host(), address.port()))).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(unreachable(system_words(&error))),
            Err(_) => return Err(unreachable(format!("no answer within {} s", bound.as_secs()))),
        };
        // Frames are gathered here already; the kernel need not wait for more.
        stream.set_nodelay(true).map_err(|error| unreachable(system_words(&error)))?;
        // Where the one that is wanted is missing, the system's own serves as well.
        let wanted = stream.peer_addr().ok().and_then(|peer| congestion.for_peer(peer.ip()));
        let _there = wanted.is_some_and(|name| congestion::set(&stream, name).is_ok());
        let lane = recorder.and_then(|recorder| lane(recorder, &stream));
        let (read, write) = stream.into_split();
        let replies = Replies::new(Tap::new(read, lane.clone()), watch.clone());
        Ok(Self { write: Tap::new(write, lane), replies, gathered: BytesMut::new(), patience, watch })
    }

    /// Begins a frame with its header line. Frames before it may still be unanswered.
    pub(crate) async fn header(&mut self, header: &Header) -> Result<Written, Failure> {
        let header = if self.watch.is_on() { header.clone().explained() } else { header.clone() };
        let line = line(&header)?;
        self.watch.sent_header(&line);
        self.replies.expect();
        match self.push(line).await? {
            Written::All => self.push(header.session_data()).await,
            Written::Answered => Ok(Written::Answered),
        }
    }

    /// Sends a frame that has no payload and waits for its reply.
    pub(crate) async fn ask(&mut self, header: &Header) -> Result<Reply, Failure> {
        self.header(header).await?;
        self.answer().await
    }

    /// Sends bytes, soon: small ones wait for company.
    pub(crate) async fn push(&mut self, bytes: Bytes) -> Result<Written, Failure> {
        if self.gathered.len().saturating_add(bytes.len()) <= GATHERED_BYTES_MAX {
            self.gathered.extend_from_slice(&bytes);
            return Ok(Written::All);
        }
        match self.flush().await? {
            Written::All => self.write_watching(bytes).await,
            Written::Answered => Ok(Written::Answered),
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

    /// Whether every frame so far has its reply, so that the server waits for the next one.
    pub(crate) fn owes_nothing(&self) -> bool {
        self.replies.due == 0
    }

    /// Sends what was gathered and waits for the reply to the first frame that has none. A reply's payload, if there
    /// is one, is read with [`Connection::body`].
    pub(crate) async fn answer(&mut self) -> Result<Reply, Failure> {
        self.next_status().await?;
        self.replies.take().ok_or_else(|| Failure::Broken("it said nothing".to_owned()))
    }

    /// Sends what was gathered and waits to hear that the payload of this frame is wanted.
    pub(crate) async fn wanted(&mut self) -> Result<Written, Failure> {
        if self.next_status().await? != Status::Continue {
            return Ok(Written::Answered);
        }
        self.replies.take();
        Ok(Written::All)
    }

    /// Waits, as long as it takes, for a reply nobody asked for yet. Dropped while it waits, it has lost nothing.
    pub(crate) async fn early(&mut self) -> Result<Written, Failure> {
        self.replies.until_answered().await.map(|()| Written::Answered)
    }

    async fn next_status(&mut self) -> Result<Status, Failure> {
        self.flush().await?;
        match timeout(self.patience, self.replies.peek()).await {
            Ok(status) => status,
            Err(_) => Err(Failure::Lost(format!("no reply within {} s", self.patience.as_secs()))),
        }
    }

    /// The next piece of the payload of the reply just read.
    pub(crate) async fn body(&mut self) -> Result<Body, Failure> {
        loop {
            match self.replies.event()? {
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
                None => match timeout(self.patience, self.replies.fill()).await {
                    Ok(filled) => filled?,
                    Err(_) => {
                        return Err(Failure::Lost(format!("nothing came for {} s", self.patience.as_secs())));
                    }
                },
            }
        }
    }

    /// Writes all of `bytes`, unless the reply to this frame comes first. Replies to earlier frames are kept meanwhile.
    async fn write_watching(&mut self, mut bytes: Bytes) -> Result<Written, Failure> {
        while !bytes.is_empty() {
            if self.replies.is_answered()? {
                return Ok(Written::Answered);
            }
            let step = async {
                tokio::select! {
                    biased;
                    read = self.replies.fill() => Step::Read(read),
                    written = self.write.write(&bytes) => Step::Wrote(written),
                }
            };
            match timeout(self.patience, step).await {
                Ok(Step::Wrote(Ok(count))) => {
                    let _ = bytes.split_to(count.min(bytes.len()));
                }
                Ok(Step::Read(Ok(()))) => {}
                Ok(Step::Read(Err(failure))) => return Err(failure),
                Ok(Step::Wrote(Err(error))) => return self.last_word(&error).await,
                Err(_) => {
                    let waited = std::mem::replace(&mut self.patience, LAST_WORD_TIMEOUT);
                    return Err(Failure::Lost(format!("the server took nothing for {} s", waited.as_secs())));
                }
            }
        }
        Ok(Written::All)
    }

    /// The server does not take more; perhaps it said why before.
    async fn last_word(&mut self, error: &io::Error) -> Result<Written, Failure> {
        self.patience = self.patience.min(LAST_WORD_TIMEOUT);
        match timeout(self.patience, self.replies.until_answered()).await {
            Ok(Ok(())) => Ok(Written::Answered),
            Ok(Err(Failure::Lost(_))) | Err(_) => Err(Failure::Lost(system_words(error))),
            Ok(Err(other)) => Err(other),
        }
    }
}

/// The connection's place among those that are recorded.
fn lane(recorder: &Recorder, stream: &TcpStream) -> Option<Lane> {
    let ends = Ends::new(stream.local_addr().ok()?, stream.peer_addr().ok()?);
    Some(recorder.connection(ends, Side::Client))
}

enum Step {
    Read(Result<(), Failure>),
    Wrote(io::Result<usize>),
}

fn line(value: &impl serde::Serialize) -> Result<Bytes, Failure> {
    encode_line(value).map_err(|error| Failure::Broken(error.to_string()))
}

fn broken(what: &str, error: &serde_json::Error) -> Failure {
    Failure::Broken(format!("{what}: {}", neutral(&error.to_string())))
}
