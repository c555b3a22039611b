//! What comes from the server on one connection: replies in their order, and the bodies behind them. Knows which
//! request a reply answers from nothing but that order, and not what it means.

use std::collections::VecDeque;

use bytes::Bytes;
use shared::codec::{Decoder, Event, Framing, Payload};
use shared::limits::SESSION_DATA_BYTES_MAX;
use shared::wire::{Reply, Status, VERSION};
use tokio::io::AsyncReadExt as _;
use tokio::net::tcp::OwnedReadHalf;
use trace::Tap;

use super::broken;
use crate::explain::Watch;
use crate::failure::{Failure, system_words};
use crate::text::neutral;

/// Bytes of the longest reply line (PROTOCOL.md section 2).
const HEADER_BYTES_MAX: usize = 8 * 1024;
/// Bytes asked of the socket at once.
const READ_BYTES: usize = 256 * 1024;

/// The half of a connection that is read.
#[derive(Debug)]
pub(super) struct Replies {
    read: Tap<OwnedReadHalf>,
    decoder: Decoder,
    watch: Watch,
    tail: Tail,
    /// A reply whose session data is not there yet.
    begun: Option<Box<Heard>>,
    /// Requests that were begun and whose replies were not taken yet.
    pub(super) due: usize,
    /// Replies that came before anybody waited for them; no more than are due.
    heard: VecDeque<Heard>,
}

/// A reply, and its line if somebody watches. It is shown when it is taken, not in the middle of what is sent.
#[derive(Debug)]
struct Heard {
    reply: Reply,
    line: Option<Bytes>,
}

/// What of the last reply's frame still stands before the next header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// What its reader takes: a payload or a trailer. Or nothing.
    Taken,
    /// Nothing anybody wants: the end.
    Unwanted,
}

impl Replies {
    pub(super) fn new(read: Tap<OwnedReadHalf>, watch: Watch) -> Self {
        Self {
            read,
            decoder: Decoder::new(HEADER_BYTES_MAX),
            watch,
            tail: Tail::Taken,
            begun: None,
            due: 0,
            heard: VecDeque::new(),
        }
    }

    /// A request is begun: one more reply is due.
    pub(super) fn expect(&mut self) {
        self.due = self.due.saturating_add(1);
    }

    /// Hears what is there, and says whether that answers the request begun last. Its reply is the last one due.
    pub(super) fn is_answered(&mut self) -> Result<bool, Failure> {
        while self.heard.len() < self.due {
            match self.ready_reply()? {
                Some(heard) => self.heard.push_back(heard),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Waits until the request begun last is answered.
    pub(super) async fn until_answered(&mut self) -> Result<(), Failure> {
        while !self.is_answered()? {
            self.fill().await?;
        }
        Ok(())
    }

    /// Waits for the next reply and leaves it there.
    pub(super) async fn peek(&mut self) -> Result<Status, Failure> {
        loop {
            if let Some(heard) = self.heard.front() {
                return Ok(heard.reply.status);
            }
            match self.ready_reply()? {
                Some(heard) => self.heard.push_back(heard),
                None => self.fill().await?,
            }
        }
    }

    /// The next reply that was heard. A `continue` is a reply before the one that is due.
    pub(super) fn take(&mut self) -> Option<Reply> {
        let Heard { reply, line } = self.heard.pop_front()?;
        if let Some(line) = line {
            self.watch.received_header(&line);
        }
        if reply.status != Status::Continue {
            self.due = self.due.saturating_sub(1);
        }
        Some(reply)
    }

    /// The next reply, if its header is there, and its session data.
    fn ready_reply(&mut self) -> Result<Option<Heard>, Failure> {
        self.skip_tail()?;
        if self.tail == Tail::Unwanted {
            return Ok(None);
        }
        let begun = match self.begun.take() {
            Some(begun) => Some(*begun),
            None => self.ready_header()?,
        };
        let Some(mut heard) = begun else { return Ok(None) };
        let reply = &mut heard.reply;
        if let Some(session) = reply.session.as_mut().filter(|session| session.data_size > 0) {
            match self.event()? {
                Some(Event::SessionData(bytes)) => session.ticket = bytes,
                Some(Event::Header(_) | Event::Payload(_) | Event::End(_)) => {
                    return Err(Failure::Broken("no session data where some was due".to_owned()));
                }
                None => {
                    self.begun = Some(Box::new(heard));
                    return Ok(None);
                }
            }
        }
        if reply.size == 0 && reply.trailer.is_none() {
            // The end of an empty frame needs no more bytes, and the next reply begins behind it.
            self.tail = Tail::Unwanted;
            self.skip_tail()?;
        }
        Ok(Some(heard))
    }

    fn ready_header(&mut self) -> Result<Option<Heard>, Failure> {
        let Some(event) = self.event()? else { return Ok(None) };
        let Event::Header(line) = event else {
            return Err(Failure::Broken("bytes where a reply was due".to_owned()));
        };
        let reply: Reply = match serde_json::from_slice(&line) {
            Ok(reply) => reply,
            Err(error) => {
                self.watch.received_header(&line);
                return Err(version_of(&line).unwrap_or_else(|| broken("its reply cannot be read", &error)));
            }
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
        let line = self.watch.is_on().then_some(line);
        Ok(Some(Heard { reply, line }))
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

    pub(super) fn event(&mut self) -> Result<Option<Event>, Failure> {
        self.decoder.next_event().map_err(|fault| {
            let mut said = String::from_utf8_lossy(&fault.line).into_owned();
            said.push_str(&String::from_utf8_lossy(self.decoder.unfinished()));
            let said: String = said.lines().next().unwrap_or_default().chars().take(60).collect();
            Failure::Broken(format!("{}; it said \"{}\"", fault.kind.message(), neutral(&said)))
        })
    }

    /// Waits for more. Dropped while it waits, it has lost nothing.
    pub(super) async fn fill(&mut self) -> Result<(), Failure> {
        self.decoder.buffer_mut().reserve(READ_BYTES);
        match self.read.read_buf(self.decoder.buffer_mut()).await {
            Ok(0) if self.decoder.at_boundary() => Err(Failure::Lost("the server closed it".to_owned())),
            Ok(0) => Err(Failure::Lost("the server closed it in the middle of a reply".to_owned())),
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::Lost(system_words(&error))),
        }
    }
}

/// A reply in another version need not look like ours.
fn version_of(line: &[u8]) -> Option<Failure> {
    let value: serde_json::Value = serde_json::from_slice(line).ok()?;
    let version = value.get("version")?.as_str()?;
    (version != VERSION).then(|| Failure::Version(neutral(version)))
}
