//! One connection's two streams, cut into frames by the rules that client and server use. Follows both, because the
//! payload of a request that waits depends on the answer.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use shared::codec::{Decoder, Event, Framing, Payload};
use shared::error::ErrorCode;
use shared::id::SessionId;
use shared::limits::SESSION_DATA_BYTES_MAX;
use shared::wire::{Dialect, Frame as Header, Incoming, Proof, Reply, Request, StatefulRequest, Status, read_header};

use super::words::{harmless, of_reply, of_request};
use super::{Change, Frame, Place, Tone};
use crate::Side;

/// Bytes of the longest header that any server can be configured to take.
const HEADER_BYTES_MAX: usize = 1024 * 1024;

/// Requests without an answer that are remembered. A client should have fewer.
const OWED_MAX: usize = 1_024;

/// Bytes of the longest line that is no header.
const PLAIN_LINE_BYTES_MAX: usize = 1_024;

/// A connection's conversation.
#[derive(Debug)]
pub(super) struct Talk {
    client: Stream,
    server: Stream,
    dialect: Dialect,
    /// Requests that are not answered.
    owed: VecDeque<Owed>,
    /// The session the connection is bound to.
    session: Option<usize>,
}

/// A request that has no answer yet.
#[derive(Debug)]
struct Owed {
    session: Option<usize>,
    /// What follows, if the answer is that it may.
    awaits: Option<Framing>,
}

/// One direction.
#[derive(Debug)]
struct Stream {
    decoder: Decoder,
    bytes: u64,
    /// The row of the frame that is under way.
    row: Option<usize>,
    speech: Speech,
}

/// How a stream is read.
#[derive(Debug)]
enum Speech {
    Frames,
    /// The answers of a server to a client that reads no JSON; the line under way.
    Lines(BytesMut),
    /// There is no telling any more where a frame begins.
    Noise,
}

impl Default for Talk {
    fn default() -> Self {
        Self {
            client: Stream::default(),
            server: Stream::default(),
            dialect: Dialect::Unsettled,
            owed: VecDeque::new(),
            session: None,
        }
    }
}

impl Default for Stream {
    fn default() -> Self {
        Self { decoder: Decoder::new(HEADER_BYTES_MAX), bytes: 0, row: None, speech: Speech::Frames }
    }
}

impl Talk {
    /// The next bytes of one side, which stand at this offset of all it sends.
    pub(super) fn take(&mut self, from: Side, offset: u64, bytes: &Bytes, place: &mut Place<'_>) {
        let stream = self.stream(from);
        if offset != stream.bytes {
            // Something is missing, and with it where the next frame begins.
            stream.speech = Speech::Noise;
            stream.row = None;
        }
        stream.bytes = offset.saturating_add(length(bytes));
        if matches!(stream.speech, Speech::Frames) {
            stream.decoder.buffer_mut().extend_from_slice(bytes);
            self.frames(from, place);
        } else {
            self.other(from, bytes, place);
        }
    }

    fn stream(&mut self, from: Side) -> &mut Stream {
        match from {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// Takes what the decoder has.
    fn frames(&mut self, from: Side, place: &mut Place<'_>) {
        loop {
            let stream = self.stream(from);
            let begins = stream.row.is_none() && stream.decoder.body_left() == Some(0);
            if begins && stream.decoder.unfinished().first().is_some_and(|first| *first != b'{') {
                let rest = stream.decoder.buffer_mut().split().freeze();
                stream.speech = match from {
                    Side::Server => Speech::Lines(BytesMut::new()),
                    Side::Client => Speech::Noise,
                };
                return self.other(from, &rest, place);
            }
            match stream.decoder.next_event() {
                Ok(None) => return,
                Ok(Some(Event::Header(line))) => {
                    let header = length(&line).saturating_add(1);
                    let understood = match from {
                        Side::Client => self.request(&line, header, place),
                        Side::Server => self.reply(&line, header, place),
                    };
                    if !understood {
                        return self.give_up(from, place);
                    }
                }
                Ok(Some(Event::SessionData(bytes) | Event::Payload(bytes))) => {
                    let row = stream.row;
                    if let Some(frame) = place.said(row) {
                        frame.body = frame.body.saturating_add(length(&bytes));
                    }
                }
                Ok(Some(Event::End(trailer))) => {
                    let row = stream.row.take();
                    if let Some(frame) = place.said(row) {
                        let trailer = trailer.map_or(0, |line| length(&line).saturating_add(1));
                        frame.body = frame.body.saturating_add(trailer);
                        frame.whole = true;
                    }
                }
                Err(_) => return self.give_up(from, place),
            }
        }
    }

    /// Nobody can tell what follows.
    fn give_up(&mut self, from: Side, place: &mut Place<'_>) {
        let stream = self.stream(from);
        stream.speech = Speech::Noise;
        stream.row = None;
        let rest = stream.decoder.buffer_mut().split().freeze();
        if !rest.is_empty() {
            self.other(from, &rest, place);
        }
    }

    /// A request; `false` when its frame has no end that anybody knows.
    fn request(&mut self, line: &[u8], header: u64, place: &mut Place<'_>) -> bool {
        let mut frame = Frame::plain(Side::Client, of_request(line), header);
        let read = read_header(line, self.dialect);
        let (framing, waits) = match read {
            Ok(Incoming::Week01(upload)) => {
                self.dialect = Dialect::Week01;
                "Week 01 upload".clone_into(&mut frame.words);
                (Some(Framing { payload: Payload::Sized(upload.size), ..Framing::NONE }), false)
            }
            Ok(Incoming::InvalidWeek01) => (None, false),
            Ok(Incoming::Frame(raw)) => {
                self.dialect = Dialect::V2;
                match Header::try_from(*raw) {
                    Ok(read) => {
                        frame.session = session_of(&read.request).map(|id| place.page.session(id));
                        (Some(read.framing), read.expects_continue)
                    }
                    Err(refusal) => (refusal.framing, false),
                }
            }
            Err(refusal) => (refusal.framing, false),
        };
        let framing = framing.filter(|framing| framing.session_data <= SESSION_DATA_BYTES_MAX);
        if self.dialect == Dialect::V2 && self.owed.len() < OWED_MAX {
            self.owed.push_back(Owed { session: frame.session, awaits: framing.filter(|_| waits) });
        }
        self.client.row = place.say(frame);
        match framing {
            // The decoder waits until it is told what follows.
            Some(_) if waits => {}
            Some(framing) => self.client.decoder.follow(framing),
            None => return false,
        }
        true
    }

    /// A reply; `false` when it is none.
    fn reply(&mut self, line: &[u8], header: u64, place: &mut Place<'_>) -> bool {
        let Ok(reply) = serde_json::from_slice::<Reply>(line) else {
            let mut frame = Frame::plain(Side::Server, harmless(&String::from_utf8_lossy(line)), header);
            frame.tone = Tone::Noise;
            place.say(frame);
            return false;
        };
        let owed = if reply.status == Status::Continue { None } else { self.owed.pop_front() };
        let session_data = reply.session.as_ref().map_or(0, |session| session.data_size);
        let mut frame = Frame::plain(Side::Server, of_reply(&reply), header);
        frame.tone = match (reply.status, reply.replayed) {
            (Status::Error, _) => Tone::Refusal,
            (_, true) => Tone::Replay,
            (_, false) => Tone::Plain,
        };
        let named = reply.session.as_ref().map(|session| place.page.session(session.id));
        frame.change = change(&reply);
        frame.session = named.or_else(|| owed.as_ref().and_then(|owed| owed.session));
        if frame.change == Some(Change::Moved) {
            frame.session = frame.session.or(self.session);
        }
        if matches!(frame.change, Some(Change::Opened | Change::Resumed)) {
            self.session = named;
        }
        self.server.row = place.say(frame);
        let framing = Framing { session_data, payload: Payload::Sized(reply.size), trailer: reply.trailer.is_some() };
        self.server.decoder.follow(framing);
        self.answer_awaited(&reply, owed.and_then(|owed| owed.awaits), place);
        session_data <= SESSION_DATA_BYTES_MAX
    }

    /// A request that waited hears whether its payload is wanted.
    fn answer_awaited(&mut self, reply: &Reply, refused: Option<Framing>, place: &mut Place<'_>) {
        let awaited = self.owed.back_mut().filter(|_| reply.status == Status::Continue);
        let framing = match awaited.and_then(|owed| owed.awaits.take()) {
            Some(framing) => Some(framing),
            None => refused.map(Framing::without_payload),
        };
        if let Some(framing) = framing {
            self.client.decoder.follow(framing);
            self.frames(Side::Client, place);
        }
    }

    /// Bytes that are no frames: lines of a server, or anything.
    fn other(&mut self, from: Side, bytes: &[u8], place: &mut Place<'_>) {
        let stream = self.stream(from);
        if let Speech::Lines(line) = &mut stream.speech {
            for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
                line.extend_from_slice(piece);
                if line.len() > PLAIN_LINE_BYTES_MAX || piece.ends_with(b"\n") {
                    let said = line.split();
                    let words = harmless(String::from_utf8_lossy(&said).trim_end());
                    let mut frame = Frame::plain(from, words, length(&said));
                    frame.whole = true;
                    if said.starts_with(b"ERROR") {
                        frame.tone = Tone::Refusal;
                    }
                    place.say(frame);
                }
            }
            return;
        }
        if stream.row.is_none() {
            let mut frame = Frame::plain(from, "bytes that are no frame".to_owned(), 0);
            frame.tone = Tone::Noise;
            stream.row = place.say(frame);
        }
        let row = stream.row;
        if let Some(frame) = place.said(row) {
            frame.body = frame.body.saturating_add(length(bytes));
        }
    }
}

impl Frame {
    /// A frame of which only the header came yet.
    fn plain(from: Side, words: String, header: u64) -> Self {
        Self { from, words, tone: Tone::Plain, session: None, change: None, header, body: 0, whole: false }
    }
}

/// The session a request names.
fn session_of(request: &Request) -> Option<SessionId> {
    match request {
        Request::Stateful(
            StatefulRequest::Continue(id, Proof::Token(_) | Proof::Ticket(_)) | StatefulRequest::Inside(id, _),
        ) => Some(*id),
        Request::Hello(_)
        | Request::Stateless(_)
        | Request::Stateful(StatefulRequest::Open(_) | StatefulRequest::Unnamed(_)) => None,
    }
}

/// What a reply changes in the life of its session.
fn change(reply: &Reply) -> Option<Change> {
    match (reply.status, reply.error.as_ref().map(|error| error.code)) {
        (Status::SessionCreated, _) => Some(Change::Opened),
        (Status::SessionResumed, _) => Some(Change::Resumed),
        (Status::SessionClosed, _) | (_, Some(ErrorCode::SessionGone)) => Some(Change::Ended),
        (_, Some(ErrorCode::SessionMoved)) => Some(Change::Moved),
        (_, _) => None,
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
