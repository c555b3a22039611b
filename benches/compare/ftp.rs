//! vsftpd, spoken to by the raw client: one connection for commands, one more for each file, as FTP wants it.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use crate::contestant::{Contestant, Scene};
use crate::daemon::Daemon;
use crate::lane::{Lane, connect, pour, side_by_side};
use crate::peer::Installed;
use crate::source::{Content, Source};

struct Vsftpd {
    daemon: Daemon,
    version: String,
    root: PathBuf,
    scene: Scene,
}

/// Starts it without its sandboxes, which cost it time.
pub(crate) fn vsftpd(scene: Scene) -> Result<Box<dyn Contestant>, String> {
    let program = Installed::find("vsftpd", &[], "Debian has it in the package vsftpd")?;
    let root = scene.folder.join("root");
    fs::create_dir_all(&root).map_err(|error| error.to_string())?;
    let settings = scene.folder.join("vsftpd.conf");
    let daemon = Daemon::start(|port| {
        let text = format!(
            "listen=YES\nbackground=NO\nlisten_address=127.0.0.1\nlisten_port={port}\npasv_address=127.0.0.1\n\
             anonymous_enable=YES\nno_anon_password=YES\nwrite_enable=YES\nanon_upload_enable=YES\nanon_root={root}\n\
             run_as_launching_user=YES\nsecure_chroot_dir={root}\nseccomp_sandbox=NO\nisolate=NO\n\
             isolate_network=NO\nxferlog_enable=NO\n\
             max_clients=0\nmax_per_ip=0\n",
            root = root.display()
        );
        fs::write(&settings, text).expect("room for settings");
        let mut command = Command::new(&program.path);
        command.arg(&settings);
        command
    })?;
    Ok(Box::new(Vsftpd { daemon, version: program.version, root, scene }))
}

impl Contestant for Vsftpd {
    fn turn(&mut self, number: usize) -> Duration {
        let scene = &self.scene;
        fs::create_dir(self.root.join(number.to_string())).expect("a fresh folder");
        let lane = |connection: usize| -> Box<dyn Lane> {
            let first = connection.saturating_mul(scene.work.files);
            let names = (first..first.saturating_add(scene.work.files)).map(|file| format!("{number}/{file}.txt"));
            Box::new(Commands::log_in(self.daemon.address, scene, names.collect()))
        };
        side_by_side((0..scene.work.connections).map(lane).collect())
    }

    fn folder(&self) -> Option<&Path> {
        Some(&self.root)
    }

    fn process(&self) -> Option<u32> {
        Some(self.daemon.number())
    }

    fn version(&self) -> Option<&str> {
        Some(&self.version)
    }
}

struct Commands {
    input: BufReader<TcpStream>,
    address: SocketAddr,
    congestion: String,
    source: Arc<Source>,
    names: Vec<String>,
    line: String,
}

impl Commands {
    fn log_in(address: SocketAddr, scene: &Scene, names: Vec<String>) -> Self {
        let input = connect(address, &scene.congestion);
        let (congestion, source) = (scene.congestion.clone(), Arc::clone(&scene.source));
        let mut commands = Self { input, address, congestion, source, names, line: String::new() };
        commands.expect("220");
        commands.say("USER anonymous", "230");
        commands.say("TYPE I", "200");
        commands
    }

    fn say(&mut self, command: &str, code: &str) {
        self.input.get_ref().write_all(format!("{command}\r\n").as_bytes()).expect("the server takes bytes");
        self.expect(code);
    }

    fn expect(&mut self, code: &str) {
        self.line.clear();
        self.input.read_line(&mut self.line).expect("an answer in time");
        assert!(self.line.starts_with(code), "{code} and not {:?}", self.line);
    }

    fn store(&mut self, name: &str) {
        self.say("EPSV", "229");
        // As in `229 Entering Extended Passive Mode (|||15218|)`.
        let port = self.line.split('|').nth(3).and_then(|port| port.parse().ok()).expect("a port");
        let data = connect(SocketAddr::new(self.address.ip(), port), &self.congestion);
        self.say(&format!("STOR {name}"), "150");
        match &self.source.content {
            Content::Bytes(bytes) => data.get_ref().write_all(bytes).expect("the server takes bytes"),
            Content::File(path) => pour(&File::open(path).expect("a file of the source"), data.get_ref()),
        }
        // Its end is the file's end.
        drop(data);
        self.expect("226");
    }
}

impl Lane for Commands {
    fn run(&mut self) {
        for name in std::mem::take(&mut self.names) {
            self.store(&name);
        }
    }
}
