//! The server in the kit: takes one connection after the other, judges every frame, and answers as a server should,
//! unless the check wants something else.

use std::net::{TcpListener, TcpStream};

use super::Ground;
use super::answers::SILENCE;
use super::command::{Folder, GLANCE, Running};
use super::memory::Memory;
use super::replies::{line, refusal};
use super::request::{Request, Sent};
use super::story::{Deed, Event, Mode, Story, Task};
use super::week01;
use crate::check::{Checked, failed};
use crate::env::{Deadline, pause};
use crate::link::Link;
use crate::record::Way;

/// Connections and requests of one check; a client that needs more is not trying to get anywhere.
const CONNECTIONS_MAX: usize = 40;
const REQUESTS_MAX: usize = 400;

/// Whether more frames are read from a connection.
#[derive(PartialEq)]
enum Then {
    GoOn,
    Closed,
}

/// Starts the client until it succeeds or was started often enough, and serves it.
pub(super) fn serve(ground: &Ground, task: &Task, deed: &mut dyn FnMut(Event) -> Deed) -> Checked<Story> {
    let folder = Folder::of(&task.files).map_err(|error| failed("a folder for the files", error.to_string()))?;
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok((listener.local_addr()?.port(), listener))
    });
    let (port, listener) = listener.map_err(|error| failed("a free port", error.to_string()))?;
    let mut host =
        Host { ground, mode: task.mode, memory: Memory::of(task.store), requests: Vec::new(), connections: 0 };
    let (mut exits, mut said) = (Vec::new(), String::new());
    while exits.len() < task.runs && exits.last() != Some(&0) {
        let started = Running::start(&ground.words, port, task.mode, &folder);
        let mut running = started.map_err(|error| failed("a command that can be started", error.to_string()))?;
        let exit = host.run(&listener, &mut running, deed);
        said = running.said();
        if !said.is_empty() {
            ground.record.note(0, Way::Happened, format!("the client said: {said}").as_bytes());
        }
        exits.push(exit?);
    }
    if host.connections == 0 {
        return Err(failed("a connection", format!("the end of the command without one; its exit codes: {exits:?}")));
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
            if matches!(deed(Event::Connected), Deed::Close) {
                link.cut();
                continue;
            }
            match self.mode {
                Mode::Week01 => week01::serve(&mut link, &mut self.memory.files)?,
                Mode::Stateless | Mode::Stateful => self.connection(&mut link, deed)?,
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
        loop {
            let sent = if link.holds_more() { Sent::Ahead } else { Sent::Behind };
            let Some(frame) = link.header_or_end("a request")? else { break };
            if self.requests.len() == REQUESTS_MAX {
                return Err(failed("an end of trying", format!("{REQUESTS_MAX} requests, and one more")));
            }
            let request = Request::judged(frame, sent, self.mode, &self.ground.record)?;
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
        let then = match deed(Event::Asked(&request)) {
            Deed::Right => {
                let reply = self.answered(link, &mut request, bound)?;
                link.send(line(&reply) + &self.memory.session_data(&reply));
                Then::GoOn
            }
            Deed::Retold(retold) => {
                let reply = self.answered(link, &mut request, bound)?;
                let ticket = self.memory.session_data(&reply);
                link.send(retold(reply) + &ticket);
                Then::GoOn
            }
            Deed::Pieces => {
                let reply = self.answered(link, &mut request, bound)?;
                link.send_cut((line(&reply) + &self.memory.session_data(&reply)).as_bytes(), 1);
                Then::GoOn
            }
            Deed::Lose => {
                self.answered(link, &mut request, bound)?;
                last_word(link, "")
            }
            Deed::Half => {
                let reply = line(&self.answered(link, &mut request, bound)?);
                link.send(reply.get(..reply.len() / 2).unwrap_or_default());
                broken_off(link)
            }
            Deed::Cut(count) => {
                self.cut(link, &request, count)?;
                broken_off(link)
            }
            Deed::Misfit => {
                self.misfit(link, &mut request)?;
                Then::GoOn
            }
            Deed::Refuse(error) => {
                if !request.waits() {
                    link.body(&mut request.frame, "the rest of the frame")?;
                }
                // What is sent without waiting for the answer is here before it.
                link.gather(SILENCE);
                link.send(line(&refusal(error, &request, false)));
                Then::GoOn
            }
            Deed::Last(error) => last_word(link, line(&refusal(error, &request, true))),
            Deed::Say(bytes) => last_word(link, bytes),
            Deed::Close => last_word(link, ""),
        };
        self.requests.push(request);
        Ok(then)
    }
}

/// Closes, whatever is under way.
fn broken_off(link: &Link) -> Then {
    link.cut();
    Then::Closed
}

/// Says this, and closes in order: what is under way arrives, which a connection that is broken off could take along.
fn last_word(link: &mut Link, bytes: impl AsRef<[u8]>) -> Then {
    link.send(bytes);
    link.end();
    link.drop_rest();
    Then::Closed
}
