//! Wrong keepers. Each is right but for one mistake that people make.

use std::collections::HashMap;
use std::time::Duration;

use grade_05::{Connection, Digest, Event, Keeper, Output, Partial, Refusal, Reply, SessionId, Timeouts, Timestamp};

use crate::flaws::Flaw;
use crate::timers::{Timer, Timers};

/// A keeper with a flaw.
pub(crate) struct Flawed {
    flaw: Flaw,
    timeouts: Timeouts,
    sessions: HashMap<SessionId, Session>,
    links: HashMap<Connection, Link>,
    timers: Timers,
    /// Deadlines once more, for those who search.
    all: HashMap<Timer, Timestamp>,
}

enum Session {
    Live { holder: Option<Connection>, part: Vec<u8> },
    Expired,
}

struct Link {
    session: SessionId,
    upload: Option<Upload>,
}

struct Upload {
    left: u64,
    digest: Digest,
    /// Where in the file this connection began.
    from: usize,
    progress: u64,
}

impl Keeper for Flawed {
    fn on(&mut self, now: Timestamp, from: Connection, event: Event) -> Vec<Output> {
        let mut outputs = if self.has(Flaw::TimerDecides) { Vec::new() } else { self.due(now) };
        match event {
            Event::Open(id) => {
                self.sessions.insert(id, Session::Live { holder: Some(from), part: Vec::new() });
                self.bind(now, from, id);
                outputs.push(Output::Reply(from, Reply::SessionCreated));
            }
            Event::Resume(id) => self.resume(now, from, id, &mut outputs),
            Event::Heartbeat | Event::Status | Event::Transfer { .. } => {
                let reply = self.request(now, from, &event).unwrap_or_else(Reply::Error);
                outputs.push(Output::Reply(from, reply));
            }
            Event::Payload(bytes) => self.payload(now, from, &bytes, &mut outputs),
            Event::Finished => {
                let link = self.links.get(&from).map(|link| (link.session, link.upload.is_some()));
                self.lost(now, from, Refusal::Truncated, &mut outputs);
                match link {
                    Some((_, true)) if self.has(Flaw::FinIsReset) => outputs.clear(),
                    Some((id, false)) if self.has(Flaw::FinEndsSession) => {
                        self.sessions.insert(id, Session::Expired);
                    }
                    Some(_) | None => {}
                }
            }
            Event::Reset => {
                if self.let_go(now, from).is_some() && self.has(Flaw::ResetIsFin) {
                    outputs.extend([refused(from, Refusal::Truncated), Output::Close(from)]);
                }
            }
        }
        outputs
    }

    fn poll_timeout(&self) -> Option<Timestamp> {
        if self.has(Flaw::LooksWhenAsked) {
            None
        } else if self.has(Flaw::NextIsSearched) {
            self.all.values().min().copied()
        } else {
            self.timers.next()
        }
    }

    fn on_timeout(&mut self, now: Timestamp) -> Vec<Output> {
        if self.has(Flaw::EachIsAsked) && self.all.values().filter(|due| **due <= now).count() == 0 {
            return Vec::new();
        }
        let mut outputs = self.due(now);
        if self.has(Flaw::CallIsDeadline)
            && outputs.is_empty()
            && let Some(first) = self.timers.next()
        {
            outputs = self.due(first);
        }
        outputs
    }
}

impl Flawed {
    pub(crate) fn new(flaw: Flaw, told: Timeouts) -> Self {
        let mut timeouts = told;
        if flaw == Flaw::PatienceIsBuiltIn {
            timeouts = Timeouts::default();
        }
        if flaw == Flaw::GraceOfASecond {
            timeouts.session += Duration::from_secs(1);
        }
        if flaw == Flaw::TombstoneIsShort {
            timeouts.tombstone = told.session;
        }
        if flaw == Flaw::OnePatience {
            timeouts.progress_window = told.connection;
        }
        let timers = Timers::default();
        Self { flaw, timeouts, sessions: HashMap::new(), links: HashMap::new(), timers, all: HashMap::new() }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    fn set(&mut self, timer: Timer, due: Timestamp) {
        self.timers.set(timer, due);
        if self.has(Flaw::EachIsAsked) || self.has(Flaw::NextIsSearched) {
            self.all.insert(timer, due);
        }
    }

    fn clear(&mut self, timer: Timer) {
        self.timers.clear(timer);
        self.all.remove(&timer);
    }

    fn due(&mut self, now: Timestamp) -> Vec<Output> {
        let mut outputs = Vec::new();
        while let Some((due, timer)) = self.timers.take_due(now) {
            self.all.remove(&timer);
            match timer {
                Timer::Connection(on) => {
                    let link = self.links.get(&on).map(|link| (link.session, link.upload.is_some()));
                    self.lost(due, on, Refusal::PayloadTimeout, &mut outputs);
                    if let Some((id, false)) = link
                        && self.has(Flaw::SilentConnectionEndsSession)
                    {
                        self.expire(id, due, &mut outputs);
                    }
                }
                Timer::Session(id) => match self.sessions.get(&id) {
                    Some(Session::Live { .. }) => self.expire(id, due, &mut outputs),
                    Some(Session::Expired) | None => {
                        self.sessions.remove(&id);
                    }
                },
            }
        }
        outputs
    }

    fn expire(&mut self, id: SessionId, at: Timestamp, outputs: &mut Vec<Output>) {
        outputs.push(Output::Expired(id));
        self.clear(Timer::Session(id));
        if self.has(Flaw::ExpiredIsForgotten) {
            self.sessions.remove(&id);
            return;
        }
        self.sessions.insert(id, Session::Expired);
        if !self.has(Flaw::TombstonesStay) {
            self.set(Timer::Session(id), at + self.timeouts.tombstone);
        }
    }

    fn resume(&mut self, now: Timestamp, from: Connection, id: SessionId, outputs: &mut Vec<Output>) {
        let (older, mut offset) = match self.sessions.get_mut(&id) {
            Some(Session::Live { holder: Some(_), .. }) if self.flaw == Flaw::OlderWins => {
                return outputs.push(refused(from, Refusal::SessionMoved));
            }
            Some(Session::Live { holder, part }) => (holder.replace(from), length(part)),
            Some(Session::Expired) => return outputs.push(refused(from, Refusal::SessionExpired)),
            None if self.flaw == Flaw::UnknownIsExpired => return outputs.push(refused(from, Refusal::SessionExpired)),
            None => return outputs.push(refused(from, Refusal::SessionUnknown)),
        };
        if let Some(older) = older {
            if self.has(Flaw::LateBytesCount) {
                self.clear(Timer::Connection(older));
            } else if !self.has(Flaw::OldDeadlineCounts)
                && self.let_go(now, older).is_some()
                && self.has(Flaw::TakenUploadIsDropped)
            {
                self.sessions.insert(id, Session::Live { holder: Some(from), part: Vec::new() });
                offset = 0;
            }
            outputs.extend([refused(older, Refusal::SessionMoved), Output::Close(older)]);
        }
        self.bind(now, from, id);
        outputs.push(Output::Reply(from, Reply::SessionResumed { partial: (offset > 0).then_some(offset) }));
    }

    fn request(&mut self, now: Timestamp, from: Connection, event: &Event) -> Result<Reply, Refusal> {
        let link = self.links.get_mut(&from).ok_or(Refusal::SessionUnknown)?;
        let part = match self.sessions.get_mut(&link.session) {
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
                Ok(kept) if kept <= part.len() || self.flaw == Flaw::OffsetIsBelieved => {
                    part.resize(kept, 0);
                    link.upload = Some(Upload { left: *size, digest: *digest, from: kept, progress: 0 });
                    let session = link.session;
                    if !self.has(Flaw::UploadIsSilence) {
                        self.clear(Timer::Session(session));
                    }
                    self.set(Timer::Connection(from), now + self.timeouts.progress_window);
                    return Ok(Reply::Continue);
                }
                Ok(_) | Err(_) => Reply::Error(Refusal::BadOffset { offset: there }),
            },
            Event::Open(_) | Event::Resume(_) | Event::Payload(_) | Event::Finished | Event::Reset => {
                return Err(Refusal::SessionUnknown);
            }
        };
        let session = link.session;
        if *event == Event::Heartbeat && self.has(Flaw::HeartbeatIsAnswered) {
            self.set(Timer::Connection(from), now + self.timeouts.connection);
        } else {
            self.heard(now, from, session);
        }
        Ok(reply)
    }

    fn payload(&mut self, now: Timestamp, from: Connection, bytes: &[u8], outputs: &mut Vec<Output>) {
        let Some(link) = self.links.get_mut(&from) else { return };
        let (Some(upload), Some(Session::Live { part, .. })) = (&mut link.upload, self.sessions.get_mut(&link.session))
        else {
            return;
        };
        part.extend_from_slice(bytes);
        upload.left = upload.left.saturating_sub(length(bytes));
        upload.progress = upload.progress.saturating_add(length(bytes));
        if upload.left > 0 {
            if upload.progress >= self.timeouts.progress_bytes || self.flaw == Flaw::AnyByteIsProgress {
                upload.progress = 0;
                self.set(Timer::Connection(from), now + self.timeouts.progress_window);
            }
            return;
        }
        let begin = if self.flaw == Flaw::RestIsDigested { upload.from } else { 0 };
        let fits = Digest::of(&part[begin..]) == upload.digest || self.flaw == Flaw::DigestIsBelieved;
        if fits || self.flaw != Flaw::MixtureStays {
            part.clear();
        }
        link.upload = None;
        let session = link.session;
        self.heard(now, from, session);
        let reply = if fits { Reply::Stored } else { Reply::Error(Refusal::DigestMismatch) };
        outputs.push(Output::Reply(from, reply));
    }

    fn lost(&mut self, at: Timestamp, from: Connection, unfinished: Refusal, outputs: &mut Vec<Output>) {
        if self.let_go(at, from).is_some() {
            outputs.push(refused(from, unfinished));
        }
        outputs.push(Output::Close(from));
    }

    fn let_go(&mut self, at: Timestamp, from: Connection) -> Option<Upload> {
        self.clear(Timer::Connection(from));
        let Link { session, upload } = self.links.remove(&from)?;
        if let Some(Session::Live { holder, part }) = self.sessions.get_mut(&session) {
            if *holder == Some(from) {
                *holder = None;
            }
            if self.flaw == Flaw::PartDies {
                part.clear();
            }
        }
        if upload.is_some() {
            self.set(Timer::Session(session), at + self.timeouts.session);
        }
        upload
    }

    fn bind(&mut self, now: Timestamp, from: Connection, session: SessionId) {
        self.links.insert(from, Link { session, upload: None });
        self.heard(now, from, session);
    }

    fn heard(&mut self, now: Timestamp, from: Connection, session: SessionId) {
        if self.has(Flaw::ConnectionsStay) {
            self.clear(Timer::Connection(from));
        } else {
            self.set(Timer::Connection(from), now + self.timeouts.connection);
        }
        self.set(Timer::Session(session), now + self.timeouts.session);
    }
}

fn refused(on: Connection, refusal: Refusal) -> Output {
    Output::Reply(on, Reply::Error(refusal))
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
