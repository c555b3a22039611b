//! This server, spoken to in its own wire.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use harness::{Session, frame};
use serde_json::Value;
use server::config::Persistence;

use crate::contestant::{Contestant, Scene};
use crate::lane::{Lane, Pipeline, Tail, Wire, connect, side_by_side};
use crate::program::Program;
use crate::row::Service;

struct This {
    program: Program,
    service: Service,
    scene: Scene,
}

/// Starts it over a fresh folder.
pub(crate) fn start(service: Service, scene: Scene) -> Result<Box<dyn Contestant>, String> {
    let rung = service.rung.unwrap_or(Persistence::Memory);
    let program = Program::start(rung, service.ack, &scene.folder, &scene.disk)?;
    Ok(Box::new(This { program, service, scene }))
}

impl Contestant for This {
    fn turn(&mut self, _number: usize) -> Duration {
        let scene = &self.scene;
        let lane = |_| -> Box<dyn Lane> {
            let mut input = connect(self.program.server.address, &scene.congestion);
            let wire = Frames::open(&mut input, self.service);
            Box::new(Pipeline::new(input, wire, &scene.source, scene.work.files, scene.in_flight))
        };
        side_by_side((0..scene.work.connections).map(lane).collect())
    }

    fn folder(&self) -> Option<&Path> {
        Some(&self.program.storage)
    }

    fn process(&self) -> Option<u32> {
        Some(self.program.server.number())
    }
}

/// Uploads of a session, or without one.
pub(crate) struct Frames {
    service: Service,
    session: Option<Session>,
    next: u64,
    line: String,
}

impl Frames {
    /// Opens the session, if there is to be one.
    pub(crate) fn open(input: &mut BufReader<TcpStream>, service: Service) -> Self {
        let mut frames = Self { service, session: None, next: 1, line: String::new() };
        if service.rung.is_some() {
            let connect = frame::bytes(&frame::stateful("connect"), b"");
            input.get_mut().write_all(&connect).expect("the server takes bytes");
            frames.read_reply(input);
            let reply: Value = serde_json::from_str(&frames.line).expect("a reply");
            let id = reply.pointer("/session/id").and_then(Value::as_str).expect("a session");
            // Nothing here continues it on another connection, which takes the token.
            frames.session = Some(Session { id: id.to_owned(), token: String::new() });
        }
        frames
    }

    /// Reads a reply's line, and drops the ticket behind it if there is one.
    fn read_reply(&mut self, input: &mut BufReader<TcpStream>) {
        self.line.clear();
        input.read_line(&mut self.line).expect("a reply in time");
        let behind = self.line.split_once("\"data_size\":").map(|(_, number)| number);
        let digits = behind.and_then(|text| text.split(|digit: char| !digit.is_ascii_digit()).next());
        let ticket = digits.map_or(0, |digits| digits.parse().expect("a size"));
        io::copy(&mut input.take(ticket), &mut io::sink()).expect("a whole reply");
    }
}

impl Wire for Frames {
    fn envelope(&mut self, size: u64) -> (Vec<u8>, Tail) {
        let size = usize::try_from(size).expect("a size that fits into memory");
        let header = match &self.session {
            Some(session) => session.upload(self.next, "text/plain", size),
            None => frame::upload("text/plain", size),
        };
        self.next = self.next.saturating_add(1);
        let header = frame::with(header, "ack", self.service.ack.as_str());
        match self.service.digest {
            Some(kind) => (frame::bytes(&frame::with(header, "trailer", kind.as_str()), b""), Tail::DigestOf(kind)),
            None => (frame::bytes(&header, b""), Tail::Bytes(Vec::new())),
        }
    }

    fn answer(&mut self, input: &mut BufReader<TcpStream>) {
        self.read_reply(input);
        assert!(self.line.contains("\"status\":\"stored\""), "{}", self.line);
    }
}
