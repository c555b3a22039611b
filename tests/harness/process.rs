//! A server in a process of its own, to be killed and signalled.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use tempfile::TempDir;

use crate::{PATIENCE, RawClient};

/// A server process that said where it listens.
#[derive(Debug)]
pub struct ServerProcess {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    /// Locked only so that a process can be shared by threads.
    output: Mutex<Receiver<String>>,
    log: File,
    _folder: TempDir,
}

/// How a process ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ended {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard error.
    pub log: String,
}

impl ServerProcess {
    /// Starts `program` over the folder `storage` with these flags, on a free port, in an empty folder and without
    /// the settings of whoever runs the tests.
    #[must_use]
    #[track_caller]
    pub fn start(program: &str, storage: &Path, flags: &[&str]) -> Self {
        Self::try_start(program, storage, flags).unwrap_or_else(|ended| panic!("the server does not start: {ended:?}"))
    }

    /// Starts a server that may have a reason not to start.
    pub fn try_start(program: &str, storage: &Path, flags: &[&str]) -> Result<Self, Ended> {
        Self::try_start_with(program, storage, flags, &[])
    }

    /// The same with these variables.
    pub fn try_start_with(
        program: &str,
        storage: &Path,
        flags: &[&str],
        variables: &[(&str, &OsStr)],
    ) -> Result<Self, Ended> {
        let folder = TempDir::new().expect("a temporary folder");
        let log = tempfile::tempfile().expect("a temporary file");
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("DFT_")) {
            command.env_remove(name);
        }
        command.envs(variables.iter().copied());
        let mut child = command
            .args(["--host", "127.0.0.1", "--port", "0", "--storage"])
            .arg(storage)
            .args(flags)
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.try_clone().expect("a second handle"))
            .spawn()
            .expect("the program of the server");
        let said = BufReader::new(child.stdout.take().expect("a pipe"));
        let (lines, output) = mpsc::channel();
        // Its end is the end of the process: nothing it starts inherits the pipe.
        thread::spawn(move || said.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
        let first = output.recv_timeout(PATIENCE);
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut process = Self { address: unknown, child, output: Mutex::new(output), log, _folder: folder };
        match first {
            Ok(line) => {
                let address = line.strip_prefix("listening on ").and_then(|address| address.parse().ok());
                process.address = address.unwrap_or_else(|| panic!("the first line of output: {line}"));
                Ok(process)
            }
            Err(_) => Err(process.wait()),
        }
    }

    /// A connection to it.
    #[must_use]
    #[track_caller]
    pub fn connect(&self) -> RawClient {
        RawClient::connect(self.address)
    }

    /// Its number, for looking it up in the system's tables.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a crash does: it cannot do anything more.
    pub fn kill(&mut self) -> Ended {
        self.child.kill().expect("a process to kill");
        self.wait()
    }

    /// Sends it SIGTERM.
    #[cfg(unix)]
    pub fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    /// Sends it SIGINT.
    #[cfg(unix)]
    pub fn interrupt(&self) {
        self.signal(rustix::process::Signal::INT);
    }

    /// Has the system refuse it every byte of a file beyond so many; `None` lifts that.
    #[cfg(target_os = "linux")]
    pub fn limit_files(&self, bytes_max: Option<u64>) {
        use rustix::process::{Resource, Rlimit, prlimit};
        let limit = Rlimit { current: bytes_max, maximum: None };
        prlimit(Some(self.pid()), Resource::Fsize, limit).expect("a process to limit");
    }

    #[cfg(unix)]
    fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(self.pid(), signal).expect("a process to signal");
    }

    #[cfg(unix)]
    fn pid(&self) -> rustix::process::Pid {
        // Nobody has waited for the child yet, so the number is still its own.
        let number = i32::try_from(self.child.id()).expect("a process number");
        rustix::process::Pid::from_raw(number).expect("a process number")
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(&mut self) -> Ended {
        loop {
            match self.output.get_mut().expect("nobody holds it").recv_timeout(PATIENCE) {
                Ok(_) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    panic!("the server did not end in {PATIENCE:?}; it said:\n{}", self.log())
                }
            }
        }
        let status = self.child.wait().expect("a process to wait for");
        Ended { code: status.code(), log: self.log() }
    }

    /// What it wrote to standard error so far.
    #[must_use]
    pub fn log(&self) -> String {
        let mut log = &self.log;
        let mut text = Vec::new();
        log.rewind().expect("a file");
        log.read_to_end(&mut text).expect("a file");
        String::from_utf8_lossy(&text).into_owned()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
