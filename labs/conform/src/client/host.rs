//! The server in the kit: takes one connection after the other, judges every frame, and answers as a server should,
//! unless the check wants something else.

use std::net::{TcpListener, TcpStream};

use super::Ground;
use super::command::{Folder, GLANCE, Running};
use super::memory::Memory;
use super::replies::{line, refusal};
use super::request::Request;
use super::story::{Deed, Event, Mode, Story, Task};
use super::week01;
use crate::check::{Checked, failed};
use crate::env::{Deadline, pause};
use crate::link::Link;
use crate::record::Way;

/// Connections of one check; a client that opens more is not trying to get anywhere.
const CONNECTIONS_MAX: usize = 40;

/// Whether more frames are read from a connection.
#[derive(PartialEq)]
enum Then {
    GoOn,
    Closed,
}

/// Starts the client until it succeeds or was started often enough, and serves it.
pub(super) fn serve(ground: &Ground, task: &Task, deed: &mut dyn FnMut(Event) -> Deed) -> Checked<Story> {
    let folder = Folder::of(&task.files)?;
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok((listener.local_addr()?.port(), listener))
    });
    let (port, listener) = listener.map_err(|error| failed("a free port", error.to_string()))?;
    let mut host = Host { ground, mode: task.mode, memory: Memory::default(), requests: Vec::new(), connections: 0 };
    let (mut exits, mut said) = (Vec::new(), String::new());
    while exits.len() < task.runs && exits.last() != Some(&0) {
        let mut running = Running::start(&ground.words, port, task.mode, &folder)?;
        let exit = host.run(&listener, &mut running, deed);
        said = running.said();
        if !said.is_empty() {
            ground.record.note(0, Way::Happened, format!("the client said: {said}").as_bytes());
        }
        exits.push(exit?);
    }
    Ok(Story { requests: host.requests, stored: host.memory.files, exits, said })
}

pub(super) struct Host<'a> {
    pub(super) ground: &'a Ground,
    pub(super) mode: Mode,
    pub(super) memory: Memory,
    requests: Vec<Request>,
    connections: usize,
}

impl Host<'_> {
    /// Serves every connection of one run; its exit code.
    fn run(
        &mut self,
        listener: &TcpListener,
        running: &mut Running,
        deed: &mut dyn FnMut(Event) -> Deed,
    ) -> Checked<i32> {
        while let Some(stream) = self.accept(listener, running)? {
            self.connections += 1;
            if self.connections > CONNECTIONS_MAX {
                return Err(failed("an end of trying", format!("{} connections", self.connections)));
            }
            let mut link = Link::over(stream, self.ground.patience, &self.ground.record);
            match (self.mode, deed(Event::Connected)) {
                (_, Deed::Close) => link.cut(),
                (_, Deed::Say(bytes)) => {
                    link.send(bytes);
                    link.end();
                    link.drop_rest();
                }
                (Mode::Week01, _) => self.memory.files.extend(week01::serve(&mut link)?),
                (Mode::Stateless | Mode::Stateful, _) => self.connection(&mut link, deed)?,
            }
        }
        running.exit(self.ground.patience)
    }

    /// The next connection, unless the client ends.
    fn accept(&self, listener: &TcpListener, running: &mut Running) -> Checked<Option<TcpStream>> {
        let deadline = Deadline::after(self.ground.patience);
        loop {
            // Asked first: what it opened before its end is there when its end is seen.
            let ended = running.ended().is_some();
            if let Ok((stream, _)) = listener.accept() {
                let blocking = stream.set_nonblocking(false);
                return blocking.map(|()| Some(stream)).map_err(|error| failed("a connection", error.to_string()));
            }
            if ended {
                return Ok(None);
            }
            if deadline.left().is_none() {
                let patience = self.ground.patience;
                return Err(failed("a connection, or the end of the command", format!("neither within {patience:?}")));
            }
            pause(GLANCE);
        }
    }

    fn connection(&mut self, link: &mut Link, deed: &mut dyn FnMut(Event) -> Deed) -> Checked {
        let mut bound = None;
        while let Some(frame) = link.header_or_end("a request")? {
            let request = Request::judged(frame, self.mode, &self.ground.record)?;
            if self.request(link, request, &mut bound, deed)? == Then::Closed {
                break;
            }
        }
        Ok(())
    }

    fn request(
        &mut self,
        link: &mut Link,
        mut request: Request,
        bound: &mut Option<String>,
        deed: &mut dyn FnMut(Event) -> Deed,
    ) -> Checked<Then> {
        let deed = deed(Event::Asked(&request));
        match deed {
            Deed::Close => return Ok(self.heard(request, Then::Closed)),
            Deed::Say(bytes) => {
                link.send(bytes);
                link.end();
                link.drop_rest();
                return Ok(self.heard(request, Then::Closed));
            }
            Deed::Last(error) => {
                link.send(line(&refusal(error, &request, true)));
                link.end();
                link.drop_rest();
                return Ok(self.heard(request, Then::Closed));
            }
            Deed::Refuse(error) => {
                if !request.waits() {
                    link.body(&mut request.frame, "the rest of the frame")?;
                }
                link.send(line(&refusal(error, &request, false)));
                return Ok(self.heard(request, Then::GoOn));
            }
            Deed::Misfit => {
                self.misfit(link, &mut request)?;
                return Ok(self.heard(request, Then::GoOn));
            }
            Deed::Cut(count) => {
                self.cut(link, &request, count)?;
                return Ok(self.heard(request, Then::Closed));
            }
            Deed::Right | Deed::Retold(_) | Deed::Pieces | Deed::Lose | Deed::Half => {}
        }
        let reply = self.answered(link, &mut request, bound)?;
        self.requests.push(request);
        let whole = line(&reply);
        match deed {
            Deed::Lose => return Ok(Then::Closed),
            Deed::Half => {
                link.send(whole.get(..whole.len() / 2).unwrap_or_default());
                return Ok(Then::Closed);
            }
            Deed::Pieces => link.send_cut(whole.as_bytes(), 1),
            Deed::Retold(retold) => link.send(retold(reply)),
            // The others were dealt with before.
            Deed::Right
            | Deed::Cut(_)
            | Deed::Misfit
            | Deed::Refuse(_)
            | Deed::Last(_)
            | Deed::Say(_)
            | Deed::Close => link.send(whole),
        }
        Ok(Then::GoOn)
    }

    fn heard(&mut self, request: Request, then: Then) -> Then {
        self.requests.push(request);
        then
    }
}
