//! The folders in which everything takes place, and their end on every way out of this program. A server left
//! behind would hold a port and a core of the next run, and a file left in memory is memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::exit;
use std::thread;

use benches::Family;
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

/// What a program returns that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// One folder in memory and one on a disk; gone when dropped.
#[derive(Debug)]
pub(crate) struct Stages {
    memory: TempDir,
    disk: TempDir,
}

/// Where a work is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Memory,
    Disk,
}

impl Stages {
    /// Two fresh folders in these.
    pub(crate) fn set(memory: &Path, disk: &Path) -> Self {
        let fresh = |parent| TempDir::with_prefix_in("compare-", parent).expect("a folder to work in");
        let stages = Self { memory: fresh(memory), disk: fresh(disk) };
        let folders = [&stages.memory, &stages.disk].map(|folder| folder.path().to_owned());
        thread::spawn(move || clean_up_on_signal(&folders));
        stages
    }

    /// Removes what a row left. On the disk it stays until the end: emptying a folder would slow down whoever writes
    /// next to it.
    pub(crate) fn leave(&self, place: Place, row: &str) {
        if place == Place::Memory {
            fs::remove_dir_all(self.folder(place).join(row)).expect("a folder to remove");
        }
    }

    /// Whether so many bytes have room there. What lies in memory takes that of everybody.
    pub(crate) fn room_for(&self, place: Place, bytes: u64) -> Result<(), String> {
        let folder = self.folder(place);
        let disk = rustix::fs::statvfs(folder).map_err(|error| error.to_string())?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let free = match place {
            Place::Memory => free.min(available_memory().unwrap_or(free)),
            Place::Disk => free,
        };
        let mebi = |bytes: u64| bytes / 1_024 / 1_024;
        if bytes <= free {
            return Ok(());
        }
        Err(format!("It takes {} MiB in {}, where {} are free.", mebi(bytes), folder.display(), mebi(free)))
    }

    pub(crate) fn folder(&self, place: Place) -> &Path {
        match place {
            Place::Memory => self.memory.path(),
            Place::Disk => self.disk.path(),
        }
    }
}

/// Whatever comes from this process ends with it. A panic needs no help: it drops what it passes.
fn clean_up_on_signal(folders: &[PathBuf]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).expect("a handler");
        let mut terminate = signal(SignalKind::terminate()).expect("a handler");
        tokio::select! {
            biased;
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    });
    Family::of(std::process::id()).kill_descendants();
    for folder in folders {
        // What cannot be removed does not keep this program from ending.
        let _ = fs::remove_dir_all(folder);
    }
    exit(INTERRUPTED);
}

fn available_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1_024)
}

/// The kind of filesystem a folder lies on, as Linux calls it.
pub(crate) fn filesystem(folder: &Path) -> String {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let lines = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let above = lines.filter(|(mount, _)| folder.starts_with(mount));
    // The last of equals lies over the others.
    above.max_by_key(|(mount, _)| mount.len()).map_or_else(|| "unknown".to_owned(), |(_, kind)| kind.to_owned())
}
