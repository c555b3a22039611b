//! Puts the server together: the only file that names a concrete store, storage, clock or source of dice.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use shared::limits::Limits;
use shared::wire::{Mode, VERSION};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use trace::Recorder;

use crate::config::{Config, Persistence, StorePlace};
use crate::descriptors;
use crate::dispatch::Dispatch;
use crate::env::{Clock, NoDice, SystemClock, SystemDice};
use crate::files::{FileStorage, Keeping, LocalStorage, OpenError};
use crate::handler::{Services, StatefulHandler, StatelessHandler};
use crate::logging;
use crate::net::{Acceptor, Context};
use crate::recording::Recording;
use crate::sessions::{
    Janitor, MemoryStore, MigrateError, Migrated, RedisAddressError, RedisStore, SessionStore, SqliteError,
    SqliteStore, TicketKeyError, TicketKeys, TicketStore, Tickets, migrate,
};

/// How often somebody looks after what is due. A session outlives its timeout by no more than this.
const JANITOR_INTERVAL: Duration = Duration::from_secs(1);

/// Set-aside files removed in one go.
const SWEEP_BATCH: usize = 256;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {host}:{port}: {source}")]
    Listen {
        /// As configured.
        host: String,
        /// As configured.
        port: u16,
        /// What the system says.
        source: io::Error,
    },
    /// The storage folder cannot be used.
    #[error(transparent)]
    Storage(#[from] OpenError),
    /// The database of sessions cannot be used.
    #[error(transparent)]
    Sqlite(#[from] SqliteError),
    /// The Redis server has an address that is none.
    #[error(transparent)]
    Redis(#[from] RedisAddressError),
    /// The keys of tickets cannot be used.
    #[error(transparent)]
    TicketKeys(#[from] TicketKeyError),
    /// The trace cannot be written.
    #[error("cannot write the trace {}: {source}", file.display())]
    Trace {
        /// As configured.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// No key could be made.
    #[error(transparent)]
    Dice(#[from] NoDice),
    /// Sessions were not moved.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// The system has no threads to serve connections with.
    #[error("cannot start the threads that serve: {0}")]
    Threads(#[source] io::Error),
    /// The system refused to do the work of opening the storage.
    #[error("the storage was not opened: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
}

/// A server that listens and does not serve yet.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    acceptor: Acceptor,
    housekeeping: Housekeeping,
    recording: Option<Recording>,
    stop: CancellationToken,
}

/// What is looked after while the server serves.
#[derive(Debug)]
struct Housekeeping {
    janitor: Option<Janitor>,
    files: Arc<dyn FileStorage>,
    clock: Arc<dyn Clock>,
}

impl Server {
    /// Opens the storage and listens.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        let (storage, keeping) = (config.storage.clone(), Keeping::of(&config.limits));
        let opened = tokio::task::spawn_blocking(move || LocalStorage::open(&storage, keeping)).await?;
        let files: Arc<dyn FileStorage> = Arc::new(opened?);
        let listen_error = |source| StartError::Listen { host: config.host.clone(), port: config.port, source };
        let listener = TcpListener::bind((config.host.as_str(), config.port)).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;

        let system_clock = SystemClock::start();
        let (recorder, recording) = begin_trace(config, system_clock)?.unzip();
        let clock: Arc<dyn Clock> = Arc::new(system_clock);
        let limits: Arc<Limits> = Arc::new(config.limits.clone());
        let services = Services {
            clock: Arc::clone(&clock),
            dice: Arc::new(SystemDice),
            limits: Arc::clone(&limits),
            files: Arc::clone(&files),
            naming: config.naming,
            ack: config.ack,
            exclusive: config.exclusive,
        };
        // A server without stateful mode opens no store at all.
        let store = if config.mode.offers(Mode::Stateful) {
            let store = open_store(config, Arc::clone(&clock)).await?;
            let durability = store.durability().await;
            tracing::info!(store = store.name(), durability = durability.as_str(), "sessions are remembered");
            Some(store)
        } else {
            None
        };
        let janitor = store.clone().map(|store| Janitor::new(store, Arc::clone(&clock), limits));
        let stateless = config.mode.offers(Mode::Stateless).then(|| StatelessHandler::new(services.clone()));
        let stateful = store.map(|store| StatefulHandler::new(services.clone(), store));
        let stop = CancellationToken::new();
        let dispatch = Dispatch::new(services, stateless, stateful);
        let context = Context::new(dispatch, config.week01_ack, stop.clone()).recorded_by(recorder);
        let acceptor = Acceptor::new(listener, Arc::new(context), config.congestion).map_err(StartError::Threads)?;
        let housekeeping = Housekeeping { janitor, files, clock };
        Ok(Self { address, acceptor, housekeeping, recording, stop })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is done, then lets the frames under way finish.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let stop = self.stop;
        let serving = self.acceptor.serve(stop.clone());
        let housekeeping = self.housekeeping.run(stop.clone());
        let stopping = async {
            shutdown.await;
            tracing::info!("stopping: no new requests are taken");
            stop.cancel();
        };
        tokio::join!(serving, housekeeping, stopping);
        if let Some(recording) = self.recording {
            recording.finish().await;
        }
    }
}

/// The trace, if one is configured.
fn begin_trace(config: &Config, clock: SystemClock) -> Result<Option<(Recorder, Recording)>, StartError> {
    let file = &config.trace_file;
    if file.as_os_str().is_empty() {
        return Ok(None);
    }
    let begun = Recording::begin(file, config.trace_bytes_max, move || clock.since_1970());
    tracing::warn!(file = %file.display(), "everything that connections carry is written to a file, secrets too");
    begun.map(Some).map_err(|source| StartError::Trace { file: file.clone(), source })
}

/// The configured store. A database that is damaged stops the start; a Redis server that does not answer yet does
/// not, because it may do so later.
async fn open_store(config: &Config, clock: Arc<dyn Clock>) -> Result<Arc<dyn SessionStore>, StartError> {
    match config.persistence {
        Persistence::Ticket => {
            let tickets = Tickets::new(ticket_keys(config).await?, Arc::new(SystemDice), VERSION);
            Ok(Arc::new(TicketStore::new(tickets, config.limits.sessions_max)))
        }
        Persistence::Memory => Ok(Arc::new(MemoryStore::new(config.limits.sessions_max))),
        Persistence::Sqlite => open_place(&StorePlace::Sqlite, config, clock).await,
        Persistence::Redis => open_place(&StorePlace::Redis, config, clock).await,
    }
}

/// The keys that are configured, or one for this process.
async fn ticket_keys(config: &Config) -> Result<TicketKeys, StartError> {
    let path = config.ticket_key_file.clone();
    if path.as_os_str().is_empty() {
        tracing::warn!("the key of tickets was made now: sessions end with this process");
        return Ok(TicketKeys::generate(&SystemDice)?);
    }
    let keys = tokio::task::spawn_blocking(move || TicketKeys::read(&path)).await??;
    tracing::info!(?keys, "the first of these keys seals tickets");
    Ok(keys)
}

async fn open_place(
    place: &StorePlace,
    config: &Config,
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn SessionStore>, StartError> {
    let path = match place {
        StorePlace::Redis => {
            return Ok(Arc::new(RedisStore::new(config.redis_url.secret(), clock, &config.limits)?));
        }
        StorePlace::RedisAt(url) => return Ok(Arc::new(RedisStore::new(url.secret(), clock, &config.limits)?)),
        StorePlace::Sqlite => config.session_database(),
        StorePlace::SqliteAt(path) => path.clone(),
    };
    let tombstones_max = config.limits.sessions_max;
    let open = move || SqliteStore::open(&path, clock, tombstones_max);
    Ok(Arc::new(tokio::task::spawn_blocking(open).await??))
}

/// Moves all sessions from one store to another.
///
/// # Errors
/// When one of them cannot be opened or does not answer, or a server is running on the storage folder.
pub async fn move_sessions(config: &Config, from: &StorePlace, to: &StorePlace) -> Result<Migrated, StartError> {
    logging::start(config.log);
    // Holds the folder's lock, so that no server changes what is moved.
    let (storage, keeping) = (config.storage.clone(), Keeping::of(&config.limits));
    let _locked = tokio::task::spawn_blocking(move || LocalStorage::open(&storage, keeping)).await??;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let from = open_place(from, config, Arc::clone(&clock)).await?;
    let to = open_place(to, config, clock).await?;
    Ok(migrate(from.as_ref(), to.as_ref(), &config.limits).await?)
}

impl Housekeeping {
    /// A round can be long, and the end waits for none: a change that is dropped was made or was not.
    async fn run(self, stop: CancellationToken) {
        stop.run_until_cancelled(self.rounds()).await;
    }

    async fn rounds(&self) {
        let mut interval = tokio::time::interval(JANITOR_INTERVAL);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            if let Some(janitor) = &self.janitor {
                janitor.sweep_all().await;
            }
            if let Err(error) = self.files.sweep(self.clock.now(), SWEEP_BATCH).await {
                tracing::error!(%error, "set-aside files could not be looked after");
            }
        }
    }
}

/// Runs a server until `shutdown` is done; `ready` hears where it listens. Logs go to stderr.
///
/// # Errors
/// When the storage cannot be opened or the address not be listened on.
pub async fn run(
    config: &Config,
    ready: impl FnOnce(SocketAddr),
    shutdown: impl Future<Output = ()>,
) -> Result<(), StartError> {
    logging::start(config.log);
    descriptors::raise(config.limits.connections_max);
    let server = Server::start(config).await?;
    tracing::info!(address = %server.address(), mode = config.mode.as_str(), storage = %config.storage.display(), "serving");
    ready(server.address());
    server.serve(shutdown).await;
    tracing::info!("stopped");
    Ok(())
}
