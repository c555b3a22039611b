//! A server in this process: a free port, a fresh folder, gone when dropped.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Mutex, mpsc};
use std::thread;

use server::config::Config;
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::{PATIENCE, Patience, RawClient, Session, frame};

/// How a server is started.
#[derive(Clone, Debug)]
pub struct Options {
    config: Config,
    storage: Option<PathBuf>,
}

impl Default for Options {
    /// Both modes and default limits, on a free port over a fresh folder.
    fn default() -> Self {
        Self { config: Config { port: 0, ..Config::default() }, storage: None }
    }
}

impl Options {
    /// The default with some settings changed.
    #[must_use]
    pub fn with(adjust: impl FnOnce(&mut Config)) -> Self {
        let mut options = Self::default();
        adjust(&mut options.config);
        options
    }

    /// The same over a folder that may hold files already and is not removed.
    #[must_use]
    pub fn over(self, storage: impl Into<PathBuf>) -> Self {
        Self { storage: Some(storage.into()), ..self }
    }
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where it stores.
    pub storage: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    /// Locked only so that a server can be shared by threads.
    ended: Mutex<mpsc::Receiver<()>>,
    _fresh: Option<TempDir>,
}

impl Server {
    /// Starts a server.
    #[must_use]
    #[track_caller]
    pub fn start(options: Options) -> Self {
        Self::try_start(options).expect("the server starts")
    }

    /// Starts a server that may have a reason not to start.
    pub fn try_start(options: Options) -> Result<Self, String> {
        let fresh = options.storage.is_none().then(|| TempDir::new().expect("a temporary folder"));
        let storage = match (&fresh, options.storage) {
            (_, Some(storage)) => storage,
            (Some(fresh), None) => fresh.path().join("storage"),
            (None, None) => unreachable!("a folder is made when none is named"),
        };
        let config = Config { storage: storage.clone(), ..options.config };
        let (started, starting) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            runtime.expect("a runtime").block_on(async {
                match server::Server::start(&config).await {
                    Ok(server) => {
                        started.send(Ok(server.address())).expect("somebody waits for the start");
                        server.serve(async { drop(stopped.await) }).await;
                    }
                    Err(error) => started.send(Err(error.to_string())).expect("somebody waits for the start"),
                }
            });
            // The runtime is gone, and with it whatever held the storage.
            drop(end);
        });
        let address = starting.recv_timeout(PATIENCE).expect("the server says whether it started")?;
        Ok(Self { address, storage, stop: Some(stop), ended: Mutex::new(ended), _fresh: fresh })
    }

    /// A connection to it.
    #[must_use]
    #[track_caller]
    pub fn connect(&self) -> RawClient {
        RawClient::connect(self.address)
    }

    /// A connection to it with a session of its own.
    #[must_use]
    #[track_caller]
    pub fn open_session(&self) -> (RawClient, Session) {
        let mut client = self.connect();
        let session = Session::open(&mut client);
        (client, session)
    }

    /// Asks the server until something has come true, for what no reply tells.
    #[track_caller]
    pub fn until(&self, mut come_true: impl FnMut() -> bool) {
        let patience = Patience::fresh();
        let mut client = self.connect();
        while !come_true() {
            assert!(patience.lasts(), "it did not come true in {PATIENCE:?}");
            client.ask(&frame::stateless("hello"), b"").is("hello");
        }
    }

    /// Asks it to stop, as a signal does, and does not wait for the end.
    pub fn stop_soon(&mut self) {
        if let Some(stop) = self.stop.take() {
            // Nobody hears it when the server ended by itself, which the wait for the end tells.
            let _ = stop.send(());
        }
    }

    /// Stops it and waits until nothing of it is left. Its files stay until it is dropped.
    #[track_caller]
    pub fn stop(&mut self) {
        self.stop_soon();
        assert!(self.has_ended(), "the server did not stop in {PATIENCE:?}");
    }

    fn has_ended(&mut self) -> bool {
        self.ended.get_mut().expect("nobody holds it").recv_timeout(PATIENCE)
            == Err(mpsc::RecvTimeoutError::Disconnected)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.stop.is_some() && !thread::panicking() {
            self.stop();
        }
    }
}
