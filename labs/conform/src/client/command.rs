//! The command that is graded: its placeholders, the folder it has to itself, its process and its end. Knows
//! nothing of what it sends.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::story::Mode;
use crate::check::{Checked, failed};
use crate::env::{Deadline, fresh_id, pause};

/// How often somebody looks whether a process or a connection is there.
pub(super) const GLANCE: Duration = Duration::from_millis(2);

/// Bytes of what a client said that are shown.
const SAID_BYTES_MAX: usize = 400;

/// A folder of one check, gone with it: the files that are sent, and a place for what a client remembers.
pub(super) struct Folder {
    root: PathBuf,
    files: Vec<PathBuf>,
}

impl Folder {
    pub(super) fn of(files: &[(&str, Vec<u8>)]) -> Checked<Self> {
        let root = std::env::temp_dir().join(format!("conform-{}", fresh_id()));
        let mut folder = Self { root, files: Vec::new() };
        folder.write(files).map_err(|error| failed("a folder for the files", error.to_string()))?;
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
    pub(super) fn start(words: &[String], port: u16, mode: Mode, folder: &Folder) -> Checked<Self> {
        let said = folder.root.join("said");
        let mut words = words.iter().flat_map(|word| filled(word, port, mode, folder));
        let wanted = "a command that can be started";
        let program = words.next().ok_or_else(|| failed(wanted, "no command"))?;
        let started = File::create(&said).and_then(|errors| {
            Command::new(&program)
                .args(words)
                // Neither what its user has set nor what an earlier check left may count.
                .env("XDG_STATE_HOME", folder.state())
                .env("XDG_CONFIG_HOME", folder.state())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(errors)
                .spawn()
        });
        let child = started.map_err(|error| failed(wanted, format!("{program}: {error}")))?;
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
        let text = fs::read(&self.said).unwrap_or_default();
        let end = text.get(text.len().saturating_sub(SAID_BYTES_MAX)..).unwrap_or_default();
        String::from_utf8_lossy(end).trim().replace('\n', " / ")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
