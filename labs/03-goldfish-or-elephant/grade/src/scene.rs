//! Servers, clients and what is between them, in a time of its own. Asks a request, compares the answer with what is
//! due, and records the wire.

use std::time::Duration;

use lab_kit::{Dice, Ending, Failure, Picture, Recording, Side, Step, caught};

use crate::client::{Client, Special};
use crate::due::{Due, Service, asked, told};
use crate::frame::Frame;
use crate::{
    Carried, ErrorCode, Key, Mode, Progress, QUOTA_BYTES, Request, StatefulHandler, StatelessHandler, Subject, World,
};

pub(crate) type Outcome = Result<(), Box<Failure>>;

/// What a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Goldfish,
    Elephant { sessions_max: usize },
}

impl Kind {
    /// An elephant with room for all.
    pub(crate) const ROOMY: Self = Self::Elephant { sessions_max: 1_000 };

    /// Starts such a server.
    pub(crate) fn start(self, subject: &Subject, key: &Key) -> Handler {
        match self {
            Self::Goldfish => Handler::Goldfish(subject.stateless(key.clone())),
            Self::Elephant { sessions_max } => Handler::Elephant(subject.stateful(key.clone(), sessions_max)),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Goldfish => "goldfish",
            Self::Elephant { .. } => "elephant",
        }
    }

    pub(crate) fn mode(self) -> Mode {
        match self {
            Self::Goldfish => Mode::Stateless,
            Self::Elephant { .. } => Mode::Stateful,
        }
    }
}

/// What answers.
pub(crate) enum Handler {
    Goldfish(Box<dyn StatelessHandler>),
    Elephant(Box<dyn StatefulHandler>),
}

impl Handler {
    pub(crate) fn answer(&mut self, request: &Request, world: &mut World) -> Result<Progress, ErrorCode> {
        match self {
            Self::Goldfish(handler) => handler.answer(request, world),
            Self::Elephant(handler) => handler.answer(request, world),
        }
    }
}

struct Server {
    kind: Kind,
    handler: Handler,
    key: Key,
    /// Its connection in the recording, once there is one, and how many bytes of clients that has carried.
    connection: Option<u16>,
    carried: usize,
}

/// A byte to look at when something is wrong with the request that has it.
struct Look {
    connection: u16,
    offset: usize,
    why: String,
}

/// A few servers on one disk.
pub(crate) struct Scene<'subject> {
    subject: &'subject Subject,
    servers: Vec<Server>,
    pub(crate) world: World,
    clients: usize,
    connections: u16,
    steps: Vec<Step>,
    recording: Recording,
    look: Option<Look>,
}

impl<'subject> Scene<'subject> {
    /// Servers of these kinds that share a key.
    pub(crate) fn new(subject: &'subject Subject, dice: &mut Dice, kinds: &[Kind]) -> Result<Self, Box<Failure>> {
        let world = World::new(Dice::new(u64::try_from(dice.below(usize::MAX)).unwrap_or(1)));
        let (servers, steps, recording) = (Vec::new(), Vec::new(), Recording::default());
        let mut scene = Self { subject, servers, world, clients: 0, connections: 0, steps, recording, look: None };
        for kind in kinds {
            scene.add(*kind, &Key::new([7; 32]))?;
        }
        Ok(scene)
    }

    /// One more server, with a key of its own.
    pub(crate) fn add(&mut self, kind: Kind, key: &Key) -> Outcome {
        let handler = started(self.subject, kind, key)?;
        self.servers.push(Server { kind, handler, key: key.clone(), connection: None, carried: 0 });
        Ok(())
    }

    /// The server forgets all it knows in its memory; what is on the disk stays.
    pub(crate) fn restart(&mut self, server: usize) -> Outcome {
        let at = self.now();
        let Some(place) = self.servers.get_mut(server) else { return Ok(()) };
        place.handler = started(self.subject, place.kind, &place.key)?;
        if let Some(connection) = place.connection.take() {
            self.recording.end(at, connection, Side::Server, Ending::Reset);
        }
        let did = format!("restart {}", self.name(server));
        self.recording.note(at, did.clone());
        self.steps.push(Step { did, got: "its memory is empty, the disk is not".to_owned() });
        Ok(())
    }

    /// Nobody says anything for so long.
    pub(crate) fn silence(&mut self, silence_ms: u64) {
        self.world.pass(silence_ms);
        let did = format!("{}.{:03} s of silence", silence_ms / 1_000, silence_ms % 1_000);
        self.recording.note(self.now(), did.clone());
        self.steps.push(Step { did, got: "nothing".to_owned() });
    }

    /// A client that begins an upload there, and must be served so.
    pub(crate) fn connect(&mut self, server: usize, service: Service) -> Result<Client, Box<Failure>> {
        self.clients = self.clients.saturating_add(1);
        let mut client = Client::new(self.clients, service);
        self.ask(server, &mut client, &Request::Connect, &Due::Progress { files: 0, bytes: 0, stored: None })?;
        Ok(client)
    }

    /// A file that must be stored if the quota has room for it, and refused otherwise.
    pub(crate) fn upload(&mut self, server: usize, client: &mut Client, size: u64) -> Outcome {
        let bytes = client.bytes.saturating_add(size);
        let due = if bytes > QUOTA_BYTES {
            Due::Refused(ErrorCode::QuotaExceeded)
        } else {
            Due::Progress { files: client.files.saturating_add(1), bytes, stored: Some(size) }
        };
        self.transfer(server, client, size, &due)
    }

    /// A file that was uploaded already, from a client as it was then: it hears the same, and nothing is stored.
    pub(crate) fn upload_again(&mut self, server: usize, client: &mut Client, size: u64) -> Outcome {
        let (files, bytes) = (client.files.saturating_add(1), client.bytes.saturating_add(size));
        self.transfer(server, client, size, &Due::Progress { files, bytes, stored: None })
    }

    /// A file that must be refused.
    pub(crate) fn refused(&mut self, server: usize, client: &Client, size: u64, code: ErrorCode) -> Outcome {
        self.transfer(server, &mut client.clone(), size, &Due::Refused(code))
    }

    fn transfer(&mut self, server: usize, client: &mut Client, size: u64, due: &Due) -> Outcome {
        let Some(carried) = client.carried.clone() else { return Ok(()) };
        self.ask(server, client, &Request::Transfer { carried, size }, due)
    }

    /// The request, the answer, and whether that was due.
    fn ask(&mut self, server: usize, client: &mut Client, request: &Request, due: &Due) -> Outcome {
        let how = client.special.as_ref().map_or_else(String::new, |special| format!(": {}", special.how));
        let did = format!("client {} at {}: {}{how}", client.name, self.name(server), asked(request));
        let disk = (self.world.files(), self.world.bytes());
        let Some(place) = self.servers.get_mut(server) else { return Ok(()) };
        let handler = &mut place.handler;
        let world = &mut self.world;
        let answer = caught(|| handler.answer(request, world));
        let sequence = client.files.saturating_add(1);
        let frame = Frame::request(request, self.mode(server), sequence);
        self.look = self.look(server, client.special.as_ref(), request, &frame);
        self.carry(server, &frame, Side::Client);
        let expected = due.told(client.service);
        let reply = match answer {
            Ok(reply) => reply,
            Err(panicked) => {
                self.steps.push(Step { did, got: "a panic".to_owned() });
                let got = format!("a panic at {}: {}", panicked.place, panicked.message);
                return Err(self.failure(expected, got));
            }
        };
        self.carry(server, &Frame::reply(&reply, self.world.named()), Side::Server);
        let got = told(&reply);
        self.steps.push(Step { did, got: got.clone() });
        if !due.is_met(client.service, &reply) {
            return Err(self.failure(expected, got));
        }
        let (files, bytes) = disk;
        let stored = (self.world.files().saturating_sub(files), self.world.bytes().saturating_sub(bytes));
        if stored != due.stored() {
            let (files, bytes) = due.stored();
            let expected = format!("{expected}; new on the disk: {files} files, {bytes} bytes");
            return Err(self.failure(expected, format!("new on the disk: {} files, {} bytes", stored.0, stored.1)));
        }
        if let Ok(Progress { files, bytes, carried, .. }) = reply {
            (client.files, client.bytes, client.carried) = (files, bytes, Some(carried));
        }
        Ok(())
    }

    /// Records a frame on the server's connection, and opens one when there is none.
    fn carry(&mut self, server: usize, frame: &Frame, from: Side) {
        let at = self.now();
        let Some(place) = self.servers.get_mut(server) else { return };
        let connection = *place.connection.get_or_insert_with(|| {
            self.connections = self.connections.saturating_add(1);
            self.recording.open(at, self.connections);
            place.carried = 0;
            self.connections
        });
        let bytes = frame.bytes();
        if from == Side::Client {
            place.carried = place.carried.saturating_add(bytes.len());
        }
        self.recording.bytes(at, connection, from, &bytes);
    }

    /// The byte that makes this request special, which is about to be sent.
    fn look(&self, server: usize, special: Option<&Special>, request: &Request, frame: &Frame) -> Option<Look> {
        let Special { how, at } = special?;
        let Request::Transfer { carried: Carried::Context(context), .. } = request else { return None };
        let Server { connection, carried, .. } = self.servers.get(server)?;
        let offset = carried.saturating_add(frame.head.len()).saturating_sub(context.len()).saturating_add((*at)?);
        Some(Look { connection: (*connection)?, offset, why: how.clone() })
    }

    /// What has happened so far, as the story of a failure.
    pub(crate) fn failure(&self, expected: impl Into<String>, got: impl Into<String>) -> Box<Failure> {
        let mut recording = self.recording.clone();
        if let Some(Look { connection, offset, why }) = &self.look {
            recording.caret(*connection, Side::Client, u64::try_from(*offset).unwrap_or(u64::MAX), why.as_str());
        }
        let picture = Some(Picture::Wire(recording));
        Box::new(Failure { steps: self.steps.clone(), expected: expected.into(), got: got.into(), picture })
    }

    fn now(&self) -> Duration {
        self.world.age()
    }

    fn mode(&self, server: usize) -> Mode {
        self.servers.get(server).map_or(Mode::Stateless, |place| place.kind.mode())
    }

    /// What a reader calls this server: by its kind, and by a number if there are others.
    fn name(&self, server: usize) -> String {
        let word = self.servers.get(server).map_or("nobody", |place| place.kind.word());
        if self.servers.len() > 1 { format!("{word} {}", server.saturating_add(1)) } else { word.to_owned() }
    }
}

/// Starts a server, or tells how that panicked.
fn started(subject: &Subject, kind: Kind, key: &Key) -> Result<Handler, Box<Failure>> {
    caught(|| kind.start(subject, key)).map_err(|panicked| Failure::panic(&panicked))
}
