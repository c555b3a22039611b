//! This server as a program over a fresh folder, and the one in Python that takes the same flags.

use std::fs;
use std::path::{Path, PathBuf};

use engines::redis::Redis;
use harness::ServerProcess;
use server::config::Persistence;
use shared::wire::Ack;

const SERVER: &str = env!("CARGO_BIN_EXE_bench-server");
const PYTHON_SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peer/week01_server.py");

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) server: ServerProcess,
    pub(crate) storage: PathBuf,
    /// Ends after the server that uses it.
    _redis: Option<Redis>,
}

impl Program {
    /// Starts this server. It stores below `folder`, and keeps on `disk` what has to survive a power cut. Its settings
    /// are the defaults, but for the bounds that ten thousand idle users would meet.
    pub(crate) fn start(rung: Persistence, ack: Ack, folder: &Path, disk: &Path) -> Result<Self, String> {
        fs::create_dir_all(folder).and_then(|()| fs::create_dir_all(disk)).map_err(|error| error.to_string())?;
        let redis = (rung == Persistence::Redis).then(|| Redis::start(&[])).transpose()?;
        let redis_url = redis.as_ref().map_or_else(String::new, |redis| format!("  redis_url: {}\n", redis.url()));
        let settings = format!(
            "server:\n  ack: {ack}\n  max_connections: 100000\n\
             stateless:\n  request_timeout: 86400\n\
             stateful:\n  persistence: {rung}\n  sqlite_path: {database}\n{redis_url}  max_sessions: 100000\n  \
             session_timeout: 86400\n\
             limits:\n  pending_timeout_ms: 86400000\n  heartbeat_interval_ms: 86400000\n",
            ack = ack.as_str(),
            rung = rung.as_str(),
            database = disk.join("sessions.db").display(),
        );
        let file = folder.join("settings.yaml");
        fs::write(&file, settings).map_err(|error| error.to_string())?;
        let storage = folder.join("storage");
        let flags = ["--config", file.to_str().ok_or("a folder whose name is not UTF-8")?];
        let server = ServerProcess::try_start(SERVER, &storage, &flags).map_err(|ended| ended.log)?;
        Ok(Self { server, storage, _redis: redis })
    }

    /// Starts the server in Python.
    pub(crate) fn start_python(folder: &Path) -> Result<Self, String> {
        let storage = folder.join("storage");
        let server = ServerProcess::try_start(PYTHON_SERVER, &storage, &[]).map_err(|ended| ended.log)?;
        Ok(Self { server, storage, _redis: None })
    }
}
