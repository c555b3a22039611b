//! Lab 02, Two Lifetimes: a solution. There are others.

use std::time::Duration;

use grade_02::{
    Arrival, Connection, DRAIN_BYTES_MAX, DRAIN_TIME, Dropped, Event, FAILED, INVALID, Link, OK, Reason, Reply,
    SILENCE, Said, State,
};

/// Serves one Week 01 connection to its end.
pub fn serve(link: &mut dyn Link) {
    // Files that are stored and not acknowledged yet.
    let mut owed = 0;
    let fault: &[u8] = loop {
        match link.next(SILENCE) {
            Arrival::File { mime_type, bytes } => match link.store(&mime_type, &bytes) {
                Ok(()) => owed += 1,
                Err(_) => break FAILED,
            },
            // A client that still has files to send does not wait so long: this one waits for us.
            Arrival::Silence => pay(link, &mut owed),
            Arrival::Invalid => break INVALID,
            // Whether the client still reads cannot be seen; if it does not, nothing of it is on the way any more.
            Arrival::End | Arrival::Cut => break b"",
            Arrival::Reset => return,
        }
    };
    pay(link, &mut owed);
    if !fault.is_empty() {
        // Who does not hear it has not lost a file by that.
        let _ = link.say(fault);
    }
    link.finish();
    drain(link);
}

fn pay(link: &mut dyn Link, owed: &mut usize) {
    if *owed > 0 {
        // Such a client may never read, and what it sends is worth more than what it hears.
        let _ = link.say(&OK.repeat(std::mem::take(owed)));
    }
}

/// Reads what is left, because a close with unread bytes is a reset, and that takes the last word with it.
fn drain(link: &mut dyn Link) {
    let until = link.now() + DRAIN_TIME;
    let mut dropped = 0;
    while dropped < DRAIN_BYTES_MAX {
        let left = until.saturating_sub(link.now());
        if left == Duration::ZERO {
            return;
        }
        match link.discard(left) {
            Dropped::Bytes(bytes) => dropped += bytes,
            Dropped::Silence | Dropped::End | Dropped::Reset => return,
        }
    }
}

/// A session, which outlives its connections.
#[derive(Debug)]
pub struct Session {
    /// The connection that took it last.
    holder: Connection,
    /// Whether that one is still there.
    connected: bool,
    epoch: u64,
    next_sequence: u64,
    ended: Option<Reason>,
}

impl Session {
    /// A session that this connection has just opened.
    #[must_use]
    pub fn open(connection: Connection) -> Self {
        Self { holder: connection, connected: true, epoch: 1, next_sequence: 1, ended: None }
    }

    fn take(&mut self, by: Connection) -> Vec<Said> {
        let old = std::mem::replace(&mut self.holder, by);
        self.epoch += 1;
        let resumed = Reply::Resumed { epoch: self.epoch, next_sequence: self.next_sequence };
        let mut said = vec![Said { to: by, reply: resumed }];
        if std::mem::replace(&mut self.connected, true) {
            // Not asked for, but otherwise it would go on in vain.
            said.push(Said { to: old, reply: Reply::Moved });
        }
        said
    }
}

impl grade_02::Session for Session {
    fn on(&mut self, event: Event) -> Vec<Said> {
        let from = match event {
            Event::Connect(from) | Event::Transfer(from) | Event::Disconnect(from) | Event::Lost(from) => from,
            Event::Silence => {
                // The first end stays.
                self.ended = self.ended.or(Some(Reason::Expired));
                return Vec::new();
            }
        };
        // From whoever has lost the session comes nothing that counts, not even that it is gone.
        if from < self.holder {
            return Vec::new();
        }
        let reply = match (event, self.ended) {
            (Event::Lost(_), _) => {
                self.connected = false;
                return Vec::new();
            }
            // A client that lost our goodbye asks again; the answer must not turn into an error.
            (Event::Connect(_) | Event::Disconnect(_), Some(Reason::Closed)) => Reply::Closed,
            (_, Some(reason)) => Reply::Gone(reason),
            (Event::Connect(_), None) => return self.take(from),
            (Event::Transfer(_), None) => {
                self.next_sequence += 1;
                Reply::Stored { sequence: self.next_sequence - 1 }
            }
            (Event::Disconnect(_) | Event::Silence, None) => {
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
            None if self.next_sequence == 1 => State::Pending,
            None if !self.connected => State::Suspended,
            None => State::Active,
        }
    }
}
