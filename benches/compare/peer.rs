//! Who else can do a work: other servers, and what the machine can do without one.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use benches::Clock;
use clap::ValueEnum;
use shared::digest::DigestKind;

use crate::contestant::{Contestant, Scene};
use crate::lane::hashed;
use crate::{ftp, programs, web, week01};

/// The others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Peer {
    /// `PUT` into nginx, by the raw client
    Nginx,
    /// FTP into vsftpd, by the raw client
    Vsftpd,
    /// The daemon of rsync, by its own client
    Rsync,
    /// OpenSSH, by its own client
    Sftp,
    /// `PUT` into dufs, by the raw client
    Dufs,
    /// A form into miniserve, by the raw client
    Miniserve,
    /// Week 01's wire into a small server in Python
    Python,
    /// One stream, with the congestion control of the raw client
    Iperf3,
    /// One stream, with the congestion control of the system
    Iperf3System,
    /// The files copied to the same filesystem, one after the other
    Copy,
    /// The same, each file and its folder synced
    SyncedCopy,
    /// The files read and hashed with BLAKE3
    Hash,
}

impl Peer {
    /// What it is called in most rows.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Vsftpd => "vsftpd",
            Self::Rsync => "rsync",
            Self::Sftp => "sftp",
            Self::Dufs => "dufs",
            Self::Miniserve => "miniserve",
            Self::Python => "Python",
            Self::Iperf3 => "iperf3",
            Self::Iperf3System => "iperf3, system",
            Self::Copy => "plain copy",
            Self::SyncedCopy => "synced copy",
            Self::Hash => "BLAKE3 alone",
        }
    }

    /// Gets it ready, or says what is missing.
    pub(crate) fn start(self, scene: Scene) -> Result<Box<dyn Contestant>, String> {
        match self {
            Self::Nginx => web::nginx(scene),
            Self::Vsftpd => ftp::vsftpd(scene),
            Self::Rsync => programs::rsync(scene),
            Self::Sftp => programs::sftp(&scene),
            Self::Dufs => web::dufs(scene),
            Self::Miniserve => web::miniserve(scene),
            Self::Python => week01::python(scene),
            Self::Iperf3 => programs::iperf3(&scene, Some(scene.congestion.clone())),
            Self::Iperf3System => programs::iperf3(&scene, None),
            Self::Copy => Ok(Box::new(Alone { deed: Deed::Copy, scene })),
            Self::SyncedCopy => Ok(Box::new(Alone { deed: Deed::SyncedCopy, scene })),
            Self::Hash => Ok(Box::new(Alone { deed: Deed::Hash, scene })),
        }
    }
}

/// A program that is there, with what it says about itself.
#[derive(Debug)]
pub(crate) struct Installed {
    pub(crate) path: PathBuf,
    pub(crate) version: String,
}

impl Installed {
    /// Finds a program, also where only root looks for it.
    pub(crate) fn find(name: &str, version: &[&str], how_to_get_it: &str) -> Result<Self, String> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
        let found = folders.map(|folder| folder.join(name)).find(|program| program.is_file());
        let path = found.ok_or_else(|| format!("{name} is missing: {how_to_get_it}."))?;
        if version.is_empty() {
            return Ok(Self { path, version: name.to_owned() });
        }
        let output = Command::new(&path).args(version).stdin(Stdio::null()).output().map_err(|e| e.to_string())?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let version = said.lines().find(|line| !line.trim().is_empty()).unwrap_or(name).trim().to_owned();
        Ok(Self { path, version })
    }
}

/// What is done without a server, in one thread of this process.
struct Alone {
    deed: Deed,
    scene: Scene,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Copy,
    SyncedCopy,
    Hash,
}

impl Contestant for Alone {
    fn turn(&mut self, number: usize) -> Duration {
        let folder = self.scene.folder.join(number.to_string());
        fs::create_dir(&folder).expect("a fresh folder");
        let names = harness::names(&self.scene.source.folder);
        let clock = Clock::start();
        for name in names {
            let original = self.scene.source.folder.join(&name);
            match self.deed {
                Deed::SyncedCopy => synced_copy(&original, &folder, &name),
                Deed::Hash => drop(hashed(File::open(&original).expect("a file of the source"), DigestKind::Blake3)),
                Deed::Copy => drop(fs::copy(&original, folder.join(&name)).expect("room for a copy")),
            }
        }
        clock.elapsed()
    }

    fn folder(&self) -> Option<&Path> {
        (self.deed != Deed::Hash).then_some(self.scene.folder.as_path())
    }

    fn process(&self) -> Option<u32> {
        None
    }
}

/// A copy that is whole or not there, and survives a power cut: each file by itself.
fn synced_copy(original: &Path, folder: &Path, name: &str) {
    let part = folder.join(format!(".{name}"));
    fs::copy(original, &part).expect("room for a copy");
    let sync = |path: &Path| File::open(path).and_then(|file| file.sync_all()).expect("a disk that syncs");
    sync(&part);
    fs::rename(&part, folder.join(name)).expect("a file to rename");
    sync(folder);
}
