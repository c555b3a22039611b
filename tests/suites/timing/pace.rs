//! Progress of payloads: 4 KiB a second over any twenty seconds of waiting for the client.

use server::config::Week01Ack;

use harness::world::{Setup, World};
use tokio::io::AsyncWriteExt as _;

use super::{Server, inside, pass, timed, upload};

#[tokio::test(start_paused = true)]
async fn a_payload_that_stops_is_waited_for_twenty_seconds() {
    let server = Server::new();
    for sent in [0, 1, 4] {
        let mut line = server.connect();
        line.send(upload(5)).await;
        line.send(&"hello"[..sent]).await;
        let (reply, millis) = timed(line.reply()).await;
        assert_eq!((reply["error"]["code"].as_str(), millis), (Some("payload_timeout"), 20_000), "{sent}");
        assert_eq!(reply["closing"], true);
        assert!(server.world.visible().is_empty() && server.world.files.partial() == 0);
    }
    let mut line = server.connect();
    for _ in 0..2 {
        line.send(upload(5)).await;
        line.send("hell").await;
        pass(19_999).await;
        line.send("o").await;
        assert_eq!(line.says().await, "stored");
    }
}

/// Ten seconds of nothing, then so many bytes, then nothing: enough bytes begin the twenty seconds anew.
#[tokio::test(start_paused = true)]
async fn twenty_seconds_begin_anew_with_as_many_bytes_as_they_need() {
    let server = Server::new();
    for (bytes, waited) in [(20 * 4_096 - 1, 10_000), (20 * 4_096, 20_000), (20 * 4_096 + 1, 20_000)] {
        let mut line = server.connect();
        line.send(upload(1_000_000)).await;
        pass(10_000).await;
        line.send(vec![7; bytes]).await;
        assert_eq!(timed(line.says()).await, ("payload_timeout".to_owned(), waited), "{bytes}");
    }
}

/// Sends a file in steps of 4 KiB, one in so many milliseconds; what is said.
async fn steadily(server: &Server, every_ms: u64) -> String {
    let mut line = server.connect();
    line.send(upload(100 * 4_096)).await;
    for _ in 0..100 {
        if line.served.is_finished() {
            break;
        }
        // The server may have said its last word, which is read below.
        let _ = line.stream.get_mut().write_all(&[7; 4_096]).await;
        pass(every_ms).await;
    }
    line.says().await
}

#[tokio::test(start_paused = true)]
async fn four_kilobytes_a_second_are_enough_and_a_little_less_is_not() {
    let server = Server::new();
    assert_eq!(steadily(&server, 999).await, "stored");
    assert_eq!(steadily(&server, 1_060).await, "payload_timeout");
    assert_eq!(server.world.visible().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn chunks_of_unknown_number_keep_the_same_pace() {
    let server = Server::new();
    let mut line = server.connect();
    line.send("{\"version\":\"2.0\",\"mime_type\":\"text/plain\",\"size\":null}\n").await;
    line.send("5\nhello").await;
    pass(19_999).await;
    line.send("0\n{}\n").await;
    assert_eq!(line.says().await, "stored");
    line.send("{\"version\":\"2.0\",\"mime_type\":\"text/plain\",\"size\":null}\n5\nhello").await;
    assert_eq!(timed(line.says()).await, ("payload_timeout".to_owned(), 20_000));
}

/// The rest of a refused frame is waited for as long as any other payload.
#[tokio::test(start_paused = true)]
async fn the_rest_of_a_refused_frame_keeps_the_same_pace() {
    let server = Server::new();
    let mut line = server.connect();
    line.send(upload(5).replace("text/plain", "text")).await;
    assert_eq!(line.says().await, "bad_field");
    pass(19_999).await;
    line.send("hello").await;
    line.send(upload(5).replace("text/plain", "text")).await;
    assert_eq!(line.says().await, "bad_field");
    assert_eq!(timed(line.says()).await, ("payload_timeout".to_owned(), 20_000));
}

/// A server with memory for one payload of 60 KiB.
pub(super) fn narrow(buffer_bytes_max: usize) -> Server {
    let mut setup = Setup::default();
    setup.limits.buffer_bytes_max = buffer_bytes_max;
    Server::over(World::with(setup), Week01Ack::Deferred)
}

/// Nobody waits for ever: the server says that it has too much to do, and the client may come again.
#[tokio::test(start_paused = true)]
async fn a_payload_that_finds_no_memory_for_five_seconds_is_refused() {
    let server = narrow(65_536);
    let (mut first, mut second) = (server.connect(), server.connect());
    first.send(upload(60_000)).await;
    pass(1).await;
    second.send(upload(60_000)).await;
    assert_eq!(timed(second.says()).await, ("busy".to_owned(), 5_000));
    first.send(vec![7; 60_000]).await;
    assert_eq!(first.says().await, "stored");
}

/// Waiting for memory is the server's doing.
#[tokio::test(start_paused = true)]
async fn a_payload_that_waits_for_memory_is_not_late() {
    let server = narrow(65_536);
    let (mut first, mut second) = (server.connect(), server.connect());
    first.send(upload(60_000)).await;
    pass(1).await;
    second.send(upload(60_000)).await;
    second.send(vec![7; 60_000]).await;
    let said = tokio::spawn(async move { second.says().await });
    for _ in 0..6 {
        pass(800).await;
        first.send(vec![7; 10_000]).await;
        assert!(!said.is_finished(), "it must wait");
    }
    assert_eq!(first.says().await, "stored");
    assert_eq!(said.await.unwrap(), "stored");
}

#[tokio::test(start_paused = true)]
async fn a_payload_larger_than_all_memory_for_payloads_is_stored_all_the_same() {
    for bytes in [65_535, 65_536, 65_537, 200_000] {
        let server = narrow(65_536);
        let mut line = server.connect();
        line.send(upload(bytes)).await;
        line.send(vec![7; bytes]).await;
        let said = tokio::time::timeout(std::time::Duration::from_secs(60), line.says()).await;
        assert_eq!(said.as_deref(), Ok("stored"), "{bytes}");
    }
}

/// Its header was in order; what it hears is that its file was not stored.
#[tokio::test(start_paused = true)]
async fn a_week_01_file_that_cannot_be_taken_is_not_called_a_bad_header() {
    let server = narrow(65_536);
    let (mut first, mut second) = (server.connect(), server.connect());
    first.send(upload(60_000)).await;
    pass(1).await;
    second.send("{\"mime_type\":\"text/plain\",\"size\":60000}\n").await;
    second.send(vec![7; 30_000]).await;
    assert_eq!(timed(second.line()).await, ("ERROR: File write failed".to_owned(), 5_000));

    let mut slow = Server::new().connect();
    slow.send("{\"mime_type\":\"text/plain\",\"size\":60000}\nhello").await;
    assert_eq!(timed(slow.line()).await, ("ERROR: File write failed".to_owned(), 20_000));
}

/// What hardly moves holds little.
#[tokio::test(start_paused = true)]
async fn payloads_that_hardly_move_hold_up_no_other_large_one() {
    let server = narrow(4 << 20);
    let mut stalled = Vec::new();
    for _ in 0..10 {
        let mut line = server.connect();
        line.send(upload(10_000_000)).await;
        line.send("x").await;
        stalled.push(line);
    }
    pass(1).await;
    let mut line = server.connect();
    line.send(upload(1_000_000)).await;
    line.send(vec![7; 1_000_000]).await;
    assert_eq!(timed(line.says()).await, ("stored".to_owned(), 0));
}

/// Memory for what a client sends ahead is not held while more is waited for.
#[tokio::test(start_paused = true)]
async fn a_client_that_sends_ahead_waits_for_no_memory_of_its_own() {
    let server = narrow(1_536 * 1_024);
    let mut line = server.connect();
    let (id, _) = line.session().await;
    let header = |number: u64, size: usize| {
        let header = inside(&id, "transfer", &format!(",\"sequence\":{number}"));
        header.replacen('{', &format!("{{\"mime_type\":\"a/b\",\"size\":{size},"), 1) + "\n"
    };
    // Two runs: after the first it is known that this client does not wait.
    for numbers in [1..=4, 5..=8] {
        for number in numbers {
            line.send(header(number, 5) + "hello").await;
        }
        for _ in 0..4 {
            assert_eq!(line.says().await, "stored");
        }
    }
    line.send(header(9, 5) + "hello" + &header(10, 2_000_000)).await;
    line.send(vec![7; 2_000_000]).await;
    assert_eq!(timed(line.says()).await, ("stored".to_owned(), 0));
    assert_eq!(timed(line.says()).await, ("stored".to_owned(), 0));
}
