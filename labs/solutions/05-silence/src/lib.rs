//! Lab 05, Silence: a solution. There are others.

mod timers;

use std::collections::HashMap;

use grade_05::{Connection, Digest, Event, Keeper, Output, Partial, Refusal, Reply, SessionId, Timeouts, Timestamp};

use timers::{Timer, Timers};

/// The sessions of a server, and what becomes of each in silence.
#[derive(Debug)]
pub struct Sessions {
    timeouts: Timeouts,
    known: HashMap<SessionId, Session>,
    links: HashMap<Connection, Link>,
    timers: Timers,
}

/// What is remembered of a session. Two kinds of nothing differ: one that expired is here, one that never was is not.
#[derive(Debug)]
enum Session {
    Live {
        holder: Option<Connection>,
        /// The beginning of a file that is not whole. It outlives the connection that brought it.
        part: Vec<u8>,
    },
    Expired,
}

/// A connection that holds a session.
#[derive(Debug)]
struct Link {
    session: SessionId,
    upload: Option<Upload>,
}

#[derive(Debug)]
struct Upload {
    left: u64,
    digest: Digest,
    /// Bytes that have come in this window.
    progress: u64,
}

impl Keeper for Sessions {
    fn on(&mut self, now: Timestamp, from: Connection, event: Event) -> Vec<Output> {
        // The timer may be late. What is due by now has happened before this event, whoever heard of it first.
        let mut outputs = self.on_timeout(now);
        match event {
            Event::Open(id) => {
                self.known.insert(id, Session::Live { holder: Some(from), part: Vec::new() });
                self.bind(now, from, id);
                outputs.push(Output::Reply(from, Reply::SessionCreated));
            }
            Event::Resume(id) => self.resume(now, from, id, &mut outputs),
            Event::Heartbeat | Event::Status | Event::Transfer { .. } => {
                let reply = self.request(now, from, &event).unwrap_or_else(Reply::Error);
                outputs.push(Output::Reply(from, reply));
            }
            Event::Payload(bytes) => self.payload(now, from, &bytes, &mut outputs),
            Event::Finished => self.lost(now, from, Refusal::Truncated, &mut outputs),
            Event::Reset => {
                self.let_go(now, from);
            }
        }
        outputs
    }

    fn poll_timeout(&self) -> Option<Timestamp> {
        self.timers.next()
    }

    fn on_timeout(&mut self, now: Timestamp) -> Vec<Output> {
        let mut outputs = Vec::new();
        while let Some((due, timer)) = self.timers.take_due(now) {
            match timer {
                // Of a black hole there is no event: only this.
                Timer::Connection(link) => self.lost(due, link, Refusal::PayloadTimeout, &mut outputs),
                Timer::Session(id) => match self.known.get_mut(&id) {
                    Some(session @ Session::Live { .. }) => {
                        *session = Session::Expired;
                        self.timers.set(timer, due + self.timeouts.tombstone);
                        outputs.push(Output::Expired(id));
                    }
                    Some(Session::Expired) | None => {
                        self.known.remove(&id);
                    }
                },
            }
        }
        outputs
    }
}

impl Sessions {
    /// A server without sessions.
    #[must_use]
    pub fn new(timeouts: Timeouts) -> Self {
        Self { timeouts, known: HashMap::new(), links: HashMap::new(), timers: Timers::default() }
    }

    fn resume(&mut self, now: Timestamp, from: Connection, id: SessionId, outputs: &mut Vec<Output>) {
        let (older, offset) = match self.known.get_mut(&id) {
            Some(Session::Live { holder, part }) => (holder.replace(from), length(part)),
            Some(Session::Expired) => return outputs.push(refused(from, Refusal::SessionExpired)),
            None => return outputs.push(refused(from, Refusal::SessionUnknown)),
        };
        // The newest connection wins. The older one may be half open, so nobody waits for it.
        if let Some(older) = older {
            self.let_go(now, older);
            outputs.extend([refused(older, Refusal::SessionMoved), Output::Close(older)]);
        }
        self.bind(now, from, id);
        outputs.push(Output::Reply(from, Reply::SessionResumed { partial: (offset > 0).then_some(offset) }));
    }

    /// A request of a connection that holds a session.
    fn request(&mut self, now: Timestamp, from: Connection, event: &Event) -> Result<Reply, Refusal> {
        let link = self.links.get_mut(&from).ok_or(Refusal::SessionUnknown)?;
        let part = match self.known.get_mut(&link.session) {
            Some(Session::Live { part, .. }) => part,
            Some(Session::Expired) => return Err(Refusal::SessionExpired),
            None => return Err(Refusal::SessionUnknown),
        };
        let there = length(part);
        let reply = match event {
            Event::Heartbeat => Reply::HeartbeatAck { expires_in: self.timeouts.session },
            Event::Status => {
                let partial = Partial { offset: there, prefix_digest: Digest::of(part) };
                Reply::SessionStatus { partial: (there > 0).then_some(partial) }
            }
            Event::Transfer { offset, size, digest } => match usize::try_from(*offset) {
                Ok(kept) if kept <= part.len() => {
                    part.truncate(kept);
                    link.upload = Some(Upload { left: *size, digest: *digest, progress: 0 });
                    // A client that sends a frame cannot send a heartbeat, so a session waits for its upload. The
                    // upload has a deadline of its own.
                    self.timers.clear(Timer::Session(link.session));
                    self.timers.set(Timer::Connection(from), now + self.timeouts.progress_window);
                    return Ok(Reply::Continue);
                }
                Ok(_) | Err(_) => Reply::Error(Refusal::BadOffset { offset: there }),
            },
            Event::Open(_) | Event::Resume(_) | Event::Payload(_) | Event::Finished | Event::Reset => {
                return Err(Refusal::SessionUnknown);
            }
        };
        let session = link.session;
        self.heard(now, from, session);
        Ok(reply)
    }

    fn payload(&mut self, now: Timestamp, from: Connection, bytes: &[u8], outputs: &mut Vec<Output>) {
        // What an older connection still brings is nobody's.
        let Some(link) = self.links.get_mut(&from) else { return };
        let (Some(upload), Some(Session::Live { part, .. })) = (&mut link.upload, self.known.get_mut(&link.session))
        else {
            return;
        };
        part.extend_from_slice(bytes);
        upload.left = upload.left.saturating_sub(length(bytes));
        upload.progress = upload.progress.saturating_add(length(bytes));
        if upload.left > 0 {
            // Not any byte is progress: one in ten seconds would keep a dead upload for ever.
            if upload.progress >= self.timeouts.progress_bytes {
                upload.progress = 0;
                self.timers.set(Timer::Connection(from), now + self.timeouts.progress_window);
            }
            return;
        }
        // Over all bytes, also those that came before: a file is never a mixture.
        let fits = Digest::of(part) == upload.digest;
        part.clear();
        link.upload = None;
        let session = link.session;
        self.heard(now, from, session);
        let reply = if fits { Reply::Stored } else { Reply::Error(Refusal::DigestMismatch) };
        outputs.push(Output::Reply(from, reply));
    }

    /// A connection has ended, or nothing is expected of it any more. If a frame was not whole, `unfinished` is said.
    fn lost(&mut self, at: Timestamp, from: Connection, unfinished: Refusal, outputs: &mut Vec<Output>) {
        if self.let_go(at, from).is_some() {
            outputs.push(refused(from, unfinished));
        }
        outputs.push(Output::Close(from));
    }

    /// The connection holds its session no more. The session goes on; returns what is left of an upload.
    fn let_go(&mut self, at: Timestamp, from: Connection) -> Option<Upload> {
        self.timers.clear(Timer::Connection(from));
        let Link { session, upload } = self.links.remove(&from)?;
        if let Some(Session::Live { holder, .. }) = self.known.get_mut(&session)
            && *holder == Some(from)
        {
            *holder = None;
        }
        if upload.is_some() {
            // Silence begins where the upload ends.
            self.timers.set(Timer::Session(session), at + self.timeouts.session);
        }
        upload
    }

    fn bind(&mut self, now: Timestamp, from: Connection, session: SessionId) {
        self.links.insert(from, Link { session, upload: None });
        self.heard(now, from, session);
    }

    /// A frame was whole: silence begins anew, for the connection and for the session.
    fn heard(&mut self, now: Timestamp, from: Connection, session: SessionId) {
        self.timers.set(Timer::Connection(from), now + self.timeouts.connection);
        self.timers.set(Timer::Session(session), now + self.timeouts.session);
    }
}

fn refused(on: Connection, refusal: Refusal) -> Output {
    Output::Reply(on, Reply::Error(refusal))
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
