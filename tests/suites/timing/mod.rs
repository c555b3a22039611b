//! Connections in virtual time, over a pipe in memory: what is waited for, and no longer than how long. The clock
//! moves only when nobody has anything else to do, so every moment here is exact.

mod busy;
mod closing;
mod pace;
mod quiet;
mod reply;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use harness::world::World;
use serde_json::Value;
use server::config::Week01Ack;
use server::net::{Connection, Context};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const HELLO: &str = r#"{"version":"2.0","session":{"mode":"stateless","action":"hello"}}"#;
const CONNECT: &str = r#"{"version":"2.0","session":{"mode":"stateful","action":"connect","id":null}}"#;

/// The client's end of a connection, and the task that serves the other.
struct Line {
    stream: BufReader<DuplexStream>,
    served: JoinHandle<()>,
}

/// What connections of one server have in common.
struct Server {
    world: Arc<World>,
    context: Arc<Context>,
    stop: CancellationToken,
}

impl Server {
    fn new() -> Self {
        Self::over(World::new(), Week01Ack::Deferred)
    }

    fn over(world: Arc<World>, week01_ack: Week01Ack) -> Self {
        let stop = CancellationToken::new();
        let context = Arc::new(Context::new(world.dispatch(), week01_ack, stop.clone()));
        Self { world, context, stop }
    }

    fn connect(&self) -> Line {
        self.connect_by(1 << 20)
    }

    /// A connection of which so many bytes can be under way.
    fn connect_by(&self, pipe_bytes: usize) -> Line {
        let (ours, theirs) = tokio::io::duplex(pipe_bytes);
        let connection = Connection::new(theirs, (Ipv4Addr::LOCALHOST, 0).into(), Arc::clone(&self.context));
        Line { stream: BufReader::new(ours), served: tokio::spawn(connection.serve()) }
    }
}

impl Line {
    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(bytes.as_ref()).await.unwrap();
    }

    /// The next line, without its end; empty when the server has closed.
    async fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).await.unwrap();
        line.trim_end().to_owned()
    }

    async fn reply(&mut self) -> Value {
        let line = self.line().await;
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("no reply: {line:?}"))
    }

    /// The status of the next reply, or the code of the error.
    async fn says(&mut self) -> String {
        let reply = self.reply().await;
        let word = if reply["status"] == "error" { &reply["error"]["code"] } else { &reply["status"] };
        word.as_str().unwrap().to_owned()
    }

    async fn ask(&mut self, header: &str) -> String {
        self.send(format!("{header}\n")).await;
        self.says().await
    }

    /// Opens a session; its id and token.
    async fn session(&mut self) -> (String, String) {
        self.send(format!("{CONNECT}\n")).await;
        let session = self.reply().await["session"].clone();
        (session["id"].as_str().unwrap().to_owned(), session["token"].as_str().unwrap().to_owned())
    }

    /// Everything until the server closes its half.
    async fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.stream.read_to_string(&mut rest).await.unwrap();
        rest
    }
}

fn inside(id: &str, action: &str, more: &str) -> String {
    format!(r#"{{"version":"2.0","session":{{"mode":"stateful","action":"{action}","id":"{id}"{more}}}}}"#)
}

fn upload(bytes: usize) -> String {
    format!("{{\"version\":\"2.0\",\"mime_type\":\"text/plain\",\"size\":{bytes}}}\n")
}

/// Lets virtual time pass.
async fn pass(millis: u64) {
    let never = std::future::pending::<()>();
    tokio::time::timeout(Duration::from_millis(millis), never).await.unwrap_err();
}

/// What something came to, and how many milliseconds it took.
async fn timed<T>(future: impl Future<Output = T>) -> (T, u64) {
    let begun = now();
    let value = future.await;
    (value, u64::try_from((now() - begun).as_millis()).unwrap())
}

#[expect(clippy::disallowed_methods, reason = "time is virtual here, and measured by nothing else")]
fn now() -> Instant {
    Instant::now()
}
