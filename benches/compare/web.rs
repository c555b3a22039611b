//! Servers that take files over HTTP, spoken to by the raw client: only the lines around a file differ from ours.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::contestant::{Contestant, Scene};
use crate::daemon::Daemon;
use crate::lane::{Lane, Pipeline, Tail, Wire, connect, side_by_side};
use crate::peer::Installed;

struct Web {
    daemon: Daemon,
    version: String,
    dialect: Dialect,
    root: PathBuf,
    scene: Scene,
}

/// How a file is put into a request.
#[derive(Debug, Clone, Copy)]
enum Dialect {
    /// `PUT`, of which the file is the body.
    Put,
    /// A form, as a browser sends it.
    Form,
}

/// nginx with its module for `WebDAV`, which answers when the file has its name and syncs nothing.
pub(crate) fn nginx(scene: Scene) -> Result<Box<dyn Contestant>, String> {
    let program = Installed::find("nginx", &["-v"], "Debian has it in the package nginx")?;
    let (settings, base) = (scene.folder.join("nginx.conf"), scene.folder.display().to_string());
    Web::start(scene, program.version, Dialect::Put, |port, root| {
        let as_root = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
        // What it receives becomes a file by a rename, so it is received on the same filesystem.
        let text = format!(
            "daemon off; {as_root} worker_processes auto; pid {base}/nginx.pid; error_log stderr crit;
             events {{ worker_connections 4096; }}
             http {{
                 access_log off; client_max_body_size 0; keepalive_requests 1000000000;
                 client_body_temp_path {root}/.temp; proxy_temp_path {base}/proxy; fastcgi_temp_path {base}/fastcgi;
                 uwsgi_temp_path {base}/uwsgi; scgi_temp_path {base}/scgi;
                 server {{ listen 127.0.0.1:{port} backlog=4096; root {root}; location / {{ dav_methods PUT; }} }}
             }}",
            root = root.display()
        );
        fs::write(&settings, text).expect("room for settings");
        let mut command = Command::new(&program.path);
        command.arg("-c").arg(&settings).args(["-e", "stderr"]);
        command
    })
}

/// dufs, a file server in Rust (hyper).
pub(crate) fn dufs(scene: Scene) -> Result<Box<dyn Contestant>, String> {
    let program = Installed::find("dufs", &["--version"], "cargo install --locked dufs")?;
    Web::start(scene, program.version, Dialect::Put, |port, root| {
        let mut command = Command::new(&program.path);
        // An empty format is no log.
        command.args(["--allow-all", "--log-format", "", "--bind", "127.0.0.1", "--port", &port.to_string()]).arg(root);
        command
    })
}

/// miniserve, a file server in Rust (actix).
pub(crate) fn miniserve(scene: Scene) -> Result<Box<dyn Contestant>, String> {
    let program = Installed::find("miniserve", &["--version"], "cargo install --locked miniserve")?;
    Web::start(scene, program.version, Dialect::Form, |port, root| {
        let mut command = Command::new(&program.path);
        command.args(["--upload-files", "--interfaces", "127.0.0.1", "--port", &port.to_string()]);
        command.arg("--temp-directory").arg(root.join(".temp")).arg(root);
        command
    })
}

impl Web {
    fn start(
        scene: Scene,
        version: String,
        dialect: Dialect,
        command: impl Fn(u16, &Path) -> Command,
    ) -> Result<Box<dyn Contestant>, String> {
        let root = scene.folder.join("root");
        fs::create_dir_all(root.join(".temp")).map_err(|error| error.to_string())?;
        let daemon = Daemon::start(|port| command(port, &root))?;
        Ok(Box::new(Self { daemon, version, dialect, root, scene }))
    }
}

impl Contestant for Web {
    fn turn(&mut self, number: usize) -> Duration {
        let scene = &self.scene;
        fs::create_dir(self.root.join(number.to_string())).expect("a fresh folder");
        let lane = |connection: usize| -> Box<dyn Lane> {
            let input = connect(self.daemon.address, &scene.congestion);
            let first = connection.saturating_mul(scene.work.files);
            let wire = Requests { dialect: self.dialect, turn: number, next: first, line: String::new() };
            Box::new(Pipeline::new(input, wire, &scene.source, scene.work.files, scene.in_flight))
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

/// Requests for files `TURN/NUMBER.txt`.
struct Requests {
    dialect: Dialect,
    turn: usize,
    next: usize,
    line: String,
}

impl Wire for Requests {
    fn envelope(&mut self, size: u64) -> (Vec<u8>, Tail) {
        let (turn, file) = (self.turn, self.next);
        self.next = file.saturating_add(1);
        match self.dialect {
            Dialect::Put => {
                let head = format!("PUT /{turn}/{file}.txt HTTP/1.1\r\nHost: bench\r\nContent-Length: {size}\r\n\r\n");
                (head.into_bytes(), Tail::Bytes(Vec::new()))
            }
            Dialect::Form => {
                let part =
                    format!("--part\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{file}.txt\"\r\n\r\n");
                let end = b"\r\n--part--\r\n".to_vec();
                let around = u64::try_from(part.len().saturating_add(end.len())).expect("a length");
                let mut head = format!("POST /upload?path=/{turn} HTTP/1.1\r\nHost: bench\r\n");
                // Writing to a string cannot fail.
                let _ = write!(
                    head,
                    "Content-Type: multipart/form-data; boundary=part\r\nContent-Length: {}\r\n\r\n{part}",
                    size.saturating_add(around)
                );
                (head.into_bytes(), Tail::Bytes(end))
            }
        }
    }

    fn answer(&mut self, input: &mut BufReader<TcpStream>) {
        let mut body = 0;
        let mut first = true;
        loop {
            self.line.clear();
            input.read_line(&mut self.line).expect("an answer in time");
            let line = self.line.trim_end();
            if first {
                let good = ["HTTP/1.1 201", "HTTP/1.1 303"].iter().any(|good| line.starts_with(good));
                assert!(good, "created, or where to look for it, and not {line:?}");
                first = false;
            } else if line.is_empty() {
                break;
            } else if let Some((name, value)) = line.split_once(": ")
                && name.eq_ignore_ascii_case("content-length")
            {
                body = value.parse().expect("a length");
            }
        }
        io::copy(&mut input.take(body), &mut io::sink()).expect("a whole answer");
    }
}
