//! A server that is told to stop finishes what is under way and nothing else (PROTOCOL.md section 11).

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;

use harness::{Options, PATIENCE, Patience, RawClient, Server, ServerProcess, Session, frame};

use crate::SERVER;

type Signal = fn(&ServerProcess);

/// The files of client `number`, one after the other; small ones and some that take several reads.
fn content(number: u64, index: u64) -> Vec<u8> {
    let size = if index.is_multiple_of(3) { 400_000 } else { 2_000 };
    harness::noise(number * 1_000_000 + index, size)
}

/// Sends files until the server ends; tells of each that was acknowledged. The number of files begun.
fn send_until_the_end(mut client: RawClient, number: u64, acknowledged: &mpsc::Sender<(String, Vec<u8>)>) -> u64 {
    let session = number.is_multiple_of(2).then(|| Session::open(&mut client));
    for index in 1.. {
        let content = content(number, index);
        let header = match &session {
            Some(session) => session.upload(index, "image/png", content.len()),
            None => frame::upload("image/png", content.len()),
        };
        if client.try_send(frame::bytes(&header, &content)).is_err() {
            return index;
        }
        match client.try_line() {
            Some(line) if line.contains("\"stored\"") => {
                let reply: serde_json::Value = serde_json::from_str(&line).expect("a reply");
                let name = reply["file"]["stored_as"].as_str().expect("a name").to_owned();
                acknowledged.send((name, content)).expect("somebody counts");
            }
            Some(line) => {
                assert!(line.contains("\"shutting_down\""), "{line}");
                return index;
            }
            None => return index,
        }
    }
    unreachable!("there are more numbers than files");
}

fn stop_under_load(stop: impl Fn(&ServerProcess)) {
    let folder = tempfile::tempdir().unwrap();
    let storage = folder.path().join("storage");
    let mut process = ServerProcess::start(SERVER, &storage, &[]);
    let (sender, receiver) = mpsc::channel();
    let clients: Vec<_> = (0..8)
        .map(|number| {
            let (client, sender) = (process.connect(), sender.clone());
            thread::spawn(move || send_until_the_end(client, number, &sender))
        })
        .collect();
    drop(sender);
    let mut acknowledged = BTreeMap::new();
    while acknowledged.len() < 60 {
        let (name, content) = receiver.recv_timeout(PATIENCE).expect("the server serves");
        acknowledged.insert(name, content);
    }
    stop(&process);
    let ended = process.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    acknowledged.extend(receiver.iter());

    let begun = clients.into_iter().map(|client| client.join().unwrap());
    let whole: BTreeSet<_> = (0..)
        .zip(begun)
        .flat_map(|(number, begun)| (1..=begun).map(move |index| harness::digest("blake3", &content(number, index))))
        .collect();
    let visible = harness::visible(&storage);
    for (name, content) in &acknowledged {
        assert!(visible.get(name) == Some(content), "{name} was acknowledged");
    }
    for (name, content) in &visible {
        assert!(whole.contains(&harness::digest("blake3", content)), "{name} is no whole file");
    }
    assert!(harness::staged(&storage).is_empty());
}

#[test]
fn sigterm_under_load_loses_nothing_that_was_acknowledged() {
    stop_under_load(ServerProcess::terminate);
}

#[test]
fn sigint_under_load_loses_nothing_that_was_acknowledged() {
    stop_under_load(ServerProcess::interrupt);
}

/// A client that was told to send and has not sent all; the server waits for the rest.
fn unfinished(process: &ServerProcess) -> RawClient {
    let mut client = process.connect();
    client.ask(&frame::with(frame::upload("text/plain", 5), "expect", "continue"), b"").is("continue");
    client.send(b"hell");
    client
}

/// Waits until the server takes no more connections: it heard the signal.
fn until_it_stops_listening(process: &ServerProcess) {
    let patience = Patience::fresh();
    while TcpStream::connect(process.address).is_ok() {
        assert!(patience.lasts(), "the server goes on listening");
    }
}

#[test]
fn an_upload_under_way_is_finished_after_the_first_signal() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = ServerProcess::start(SERVER, folder.path(), &[]);
    let mut client = unfinished(&process);
    process.terminate();
    until_it_stops_listening(&process);
    client.send(b"o");
    let stored = client.reply().is("stored");
    client.reply().refuses("shutting_down");
    client.ends();
    drop(client);
    assert_eq!(process.wait().code, Some(0));
    assert_eq!(harness::visible(folder.path())[stored.stored_as()], b"hello");
}

#[test]
fn a_second_signal_ends_the_server_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let both: [(Signal, Signal); 3] = [
        (ServerProcess::terminate, ServerProcess::terminate),
        (ServerProcess::interrupt, ServerProcess::interrupt),
        (ServerProcess::terminate, ServerProcess::interrupt),
    ];
    for (first, second) in both {
        let mut process = ServerProcess::start(SERVER, folder.path(), &[]);
        let _client = unfinished(&process);
        first(&process);
        until_it_stops_listening(&process);
        second(&process);
        let ended = process.wait();
        assert_eq!(ended.code, Some(130), "{}", ended.log);
    }
    assert!(harness::names(folder.path()).is_empty());
}

#[test]
fn an_upload_that_never_ends_is_cut_off_after_the_drain_time() {
    let folder = tempfile::tempdir().unwrap();
    let (storage, config) = (folder.path().join("storage"), folder.path().join("config.yaml"));
    std::fs::write(&config, "limits:\n  drain_timeout_ms: 50\n").unwrap();
    let mut process = ServerProcess::start(SERVER, &storage, &["--config", config.to_str().unwrap()]);
    let mut client = process.connect();
    client.ask(&frame::upload("text/plain", 5), b"hello").is("stored");
    client.ask(&frame::with(frame::upload("text/plain", 5), "expect", "continue"), b"").is("continue");
    client.send(b"hell");
    process.terminate();
    client.ends();
    let ended = process.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    assert_eq!(harness::names(&storage).len(), 1);
    assert!(harness::staged(&storage).is_empty());
    let named = format!("connection{{number=1 peer={}}}", client.local_address());
    let cut_off = |line: &str| line.contains(&named) && line.contains("cut off stored=1 refused=0");
    assert!(ended.log.lines().any(cut_off), "{}", ended.log);
}

#[test]
fn quiet_connections_do_not_hold_a_server_up() {
    // Longer than anybody here waits.
    const HOUR_MS: u64 = 3_600_000;
    let mut server = Server::start(Options::with(|config| {
        config.limits.drain_timeout_ms = HOUR_MS;
        config.limits.request_timeout_ms = HOUR_MS;
    }));
    let silent = server.connect();
    let mut stateless = server.connect();
    stateless.ask(&frame::stateless("hello"), b"").is("hello");
    let (mut stateful, _) = server.open_session();
    let mut week01 = server.connect();
    week01.send(frame::week01("text/plain", 2) + "hi");
    assert_eq!(week01.line(), "OK");

    server.stop();
    stateless.reply().refuses("shutting_down");
    stateful.reply().refuses("shutting_down");
    week01.ends();
    drop(silent);
}

#[test]
fn what_a_week01_client_has_sent_is_stored_before_the_end() {
    const FILES: usize = 100;
    let mut server = Server::start(Options::default());
    let file = frame::week01("text/plain", 2) + "hi";
    let mut client = server.connect();
    client.send(&file);
    server.until(|| harness::names(&server.storage).len() == 1);
    server.stop_soon();
    // Each in a piece of its own, so that the server finds itself between two files again and again.
    client.send_cut(file.repeat(FILES - 1).as_bytes(), file.len());
    client.half_close();
    assert_eq!(client.to_end(), b"OK\n".repeat(FILES));
    server.stop();
    assert_eq!(harness::names(&server.storage).len(), FILES);
}

#[test]
fn a_signal_is_heard_as_soon_as_the_server_says_where_it_listens() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..20 {
        let mut process = ServerProcess::start(SERVER, folder.path(), &[]);
        process.terminate();
        let ended = process.wait();
        assert_eq!(ended.code, Some(0), "{}", ended.log);
    }
}

/// A client that sends without waiting is told of the stop as soon as the frame under way is answered; it is not
/// served for as long as it likes.
#[test]
fn a_client_that_never_pauses_is_told_of_the_stop() {
    let mut server = Server::start(Options::default());
    let mut client = server.connect();
    client.ask(&frame::stateless("hello"), b"").is("hello");
    let hello = frame::bytes(&frame::stateless("hello"), b"");
    let mut sender = client.sender();
    let sending = std::thread::spawn(move || while sender.try_send(&hello).is_ok() {});
    server.stop_soon();
    let mut last = client.reply();
    while !last.closes() {
        last = client.reply();
    }
    last.refuses("shutting_down");
    drop(client);
    sending.join().unwrap();
    server.stop();
}
