//! Uploads that a client sends without waiting for answers, as a connection takes them: received one by one, shown and
//! counted together.
//!
//! Method: all that a client sends is in a pipe before the connection is polled, and it is polled by hand. So what comes
//! together is known, and the connection can be dropped at every await.

mod cut;
mod faults;
mod order;

use std::net::Ipv4Addr;
use std::sync::Arc;

use harness::orders::{Runner, finish, poll_n};
use harness::stores::together;
use harness::world::{Client, World};
use harness::{Session, frame};
use serde_json::Value;
use server::config::Week01Ack;
use server::net::{Connection, Context};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

/// More than any client here sends, or hears.
const PIPE_BYTES: usize = 1 << 20;

/// More than any of their connections needs.
const POLLS_MAX: usize = 100_000;

const PAYLOAD: &[u8] = b"hello";

/// A server whose connections are polled by hand.
struct Host {
    world: Arc<World>,
    context: Arc<Context>,
    stop: CancellationToken,
    /// Nobody waits in it; it is there to be asked for the time.
    runtime: Runtime,
}

/// What a client heard, until its connection ended or was dropped.
struct Heard {
    replies: Vec<Value>,
    ended: bool,
}

impl Host {
    fn of(world: &Arc<World>) -> Self {
        let stop = CancellationToken::new();
        let context = Arc::new(Context::new(world.dispatch(), Week01Ack::Deferred, stop.clone()));
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        Self { world: Arc::clone(world), context, stop, runtime }
    }

    fn new() -> Self {
        Self::of(&World::new())
    }

    /// Serves a client that sends this and ends its side.
    fn serve(&self, sent: &[u8]) -> Heard {
        let heard = self.serve_for(POLLS_MAX, sent);
        assert!(heard.ended, "the connection ends");
        heard
    }

    /// The same, dropped after so many polls.
    fn serve_for(&self, polls: usize, sent: &[u8]) -> Heard {
        self.serving(sent, |mut served| poll_n(polls, &mut served).is_some())
    }

    /// The same, asked to stop after so many polls.
    fn serve_and_stop(&self, polls: usize, sent: &[u8]) -> Heard {
        self.serving(sent, |mut served| {
            poll_n(polls, &mut served).is_some() || {
                self.stop.cancel();
                poll_n(POLLS_MAX, &mut served).is_some()
            }
        })
    }

    fn serving(&self, sent: &[u8], run: impl FnOnce(Runner<()>) -> bool) -> Heard {
        let _time = self.runtime.enter();
        let (ours, served) = self.begin(sent);
        let ended = run(served);
        Heard::on(ours, ended)
    }

    /// Serves two clients poll by poll, the second from that poll of the first on; nothing when there is no such poll.
    fn serve_both(&self, polls: usize, first: &[u8], second: &[u8]) -> Option<[Heard; 2]> {
        let _time = self.runtime.enter();
        let ((first, mut one), (second, other)) = (self.begin(first), self.begin(second));
        if poll_n(polls, &mut one).is_some() {
            return None;
        }
        finish(together([one, other]));
        Some([Heard::on(first, true), Heard::on(second, true)])
    }

    /// The client's end of a connection that has sent this, and the server's.
    fn begin(&self, sent: &[u8]) -> (DuplexStream, Runner<()>) {
        let (mut ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        finish(ours.write_all(sent)).unwrap();
        finish(ours.shutdown()).unwrap();
        let connection = Connection::new(theirs, (Ipv4Addr::LOCALHOST, 0).into(), Arc::clone(&self.context));
        (ours, Box::pin(connection.serve()))
    }
}

impl Heard {
    /// All that came on this end of a connection.
    fn on(mut ours: DuplexStream, ended: bool) -> Self {
        let mut bytes = Vec::new();
        finish(ours.read_to_end(&mut bytes)).unwrap();
        Self { replies: replies(&bytes), ended }
    }

    /// The status of each reply, or the code of its error.
    fn words(&self) -> Vec<&str> {
        self.replies.iter().map(word).collect()
    }
}

fn word(reply: &Value) -> &str {
    reply["error"]["code"].as_str().or(reply["status"].as_str()).unwrap()
}

/// Each reply, with its payload as a member.
fn replies(mut bytes: &[u8]) -> Vec<Value> {
    let mut replies = Vec::new();
    while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
        let mut reply: Value = serde_json::from_slice(&bytes[..end]).unwrap();
        let size = |size: &Value| usize::try_from(size.as_u64().unwrap_or(0)).unwrap();
        let payload = end + 1 + size(&reply["session"]["data_size"]);
        let behind = payload + size(&reply["size"]);
        reply["payload"] = String::from_utf8_lossy(&bytes[payload..behind]).into();
        bytes = &bytes[behind..];
        replies.push(reply);
    }
    replies
}

/// The sessions of every world are the same: its dice count.
fn first_session() -> Session {
    nth_session(1)
}

fn nth_session(nth: usize) -> Session {
    let world = World::new();
    for _ in 1..nth {
        finish(Client::open(&world));
    }
    let client = finish(Client::open(&world));
    Session { id: client.id.to_wire(), token: client.token.to_wire() }
}

/// What a new connection continues the session with.
fn resume(session: &Session) -> Vec<u8> {
    frame::bytes(&session.resume(), b"")
}

/// The sequences of the files that the session lists on a new connection.
fn listed(host: &Host, session: &Session) -> Vec<u64> {
    let heard = host.serve(&[resume(session), frame::bytes(&session.frame("list"), b"")].concat());
    assert_eq!(heard.words(), ["session_resumed", "files"]);
    let lines = heard.replies[1]["payload"].as_str().unwrap().lines();
    lines.map(|line| serde_json::from_str::<Value>(line).unwrap()["sequence"].as_u64().unwrap()).collect()
}

fn connect() -> Vec<u8> {
    frame::bytes(&frame::stateful("connect"), b"")
}

fn upload(session: &Session, sequence: u64) -> Vec<u8> {
    frame::bytes(&session.upload(sequence, "text/plain", PAYLOAD.len()), PAYLOAD)
}

fn uploads(session: &Session, sequences: impl IntoIterator<Item = u64>) -> Vec<u8> {
    sequences.into_iter().flat_map(|sequence| upload(session, sequence)).collect()
}
