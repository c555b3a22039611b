//! A peer's server: started on a free port, found by connecting to it, ended with all its children.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use benches::Family;
use harness::Patience;

/// Ports tried until one stays free long enough.
const PORTS_TRIED: usize = 20;

/// A server that takes connections.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Daemon {
    /// Starts what `command` makes for a port. Most peers take no port 0, so a free one is looked for; if another
    /// program takes it before, the peer ends and the next one is tried.
    pub(crate) fn start(mut command: impl FnMut(u16) -> Command) -> Result<Self, String> {
        let mut said = String::new();
        for _ in 0..PORTS_TRIED {
            let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
            let address = free.map_err(|error| error.to_string())?;
            let log = tempfile::tempfile().map_err(|error| error.to_string())?;
            let child = command(address.port())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log.try_clone().map_err(|error| error.to_string())?)
                .spawn()
                .map_err(|error| error.to_string())?;
            let mut daemon = Self { child, address };
            if daemon.takes_connections() {
                return Ok(daemon);
            }
            said = read(log);
        }
        Err(format!("it does not start: {said}"))
    }

    /// Its number, for looking it up in the system's tables.
    pub(crate) fn number(&self) -> u32 {
        self.child.id()
    }

    /// Nothing tells when a peer listens, so this asks again and again.
    fn takes_connections(&mut self) -> bool {
        let patience = Patience::fresh();
        while patience.lasts() && self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            if TcpStream::connect(self.address).is_ok() {
                return true;
            }
            thread::sleep(Duration::from_millis(5));
        }
        false
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Children first, while they can be found by their parent. All may have ended already.
        Family::of(self.child.id()).kill_descendants();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(mut log: File) -> String {
    let mut text = Vec::new();
    // A log that cannot be read explains nothing.
    let _ = log.rewind().and_then(|()| log.read_to_end(&mut text));
    String::from_utf8_lossy(&text).trim().to_owned()
}
