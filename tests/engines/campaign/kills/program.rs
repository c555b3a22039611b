//! The real client beside the load: it sends three files with one command, which is run again after each kill until it
//! says that all are stored.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use harness::{digest, noise};
use serde_json::Value;
use tempfile::TempDir;

use super::ledger::{Kept, Ledger, UnderWay};
use crate::Outcome;
use crate::dice::Dice;
use crate::programs::{Programs, fresh_folder};

const MODES: [&str; 3] = ["stateful", "stateless", "auto"];
/// Bytes of the largest file.
const BYTES_MAX: u64 = 2 * 1024 * 1024;

/// The user of the client.
#[derive(Debug)]
pub(super) struct User {
    dice: Dice,
    home: TempDir,
    /// What is being sent, until it is.
    command: Option<(&'static str, Vec<PathBuf>)>,
    pub(super) ledger: Ledger,
    /// Commands that were carried out, and runs that they took.
    pub(super) commands: u64,
    pub(super) runs: u64,
    pub(super) files: u64,
}

impl User {
    pub(super) fn new(dice: Dice) -> Outcome<Self> {
        let (home, ledger) = (fresh_folder()?, Ledger::default());
        Ok(Self { dice, home, command: None, ledger, commands: 0, runs: 0, files: 0 })
    }

    /// Runs the client until the server is killed, through a network whose address stays.
    pub(super) fn work(&mut self, programs: &Programs, network: SocketAddr, killed: &AtomicBool) -> Outcome<()> {
        while !killed.load(Ordering::SeqCst) {
            self.run(programs, network, killed)?;
        }
        Ok(())
    }

    /// Runs a command to its end, if one is under way.
    pub(super) fn settle(&mut self, programs: &Programs, network: SocketAddr) -> Outcome<()> {
        if self.command.is_none() { Ok(()) } else { self.run(programs, network, &AtomicBool::new(false)) }
    }

    fn run(&mut self, programs: &Programs, network: SocketAddr, killed: &AtomicBool) -> Outcome<()> {
        let (mode, files) = match self.command.clone() {
            Some(command) => command,
            None => self.think_of()?,
        };
        // It is this campaign that tries again, with another run.
        let mut client = programs.client(self.home.path(), network, &["send", "--retries", "0", "--mode", mode]);
        let output = client.args(&files).output().map_err(|error| format!("the client: {error}"))?;
        self.runs += 1;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        for line in said.lines() {
            let event: Value = serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))?;
            if event["event"] == "stored" {
                self.acknowledged(&event)?;
            }
        }
        if output.status.success() {
            self.commands += 1;
            self.ledger.under_way.clear();
            self.command = None;
        } else if !killed.load(Ordering::SeqCst) {
            let errors = String::from_utf8_lossy(&output.stderr);
            return Err(format!("the client gave up while the server lived: {}\n{said}{errors}", output.status));
        }
        Ok(())
    }

    /// Another command.
    fn think_of(&mut self) -> Outcome<(&'static str, Vec<PathBuf>)> {
        let mode = MODES[self.dice.index(MODES.len())];
        let mut files = Vec::new();
        for number in 0..3 {
            let size = if number == 0 { self.dice.between(0, BYTES_MAX) } else { self.dice.between(0, 10_000) };
            let content = noise(self.dice.roll(), usize::try_from(size).unwrap_or(0));
            let path = self.home.path().join(format!("{number}.bin"));
            std::fs::write(&path, &content).map_err(|error| format!("{}: {error}", path.display()))?;
            self.ledger.under_way.push(UnderWay { prefix: String::new(), digest: digest("blake3", &content) });
            files.push(path);
        }
        self.command = Some((mode, files.clone()));
        Ok((mode, files))
    }

    /// The client says that it compared the digest; the name must be new.
    fn acknowledged(&mut self, event: &Value) -> Outcome<()> {
        let (Some(name), Some(size), Some(digest)) =
            (event["stored_as"].as_str(), event["size"].as_u64(), event["digest"].as_str())
        else {
            return Err(format!("the client does not say what is stored: {event}"));
        };
        if !self.ledger.under_way.iter().any(|upload| upload.digest == digest) {
            return Err(format!("the client says that something else is stored: {event}"));
        }
        // The smallest may be alike by chance.
        if size >= 16 && self.ledger.files.values().any(|kept| kept.digest == digest) {
            return Err(format!("a file is stored twice: {event}"));
        }
        if self.ledger.files.insert(name.to_owned(), Kept::new(size, digest.to_owned())).is_some() {
            return Err(format!("two files under one name: {event}"));
        }
        self.files += 1;
        Ok(())
    }
}
