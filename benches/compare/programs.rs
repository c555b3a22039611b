//! Peers that only their own client can speak to: it is started anew for each turn, and its start counts.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use benches::Clock;
use harness::Patience;
use serde_json::Value;

use crate::contestant::{Contestant, Scene};
use crate::daemon::Daemon;
use crate::peer::Installed;

/// A server, and how its client is run.
struct Programs<F> {
    daemon: Daemon,
    version: String,
    /// Where files arrive; a server that only counts has none.
    root: Option<PathBuf>,
    run: F,
}

/// rsync's daemon. Its client compares a checksum of each whole file, as it always does.
pub(crate) fn rsync(scene: Scene) -> Result<Box<dyn Contestant>, String> {
    let program = Installed::find("rsync", &["--version"], "Debian has it in the package rsync")?;
    let root = scene.folder.join("root");
    fs::create_dir_all(&root).map_err(|error| error.to_string())?;
    let settings = scene.folder.join("rsyncd.conf");
    // Only root may take another user, and only root needs to say that it stays.
    let user = if rustix::process::geteuid().is_root() { "uid = 0\ngid = 0\n" } else { "" };
    let text = format!("use chroot = no\n{user}[files]\npath = {}\nread only = no\n", root.display());
    fs::write(&settings, text).map_err(|error| error.to_string())?;
    let daemon = Daemon::start(|port| {
        let mut command = Command::new(&program.path);
        command.args(["--daemon", "--no-detach", "--address=127.0.0.1"]);
        command.arg(format!("--port={port}")).arg(format!("--config={}", settings.display()));
        command
    })?;
    let run = move |daemon: &Daemon, turn: usize| {
        let mut client = Command::new(&program.path);
        client.args(["--recursive", "--whole-file"]).arg(format!("{}/", scene.source.folder.display()));
        timed(client.arg(format!("rsync://{}/files/{turn}/", daemon.address)), "")
    };
    Ok(Box::new(Programs { daemon, version: program.version, root: Some(root), run }))
}

/// OpenSSH's sftp, which encrypts everything.
pub(crate) fn sftp(scene: &Scene) -> Result<Box<dyn Contestant>, String> {
    let client = Installed::find("sftp", &[], "Debian has it in the package openssh-client")?;
    let server = Installed::find("sshd", &[], "Debian has it in the package openssh-server")?;
    let version = Installed::find("ssh", &["-V"], "Debian has it in the package openssh-client")?.version;
    if rustix::process::geteuid().is_root() {
        // What its service makes at its start, and a server of root's insists on.
        fs::create_dir_all("/run/sshd").map_err(|error| error.to_string())?;
    }
    let root = scene.folder.join("root");
    fs::create_dir_all(&root).map_err(|error| error.to_string())?;
    let key = |name: &str| scene.folder.join(name).display().to_string();
    for name in ["host", "user"] {
        timed(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &key(name)]), "");
    }
    let daemon = Daemon::start(|port| {
        let mut command = Command::new(&server.path);
        command.args(["-D", "-e", "-f", "/dev/null", "-p", &port.to_string()]);
        for option in [
            "ListenAddress=127.0.0.1",
            "StrictModes=no",
            "UsePAM=no",
            "PidFile=none",
            "LogLevel=ERROR",
            "Subsystem=sftp internal-sftp",
            &format!("HostKey={}", key("host")),
            &format!("AuthorizedKeysFile={}", key("user.pub")),
        ] {
            command.args(["-o", option]);
        }
        command
    })?;
    let (user, source, into) = (key("user"), scene.source.folder.display().to_string(), root.display().to_string());
    let run = move |daemon: &Daemon, turn: usize| {
        let mut client = Command::new(&client.path);
        client.args(["-q", "-F", "none", "-b", "-", "-i", &user, "-P", &daemon.address.port().to_string()]);
        client.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes"]);
        timed(client.arg("127.0.0.1"), &format!("put -r \"{source}\" \"{into}/{turn}\"\n"))
    };
    Ok(Box::new(Programs { daemon, version, root: Some(root), run }))
}

/// iperf3 with one stream: as many bytes, sent and thrown away. Without a congestion control, that of the system.
pub(crate) fn iperf3(scene: &Scene, congestion: Option<String>) -> Result<Box<dyn Contestant>, String> {
    let program = Installed::find("iperf3", &["--version"], "Debian has it in the package iperf3")?;
    let daemon = Daemon::start(|port| {
        let mut command = Command::new(&program.path);
        command.args(["--server", "--bind", "127.0.0.1", "--port", &port.to_string()]);
        command
    })?;
    let ask = move |daemon: &Daemon, bytes: u64| {
        let mut client = Command::new(&program.path);
        client.args(["--json", "--client", "127.0.0.1", "--port", &daemon.address.port().to_string()]);
        client.args(["--bytes", &bytes.to_string()]);
        client.args(congestion.iter().flat_map(|name| ["--congestion", name]));
        let output = client.output().expect("iperf3 runs");
        let said: Value = serde_json::from_slice(&output.stdout).expect("JSON from iperf3");
        // It stops its clock when the last byte is sent, so its speed is taken, not its time.
        let bits = said.pointer("/end/sum_received/bits_per_second").and_then(Value::as_f64);
        bits.ok_or_else(|| format!("{client:?}: {said}"))
    };
    // It took the look whether it listens for a client, and refuses others until it has noticed that this one is gone.
    let patience = Patience::fresh();
    while let Err(why) = ask(&daemon, 1) {
        if !patience.lasts() {
            return Err(why);
        }
    }
    let bytes = scene.source.size;
    let run = move |daemon: &Daemon, _turn: usize| {
        let bits = ask(daemon, bytes).expect("a speed");
        let mebi = u32::try_from(bytes / 1_048_576).map_or(f64::INFINITY, f64::from);
        Duration::from_secs_f64(mebi * 1_048_576.0 * 8.0 / bits)
    };
    Ok(Box::new(Programs { daemon, version: program.version, root: None, run }))
}

impl<F: FnMut(&Daemon, usize) -> Duration> Contestant for Programs<F> {
    fn turn(&mut self, number: usize) -> Duration {
        (self.run)(&self.daemon, number)
    }

    fn folder(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    fn process(&self) -> Option<u32> {
        Some(self.daemon.number())
    }

    fn version(&self) -> Option<&str> {
        Some(&self.version)
    }
}

/// How long a program takes that is told this, and ends well.
fn timed(command: &mut Command, told: &str) -> Duration {
    let clock = Clock::start();
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("a program to run");
    child.stdin.take().expect("a pipe").write_all(told.as_bytes()).expect("a program that listens");
    let output = child.wait_with_output().expect("a program to wait for");
    let took = clock.elapsed();
    if !output.status.success() {
        failed(command, &output.stderr);
    }
    took
}

#[expect(clippy::panic, reason = "a bench that fails says where, and ends")]
fn failed(command: &Command, said: &[u8]) -> ! {
    panic!("{command:?}: {}", String::from_utf8_lossy(said))
}
