//! A Week 01 client on a real socket, which does what its script says whenever it can. Its time is given to it.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use lab_kit::Ending;
use socket2::SockRef;

/// How long a client waits for an answer: the total deadline of a real one.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// What a client does.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Writes these bytes: done when its system has taken them.
    Send(Vec<u8>),
    /// Does nothing for so long.
    Pause(Duration),
    /// Reads until it has so many bytes in all.
    Hear(usize),
    /// Ends its sending side, and reads to the end.
    HearAll,
    /// Reads to the end, without having ended its sending side.
    HearEnd,
}

/// Why a client does not go on by itself.
pub(crate) enum Stays {
    /// Its system takes no more until the server reads.
    Full,
    /// It goes on after so long, whatever the server does.
    Until(Duration),
    /// It has closed its socket.
    Gone,
}

/// What the server has done so far, as far as it reaches the client.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spoken {
    pub(crate) bytes: usize,
    pub(crate) ended: bool,
}

/// A client.
#[derive(Debug)]
pub(crate) struct Client {
    socket: Option<TcpStream>,
    script: VecDeque<Act>,
    /// How long the first act lasts already.
    waited: Duration,
    /// The first act is a write that has begun.
    writes: bool,
    /// Bytes that its system has taken.
    pub(crate) sent: usize,
    /// What it has read.
    pub(crate) heard: Vec<u8>,
    /// How reading ended.
    pub(crate) heard_end: Option<Ending>,
    /// It waited for an answer and gave up.
    pub(crate) gave_up: bool,
    /// Its sending side is over.
    pub(crate) over: Option<Ending>,
}

impl Client {
    pub(crate) fn new(socket: TcpStream, script: Vec<Act>) -> Self {
        Self {
            socket: Some(socket),
            script: script.into(),
            waited: Duration::ZERO,
            writes: false,
            sent: 0,
            heard: Vec::new(),
            heard_end: None,
            gave_up: false,
            over: None,
        }
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.socket.is_none()
    }

    /// Time passes while it waits.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.waited = self.waited.saturating_add(time);
    }

    /// Goes on as far as it can. Returns what it begins to write, whether its system takes it now or later, and why it
    /// stays.
    pub(crate) fn run(&mut self, spoken: Spoken) -> (Vec<u8>, Stays) {
        let mut written = Vec::new();
        loop {
            let Some(mut act) = self.script.pop_front() else {
                self.close(spoken);
                return (written, Stays::Gone);
            };
            let (wait, done) = match &mut act {
                Act::Send(bytes) => (Duration::MAX, self.send(bytes, &mut written)),
                Act::Pause(time) => (*time, self.waited >= *time),
                Act::Hear(bytes) => (PATIENCE, self.hear(spoken, *bytes)),
                Act::HearEnd => (PATIENCE, self.hear(spoken, usize::MAX)),
                Act::HearAll => {
                    self.finish();
                    (PATIENCE, self.hear(spoken, usize::MAX))
                }
            };
            if !done && self.waited < wait {
                let full = matches!(act, Act::Send(_));
                self.script.push_front(act);
                let left = wait.saturating_sub(self.waited);
                return (written, if full { Stays::Full } else { Stays::Until(left) });
            }
            (self.waited, self.writes) = (Duration::ZERO, false);
            if !done {
                self.gave_up = true;
                self.script.clear();
            }
        }
    }

    /// Gives bytes to the system; returns whether that has taken all.
    fn send(&mut self, bytes: &mut Vec<u8>, written: &mut Vec<u8>) -> bool {
        let Some(socket) = self.socket.as_mut() else { return true };
        // A client that cannot write any more reads what there is, or leaves.
        let Ok(length) = send(socket, bytes) else { return true };
        if !std::mem::replace(&mut self.writes, true) {
            written.extend_from_slice(bytes);
        }
        bytes.drain(..length);
        self.sent = self.sent.saturating_add(length);
        bytes.is_empty()
    }

    fn finish(&mut self) {
        if let (Some(socket), None) = (&self.socket, self.over) {
            // Fails when the connection is gone already, which reading will show.
            let _ = socket.shutdown(Shutdown::Write);
            self.over = Some(Ending::Finished);
        }
    }

    /// Reads until it has so many bytes of what was said, or all and the end. Waits for nothing that was not sent.
    fn hear(&mut self, spoken: Spoken, wanted: usize) -> bool {
        let mut byte = [0];
        let enough = |heard: &[u8]| heard.len() >= wanted;
        let Some(socket) = self.socket.as_mut() else { return true };
        while self.heard_end.is_none() && !enough(&self.heard) {
            if self.heard.len() >= spoken.bytes && !spoken.ended {
                return false;
            }
            match socket.read(&mut byte) {
                Ok(0) => self.heard_end = Some(Ending::Finished),
                Ok(_) => self.heard.extend_from_slice(&byte),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.heard_end = Some(Ending::Reset),
            }
        }
        true
    }

    /// Whether all that was said has arrived here, read or not. Of use only while the socket is open.
    pub(crate) fn has(&self, spoken: Spoken) -> bool {
        let unread = spoken.bytes.saturating_sub(self.heard.len());
        let mut buffer = vec![0; unread];
        let Some(socket) = &self.socket else { return true };
        unread == 0 || socket.peek(&mut buffer).is_ok_and(|length| length >= unread)
    }

    fn close(&mut self, spoken: Spoken) {
        let Some(socket) = self.socket.take() else { return };
        // With unread bytes, Linux and Windows reset the connection when it is closed; others do when the next byte
        // arrives. Here all do the first.
        let unread = self.heard_end.is_none() && spoken.bytes > self.heard.len();
        if unread {
            // Where that cannot be had, the system's own way stays.
            let _ = SockRef::from(&socket).set_linger(Some(Duration::ZERO));
        }
        if unread || self.over.is_none() {
            self.over = Some(if unread { Ending::Reset } else { Ending::Finished });
        }
    }
}

/// Writes as much as the system takes.
fn send(socket: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    socket.set_nonblocking(true)?;
    let mut length = 0;
    let outcome = loop {
        match socket.write(bytes.get(length..).unwrap_or_default()) {
            Ok(0) => break Ok(length),
            Ok(more) => length = more.saturating_add(length),
            Err(error) if error.kind() == ErrorKind::WouldBlock => break Ok(length),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
    };
    socket.set_nonblocking(false)?;
    outcome
}
