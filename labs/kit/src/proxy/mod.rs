//! A network that misbehaves: stands between a client and a server, on real sockets, and does to their bytes what a
//! plan says. Faults are placed by connection and byte, not by time. Knows no protocol.
//!
//! ```
//! # fn main() -> std::io::Result<()> {
//! use lab_kit::proxy::{Fault, Placed, Plan, Proxy, Way};
//! # let server = std::net::TcpListener::bind("127.0.0.1:0")?;
//! # let server = server.local_addr()?;
//! // The first connection is cut behind 100 bytes towards the server.
//! let plan = Plan::fixed([Placed { connection: 1, way: Way::ToServer, offset: 100, fault: Fault::Reset }]);
//! let proxy = Proxy::start(server, plan)?;
//! // Clients connect to this address; dropped, the proxy ends all its connections.
//! let address = proxy.address();
//! # Ok(())
//! # }
//! ```

mod plan;
mod pump;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use trace::{Ending, Side};

pub use plan::{Chance, Fault, Mix, Placed, Plan, Way};

use self::pump::{Ended, pump};
use crate::Recording;

/// Connections at once; each takes two threads. More wait until one ends.
const CONNECTIONS_MAX: usize = 512;

/// How long a server may take to accept.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the acceptor waits before it looks again whether a connection has ended.
const CROWDED_PAUSE: Duration = Duration::from_millis(5);

/// The proxy; ends with all its connections when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// What a proxy has done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that were accepted.
    pub connections: u64,
    /// Bytes that were written to the server.
    pub to_server: u64,
    /// Bytes that were written to clients.
    pub to_client: u64,
    /// Faults by [`Fault::name`].
    pub faults: BTreeMap<&'static str, u64>,
}

/// What the threads of a proxy share.
#[derive(Debug)]
pub(crate) struct Shared {
    plan: Plan,
    server: Mutex<SocketAddr>,
    counts: Mutex<Counts>,
    begun: Instant,
    recording: Mutex<Recording>,
    links: Mutex<BTreeMap<u64, Arc<Link>>>,
    over: AtomicBool,
}

/// A connection's two sockets.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) number: u64,
    client: TcpStream,
    server: TcpStream,
    /// One direction came to its end.
    finished: AtomicBool,
    over: AtomicBool,
}

impl Proxy {
    /// Starts a proxy on a free port of this machine, in front of `server`.
    #[expect(clippy::disallowed_methods, reason = "a network has a real clock; what it does depends on bytes alone")]
    pub fn start(server: SocketAddr, plan: Plan) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            plan,
            server: Mutex::new(server),
            counts: Mutex::default(),
            begun: Instant::now(),
            recording: Mutex::default(),
            links: Mutex::default(),
            over: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::Builder::new().name("proxy".to_owned()).spawn(move || accept(&listener, &accepting))?;
        Ok(Self { address, shared })
    }

    /// Where clients connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Leads new connections to another server, as when the old one was started again.
    pub fn lead_to(&self, server: SocketAddr) {
        *lock(&self.shared.server) = server;
    }

    /// What it has done so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        lock(&self.shared.counts).clone()
    }

    /// What it has carried so far, as it arrived, and the faults.
    #[must_use]
    pub fn recording(&self) -> Recording {
        lock(&self.shared.recording).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        for link in lock(&self.shared.links).values() {
            link.close();
        }
        // Wakes the acceptor; if that fails, it wakes with the next client.
        let _ = TcpStream::connect_timeout(&self.address, CONNECT_TIMEOUT);
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut connection = 0_u64;
    for client in listener.incoming() {
        while lock(&shared.links).len() >= CONNECTIONS_MAX && !shared.over.load(Ordering::SeqCst) {
            thread::sleep(CROWDED_PAUSE);
        }
        if shared.over.load(Ordering::SeqCst) {
            return;
        }
        let Ok(client) = client else {
            // The system has no socket for it; one may become free.
            thread::sleep(CROWDED_PAUSE);
            continue;
        };
        connection = connection.saturating_add(1);
        lock(&shared.counts).connections = connection;
        shared.record(|recording, at| recording.open(at, short(connection)));
        let (own, number) = (Arc::clone(shared), connection);
        // A client that finds no thread finds its connection closed.
        let _ = thread::Builder::new().name(format!("proxy {number}")).spawn(move || carry(client, &own, number));
    }
}

/// Carries one connection to its end.
fn carry(client: TcpStream, shared: &Arc<Shared>, number: u64) {
    let server = *lock(&shared.server);
    let Ok(server) = TcpStream::connect_timeout(&server, CONNECT_TIMEOUT) else {
        // As a machine answers whose server is not running.
        pump::reset_on_close(&client);
        shared.record(|recording, at| recording.end(at, short(number), Side::Server, Ending::Reset));
        return;
    };
    let link =
        Arc::new(Link { number, client, server, finished: AtomicBool::new(false), over: AtomicBool::new(false) });
    lock(&shared.links).insert(number, Arc::clone(&link));
    // The proxy may have ended before this connection was in its list.
    if shared.over.load(Ordering::SeqCst) {
        link.close();
    }
    let mut faults = shared.plan.connection(number);
    faults.sort_by_key(|placed| placed.offset);
    thread::scope(|scope| {
        for way in [Way::ToServer, Way::ToClient] {
            let faults: Vec<_> = faults.iter().filter(|placed| placed.way == way).copied().collect();
            let link = &link;
            let ended = move |by, how| shared.record(|recording, at| recording.end(at, short(number), by, how));
            scope.spawn(move || match pump(link, way, &faults, shared) {
                Ok(Ended::Finished) => {
                    ended(way.from(), Ending::Finished);
                    link.finished.store(true, Ordering::SeqCst);
                    // The other side may have closed already.
                    let _ = link.sink(way).shutdown(Shutdown::Write);
                }
                Ok(Ended::Over) => {}
                Ok(Ended::Closed) => {
                    ended(way.from(), Ending::Finished);
                    ended(way.from().other(), Ending::Finished);
                    link.close();
                }
                // The other direction has told how it ended.
                Err(_) if link.is_over() => {}
                // What breaks on one side is broken on the other.
                Ok(Ended::Reset) | Err(_) => {
                    ended(way.from(), Ending::Reset);
                    link.reset();
                }
            });
        }
    });
    lock(&shared.links).remove(&number);
}

impl Link {
    pub(crate) fn source(&self, way: Way) -> &TcpStream {
        match way {
            Way::ToServer => &self.client,
            Way::ToClient => &self.server,
        }
    }

    pub(crate) fn sink(&self, way: Way) -> &TcpStream {
        match way {
            Way::ToServer => &self.server,
            Way::ToClient => &self.client,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    pub(crate) fn is_half_over(&self) -> bool {
        self.finished.load(Ordering::SeqCst) || self.is_over()
    }

    /// Ends both sides in order.
    fn close(&self) {
        self.end(Shutdown::Both);
    }

    /// Ends both sides so that both are told of a reset. Only reading is stopped: to stop writing would send an
    /// orderly end first.
    fn reset(&self) {
        pump::reset_on_close(&self.client);
        pump::reset_on_close(&self.server);
        self.end(Shutdown::Read);
    }

    fn end(&self, how: Shutdown) {
        self.over.store(true, Ordering::SeqCst);
        for socket in [&self.client, &self.server] {
            // Fails when the other side was faster.
            let _ = socket.shutdown(how);
        }
    }
}

impl Shared {
    pub(crate) fn happened(&self, placed: &Placed) {
        let Placed { connection, way, offset, fault } = placed;
        let mut counts = lock(&self.counts);
        let count = counts.faults.entry(fault.name()).or_default();
        *count = count.saturating_add(1);
        drop(counts);
        let whose = match way {
            Way::ToServer => "client",
            Way::ToClient => "server",
        };
        let text = format!("{connection}: {fault:?} behind {offset} bytes of the {whose}");
        self.record(|recording, at| recording.note(at, text));
    }

    pub(crate) fn carried(&self, connection: u64, way: Way, bytes: &[u8]) {
        let mut counts = lock(&self.counts);
        let count = match way {
            Way::ToServer => &mut counts.to_server,
            Way::ToClient => &mut counts.to_client,
        };
        *count = count.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        drop(counts);
        self.record(|recording, at| recording.bytes(at, short(connection), way.from(), bytes));
    }

    /// Records what happens now.
    fn record(&self, what: impl FnOnce(&mut Recording, Duration)) {
        let mut recording = lock(&self.recording);
        // Under the lock, so that rows stand in the order of their times.
        what(&mut recording, self.begun.elapsed());
    }
}

/// A connection's number in a recording, which has an end long before these do.
fn short(connection: u64) -> u16 {
    u16::try_from(connection).unwrap_or(u16::MAX)
}

/// Nothing is half done under these locks, so a panic elsewhere spoils nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
