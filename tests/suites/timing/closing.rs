//! How connections end: stopped servers, refused clients that do not go, Week 01 clients that wait.

use harness::world::World;
use server::config::Week01Ack;
use tokio::io::AsyncWriteExt as _;

use super::{HELLO, Server, pass, timed, upload};

const WEEK01: &str = "{\"mime_type\":\"text/plain\",\"size\":5}\nhello";

#[tokio::test(start_paused = true)]
async fn an_idle_connection_hears_at_once_that_the_server_stops() {
    let server = Server::new();
    let (mut settled, mut silent) = (server.connect(), server.connect());
    assert_eq!(settled.ask(HELLO).await, "hello");
    pass(1).await;
    server.stop.cancel();
    let (reply, millis) = timed(settled.reply()).await;
    assert_eq!((reply["error"]["code"].as_str(), millis), (Some("shutting_down"), 0));
    assert_eq!(reply["closing"], true);
    assert_eq!(timed(silent.rest()).await, (String::new(), 0));
}

#[tokio::test(start_paused = true)]
async fn a_frame_under_way_is_finished_and_answered_before_the_server_stops() {
    let server = Server::new();
    let (mut header, mut payload) = (server.connect(), server.connect());
    header.send(&HELLO[..20]).await;
    payload.send(upload(5)).await;
    payload.send("he").await;
    pass(1).await;
    server.stop.cancel();
    pass(5_000).await;
    // This one was not begun: nobody knew what it would ask.
    assert_eq!(header.ask(&HELLO[20..]).await, "shutting_down");
    payload.send("llo").await;
    assert_eq!(payload.says().await, "stored");
    assert_eq!(payload.says().await, "shutting_down");
    assert_eq!(server.world.visible()[0].1, "hello");
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_came_whole_before_the_stop_is_answered() {
    let server = Server::new();
    let mut line = server.connect();
    line.send(format!("{HELLO}\n{HELLO}\n{}hello{HELLO}", upload(5))).await;
    pass(1).await;
    server.stop.cancel();
    for expected in ["hello", "hello", "stored"] {
        assert_eq!(line.says().await, expected);
    }
    line.send("\n").await;
    assert_eq!(line.says().await, "shutting_down");
}

/// After its last word the server waits for the client to read it, and to go.
#[tokio::test(start_paused = true)]
async fn a_refused_client_that_does_not_go_is_left_after_two_seconds() {
    let server = Server::new();
    for goes_after in [0, 1_999, 2_000, 60_000] {
        let mut line = server.connect();
        line.send("{\"version\":\"2.0\",\"x\":1}\n").await;
        assert_eq!(line.says().await, "unknown_field");
        let goes = async {
            pass(goes_after).await;
            line.stream.get_mut().shutdown().await.unwrap();
        };
        let (_, millis) = timed(async {
            tokio::join!(line.served, async {
                tokio::select! { () = goes => {}, () = pass(2_000) => {} }
            })
        })
        .await;
        assert_eq!(millis, goes_after.min(2_000));
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_client_that_sends_on_is_heard_for_four_megabytes() {
    const MAX: usize = 4 << 20;
    let server = Server::new();
    for (bytes, ends) in [(MAX - 1, false), (MAX, true), (MAX + 1, true)] {
        let mut line = server.connect();
        line.send("{\"version\":\"2.0\",\"x\":1}\n").await;
        assert_eq!(line.says().await, "unknown_field");
        // The last bytes may find nobody.
        let _ = line.stream.get_mut().write_all(&vec![7; bytes]).await;
        pass(1).await;
        assert_eq!(line.served.is_finished(), ends, "{bytes}");
    }
}

fn week01(ack: Week01Ack) -> Server {
    Server::over(World::new(), ack)
}

#[tokio::test(start_paused = true)]
async fn a_week_01_client_is_answered_after_a_second_of_silence() {
    let server = week01(Week01Ack::Deferred);
    let mut line = server.connect();
    line.send(WEEK01).await;
    assert_eq!(timed(line.line()).await, ("OK".to_owned(), 1_000));
    // While it writes, nothing is written to it; then all is said at once.
    for _ in 0..3 {
        line.send(WEEK01).await;
        pass(999).await;
    }
    assert_eq!(timed(line.line()).await, ("OK".to_owned(), 1));
    assert_eq!(timed(line.line()).await, ("OK".to_owned(), 0));
    assert_eq!(timed(line.line()).await, ("OK".to_owned(), 0));
    assert_eq!(server.world.visible().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_week_01_client_inside_a_frame_is_not_answered() {
    let server = week01(Week01Ack::Deferred);
    let mut line = server.connect();
    line.send(WEEK01).await;
    line.send(&WEEK01[..10]).await;
    let silent = tokio::time::timeout(std::time::Duration::from_secs(9), line.line()).await;
    assert!(silent.is_err());
    line.send(&WEEK01[10..]).await;
    line.stream.get_mut().shutdown().await.unwrap();
    assert_eq!(timed(line.rest()).await, ("OK\nOK\n".to_owned(), 0));
}

#[tokio::test(start_paused = true)]
async fn the_other_policies_answer_at_once_or_never() {
    let server = week01(Week01Ack::Immediate);
    let mut line = server.connect();
    line.send(WEEK01).await;
    assert_eq!(timed(line.line()).await, ("OK".to_owned(), 0));
    let server = week01(Week01Ack::Silent);
    let mut line = server.connect();
    line.send(WEEK01).await;
    assert_eq!(timed(line.rest()).await, (String::new(), 30_000));
    assert_eq!(server.world.visible().len(), 1);
}

/// A Week 01 client that never reads must not keep the server from taking its files.
#[tokio::test(start_paused = true)]
async fn a_week_01_client_that_never_reads_loses_its_answers_and_no_file() {
    let server = week01(Week01Ack::Deferred);
    let mut line = server.connect_by(2);
    for _ in 0..3 {
        line.send(WEEK01).await;
        pass(1_500).await;
    }
    line.stream.get_mut().shutdown().await.unwrap();
    pass(3_000).await;
    assert_eq!(server.world.visible().len(), 3);
}
