//! Wrong solutions. Each is right but for one mistake that people make.

use std::time::Duration;

use grade_02::{
    Arrival, Connection, DRAIN_BYTES_MAX, DRAIN_TIME, Dropped, Event, FAILED, INVALID, Link, OK, Reason, Reply,
    SILENCE, Said, Session, State, Subject,
};

lab_kit::flaws! {
    /// says OK as soon as a file is stored
    OkAtOnce by "nothing_is_said_before_the_end",
    /// takes a quarter of a second of silence for the end
    Impatient by "a_short_pause_is_not_the_end",
    /// says OK only when the client has ended
    OkAtTheEnd by "a_client_that_waits_is_answered",
    /// stops reading when an OK cannot be sent
    StopsUnheard by "a_word_that_cannot_be_said",
    /// forgets the files before a fault
    FaultAlone by "a_fault_has_its_line",
    /// blames the header when the disk is full
    FullIsInvalid by "a_fault_has_its_line",
    /// closes behind the line of a fault
    ClosesAtOnce by "the_last_word_arrives",
    /// drops what comes without ending its own side first
    DropsFirst by "the_last_word_arrives",
    /// ends its own side and drops nothing
    DropsNothing by "the_last_word_arrives",
    /// drops as much as a client sends
    DropsEverything by "dropping_has_a_bound",
    /// waits two seconds for every byte that it drops
    DropsForEver by "dropping_has_a_bound",
    /// takes a file that was cut for a fault
    CutIsAFault by "a_probe_does_no_harm",
    /// has no more than eight files unacknowledged
    EightAtMost by "any_client_keeps_its_files",
    /// ends the session with its connection
    DiesWithConnection by "a_session_outlives_its_connection",
    /// counts the files of each connection
    CountsPerConnection by "a_session_outlives_its_connection",
    /// holds on to a connection that seems alive
    FirstWins by "the_newest_connection_wins",
    /// does not tell the old connection
    MovesInSecret by "the_newest_connection_wins",
    /// stores what an old connection still sends
    OldCounts by "an_old_connection_changes_nothing",
    /// suspends the session when any connection is lost
    AnyLoss by "late_news_of_an_old_connection",
    /// says goodbye only once
    GoodbyeOnce by "a_goodbye_can_be_asked_for_again",
    /// opens an expired session again
    WakesUp by "silence_ends_a_session",
    /// lets a session expire that was ended before
    GoodbyeExpires by "every_course_of_six_events",
    /// suspends a session that has stored nothing yet
    EmptyIsSuspended by "every_course_of_six_events",
}

pub(crate) fn subject(flaw: Flaw) -> Subject {
    Subject {
        serve: Box::new(move |link| serve(flaw, link)),
        open: Box::new(move |connection| Box::new(Flawed::open(flaw, connection))),
    }
}

fn serve(flaw: Flaw, link: &mut dyn Link) {
    let mut owed = 0;
    let patience = if flaw == Flaw::Impatient { SILENCE / 4 } else { SILENCE };
    let fault: &[u8] = loop {
        match link.next(patience) {
            Arrival::File { mime_type, bytes } => {
                if link.store(&mime_type, &bytes).is_err() {
                    break if flaw == Flaw::FullIsInvalid { INVALID } else { FAILED };
                }
                owed += 1;
                if flaw == Flaw::OkAtOnce || (flaw == Flaw::EightAtMost && owed == 8) {
                    pay(link, &mut owed);
                }
            }
            Arrival::Silence if flaw == Flaw::OkAtTheEnd => {}
            Arrival::Silence => {
                if !pay(link, &mut owed) && flaw == Flaw::StopsUnheard {
                    return;
                }
            }
            Arrival::Invalid => break INVALID,
            Arrival::Cut if flaw == Flaw::CutIsAFault => break INVALID,
            Arrival::End | Arrival::Cut => break b"",
            Arrival::Reset => return,
        }
    };
    if flaw != Flaw::FaultAlone || fault.is_empty() {
        pay(link, &mut owed);
    }
    if !fault.is_empty() {
        let _ = link.say(fault);
    }
    if flaw == Flaw::ClosesAtOnce {
        return;
    }
    if flaw == Flaw::DropsFirst {
        drain(flaw, link);
    }
    link.finish();
    if flaw != Flaw::DropsNothing {
        drain(flaw, link);
    }
}

fn pay(link: &mut dyn Link, owed: &mut usize) -> bool {
    let lines = OK.repeat(std::mem::take(owed));
    lines.is_empty() || link.say(&lines).is_ok()
}

fn drain(flaw: Flaw, link: &mut dyn Link) {
    let until = link.now() + DRAIN_TIME;
    let mut dropped = 0;
    while dropped < DRAIN_BYTES_MAX || flaw == Flaw::DropsEverything {
        let left = if flaw == Flaw::DropsForEver { DRAIN_TIME } else { until.saturating_sub(link.now()) };
        if left == Duration::ZERO {
            return;
        }
        match link.discard(left) {
            Dropped::Bytes(bytes) => dropped += bytes,
            Dropped::Silence | Dropped::End | Dropped::Reset => return,
        }
    }
}

/// A session with a flaw.
struct Flawed {
    flaw: Flaw,
    holder: Connection,
    connected: bool,
    epoch: u64,
    next_sequence: u64,
    ended: Option<Reason>,
}

impl Flawed {
    fn open(flaw: Flaw, holder: Connection) -> Self {
        Self { flaw, holder, connected: true, epoch: 1, next_sequence: 1, ended: None }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    fn take(&mut self, by: Connection) -> Vec<Said> {
        if self.connected && self.has(Flaw::FirstWins) {
            return vec![Said { to: by, reply: Reply::Moved }];
        }
        let old = std::mem::replace(&mut self.holder, by);
        self.epoch += 1;
        if self.has(Flaw::CountsPerConnection) {
            self.next_sequence = 1;
        }
        let reply = Reply::Resumed { epoch: self.epoch, next_sequence: self.next_sequence };
        let mut said = vec![Said { to: by, reply }];
        if std::mem::replace(&mut self.connected, true) && !self.has(Flaw::MovesInSecret) {
            said.push(Said { to: old, reply: Reply::Moved });
        }
        said
    }

    fn silence(&mut self) {
        if self.ended.is_none() || self.has(Flaw::GoodbyeExpires) {
            self.ended = Some(Reason::Expired);
        }
    }

    fn lost(&mut self, from: Connection) {
        if from == self.holder || self.has(Flaw::AnyLoss) {
            self.connected = false;
        }
        if self.has(Flaw::DiesWithConnection) && from == self.holder {
            self.ended = self.ended.or(Some(Reason::Closed));
        }
    }
}

impl Session for Flawed {
    fn on(&mut self, event: Event) -> Vec<Said> {
        let from = match event {
            Event::Silence => {
                self.silence();
                return Vec::new();
            }
            Event::Lost(from) => {
                self.lost(from);
                return Vec::new();
            }
            Event::Connect(from) | Event::Transfer(from) | Event::Disconnect(from) => from,
        };
        if from < self.holder && !self.has(Flaw::OldCounts) {
            return Vec::new();
        }
        if self.ended == Some(Reason::Expired) && self.has(Flaw::WakesUp) && matches!(event, Event::Connect(_)) {
            self.ended = None;
        }
        let reply = match (event, self.ended) {
            (Event::Connect(_) | Event::Disconnect(_), Some(Reason::Closed)) if !self.has(Flaw::GoodbyeOnce) => {
                Reply::Closed
            }
            (_, Some(reason)) => Reply::Gone(reason),
            (Event::Connect(_), None) => return self.take(from),
            (Event::Transfer(_), None) => {
                self.next_sequence += 1;
                Reply::Stored { sequence: self.next_sequence - 1 }
            }
            (Event::Disconnect(_) | Event::Lost(_) | Event::Silence, None) => {
                self.ended = Some(Reason::Closed);
                Reply::Closed
            }
        };
        vec![Said { to: from, reply }]
    }

    fn state(&self) -> State {
        match self.ended {
            Some(Reason::Closed) => State::Terminated,
            Some(Reason::Expired) => State::Expired,
            None if self.next_sequence == 1 && (self.connected || !self.has(Flaw::EmptyIsSuspended)) => State::Pending,
            None if !self.connected => State::Suspended,
            None => State::Active,
        }
    }
}
