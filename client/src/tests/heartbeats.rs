//! A client that is kept waiting on its own side, and what the server hears of it meanwhile.

use std::sync::mpsc::channel;

use super::killed::{actions, tickets};
use super::pipes::Silent;
use super::*;

const SECOND: Duration = Duration::from_secs(1);
const INTERVAL: Duration = Duration::from_secs(7);
const MILLISECOND: Duration = Duration::from_millis(1);

fn hello(interval_s: u64) -> Act {
    let limits = r#""limits":{"header_bytes_max":1,"stateless_request_bytes_max":1,"stateful_request_bytes_max":1,"in_flight_max":1,"session_timeout_s":300,"heartbeat_interval_s":INTERVAL}"#;
    let limits = limits.replace("INTERVAL", &interval_s.to_string());
    let lists = r#""versions":["2.0"],"modes":["stateful"],"actions":[],"digests":[],"acks":[]"#;
    reply("hello", &format!(r#","hello":{{{lists},{limits}}}"#))
}

fn beat() -> Act {
    reply("heartbeat_ack", &session(2, ""))
}

/// What a server hears of a client whose pipe is silent behind a file that is stored, for as long as `while_silent`
/// takes; and what becomes of the client.
async fn silent(
    scripts: Vec<Vec<Act>>,
    line: &str,
    while_silent: impl AsyncFnOnce(&crate::env::Clock, &Heard),
) -> (u8, Captured, Heard) {
    let world = World::new();
    let heard = Heard::default();
    let address = serve_heard(scripts, heard.clone()).await;
    let (environment, (go_on, told)) = (world.environment(), channel());
    let clock = environment.clock();
    let pipe = Silent { before: Vec::new(), heard: told, after: b"late".to_vec() };
    let run = world.pipes_in(environment, line, pipe, &address);
    let silence = async {
        while_silent(&clock, &heard).await;
        drop(go_on);
    };
    let ((exit, captured), ()) = tokio::join!(run, silence);
    (exit, captured, heard)
}

/// Waits until the file is stored; then the pipe is silent for long enough to be noticed, and the server is asked how
/// often it wants to hear something.
async fn noticed(clock: &crate::env::Clock, heard: &Heard) {
    until(heard, 2).await;
    clock.pass(SECOND).await;
    until(heard, 3).await;
}

/// Waits until the server has heard so much.
async fn until(heard: &Heard, count: usize) {
    while actions(heard).len() < count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_silent_pipe_is_bridged_by_heartbeats_at_the_server_s_interval() {
    let scripts = vec![vec![created(), stored(), hello(7), beat(), beat(), stored()]];
    let (exit, captured, heard) = silent(scripts, "send @a.txt -", async |clock, heard| {
        until(heard, 2).await;
        let begun = clock.now();
        // A short wait is none.
        clock.pass(SECOND.saturating_sub(MILLISECOND)).await;
        assert_eq!(actions(heard).len(), 2);
        clock.pass(MILLISECOND).await;
        until(heard, 3).await;
        for beats in 1..=2 {
            clock.pass(INTERVAL.saturating_sub(MILLISECOND)).await;
            assert_eq!(actions(heard).len(), 2 + beats);
            clock.pass(MILLISECOND).await;
            until(heard, 3 + beats).await;
        }
        let real = clock.now().saturating_sub(begun + SECOND + INTERVAL * 2);
        assert!(real < Duration::from_secs(10), "nothing else made time pass: {real:?}");
    })
    .await;
    assert_eq!(exit, 0, "{}", captured.errors_text());
    assert_eq!(actions(&heard), ["connect", "transfer", "hello", "heartbeat", "heartbeat", "transfer"]);
    assert!(captured.errors_text().contains("waiting for -\n"), "{}", captured.errors_text());
}

#[tokio::test]
async fn nothing_is_said_where_no_session_hears_it() {
    let stateless = || vec![stored_stateless(), stored_stateless()];
    for (line, acts, before) in [
        // Not in stateless mode, and not before there is a connection.
        ("send @a.txt - --mode stateless", stateless(), 1),
        ("send - --mode stateful", vec![created(), stored()], 0),
    ] {
        let (exit, captured, heard) = silent(vec![acts], line, async |clock, heard| {
            until(heard, before).await;
            // The wait is noticed, and then there is nothing more to be woken for.
            clock.pass(SECOND).await;
        })
        .await;
        assert_eq!(exit, 0, "{line}: {}", captured.errors_text());
        assert_eq!(actions(&heard).len(), 2, "{line}");
    }
}

#[tokio::test]
async fn what_the_server_says_to_a_heartbeat_is_heard() {
    let moved = r#","closing":true,"error":{"code":"session_moved","retry":"never","message":"moved"}"#;
    let (exit, captured, heard) = silent(
        vec![vec![created(), stored(), hello(7), reply("error", moved)]],
        "send @a.txt -",
        async |clock, heard| {
            noticed(clock, heard).await;
            clock.pass(INTERVAL).await;
            until(heard, 4).await;
        },
    )
    .await;
    // Another client went on with the session: it is not fought for.
    assert_eq!(exit, 9, "{}", captured.errors_text());
    assert!(captured.errors_text().contains("another client went on with this session"), "{}", captured.errors_text());
    assert_eq!(actions(&heard), ["connect", "transfer", "hello", "heartbeat"]);
}

#[tokio::test]
async fn a_connection_lost_under_a_heartbeat_is_opened_again_when_the_pipe_speaks() {
    let scripts = vec![vec![created(), stored(), hello(7), Act::Hang], vec![resumed(2), stored()]];
    let (exit, captured, heard) = silent(scripts, "send @a.txt -", async |clock, heard| {
        noticed(clock, heard).await;
        clock.pass(INTERVAL).await;
        until(heard, 4).await;
    })
    .await;
    assert_eq!(exit, 0, "{}", captured.errors_text());
    assert_eq!(actions(&heard), ["connect", "transfer", "hello", "heartbeat", "connect", "transfer"]);
}

#[tokio::test]
async fn a_heartbeat_brings_the_newest_ticket() {
    let scripts = vec![
        vec![
            with_ticket("session_created", 1, "one", ""),
            with_ticket("stored", 2, "two", STORED),
            hello(7),
            with_ticket("heartbeat_ack", 2, "three", ""),
            Act::Hang,
        ],
        vec![with_ticket("session_resumed", 2, "four", ""), with_ticket("stored", 3, "five", STORED)],
    ];
    let (exit, captured, heard) = silent(scripts, "send @a.txt -", async |clock, heard| {
        noticed(clock, heard).await;
        for beats in 1..=2 {
            clock.pass(INTERVAL).await;
            until(heard, 3 + beats).await;
        }
    })
    .await;
    assert_eq!(exit, 0, "{}", captured.errors_text());
    assert_eq!(tickets(&heard), ["", "three"]);
}

#[tokio::test]
async fn a_server_without_an_interval_hears_one_beat_a_second() {
    let scripts = vec![vec![created(), stored(), hello(0), beat(), stored()]];
    let (exit, captured, heard) = silent(scripts, "send @a.txt -", async |clock, heard| {
        noticed(clock, heard).await;
        clock.pass(SECOND.saturating_sub(MILLISECOND)).await;
        assert_eq!(actions(heard).len(), 3);
        clock.pass(MILLISECOND).await;
        until(heard, 4).await;
    })
    .await;
    assert_eq!(exit, 0, "{}", captured.errors_text());
    assert_eq!(actions(&heard), ["connect", "transfer", "hello", "heartbeat", "transfer"]);
}

/// A file that is slow to be read again: a pipe that took its place.
#[cfg(unix)]
#[tokio::test]
async fn the_beginning_of_a_file_is_read_again_under_heartbeats() {
    use super::resuming::{THERE, big, cut, partial};
    let world = World::new();
    let path = world.path("big");
    std::fs::write(&path, big()).unwrap();
    let there = || session(1, "") + &partial(r#""sequence":1,"#, &big()[..THERE]);
    let second = vec![reply("session_resumed", &there()), reply("session_status", &there()), hello(7), beat()];
    let heard = Heard::default();
    let address = serve_heard(vec![vec![created(), cut()], second], heard.clone()).await;
    let (environment, (console, captured)) = (world.environment(), Console::captured(""));
    let clock = environment.clock();
    let args = ["client".to_owned(), "send".into(), path.clone(), format!("--to={address}")];
    let slow = async {
        until(&heard, 2).await;
        std::fs::remove_file(&path).unwrap();
        make_pipe(Path::new(&path));
        until(&heard, 4).await;
        clock.pass(SECOND).await;
        until(&heard, 5).await;
        clock.pass(INTERVAL).await;
        until(&heard, 6).await;
        drop(std::fs::File::options().write(true).open(&path).unwrap());
    };
    let both = async { tokio::join!(crate::run(args, environment, console), slow) };
    let (exit, ()) = tokio::time::timeout(Duration::from_secs(20), both).await.expect("the client hangs");
    assert_eq!(exit.code(), 3, "{}", captured.errors_text());
    assert_eq!(actions(&heard), ["connect", "transfer", "connect", "status", "hello", "heartbeat"]);
}
