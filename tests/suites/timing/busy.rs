//! Sessions while their connection is busy: silence counts only while the server waits for a new frame and owes
//! nothing.

use std::time::Duration;

use harness::world::World;
use server::files::memory::{Fault, Operation};

use super::{CONNECT, Line, Server, inside, pass, upload};

/// Lets time pass for connections, sessions and janitor alike.
async fn wait(world: &World, millis: u64) {
    for _ in 0..millis / 1_000 {
        pass(1_000).await;
        world.clock.pass(1_000);
        world.sweep().await;
        assert!(world.store.all()[0].session.ended().is_none(), "the janitor took a session that could say nothing");
    }
}

async fn bound(server: &Server, pipe_bytes: usize) -> (Line, String) {
    let mut line = server.connect_by(pipe_bytes);
    assert_eq!(line.ask(CONNECT).await, "session_created");
    let id = server.world.store.all()[0].session.id().to_wire();
    (line, id)
}

/// Nobody can send a heartbeat inside a frame; this one is not even the session's.
#[tokio::test(start_paused = true)]
async fn a_session_stays_alive_while_its_connection_sends_a_stateless_file() {
    let server = Server::new();
    let (mut line, id) = bound(&server, 1 << 20).await;
    line.send(upload(20 * 40_960)).await;
    for _ in 0..20 {
        line.send(vec![7; 40_960]).await;
        wait(&server.world, 9_000).await;
    }
    assert_eq!(line.says().await, "stored");
    assert_eq!(line.ask(&inside(&id, "heartbeat", "")).await, "heartbeat_ack");
}

#[tokio::test(start_paused = true)]
async fn a_session_stays_alive_while_its_client_reads_a_long_reply() {
    let server = Server::new();
    let sent = harness::world::Sent::bytes(vec![7; 20 * 40_960].into());
    let stored_as = server.world.send(None, &sent.in_chunks_of(1 << 20)).await.unwrap().reply.file.unwrap().stored_as;
    let (mut line, id) = bound(&server, 4_096).await;
    let fetch =
        format!(r#"{{"version":"2.0","file":"{stored_as}","session":{{"mode":"stateless","action":"fetch"}}}}"#);
    assert_eq!(line.ask(&fetch).await, "file");
    let mut bytes = vec![0; 40_960];
    for _ in 0..20 {
        wait(&server.world, 9_000).await;
        tokio::io::AsyncReadExt::read_exact(&mut line.stream, &mut bytes).await.unwrap();
    }
    line.line().await;
    assert_eq!(line.ask(&inside(&id, "heartbeat", "")).await, "heartbeat_ack");
}

/// It is one's own upload that keeps the session, as long as nobody else has it.
#[tokio::test(start_paused = true)]
async fn a_session_that_stays_silent_between_frames_expires_all_the_same() {
    let server = Server::new();
    let (mut line, id) = bound(&server, 1 << 20).await;
    wait(&server.world, 59_000).await;
    server.world.clock.pass(1_000);
    assert_eq!(line.ask(&inside(&id, "heartbeat", "")).await, "session_gone");
}

/// A session that is closing answers nothing before it has closed: its frames are not read.
#[tokio::test(start_paused = true)]
async fn what_is_asked_behind_a_goodbye_waits_for_its_answer() {
    let server = Server::new();
    let mut older = server.connect();
    let (id, token) = older.session().await;
    server.world.files.fail(Operation::Reveal, 1, Fault::Never);
    let hangs = inside(&id, "transfer", ",\"sequence\":1");
    older.send(hangs.replacen('{', "{\"mime_type\":\"a/b\",\"size\":5,", 1) + "\nhello").await;
    pass(1).await;
    let mut newer = server.connect();
    newer.send(CONNECT.replace("null", &format!("\"{id}\",\"token\":\"{token}\"")) + "\n").await;
    pass(1).await;
    server.world.clock.pass(2_000);
    assert_eq!(newer.says().await, "session_resumed");

    newer.send([inside(&id, "disconnect", ",\"sequence\":1"), inside(&id, "heartbeat", "")].join("\n") + "\n").await;
    let early = tokio::time::timeout(Duration::from_secs(600), newer.line()).await;
    assert!(early.is_err(), "{early:?}");
    older.served.abort();
    assert_eq!(newer.says().await, "session_closed");
    assert_eq!(newer.says().await, "session_gone");
}
