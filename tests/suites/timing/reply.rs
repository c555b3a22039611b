//! Readers of replies keep the same pace as senders of payloads.

use std::time::Duration;

use harness::world::Sent;
use server::files::SOURCE_CHUNK_BYTES_MAX;
use server::files::memory::{Fault, Operation};
use tokio::io::AsyncReadExt as _;

use super::pace::narrow;
use super::{Line, Server, inside, pass, timed};

const BYTES: usize = 60 * 4_096;

/// Narrow, so that what is not read stays with the server.
const PIPE_BYTES: usize = 1_024;

/// A connection over a narrow pipe, asked for a large file, its header read.
async fn fetching(server: &Server) -> Line {
    let stored_as = stored(server, BYTES).await;
    fetching_file(server, &stored_as).await
}

async fn stored(server: &Server, bytes: usize) -> String {
    let sent = Sent::bytes(vec![7; bytes].into()).in_chunks_of(1 << 20);
    server.world.send(None, &sent).await.unwrap().reply.file.unwrap().stored_as
}

async fn fetching_file(server: &Server, stored_as: &str) -> Line {
    let mut line = server.connect_by(PIPE_BYTES);
    let fetch =
        format!(r#"{{"version":"2.0","file":"{stored_as}","session":{{"mode":"stateless","action":"fetch"}}}}"#);
    assert_eq!(line.ask(&fetch).await, "file");
    line
}

/// The same for a file of which the first chunk can be read.
async fn fetching_half(server: &Server, fault: Fault) -> Line {
    let stored_as = stored(server, 2 * SOURCE_CHUNK_BYTES_MAX).await;
    server.world.files.fail(Operation::Next, 2, fault);
    fetching_file(server, &stored_as).await
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_reading_is_left_after_twenty_seconds() {
    let server = Server::new();
    let line = fetching(&server).await;
    let (served, millis) = timed(line.served).await;
    served.unwrap();
    assert_eq!(millis, 20_000);
}

/// Ten seconds of not reading, then so many bytes, then nothing: enough bytes begin the twenty seconds anew.
#[tokio::test(start_paused = true)]
async fn twenty_seconds_begin_anew_for_a_reader_too() {
    let server = Server::new();
    for (bytes, waited) in [(20 * 4_096 - 1, 10_000), (20 * 4_096, 20_000)] {
        let mut line = fetching(&server).await;
        // What the server could write: what came with the header, what the pipe holds, and what is read now.
        let read = bytes - line.stream.buffer().len() - PIPE_BYTES;
        pass(10_000).await;
        line.stream.get_mut().read_exact(&mut vec![0; read]).await.unwrap();
        assert_eq!(timed(line.served).await.1, waited, "{bytes}");
    }
}

/// Reads 4 KiB once in so many milliseconds; whether the whole file came.
async fn steadily(server: &Server, every_ms: u64) -> bool {
    let mut line = fetching(server).await;
    for _ in 0..BYTES / 4_096 {
        if line.stream.read_exact(&mut [0; 4_096]).await.is_err() {
            return false;
        }
        pass(every_ms).await;
    }
    line.line().await.contains("digest")
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_at_the_pace_gets_the_whole_file() {
    let server = Server::new();
    assert!(steadily(&server, 950).await);
    assert!(!steadily(&server, 1_100).await);
}

/// A reply of one line to a client that reads nothing: no memory is held for it longer than that.
#[tokio::test(start_paused = true)]
async fn replies_nobody_reads_end_the_connection() {
    let server = Server::new();
    let mut line = server.connect_by(600);
    let ask = format!("{}\n", super::HELLO);
    line.send(ask.repeat(8)).await;
    let (served, millis) = timed(line.served).await;
    served.unwrap();
    assert_eq!(millis, 20_000);
}

/// The chunk behind the one that is being sent cannot be read: that is noticed at once, or once the one in front of it
/// has left, when there was no memory to read it earlier.
#[tokio::test(start_paused = true)]
async fn a_file_is_read_ahead_of_its_reader_where_there_is_memory_for_that() {
    for (buffer_bytes_max, millis) in [(1 << 28, 0), (1 << 20, 20_000)] {
        let server = narrow(buffer_bytes_max);
        let line = fetching_half(&server, Fault::Io).await;
        assert_eq!(timed(line.served).await.1, millis, "{buffer_bytes_max}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_reading_is_left_though_the_disk_hangs() {
    let server = Server::new();
    let line = fetching_half(&server, Fault::Never).await;
    let (served, millis) = timed(tokio::time::timeout(Duration::from_secs(60), line.served)).await;
    assert!(served.is_ok(), "it waits for the disk");
    assert_eq!(millis, 20_000);
}

/// What has been answered is heard, whatever the request behind it waits for.
#[tokio::test(start_paused = true)]
async fn no_answer_is_kept_back_while_the_next_request_waits_for_the_disk() {
    for (operation, action, numbered) in [
        (Operation::Reveal, "transfer", true),
        (Operation::Remove, "remove", true),
        (Operation::List, "list", false),
        (Operation::Next, "fetch", false),
    ] {
        let server = Server::new();
        let mut line = server.connect();
        let (id, _) = line.session().await;
        let upload = "{\"mime_type\":\"text/plain\",\"size\":5,";
        line.send(inside(&id, "transfer", ",\"sequence\":1").replacen('{', upload, 1) + "\nhello").await;
        let file = format!("{{\"file\":{},", line.reply().await["file"]["stored_as"]);

        server.world.files.fail(operation, 1, Fault::Never);
        let more = match action {
            "transfer" => upload,
            "list" => "{",
            _ => file.as_str(),
        };
        let hangs = inside(&id, action, if numbered { ",\"sequence\":2" } else { "" }).replacen('{', more, 1);
        line.send(format!("{}\n{hangs}\nhello", inside(&id, "heartbeat", ""))).await;
        let said = if action == "fetch" { ["heartbeat_ack", "file"].as_slice() } else { &["heartbeat_ack"] };
        for word in said {
            let heard = tokio::time::timeout(Duration::from_millis(1), line.says()).await;
            assert_eq!(heard.as_deref(), Ok(*word), "{action}");
        }
    }
}
