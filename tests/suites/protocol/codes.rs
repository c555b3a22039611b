//! Every code of the error table, produced by a server as a client would meet it (PROTOCOL.md section 4).

use std::net::Ipv4Addr;
use std::sync::Arc;

use harness::{Options, RawClient, Reply, Server, frame};
use serde_json::json;
use server::config::{Config, ServerMode, Week01Ack};
use server::dispatch::Dispatch;
use server::env::{SystemClock, SystemDice};
use server::files::MemoryStorage;
use server::handler::{Services, StatefulHandler};
use server::net::{Connection, Context};
use server::sessions::MemoryStore;
use shared::error::ErrorCode;
use shared::limits::Limits;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio_util::sync::CancellationToken;

/// The codes that no server sends yet, and why.
pub(super) const NOT_YET: &[(ErrorCode, &str)] = &[
    (ErrorCode::TransferMoved, "parts of cut transfers are not kept, so nobody takes one over"),
    (ErrorCode::SessionExists, "sessions are not bound to devices"),
    (ErrorCode::AuthFailed, "there are no keys"),
    (ErrorCode::QuotaExceeded, "clients have no shares"),
    (ErrorCode::StoreUnavailable, "a store in memory always answers"),
];

/// The codes of a server that breaks its own rules. No client can make it; the log says which rule.
const NEVER: &[ErrorCode] = &[ErrorCode::Internal];

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
    let expected: Vec<_> =
        ErrorCode::ALL.iter().copied().filter(|code| not_yet.contains(code) || NEVER.contains(code)).collect();
    assert_eq!(missing, expected);
}

fn server() -> Server {
    Server::start(Options::default())
}

/// The reply to bytes, on a connection of their own to a server of their own.
fn after(bytes: impl AsRef<[u8]>) -> Option<Reply> {
    let server = server();
    let mut client = server.connect();
    client.send(bytes);
    Some(client.reply())
}

/// The reply to a header that changes one field of a good one.
fn spoilt(field: &str, value: serde_json::Value) -> Option<Reply> {
    after(frame::bytes(&frame::with(frame::upload("text/plain", 5), field, value), b"hello"))
}

/// The reply to a transfer in a session that has stored one file, whose reply is the only one kept.
fn under(sequence: u64) -> Option<Reply> {
    let server = Server::start(Options::with(|config| config.limits.receipts_per_session_max = 1));
    let (mut client, session) = server.open_session();
    session.store(&mut client, 1, b"one");
    session.store(&mut client, 2, b"two");
    Some(client.ask(&session.upload(sequence, "text/plain", 5), b"other"))
}

/// The reply to a second client of a server that has room for one.
fn second(adjust: impl FnOnce(&mut Config), ask: impl FnOnce(&mut RawClient) -> Reply) -> Option<Reply> {
    let server = Server::start(Options::with(adjust));
    let (_first, _) = server.open_session();
    Some(ask(&mut server.connect()))
}

// One row per code, so that a new one does not compile until it has its own.
fn produced(code: ErrorCode) -> Option<Reply> {
    match code {
        ErrorCode::HeaderTooLarge => after(format!("{{\"version\":\"2.0\",\"{}", "x".repeat(9_000))),
        ErrorCode::HeaderTimeout => {
            let server = Server::start(Options::with(|config| config.limits.header_timeout_ms = 10));
            let mut client = server.connect();
            client.send("{\"version\"");
            Some(client.reply())
        }
        ErrorCode::BadEncoding => after(b"{\"version\":\"\xff\"}\n"),
        ErrorCode::BadHeader => after("{\"version\":\"2.0\",\"size\":-1}\n"),
        ErrorCode::DuplicateKey => after("{\"version\":\"2.0\",\"version\":\"2.0\"}\n"),
        ErrorCode::UnknownField => spoilt("sise", json!(5)),
        ErrorCode::UnsupportedVersion => spoilt("version", json!("2.1")),
        ErrorCode::Truncated => {
            let server = server();
            let mut client = server.connect();
            client.send_frame(&frame::upload("text/plain", 5), b"hell");
            client.half_close();
            Some(client.reply())
        }
        ErrorCode::PayloadTimeout => {
            let server = Server::start(Options::with(|config| config.limits.progress_window_ms = 10));
            let mut client = server.connect();
            client.send_frame(&frame::upload("text/plain", 5), b"hell");
            Some(client.reply())
        }
        ErrorCode::BadField => spoilt("mime_type", json!("text")),
        ErrorCode::BadName => spoilt("name", json!("../hello")),
        ErrorCode::IllegalAction => after(frame::bytes(&frame::stateless("heartbeat"), b"")),
        ErrorCode::ModeDisabled => {
            let server = Server::start(Options::with(|config| config.mode = ServerMode::Stateless));
            Some(server.connect().ask(&frame::stateful("connect"), b""))
        }
        ErrorCode::SizeTooLarge => {
            let server = Server::start(Options::with(|config| config.limits.stateless_request_bytes_max = 4));
            Some(server.connect().ask(&frame::upload("text/plain", 5), b"hello"))
        }
        ErrorCode::BadOffset => {
            let header = frame::with(frame::upload("text/plain", 5), "digest", harness::digest("blake3", b"0hello"));
            after(frame::bytes(&frame::with(header, "offset", 1), b"hello"))
        }
        ErrorCode::DigestMismatch => spoilt("digest", json!(harness::digest("blake3", b"jello"))),
        ErrorCode::FileUnknown => {
            after(frame::bytes(&frame::with(frame::stateless("fetch"), "file", "received_0.txt"), b""))
        }
        ErrorCode::TransferReused => {
            let server = server();
            let mut client = server.connect();
            let id = harness::uuid();
            client.ask(&frame::with(frame::upload("text/plain", 5), "transfer_id", id.as_str()), b"hello").is("stored");
            Some(client.ask(&frame::with(frame::upload("text/plain", 4), "transfer_id", id), b"hell"))
        }
        ErrorCode::SessionRequired => {
            let server = server();
            let (_client, session) = server.open_session();
            Some(server.connect().ask(&session.frame("heartbeat"), b""))
        }
        ErrorCode::SessionUnknown => {
            let server = server();
            let (_client, session) = server.open_session();
            let other = server.open_session().1;
            let forged = frame::with(session.resume(), "session.token", other.token);
            Some(server.connect().ask(&forged, b""))
        }
        ErrorCode::SessionGone => {
            let server = Server::start(Options::with(|config| config.limits.pending_timeout_ms = 0));
            let (mut client, session) = server.open_session();
            Some(client.ask(&session.frame("heartbeat"), b""))
        }
        ErrorCode::SessionMoved => {
            let server = server();
            let (mut client, session) = server.open_session();
            server.connect().ask(&session.resume(), b"").is("session_resumed");
            Some(client.reply())
        }
        ErrorCode::SessionFull => {
            second(|config| config.limits.sessions_max = 1, |client| client.ask(&frame::stateful("connect"), b""))
        }
        ErrorCode::SequenceGap => under(4),
        ErrorCode::SequenceReused => under(2),
        ErrorCode::SequenceTooOld => under(1),
        ErrorCode::Busy => second(|config| config.limits.connections_max = 1, RawClient::reply),
        ErrorCode::RateLimited => Some(second_session_of_a_stranger()),
        ErrorCode::StorageFull => {
            let server = Server::start(Options::with(|config| {
                config.limits.stateless_request_bytes_max = shared::id::INTEGER_MAX
            }));
            let header = frame::with(frame::upload("text/plain", 5), "size", shared::id::INTEGER_MAX);
            Some(server.connect().ask(&header, b""))
        }
        ErrorCode::ShuttingDown => {
            let mut server = server();
            let mut client = server.connect();
            client.ask(&frame::stateless("hello"), b"").is("hello");
            server.stop_soon();
            Some(client.reply())
        }
        ErrorCode::IoError => {
            let server = server();
            std::fs::remove_dir(server.storage.join(".staging")).expect("an empty folder");
            Some(server.connect().ask(&frame::upload("text/plain", 5), b"hello"))
        }
        ErrorCode::TransferMoved
        | ErrorCode::SessionExists
        | ErrorCode::AuthFailed
        | ErrorCode::QuotaExceeded
        | ErrorCode::StoreUnavailable
        | ErrorCode::Internal => None,
    }
}

/// Addresses of this machine have no rate, so the connection to this one is made of memory.
fn second_session_of_a_stranger() -> Reply {
    let limits = Limits { sessions_per_address_per_s: 1, sessions_per_address_burst: 1, ..Limits::default() };
    let services = Services {
        clock: Arc::new(SystemClock::start()),
        dice: Arc::new(SystemDice),
        limits: Arc::new(limits),
        files: Arc::new(MemoryStorage::default()),
        naming: Config::default().naming,
        ack: Config::default().ack,
    };
    let stateful = StatefulHandler::new(services.clone(), Arc::new(MemoryStore::default()));
    let dispatch = Dispatch::new(services, None, Some(stateful));
    let context = Arc::new(Context::new(dispatch, Week01Ack::Deferred, CancellationToken::new()));
    let opened = |context: &Arc<Context>| {
        let context = Arc::clone(context);
        async move {
            let (near, far) = tokio::io::duplex(64 * 1024);
            let address = Ipv4Addr::new(192, 0, 2, 1).into();
            let serving = tokio::spawn(Connection::new(far, address, context).serve());
            let mut near = BufReader::new(near);
            near.write_all(&frame::bytes(&frame::stateful("connect"), b"")).await.expect("a connection");
            let mut line = String::new();
            near.read_line(&mut line).await.expect("a reply");
            drop(near);
            serving.await.expect("a connection that ends");
            Reply { header: serde_json::from_str(&line).expect("a reply"), payload: Vec::new(), trailer: None }
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        opened(&context).await.is("session_created");
        let refused = opened(&context).await;
        assert!((1..=1_000).contains(&refused.number("error.retry_after_ms")), "{}", refused.header);
        refused
    })
}
