//! One client of the load: a session that it continues after each kill, one request at a time, and a ledger of what
//! it was told. It knows what every answer has to be.

mod going_on;
mod request;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use harness::{RawClient, Reply, Session, frame};
use serde_json::Value;

use super::ledger::{Kept, Ledger, UnderWay};
use crate::Outcome;
use crate::dice::Dice;
use request::{Request, Target, Upload};

/// Requests of a session after which it may be ended, so that its list stays short.
const SESSION_REQUESTS_MIN: u64 = 20;

/// One upload in so many is cut by its client.
const CUTS_ONE_IN: u64 = 30;

/// Why a client stops.
#[derive(Debug)]
pub(super) enum Stop {
    /// The connection is gone.
    Lost(io::Error),
    /// The server did what it must not.
    Fault(String),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Lost(error)
    }
}

pub(super) type Step<T> = Result<T, Stop>;

pub(super) fn fault<T>(what: &str, reply: &Reply) -> Step<T> {
    Err(Stop::Fault(format!("{what}: {}", reply.header)))
}

/// What happened to a client so far.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Counts {
    pub(super) stateful: u64,
    pub(super) stateless: u64,
    pub(super) bytes: u64,
    pub(super) removed: u64,
    pub(super) continued: u64,
    pub(super) ended: u64,
    /// Requests whose answer was lost and that were found done.
    pub(super) found_done: u64,
    /// Answers that were asked for again and were the same.
    pub(super) replayed: u64,
    /// Uploads that went on in the middle, and the bytes that were not sent again.
    pub(super) resumed: u64,
    pub(super) spared_bytes: u64,
}

/// A client with everything it remembers between two connections.
#[derive(Debug)]
pub(super) struct Client {
    dice: Dice,
    /// Where the server stores, to look into.
    storage: PathBuf,
    session: Option<Session>,
    /// The sequence of its next request.
    next: u64,
    /// A request without an answer.
    open: Option<Request>,
    /// The last request of the session that was answered, and what the answer was.
    last: Option<(Request, Value)>,
    pub(super) ledger: Ledger,
    pub(super) counts: Counts,
}

impl Client {
    pub(super) fn new(dice: Dice, storage: PathBuf) -> Self {
        let (ledger, counts) = (Ledger::default(), Counts::default());
        Self { dice, storage, session: None, next: 1, open: None, last: None, ledger, counts }
    }

    /// Works until the server is killed. `killed` says that it was, or is about to be.
    pub(super) fn work(&mut self, server: SocketAddr, killed: &AtomicBool) -> Outcome<()> {
        let stop = self.work_on(server);
        match stop {
            Ok(never) => match never {},
            Err(Stop::Lost(_)) if killed.load(Ordering::SeqCst) => Ok(()),
            Err(Stop::Lost(error)) => Err(format!("a connection was lost while the server lived: {error}")),
            Err(Stop::Fault(fault)) => Err(fault),
        }
    }

    /// Settles what is open, and does nothing more.
    pub(super) fn settle(&mut self, server: SocketAddr) -> Outcome<()> {
        let settled = RawClient::try_connect(server).map_err(Stop::from).and_then(|mut line| self.go_on(&mut line));
        settled.map_err(|stop| match stop {
            Stop::Lost(error) => format!("a connection was lost while the server lived: {error}"),
            Stop::Fault(fault) => fault,
        })
    }

    fn work_on(&mut self, server: SocketAddr) -> Step<std::convert::Infallible> {
        let mut line = RawClient::try_connect(server)?;
        self.go_on(&mut line)?;
        loop {
            self.one_more(&mut line)?;
        }
    }

    /// One request that chance decides.
    fn one_more(&mut self, line: &mut RawClient) -> Step<()> {
        let Some(session) = self.session.clone() else {
            let created = ask(line, &frame::stateful("connect"), b"")?;
            if created["status"] != "session_created" {
                return fault("no new session", &created);
            }
            self.session = Some(Session::of(&created));
            (self.next, self.last) = (1, None);
            return Ok(());
        };
        let chance = self.dice.between(0, 100);
        match chance {
            0..6 => {
                let status = ask(line, &session.frame("status"), b"")?;
                let next = status["session"]["next_sequence"].as_u64();
                let right = status["status"] == "session_status" && next == Some(self.next);
                return if right { Ok(()) } else { fault("the status of a session", &status) };
            }
            6..14 => {
                if let Some(name) = self.any_file_of(&session) {
                    self.open(Request::Remove { sequence: self.next, name });
                    return self.send_new(line);
                }
            }
            14..16 if self.next > SESSION_REQUESTS_MIN => {
                self.open(Request::Leave { sequence: self.next });
                return self.send_new(line);
            }
            _ => {}
        }
        let target = if chance < 80 { Target::Session(self.next) } else { Target::Transfer(harness::uuid()) };
        let upload = Upload::new(target, &mut self.dice);
        self.open(Request::Upload(upload));
        self.send_new(line)
    }

    fn any_file_of(&mut self, session: &Session) -> Option<String> {
        let prefix = folder_of(session);
        let names: Vec<&String> = self.ledger.files.keys().filter(|name| name.starts_with(&prefix)).collect();
        names.get(self.dice.index(names.len())).map(|name| (*name).clone())
    }

    /// From here on the outcome of this request is unknown.
    fn open(&mut self, request: Request) {
        match &request {
            Request::Upload(upload) => {
                let prefix = match (&upload.target, &self.session) {
                    (Target::Session(sequence), Some(session)) => format!("{}file_{sequence}_", folder_of(session)),
                    (Target::Session(_), None) => String::new(),
                    (Target::Transfer(id), _) => format!("received_{}.", id.replace('-', "")),
                };
                self.ledger.under_way = vec![UnderWay { prefix, digest: upload.digest.clone() }];
            }
            Request::Remove { name, .. } => self.ledger.going = Some(name.clone()),
            Request::Leave { .. } => {}
        }
        self.open = Some(request);
    }

    /// The open request got its answer.
    fn close(&mut self, request: Request, reply: &Reply) {
        (self.open, self.ledger.going) = (None, None);
        self.ledger.under_way.clear();
        if request.sequence().is_some() {
            self.next += 1;
        }
        match &request {
            Request::Upload(upload) => {
                let count = match upload.target {
                    Target::Session(_) => &mut self.counts.stateful,
                    Target::Transfer(_) => &mut self.counts.stateless,
                };
                *count += 1;
                self.counts.bytes += upload.size();
                let kept = Kept::new(upload.size(), upload.digest.clone());
                self.ledger.files.insert(reply.stored_as().to_owned(), kept);
            }
            Request::Remove { name, .. } => {
                self.counts.removed += 1;
                self.ledger.files.remove(name);
            }
            Request::Leave { .. } => {
                self.counts.ended += 1;
                self.session = None;
            }
        }
        if request.sequence().is_some() {
            self.last = Some((request, answer_of(reply)));
        }
    }

    /// Sends the open request for the first time; an upload now and then only in part, over a connection that ends
    /// there and is followed by another one.
    fn send_new(&mut self, line: &mut RawClient) -> Step<()> {
        let Some(request) = self.open.clone() else { return Ok(()) };
        if let Request::Upload(upload) = &request
            && !upload.content.is_empty()
            && self.dice.between(0, CUTS_ONE_IN) == 0
        {
            let part = &upload.content[..self.dice.index(upload.content.len())];
            line.try_send(frame::bytes(&request.header(self.session.as_ref(), 0), part))?;
            *line = RawClient::try_connect(line.server()?)?;
            return self.go_on(line);
        }
        let reply = match &request {
            Request::Upload(upload) => ask(line, &request.header(self.session.as_ref(), 0), &upload.content)?,
            Request::Remove { .. } | Request::Leave { .. } => {
                ask(line, &request.header(self.session.as_ref(), 0), b"")?
            }
        };
        request.check(&reply)?;
        if reply.is_replayed() {
            return fault("a new request got a kept answer", &reply);
        }
        self.close(request, &reply);
        Ok(())
    }
}

/// What of a reply must be the same when it is asked for again.
fn answer_of(reply: &Reply) -> Value {
    ["status", "sequence", "file", "ack"].into_iter().map(|field| (field.to_owned(), reply[field].clone())).collect()
}

fn folder_of(session: &Session) -> String {
    format!("session_{}/", session.id)
}

/// Sends a frame to a server that may vanish, and reads its reply.
fn ask(line: &mut RawClient, header: &Value, payload: &[u8]) -> io::Result<Reply> {
    line.try_send(frame::bytes(header, payload))?;
    line.try_reply()
}
