//! The server and the client as programs. A package cannot build another one's, so this program is all three: which
//! one, the name says under which it was started.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use engines::redis::Redis;
use harness::ServerProcess;
use tempfile::TempDir;

use crate::Outcome;

/// The server or the client, if that is what this process was started as.
pub(crate) fn played() -> Option<ExitCode> {
    let name = std::env::args_os().next()?;
    match Path::new(&name).file_stem()?.to_str()? {
        "server" => Some(server::program::main()),
        "client" => Some(client::program::main()),
        _ => None,
    }
}

/// This program under the names of the others.
#[derive(Debug)]
pub(crate) struct Programs {
    folder: TempDir,
}

impl Programs {
    pub(crate) fn new() -> Outcome<Self> {
        let folder = fresh_folder()?;
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        for name in ["server", "client"] {
            let place = folder.path().join(name).with_extension(std::env::consts::EXE_EXTENSION);
            let linked = std::fs::hard_link(&program, &place);
            // Folders may lie on different disks.
            linked.or_else(|_| std::fs::copy(&program, &place).map(drop)).map_err(|error| error.to_string())?;
        }
        Ok(Self { folder })
    }

    /// `client WORDS` for the server at `to`, by a user whose home is `home`.
    pub(crate) fn client(&self, home: &Path, to: SocketAddr, words: &[&str]) -> Command {
        let mut command = Command::new(self.folder.path().join("client"));
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("DFT_") || name.starts_with("XDG_") {
                command.env_remove(&*name);
            }
        }
        command.args(words).args(["--json", "--to", &to.to_string()]).env("HOME", home);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// Where sessions are kept. Only what survives a killed server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Rung {
    /// In a database file
    Sqlite,
    /// In a Redis server, which is started for this
    Redis,
    /// With the client, sealed by a key from a file
    Ticket,
}

impl Rung {
    /// As it is typed.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Redis => "redis",
            Self::Ticket => "ticket",
        }
    }
}

/// A storage folder and a session store, over which one server after the other is started.
#[derive(Debug)]
pub(crate) struct Place {
    folder: TempDir,
    /// Where files are stored.
    pub(crate) storage: PathBuf,
    pub(crate) rung: Rung,
    _redis: Option<Redis>,
}

impl Place {
    pub(crate) fn new(rung: Rung) -> Outcome<Self> {
        let folder = fresh_folder()?;
        let redis = if rung == Rung::Redis { Some(Redis::start(&[])?) } else { None };
        let keys = folder.path().join("ticket.keys");
        let stateful = match (rung, &redis) {
            (Rung::Ticket, _) => {
                write_private(&keys, &harness::digest("blake3", b"campaign").replace("blake3:", ""))?;
                format!("{{ticket_key_file: \"{}\"}}", keys.display())
            }
            (_, Some(redis)) => format!("{{redis_url: \"{}\"}}", redis.url()),
            (_, None) => "{}".to_owned(),
        };
        let config = folder.path().join("config.yaml");
        std::fs::write(config, format!("stateful: {stateful}\n")).map_err(|error| error.to_string())?;
        let storage = folder.path().join("storage");
        Ok(Self { folder, storage, rung, _redis: redis })
    }

    /// Starts a server over it.
    pub(crate) fn start(&self, programs: &Programs) -> Outcome<ServerProcess> {
        let program = programs.folder.path().join("server");
        let config = self.folder.path().join("config.yaml");
        let flags = ["--persistence", self.rung.word(), "--config", &config.to_string_lossy()];
        ServerProcess::try_start(&program.to_string_lossy(), &self.storage, &flags)
            .map_err(|ended| format!("the server does not start: {ended:?}"))
    }
}

/// A folder that goes when it is dropped.
pub(crate) fn fresh_folder() -> Outcome<TempDir> {
    TempDir::new().map_err(|error| format!("no temporary folder: {error}"))
}

fn write_private(path: &Path, text: &str) -> Outcome<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
    written.map_err(|error| format!("{}: {error}", path.display()))
}
