//! Every code of the error table, produced by a server as a client would meet it (PROTOCOL.md section 4).

use std::net::Ipv4Addr;
use std::sync::Arc;

use harness::{Options, RawClient, Reply, Server, Session, frame};
use serde_json::json;
use server::config::{Config, Exclusive, Persistence, RedisUrl, ServerMode, Week01Ack};
use server::dispatch::Dispatch;
use server::env::{Dice, NoDice, SystemClock, SystemDice};
use server::files::MemoryStorage;
use server::handler::{Services, StatefulHandler};
use server::net::{Connection, Context};
use server::sessions::MemoryStore;
use shared::error::ErrorCode;
use shared::limits::Limits;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio_util::sync::CancellationToken;

/// The codes that no server sends yet, and why.
pub(super) const NOT_YET: &[(ErrorCode, &str)] =
    &[(ErrorCode::AuthFailed, "there are no keys"), (ErrorCode::QuotaExceeded, "clients have no shares")];

#[test]
fn every_code_of_the_table_is_met() {
    let not_yet: Vec<_> = NOT_YET.iter().map(|(code, _)| *code).collect();
    let mut missing = Vec::new();
    for code in ErrorCode::ALL {
        match produced(*code) {
            Some(reply) => {
                reply.refuses(code.as_str());
            }
            None => missing.push(*code),
        }
    }
    assert_eq!(missing, not_yet);
}

// One row per code, so that a new one does not compile until it has its own.
fn produced(code: ErrorCode) -> Option<Reply> {
    Some(match code {
        ErrorCode::HeaderTooLarge => after(format!("{{\"version\":\"2.0\",\"{}", "x".repeat(9_000))),
        ErrorCode::HeaderTimeout => halfway(|limits| limits.header_timeout_ms = 10, b"{\"version\""),
        ErrorCode::BadEncoding => after(b"{\"version\":\"\xff\"}\n"),
        ErrorCode::BadHeader => after("{\"version\":\"2.0\",\"size\":-1}\n"),
        ErrorCode::DuplicateKey => after("{\"version\":\"2.0\",\"version\":\"2.0\"}\n"),
        ErrorCode::UnknownField => spoilt("sise", json!(5)),
        ErrorCode::UnsupportedVersion => spoilt("version", json!("2.1")),
        ErrorCode::Truncated => truncated(),
        ErrorCode::PayloadTimeout => halfway(|limits| limits.progress_window_ms = 10, &hello()[..hello().len() - 1]),
        ErrorCode::BadField => spoilt("mime_type", json!("text")),
        ErrorCode::BadName => spoilt("name", json!("../hello")),
        ErrorCode::IllegalAction => after(frame::bytes(&frame::stateless("heartbeat"), b"")),
        ErrorCode::ModeDisabled => by(|config| config.mode = ServerMode::Stateful, &hello()),
        ErrorCode::SizeTooLarge => by(|config| config.limits.stateless_request_bytes_max = 4, &hello()),
        ErrorCode::BadOffset => offset(),
        ErrorCode::DigestMismatch => spoilt("digest", json!(harness::digest("blake3", b"jello"))),
        ErrorCode::FileUnknown => {
            after(frame::bytes(&frame::with(frame::stateless("fetch"), "file", "received_0.txt"), b""))
        }
        ErrorCode::TransferReused => reused(),
        ErrorCode::SessionRequired => with_a_session(|session, _| session.frame("heartbeat")),
        ErrorCode::SessionUnknown => {
            with_a_session(|session, other| frame::with(session.resume(), "session.token", other.token.as_str()))
        }
        ErrorCode::SessionGone => {
            let expire = |config: &mut Config| config.limits.pending_timeout_ms = 0;
            second(expire, |client, session| client.ask(&session.resume(), b""))
        }
        ErrorCode::SessionMoved => moved(),
        ErrorCode::SessionExists => {
            let connect = frame::with(frame::stateful("connect"), "auth", json!({"access_key": "somebodys-key"}));
            let server = Server::start(Options::with(|config| config.exclusive = Exclusive::Reject));
            server.connect().ask(&connect, b"").is("session_created");
            server.connect().ask(&connect, b"")
        }
        ErrorCode::StoreUnavailable => by(nowhere, &frame::bytes(&frame::stateful("connect"), b"")),
        ErrorCode::SessionFull => {
            let one = |config: &mut Config| config.limits.sessions_max = 1;
            second(one, |client, _| client.ask(&frame::stateful("connect"), b""))
        }
        ErrorCode::SequenceGap => under(4),
        ErrorCode::SequenceReused => under(2),
        ErrorCode::SequenceTooOld => under(1),
        ErrorCode::Busy => second(|config| config.limits.connections_max = 1, |client, _| client.reply()),
        ErrorCode::RateLimited => second_session_of_a_stranger(),
        ErrorCode::StorageFull => larger_than_any_disk(),
        ErrorCode::ShuttingDown => stopped(),
        ErrorCode::IoError => without_staging(),
        ErrorCode::TransferMoved => overtaken(),
        ErrorCode::Internal => connected_in_memory(Limits::default(), Arc::new(Broken), 1),
        ErrorCode::AuthFailed | ErrorCode::QuotaExceeded => return None,
    })
}

/// The store is a Redis server on a port where nobody listens.
fn nowhere(config: &mut Config) {
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    config.persistence = Persistence::Redis;
    config.redis_url = RedisUrl::parse(&format!("redis://127.0.0.1:{port}/0")).expect("an address");
}

/// A small upload.
fn hello() -> Vec<u8> {
    frame::bytes(&frame::upload("text/plain", 5), b"hello")
}

/// The reply to bytes, on a connection of their own to a server of their own.
fn after(bytes: impl AsRef<[u8]>) -> Reply {
    by(|_| {}, bytes.as_ref())
}

/// The same by a server with other settings.
fn by(adjust: impl FnOnce(&mut Config), bytes: &[u8]) -> Reply {
    let server = Server::start(Options::with(adjust));
    let mut client = server.connect();
    client.send(bytes);
    client.reply()
}

/// The same by a server with other limits, to a client that stays and says nothing more.
fn halfway(adjust: impl FnOnce(&mut Limits), bytes: &[u8]) -> Reply {
    by(|config| adjust(&mut config.limits), bytes)
}

/// The reply to a header that changes one field of a good one.
fn spoilt(field: &str, value: serde_json::Value) -> Reply {
    after(frame::bytes(&frame::with(frame::upload("text/plain", 5), field, value), b"hello"))
}

/// The reply to a transfer in a session that has stored two files and keeps one reply.
fn under(sequence: u64) -> Reply {
    let server = Server::start(Options::with(|config| config.limits.receipts_per_session_max = 1));
    let (mut client, session) = server.open_session();
    session.store(&mut client, 1, b"one");
    session.store(&mut client, 2, b"two");
    client.ask(&session.upload(sequence, "text/plain", 5), b"other")
}

/// What a second client is told, while the first has a session.
fn second(adjust: impl FnOnce(&mut Config), ask: impl FnOnce(&mut RawClient, &Session) -> Reply) -> Reply {
    let server = Server::start(Options::with(adjust));
    let (_first, session) = server.open_session();
    ask(&mut server.connect(), &session)
}

/// What a connection without a session is told, while two others have one each.
fn with_a_session(header: impl FnOnce(&Session, &Session) -> serde_json::Value) -> Reply {
    let server = Server::start(Options::default());
    let (_first, one) = server.open_session();
    let (_second, other) = server.open_session();
    server.connect().ask(&header(&one, &other), b"")
}

fn truncated() -> Reply {
    let server = Server::start(Options::default());
    let mut client = server.connect();
    client.send(&hello()[..hello().len() - 1]);
    client.half_close();
    client.reply()
}

fn offset() -> Reply {
    let header = frame::with(frame::upload("text/plain", 5), "digest", harness::digest("blake3", b"0hello"));
    after(frame::bytes(&frame::with(header, "offset", 1), b"hello"))
}

fn reused() -> Reply {
    let server = Server::start(Options::default());
    let mut client = server.connect();
    let id = harness::uuid();
    client.ask(&frame::with(frame::upload("text/plain", 5), "transfer_id", id.as_str()), b"hello").is("stored");
    client.ask(&frame::with(frame::upload("text/plain", 4), "transfer_id", id), b"hell")
}

fn overtaken() -> Reply {
    let server = Server::start(Options::default());
    let mut older = server.connect();
    let header = frame::with(frame::upload("text/plain", 5), "transfer_id", harness::uuid());
    older.ask(&frame::with(header.clone(), "expect", "continue"), b"").is("continue");
    server.connect().ask(&header, b"hello").is("stored");
    older.reply()
}

fn moved() -> Reply {
    let server = Server::start(Options::default());
    let (mut client, session) = server.open_session();
    server.connect().ask(&session.resume(), b"").is("session_resumed");
    client.reply()
}

fn larger_than_any_disk() -> Reply {
    let size = shared::id::INTEGER_MAX;
    let header = frame::with(frame::upload("text/plain", 5), "size", size);
    by(|config| config.limits.stateless_request_bytes_max = size, &frame::bytes(&header, b""))
}

fn stopped() -> Reply {
    let mut server = Server::start(Options::default());
    let mut client = server.connect();
    client.ask(&frame::stateless("hello"), b"").is("hello");
    server.stop_soon();
    client.reply()
}

fn without_staging() -> Reply {
    let server = Server::start(Options::default());
    std::fs::remove_dir(server.storage.join(".staging")).expect("an empty folder");
    server.connect().ask(&frame::upload("text/plain", 5), b"hello")
}

/// Addresses of this machine have no rate, so the connection to this one is made of memory.
fn second_session_of_a_stranger() -> Reply {
    let limits = Limits { sessions_per_address_per_s: 1, sessions_per_address_burst: 1, ..Limits::default() };
    let refused = connected_in_memory(limits, Arc::new(SystemDice), 2);
    assert!((1..=1_000).contains(&refused.number("error.retry_after_ms")), "{}", refused.header);
    refused
}

/// Dice of a system that has no random bits: no session is made of them.
#[derive(Debug)]
struct Broken;

impl Dice for Broken {
    fn fill(&self, _: &mut [u8]) -> Result<(), NoDice> {
        Err(NoDice)
    }
}

/// What a server in memory says to the last of so many connections that each open a session.
fn connected_in_memory(limits: Limits, dice: Arc<dyn Dice>, connections: usize) -> Reply {
    let services = Services {
        clock: Arc::new(SystemClock::start()),
        dice,
        limits: Arc::new(limits),
        files: Arc::new(MemoryStorage::default()),
        exclusive: Exclusive::None,
        naming: Config::default().naming,
        ack: Config::default().ack,
    };
    let stateful = StatefulHandler::new(services.clone(), Arc::new(MemoryStore::default()));
    let dispatch = Dispatch::new(services, None, Some(stateful));
    let context = Arc::new(Context::new(dispatch, Week01Ack::Deferred, CancellationToken::new()));
    let opened = async || {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let address = (Ipv4Addr::new(192, 0, 2, 1), 0).into();
        let serving = tokio::spawn(Connection::new(far, address, Arc::clone(&context)).serve());
        let mut near = BufReader::new(near);
        near.write_all(&frame::bytes(&frame::stateful("connect"), b"")).await.expect("a connection");
        let mut line = String::new();
        near.read_line(&mut line).await.expect("a reply");
        drop(near);
        serving.await.expect("a connection that ends");
        Reply {
            header: serde_json::from_str(&line).expect("a reply"),
            session_data: Vec::new(),
            payload: Vec::new(),
            trailer: None,
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        for _ in 1..connections {
            opened().await.is("session_created");
        }
        opened().await
    })
}
