//! The command that is graded: its placeholders, the folder it has to itself, its process and its end. Knows
//! nothing of what it sends.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::story::Mode;
use crate::check::{Checked, failed};
use crate::env::{Deadline, fresh_id, pause};

/// How often somebody looks whether a process or a connection is there.
pub(super) const GLANCE: Duration = Duration::from_millis(2);

/// Bytes of what a client said that are shown.
const SAID_BYTES_MAX: u64 = 400;

/// A folder of one check, gone with it: the files that are sent, and a place for what a client remembers.
pub(super) struct Folder {
    root: PathBuf,
    files: Vec<PathBuf>,
}

impl Folder {
    pub(super) fn of(files: &[(&str, Vec<u8>)]) -> io::Result<Self> {
        let root = std::env::temp_dir().join(format!("conform-{}", fresh_id()));
        let mut folder = Self { root, files: Vec::new() };
        folder.write(files)?;
        Ok(folder)
    }

    fn write(&mut self, files: &[(&str, Vec<u8>)]) -> io::Result<()> {
        fs::create_dir_all(self.state())?;
        for (name, data) in files {
            let path = self.root.join(name);
            fs::write(&path, data)?;
            self.files.push(path);
        }
        Ok(())
    }

    fn state(&self) -> PathBuf {
        self.root.join("state")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// A process that was started and has not been seen ending.
pub(super) struct Running {
    child: Child,
    said: PathBuf,
}

impl Running {
    /// Starts the command with its placeholders filled in.
    pub(super) fn start(words: &[String], port: u16, mode: Mode, folder: &Folder) -> io::Result<Self> {
        let said = folder.root.join("said");
        let mut words = words.iter().flat_map(|word| filled(word, port, mode, folder));
        let program = words.next().unwrap_or_default();
        let child = Command::new(&program)
            .args(words)
            // Neither what its user has set nor what an earlier check left may count.
            .env("XDG_STATE_HOME", folder.state())
            .env("XDG_CONFIG_HOME", folder.state())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&said)?)
            .spawn();
        let child = child.map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))?;
        Ok(Self { child, said })
    }

    /// Its exit code, if it has ended; a signal counts as none of the wire's.
    pub(super) fn ended(&mut self) -> Option<i32> {
        let status = self.child.try_wait().ok().flatten()?;
        Some(status.code().unwrap_or(-1))
    }

    /// Its exit code, when it ends in time.
    pub(super) fn exit(&mut self, patience: Duration) -> Checked<i32> {
        let deadline = Deadline::after(patience);
        while deadline.left().is_some() {
            if let Some(code) = self.ended() {
                return Ok(code);
            }
            pause(GLANCE);
        }
        Err(failed("the end of the command", format!("none within {patience:?}")))
    }

    /// The end of what it said to its user.
    pub(super) fn said(&self) -> String {
        let (length, end) = self.end_said().unwrap_or_default();
        let text = String::from_utf8_lossy(&end).trim().replace('\n', " / ");
        if length > SAID_BYTES_MAX { format!("… {text}") } else { text }
    }

    fn end_said(&self) -> io::Result<(u64, Vec<u8>)> {
        let mut file = File::open(&self.said)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(SAID_BYTES_MAX)))?;
        let mut end = Vec::new();
        file.take(SAID_BYTES_MAX).read_to_end(&mut end)?;
        Ok((length, end))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether the command can be started at all, which is no matter of a check. It is ended at once.
pub(super) fn startable(words: &[String]) -> Result<(), String> {
    // Nobody serves there, and nobody else can.
    let started = TcpListener::bind("127.0.0.1:0").and_then(|listener| {
        let port = listener.local_addr()?.port();
        let folder = Folder::of(&[("file.txt", Vec::new())])?;
        Running::start(words, port, Mode::Stateless, &folder).map(drop)
    });
    started.map_err(|error| format!("the command cannot be started: {error}"))
}

/// A word with its placeholders filled in. `{file}` by itself is as many words as there are files.
fn filled(word: &str, port: u16, mode: Mode, folder: &Folder) -> Vec<String> {
    let shown = |path: &Path| path.to_string_lossy().into_owned();
    if word == "{file}" {
        return folder.files.iter().map(|path| shown(path)).collect();
    }
    let first = folder.files.first().map(|path| shown(path)).unwrap_or_default();
    let word = word.replace("{host}", "127.0.0.1").replace("{port}", &port.to_string());
    let word = word.replace("{mode}", mode.word()).replace("{file}", &first);
    vec![word.replace("{folder}", &shown(&folder.state()))]
}
