//! A connection over real sockets of this machine with both its ends in one thread: a client with a script, and a server
//! that is being checked. Sockets are real and time is not: it passes when both ends wait, so every run is the same.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use lab_kit::{Ending, Side, Step, caught, shown};
use socket2::SockRef;

use crate::client::{Act, Client, Spoken, Stays};
use crate::frames::{Found, Frames};
use crate::outcome::{Outcome, Setting};
use crate::{Arrival, Dropped, Full, Link, SILENCE, Subject, Unsaid};

/// What the system may take for what it does at once.
const SYSTEM_TIMEOUT: Duration = Duration::from_secs(5);
/// How often one looks whether a reset has come, a millisecond apart.
const RESET_LOOKS: u32 = 500;
/// What the client's system is asked to hold of what was sent.
const SEND_BUFFER_BYTES: usize = 2 * 1024 * 1024;
/// Bytes of one read. Few, because what is read makes room for what would be lost.
const READ_BYTES: usize = 4096;
/// Calls of a server that goes round in a loop.
const CALLS_MAX: u32 = 20_000;
/// The only one there is.
const CONNECTION: u16 = 1;

/// A connection.
struct Wire {
    client: Client,
    server: TcpStream,
    setting: Setting,
    frames: Frames,
    now: Duration,
    /// When the last byte came.
    heard: Duration,
    received: usize,
    spoken: Spoken,
    /// What the server knows of the client's end.
    ended: Option<Ending>,
    calls: u32,
    outcome: Outcome,
}

/// Serves one connection of a client with this script.
pub(crate) fn served(subject: &Subject, script: Vec<Act>, setting: Setting) -> Outcome {
    served_by(&*subject.serve, script, setting)
}

pub(crate) fn served_by(serve: &dyn Fn(&mut dyn Link), script: Vec<Act>, setting: Setting) -> Outcome {
    let mut wire = match Wire::new(script, setting) {
        Ok(wire) => wire,
        Err(error) => {
            return Outcome { panic: Some(format!("no connection on this machine: {error}")), ..Outcome::default() };
        }
    };
    if let Err(panicked) = caught(|| serve(&mut wire)) {
        let words = format!("a panic at {}: {}", panicked.place, panicked.message);
        let endless = wire.calls > CALLS_MAX;
        wire.outcome.panic = Some(if endless { format!("{CALLS_MAX} calls, and it does not return") } else { words });
    }
    wire.close()
}

impl Wire {
    fn new(script: Vec<Act>, setting: Setting) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let client = TcpStream::connect_timeout(&listener.local_addr()?, SYSTEM_TIMEOUT)?;
        let (server, _) = listener.accept()?;
        // A smaller buffer only makes the client wait before it can leave.
        let _ = SockRef::from(&client).set_send_buffer_size(SEND_BUFFER_BYTES);
        for socket in [&client, &server] {
            socket.set_nodelay(true)?;
            socket.set_read_timeout(Some(SYSTEM_TIMEOUT))?;
            socket.set_write_timeout(Some(SYSTEM_TIMEOUT))?;
        }
        let mut outcome = Outcome::default();
        outcome.recording.open(Duration::ZERO, CONNECTION);
        let client = Client::new(client, script);
        let (now, heard, spoken) = (Duration::ZERO, Duration::ZERO, Spoken::default());
        let frames = Frames::default();
        Ok(Self { client, server, setting, frames, now, heard, received: 0, spoken, ended: None, calls: 0, outcome })
    }

    /// The client goes on as far as it can.
    fn run_client(&mut self) -> Stays {
        let (over, end) = (self.client.over, self.client.heard_end);
        let (written, stays) = self.client.run(self.spoken);
        if !written.is_empty() {
            self.outcome.recording.bytes(self.now, CONNECTION, Side::Client, &written);
        }
        if let (None, Some(how)) = (over, self.client.over) {
            if how == Ending::Reset {
                let words = "the client closes and has not read all: its system resets, and drops what it had to send";
                self.outcome.recording.note(self.now, words);
            }
            self.outcome.recording.end(self.now, CONNECTION, Side::Client, how);
        }
        if end.is_none() && self.client.heard_end.is_some() {
            self.outcome.heard_at = self.now;
        }
        stays
    }

    /// Reads what is on the way; if nothing is, time passes. False when nothing came for as long as the patience was.
    fn fill(&mut self, patience: Duration) -> bool {
        let mut left = patience.max(Duration::from_millis(1));
        while self.ended.is_none() {
            let stays = self.run_client();
            if self.received < self.client.sent || self.client.over.is_some() {
                self.read();
                return true;
            }
            if left.is_zero() {
                return false;
            }
            let time = match stays {
                Stays::Until(time) => time.min(left),
                // Nothing is on the way, so its system takes more at once.
                Stays::Full | Stays::Gone => Duration::ZERO,
            };
            self.now = self.now.saturating_add(time);
            self.client.pass(time);
            left = left.saturating_sub(time);
        }
        true
    }

    fn read(&mut self) {
        let mut buffer = [0; READ_BYTES];
        match self.server.read(&mut buffer) {
            Ok(0) => {
                let whole = self.received == self.client.sent && self.client.over == Some(Ending::Finished);
                self.ended = Some(if whole { Ending::Finished } else { Ending::Reset });
            }
            Ok(length) => {
                self.received = self.received.saturating_add(length);
                self.heard = self.now;
                self.frames.push(buffer.get(..length).unwrap_or_default());
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => self.ended = Some(Ending::Reset),
        }
    }

    /// Whether a client of which nothing is known but what has come may hear something now.
    fn may_speak(&self) -> bool {
        let silent = self.now.saturating_sub(self.heard) >= SILENCE;
        silent || self.ended.is_some() || self.frames.invalid() || self.setting.room == Some(0)
    }

    /// Waits until what was said has arrived: in the client's buffer, or where nobody is any more.
    fn arrive(&mut self) {
        for _ in 0..RESET_LOOKS {
            let arrived = if self.client.is_gone() {
                // A connection whose end is known has nothing to lose.
                self.ended.is_some() || matches!(self.server.take_error(), Ok(Some(_)) | Err(_))
            } else {
                self.client.has(self.spoken)
            };
            if arrived {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn step(&mut self, did: String, got: impl Into<String>) {
        self.outcome.steps.push(Step { did, got: got.into() });
        self.calls = self.calls.saturating_add(1);
        if self.calls > CALLS_MAX {
            endless();
        }
    }

    /// The server is done.
    fn close(mut self) -> Outcome {
        self.run_client();
        self.outcome.closed_at = self.now;
        let unread = self.ended.is_none() && self.received < self.client.sent;
        self.outcome.reset = unread;
        if unread {
            // What Linux and Windows do by themselves.
            let _ = SockRef::from(&self.server).set_linger(Some(Duration::ZERO));
        }
        if unread || (!self.spoken.ended && self.ended != Some(Ending::Reset)) {
            let how = if unread { Ending::Reset } else { Ending::Finished };
            self.outcome.recording.end(self.now, CONNECTION, Side::Server, how);
        }
        self.spoken.ended = true;
        self.outcome.died = self.client.sent.saturating_sub(self.received);
        self.hang_up()
    }

    /// The socket is closed, and the client does what is left of its script.
    fn hang_up(self) -> Outcome {
        let Self { mut client, server, mut outcome, now, spoken, .. } = self;
        drop(server);
        let (mut now, before) = (now, client.heard_end.is_some());
        while let (_, Stays::Until(time)) = client.run(spoken) {
            client.pass(time);
            now = now.saturating_add(time);
        }
        if !before {
            outcome.heard_at = outcome.closed_at;
        }
        outcome.heard = std::mem::take(&mut client.heard);
        (outcome.heard_end, outcome.gave_up) = (client.heard_end, client.gave_up);
        outcome
    }
}

impl Link for Wire {
    fn next(&mut self, patience: Duration) -> Arrival {
        let arrival = loop {
            match self.frames.take() {
                Found::File(mime_type, bytes) => break Arrival::File { mime_type, bytes },
                Found::Invalid => break Arrival::Invalid,
                found @ (Found::Part | Found::Nothing) => match self.ended {
                    Some(Ending::Reset) => break Arrival::Reset,
                    Some(Ending::Finished) if matches!(found, Found::Part) => break Arrival::Cut,
                    Some(Ending::Finished) => break Arrival::End,
                    None => {
                        if !self.fill(patience) {
                            break Arrival::Silence;
                        }
                    }
                },
            }
        };
        self.step(format!("next({patience:?})"), told(&arrival));
        arrival
    }

    fn store(&mut self, mime_type: &str, bytes: &[u8]) -> Result<(), Full> {
        let stored = self.setting.room.is_none_or(|room| self.outcome.stored.len() < room);
        let did = format!("store(\"{mime_type}\", {} bytes)", bytes.len());
        if stored {
            self.outcome.stored.push(bytes.to_vec());
        } else {
            self.setting.room = Some(0);
        }
        self.step(did, if stored { "stored" } else { "no room" });
        if stored { Ok(()) } else { Err(Full) }
    }

    fn say(&mut self, bytes: &[u8]) -> Result<(), Unsaid> {
        let early = !self.may_speak() && !bytes.is_empty();
        self.outcome.early |= early;
        self.outcome.said.extend_from_slice(bytes);
        let sent = !self.setting.deaf && self.server.write_all(bytes).is_ok();
        if sent {
            self.outcome.recording.bytes(self.now, CONNECTION, Side::Server, bytes);
            self.spoken.bytes = self.spoken.bytes.saturating_add(bytes.len());
            self.arrive();
            if early && self.client.is_gone() {
                let words = "nobody is there any more: the client's system resets, and drops what it had to send";
                self.outcome.recording.note(self.now, words);
                self.outcome.recording.end(self.now, CONNECTION, Side::Client, Ending::Reset);
            }
        }
        self.run_client();
        self.step(
            format!("say(\"{}\")", shown(bytes, 40)),
            if sent { "the system has it" } else { "it cannot be sent" },
        );
        if sent { Ok(()) } else { Err(Unsaid) }
    }

    fn finish(&mut self) {
        // Fails when the connection is gone.
        let _ = self.server.shutdown(Shutdown::Write);
        if !self.spoken.ended {
            self.spoken.ended = true;
            self.outcome.recording.end(self.now, CONNECTION, Side::Server, Ending::Finished);
        }
        self.run_client();
        self.step("finish()".to_owned(), "FIN");
    }

    fn discard(&mut self, patience: Duration) -> Dropped {
        let mut length = self.frames.drop_all();
        let filled = length > 0 || self.fill(patience);
        if length == 0 {
            length = self.frames.drop_all();
        }
        self.outcome.dropped = self.outcome.dropped.saturating_add(length);
        let dropped = match self.ended {
            _ if length > 0 => Dropped::Bytes(length),
            Some(Ending::Finished) => Dropped::End,
            Some(Ending::Reset) => Dropped::Reset,
            None if filled => Dropped::Bytes(0),
            None => Dropped::Silence,
        };
        self.step(format!("discard({patience:?})"), format!("{dropped:?}"));
        dropped
    }

    fn now(&self) -> Duration {
        self.now
    }
}

fn told(arrival: &Arrival) -> String {
    match arrival {
        Arrival::File { mime_type, bytes } => format!("a file of {mime_type}, {} bytes", bytes.len()),
        Arrival::Invalid => "Invalid".to_owned(),
        Arrival::Silence => "Silence".to_owned(),
        Arrival::End => "End".to_owned(),
        Arrival::Cut => "Cut".to_owned(),
        Arrival::Reset => "Reset".to_owned(),
    }
}

#[expect(clippy::panic, reason = "the only way out of somebody else's loop; whoever drives it catches it")]
fn endless() -> ! {
    panic!("it does not return")
}
