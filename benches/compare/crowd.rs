//! Many sessions of this server, each on a connection that stays, whose users come back one after the other.

use std::io::{BufReader, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use benches::Clock;
use server::config::Persistence;

use crate::contestant::{Contestant, Scene};
use crate::descriptors;
use crate::lane::{Wire as _, connect};
use crate::program::Program;
use crate::row::Service;
use crate::source::Content;
use crate::this::Frames;

struct Crowd {
    program: Program,
    members: Vec<(BufReader<TcpStream>, Frames)>,
    /// Whose turn it is.
    next: usize,
    scene: Scene,
}

/// Starts the server and opens so many sessions.
pub(crate) fn start(sessions: usize, scene: Scene) -> Result<Box<dyn Contestant>, String> {
    descriptors::room_for(sessions)?;
    let service = Service::PLAIN;
    let program = Program::start(Persistence::Memory, service.ack, &scene.folder, &scene.disk)?;
    let member = |_| {
        let mut input = connect(program.server.address, &scene.congestion);
        let frames = Frames::open(&mut input, service);
        (input, frames)
    };
    let members = (0..sessions).map(member).collect();
    Ok(Box::new(Crowd { program, members, next: 0, scene }))
}

impl Contestant for Crowd {
    fn turn(&mut self, _number: usize) -> Duration {
        let Content::Bytes(payload) = &self.scene.source.content else { return Duration::MAX };
        let sessions = self.members.len();
        let whose = (0..self.scene.work.files).map(|file| self.next.saturating_add(file) % sessions);
        let mut requests = Vec::new();
        for who in whose {
            let (_, frames) = self.members.get_mut(who).expect("a member");
            let (before, _) = frames.envelope(self.scene.source.size);
            requests.push((who, [before, payload.clone()].concat()));
        }
        self.next = self.next.saturating_add(requests.len());
        let clock = Clock::start();
        for (who, request) in requests {
            let (input, frames) = self.members.get_mut(who).expect("a member");
            input.get_mut().write_all(&request).expect("the server takes bytes");
            frames.answer(input);
        }
        clock.elapsed()
    }

    fn folder(&self) -> Option<&Path> {
        Some(&self.program.storage)
    }

    fn process(&self) -> Option<u32> {
        Some(self.program.server.number())
    }
}
