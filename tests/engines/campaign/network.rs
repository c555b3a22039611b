//! A network between clients and a server: one address that stays while servers come and go. It counts the payload
//! that it passes on, and stops at a place in the file that was named before, so that the campaign can cut there.

mod watch;

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use harness::PATIENCE;

use crate::Outcome;
use watch::Watch;

/// Bytes passed on at once.
const PIECE_BYTES: usize = 64 * 1024;
/// The system's table of connections.
const CONNECTIONS: &str = "/proc/net/tcp";

/// A network with an address that clients know.
#[derive(Debug)]
pub(crate) struct Network {
    /// Where clients reach the server, whichever it is.
    pub(crate) address: SocketAddr,
    road: Arc<Road>,
    stopped: Receiver<Passage>,
}

/// What all connections share.
#[derive(Debug, Default)]
struct Road {
    state: Mutex<State>,
    opened: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Where it leads; nowhere while a connection is stopped, and others wait.
    server: Option<SocketAddr>,
    /// The place in the file at which the next connection is stopped.
    stop_at: Option<u64>,
    /// Payload that was passed on, in all.
    passed: u64,
    /// Where the first payload since the last stop began.
    went_on_at: Option<u64>,
}

impl Network {
    /// A network that leads nowhere yet. Its threads end with the program.
    pub(crate) fn new() -> Outcome<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let road = Arc::new(Road::default());
        let (stop, stopped) = mpsc::channel();
        let shared = Arc::clone(&road);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // A server that is gone by then is for the client what a lost connection is.
                let _ = shared.begin(client, &stop);
            }
        });
        Ok(Self { address, road, stopped })
    }

    /// Lets connections through to this server, those that wait too.
    pub(crate) fn lead_to(&self, server: SocketAddr) {
        self.road.state().server = Some(server);
        self.road.opened.notify_all();
    }

    /// Stops the connection in which a file comes to this place, and lets others wait then. Without a place none is
    /// stopped any more.
    pub(crate) fn stop_at(&self, place: Option<u64>) {
        let mut state = self.road.state();
        (state.stop_at, state.went_on_at) = (place, None);
    }

    /// The connection that was stopped; nothing if none was within `time`.
    pub(crate) fn stopped_within(&self, time: Duration) -> Option<Passage> {
        self.stopped.recv_timeout(time).ok()
    }

    /// Payload that was passed on, in all.
    pub(crate) fn passed(&self) -> u64 {
        self.road.state().passed
    }

    /// Where the first payload after the last stop began, if any came.
    pub(crate) fn went_on_at(&self) -> Option<u64> {
        self.road.state().went_on_at
    }
}

impl Road {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes on what comes over a connection, both ways.
    fn begin(self: &Arc<Self>, client: TcpStream, stop: &Sender<Passage>) -> io::Result<()> {
        let mut state = self.state();
        let server = loop {
            match state.server {
                Some(server) => break server,
                None => state = self.opened.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        };
        drop(state);
        let server = TcpStream::connect(server)?;
        let (mut answers, mut reader) = (server.try_clone()?, client.try_clone()?);
        thread::spawn(move || {
            // Either end may be gone by then; then so is the connection.
            let _ = io::copy(&mut answers, &mut reader);
            let _ = reader.shutdown(Shutdown::Both);
        });
        let (road, stop) = (Arc::clone(self), stop.clone());
        thread::spawn(move || {
            let mut passage = Passage { client, server, watch: Watch::default(), road };
            match passage.pass_on() {
                // Nobody waits for it any more when the campaign has ended.
                Ok(End::Stopped) => drop(stop.send(passage)),
                Ok(End::OfClient) => drop(passage.server.shutdown(Shutdown::Write)),
                Err(_) => passage.lose(),
            }
        });
        Ok(())
    }
}

/// Why nothing more is passed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    OfClient,
    Stopped,
}

/// A connection through the network.
#[derive(Debug)]
pub(crate) struct Passage {
    client: TcpStream,
    server: TcpStream,
    watch: Watch,
    road: Arc<Road>,
}

impl Passage {
    /// The place in the file up to which everything was passed on.
    pub(crate) fn position(&self) -> u64 {
        self.watch.position
    }

    /// Ends the client's side at once.
    pub(crate) fn lose_client(&self) {
        // It may be gone already.
        let _ = self.client.shutdown(Shutdown::Both);
    }

    /// Ends both sides at once.
    pub(crate) fn lose(&self) {
        self.lose_client();
        let _ = self.server.shutdown(Shutdown::Both);
    }

    /// Passes on what a client that is gone had given to its system.
    pub(crate) fn pass_on_rest(&mut self) {
        // The system may have dropped some of it; what was passed on was counted.
        let _ = self.pass_on();
    }

    /// Tells the server that nothing more comes, and waits until it has closed: by then it has read everything.
    pub(crate) fn finish(&mut self) -> Outcome<()> {
        self.lose_client();
        let ended = self.server.shutdown(Shutdown::Write).and_then(|()| {
            self.server.set_read_timeout(Some(PATIENCE))?;
            io::copy(&mut self.server, &mut io::sink())
        });
        match ended {
            Ok(_) => Ok(()),
            // It has closed before this side did.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotConnected | io::ErrorKind::ConnectionReset) => {
                Ok(())
            }
            Err(error) => Err(format!("the server did not close a cut connection: {error}")),
        }
    }

    /// Bytes that were passed on and that the server has not read from its system.
    pub(crate) fn unread(&self) -> Outcome<u64> {
        let ports = self.server.local_addr().and_then(|local| Ok((local.port(), self.server.peer_addr()?.port())));
        let (here, there) = ports.map_err(|error| error.to_string())?;
        // In this order a byte that moves on meanwhile counts twice rather than not at all.
        let sending = queues(here, there)?.0;
        Ok(sending.saturating_add(queues(there, here)?.1))
    }

    fn pass_on(&mut self) -> io::Result<End> {
        let mut buffer = vec![0; PIECE_BYTES];
        loop {
            let count = self.client.read(&mut buffer)?;
            if count == 0 {
                return Ok(End::OfClient);
            }
            self.server.write_all(&buffer[..count])?;
            let payload = self.watch.see(&buffer[..count]);
            let mut state = self.road.state();
            state.passed = state.passed.saturating_add(payload);
            if payload > 0 && state.went_on_at.is_none() {
                state.went_on_at = Some(self.watch.offset);
            }
            if payload > 0 && state.stop_at.is_some_and(|place| self.watch.position >= place) {
                state.stop_at = None;
                state.server = None;
                return Ok(End::Stopped);
            }
        }
    }
}

/// Bytes that the system holds at one end of a connection: to be sent, and to be read.
fn queues(local_port: u16, remote_port: u16) -> Outcome<(u64, u64)> {
    let table = std::fs::read_to_string(CONNECTIONS).map_err(|error| format!("{CONNECTIONS}: {error}"))?;
    let (local, remote) = (format!(":{local_port:04X}"), format!(":{remote_port:04X}"));
    let row = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .find(|columns| columns.len() > 4 && columns[1].ends_with(&local) && columns[2].ends_with(&remote));
    let row = row.ok_or_else(|| format!("{CONNECTIONS} does not know the connection"))?;
    let number = |digits: &str| u64::from_str_radix(digits, 16).map_err(|error| format!("{CONNECTIONS}: {error}"));
    let (sending, receiving) = row[4].split_once(':').ok_or_else(|| format!("{CONNECTIONS}: {}", row[4]))?;
    Ok((number(sending)?, number(receiving)?))
}
