//! A real Redis server, on a port of its own and without a disk unless asked; gone when dropped.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use harness::PATIENCE;
use tempfile::TempDir;

/// Ports tried until one stays free long enough.
const PORTS_TRIED: usize = 20;

/// A Redis server that takes connections.
#[derive(Debug)]
pub struct Redis {
    child: Child,
    port: u16,
    transport: Transport,
    folder: TempDir,
}

/// What its port takes.
#[derive(Clone, Copy, Debug)]
enum Transport {
    Plain,
    Tls,
}

impl Redis {
    /// Starts a server with these further settings.
    pub fn start(settings: &[&str]) -> Result<Self, String> {
        Self::start_on(Transport::Plain, settings)
    }

    /// Starts a server that takes TLS only and shows this certificate, as PEM, to whoever comes.
    pub fn start_with_tls(certificate: &Path, key: &Path) -> Result<Self, String> {
        let [certificate, key] = [certificate, key].map(Path::to_string_lossy);
        let files = ["--tls-cert-file", &certificate, "--tls-key-file", &key, "--tls-ca-cert-file", &certificate];
        Self::start_on(Transport::Tls, &[&files[..], &["--tls-auth-clients", "no"]].concat())
    }

    fn start_on(transport: Transport, settings: &[&str]) -> Result<Self, String> {
        let folder = TempDir::new().map_err(|error| error.to_string())?;
        for _ in 0..PORTS_TRIED {
            // Redis takes no port 0. Between this look and its start another program may take the port; then it says
            // so, and the next one is tried.
            let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
            let port = free.map_err(|error| error.to_string())?.port();
            if let Some(child) = begin(transport, port, &folder, settings)? {
                return Ok(Self { child, port, transport, folder });
            }
        }
        Err(format!("redis-server found no free port in {PORTS_TRIED} tries"))
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = match self.transport {
            Transport::Plain => "redis",
            Transport::Tls => "rediss",
        };
        format!("{scheme}://127.0.0.1:{}/0", self.port)
    }

    /// Ends it as a crash does.
    pub fn kill(&mut self) -> Result<(), String> {
        self.child.kill().and_then(|()| self.child.wait()).map(|_| ()).map_err(|error| error.to_string())
    }

    /// Starts it again at its place, with what it has on its disk.
    pub fn start_again(&mut self, settings: &[&str]) -> Result<(), String> {
        self.child = begin(self.transport, self.port, &self.folder, settings)?.ok_or("the port was taken meanwhile")?;
        Ok(())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // What has ended already needs no end.
        let _ = self.kill();
    }
}

/// A server on this port; `None` if it ended before it took connections.
fn begin(transport: Transport, port: u16, folder: &TempDir, settings: &[&str]) -> Result<Option<Child>, String> {
    let port = port.to_string();
    let ports: &[&str] = match transport {
        Transport::Plain => &["--port", &port],
        Transport::Tls => &["--port", "0", "--tls-port", &port],
    };
    let mut child = Command::new("redis-server")
        .args(ports)
        .args(["--bind", "127.0.0.1", "--save", "", "--daemonize", "no"])
        .arg("--dir")
        .arg(folder.path())
        .args(settings)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("redis-server: {error}; Debian has it in the package redis-server"))?;
    let said = BufReader::new(child.stdout.take().ok_or("redis-server has no output")?);
    let (ready, waiting) = mpsc::channel();
    // Reads to the end, so that the server never waits for a full pipe.
    thread::spawn(move || {
        for line in said.lines().map_while(Result::ok) {
            if line.contains("Ready to accept connections") {
                // Whoever waited may have run out of patience.
                let _ = ready.send(());
            }
        }
    });
    if waiting.recv_timeout(PATIENCE).is_ok() {
        return Ok(Some(child));
    }
    // Its output ended: the port was taken. Or it hangs, and is of no use either.
    let _ = child.kill();
    child.wait().map(|_| None).map_err(|error| error.to_string())
}
