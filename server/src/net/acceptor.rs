//! Takes connections, as many as there may be, and waits for them at the end.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream as StdTcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared::congestion::Congestion;
use shared::error::ErrorCode;
use shared::limits::Limits;
use shared::wire::{ErrorBody, Reply};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trace::Tap;

use super::body::millis;
use super::congestion;
use super::connection::Connection;
use super::context::Context;
use super::event_loops::{EventLoops, Seat};
use super::link::{Link, Stream, encode};
use super::tally::span;
use crate::rate::{Loopback, Rate};

/// Connections that may be told `busy` at the same time; more are closed without a word.
const TURNED_AWAY_MAX: usize = 64;

/// How long connections that were cut off may take to end.
const ABORT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long to wait when the system has no descriptor for another connection.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);

/// A listening socket.
#[derive(Debug)]
pub struct Acceptor {
    listener: TcpListener,
    context: Arc<Context>,
    places: Arc<Semaphore>,
    turned_away: Arc<Semaphore>,
    by_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
    accepted: Rate,
    congestion: Congestion,
    event_loops: EventLoops,
}

/// One connection's place among all and among those of its address; free again when dropped.
#[derive(Debug)]
struct Place {
    _in_all: OwnedSemaphorePermit,
    address: IpAddr,
    by_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Acceptor {
    /// Connections of `listener` are served in `context`, and written to with this congestion control. The threads that
    /// serve them are started.
    ///
    /// # Errors
    /// When the system has no threads for them.
    pub fn new(listener: TcpListener, context: Arc<Context>, congestion: Congestion) -> io::Result<Self> {
        let event_loops = EventLoops::start()?;
        context.looking.add_permits(EventLoops::lookers_max());
        let limits = context.limits();
        let connections_max = limits.connections_max.min(Semaphore::MAX_PERMITS);
        let (rate, burst) = (limits.connections_per_address_per_s, limits.connections_per_address_burst);
        let default = Limits::default();
        let default_rate = (default.connections_per_address_per_s, default.connections_per_address_burst);
        let accepted = Rate::new(rate, burst, Loopback::under((rate, burst), default_rate));
        Ok(Self {
            listener,
            context,
            places: Arc::new(Semaphore::new(connections_max)),
            turned_away: Arc::new(Semaphore::new(TURNED_AWAY_MAX)),
            by_address: Arc::default(),
            accepted,
            congestion,
            event_loops,
        })
    }

    /// Serves until `stop`, then lets the frames under way finish within the drain time.
    pub async fn serve(self, stop: CancellationToken) {
        let connections = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            // It is registered with the loop it gets.
            let accepted = accepted.and_then(|(stream, address)| Ok((stream.into_std()?, address)));
            match accepted {
                Ok((stream, address)) => {
                    let (event_loop, seat) = self.event_loops.seat();
                    connections.spawn_on(self.take(stream, address, seat), event_loop);
                }
                Err(error) => self.pause(&error).await,
            }
        }
        drop(self.listener);
        connections.close();
        let drain = millis(self.context.limits().drain_timeout_ms);
        if tokio::time::timeout(drain, connections.wait()).await.is_err() {
            tracing::warn!(connections = connections.len(), "cut off at the end of the drain time");
            drop(self.event_loops);
            // A thread that waits for a disk lets nothing on it end.
            if tokio::time::timeout(ABORT_TIMEOUT, connections.wait()).await.is_err() {
                tracing::warn!(connections = connections.len(), "left behind, held up by the disk");
            }
        }
    }

    /// Serves a connection if there is a place for it.
    fn take(&self, stream: StdTcpStream, address: SocketAddr, seat: Seat) -> impl Future<Output = ()> + Send + use<> {
        let place = self.place(address.ip().to_canonical());
        let turned_away = Arc::clone(&self.turned_away);
        let context = Arc::clone(&self.context);
        // Here, because the tasks of connections begin in any order.
        let number = context.number();
        let congestion = self.congestion.for_peer(address.ip().to_canonical());
        async move {
            let client = SocketAddr::new(address.ip().to_canonical(), address.port());
            let Some(stream) = span(number, client).in_scope(|| set_up(stream, congestion, &place)) else { return };
            let lane = context.lane(&stream, address);
            let stream = Tap::new(stream, lane);
            match place {
                Ok(place) => {
                    Connection::numbered(stream, client, number, context).serve().await;
                    drop((place, seat));
                }
                Err(body) => {
                    if let Ok(_permit) = turned_away.try_acquire() {
                        Box::pin(turn_away(stream, *body, &context)).await;
                    }
                }
            }
        }
    }

    /// An error that most connections have no use for takes no room in them.
    fn place(&self, address: IpAddr) -> Result<Place, Box<ErrorBody>> {
        self.accepted.admit(address, self.context.now()).map_err(Box::new)?;
        let in_all = Arc::clone(&self.places).try_acquire_owned().map_err(|_| busy())?;
        let mut by_address = lock(&self.by_address);
        let count = by_address.entry(address).or_default();
        let max = self.context.limits().connections_per_address_max;
        let loopback = Loopback::under(max, Limits::default().connections_per_address_max);
        if !loopback.exempts(address) && *count >= max {
            return Err(busy());
        }
        *count = count.saturating_add(1);
        Ok(Place { _in_all: in_all, address, by_address: Arc::clone(&self.by_address) })
    }

    /// An error of `accept` is about one connection, or about descriptors that come back when others close.
    async fn pause(&self, error: &io::Error) {
        tracing::warn!(%error, "a connection could not be accepted");
        if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
            tokio::time::sleep(EXHAUSTED_PAUSE).await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_address = lock(&self.by_address);
        if let Some(count) = by_address.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                by_address.remove(&self.address);
            }
        }
    }
}

fn busy() -> Box<ErrorBody> {
    Box::new(ErrorCode::Busy.into())
}

fn lock(counts: &Mutex<HashMap<IpAddr, usize>>) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A socket in the event loop that serves it, or turns it away. `None` if that is not possible.
fn set_up(
    stream: StdTcpStream,
    congestion: Option<&'static str>,
    place: &Result<Place, Box<ErrorBody>>,
) -> Option<TcpStream> {
    let stream = TcpStream::from_std(stream)
        .inspect_err(|error| tracing::warn!(%error, "a connection could not be served"))
        .ok()?;
    // Replies are small and the client waits for each; Nagle's algorithm would hold them back.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    // Where it is missing, the system's own serves as well.
    if let Some(name) = congestion
        && let Err(error) = congestion::set(&stream, name)
    {
        tracing::debug!(%error, name, "no such congestion control");
    }
    match place {
        Ok(_) => tracing::debug!("connected"),
        Err(body) => tracing::info!(code = %body.code, "turned away"),
    }
    Some(stream)
}

/// Says why, and closes.
async fn turn_away(stream: impl Stream, body: ErrorBody, context: &Context) {
    let mut link = Link::new(stream, context.limits());
    let reply = Reply { closing: true, ..Reply::error(body) };
    if link.write(&encode(&reply)).await.is_ok() {
        link.linger(context.limits()).await;
    }
}
