//! What the log says of a connection, to somebody who changed no setting, and how much it says at most.

use harness::{ServerProcess, frame};
use serde_json::{Value, json};

use crate::SERVER;

/// The log of a server that was killed after these clients had gone.
fn logged(flags: &[&str], clients: impl FnOnce(&ServerProcess)) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let mut process = ServerProcess::start(SERVER, folder.path(), flags);
    clients(&process);
    process.kill().log.lines().map(str::to_owned).collect()
}

#[test]
fn a_connection_that_stored_something_leaves_one_line() {
    let log = logged(&[], |server| {
        for _ in 0..2 {
            let mut client = server.connect();
            for _ in 0..3 {
                client.ask(&frame::upload("text/plain", 5), b"hello").is("stored");
            }
            client.half_close();
            client.ends();
        }
    });
    let served: Vec<_> = log.iter().filter(|line| line.contains("connection{")).collect();
    assert_eq!(served.len(), 2, "{log:#?}");
    for (number, line) in (1..).zip(&served) {
        assert!(line.contains(&format!("connection{{number={number} peer=127.0.0.1:")), "{line}");
    }
    assert!(served.iter().all(|line| line.contains("served stored=3 refused=0")), "{served:#?}");
}

/// Refused frames cost their sender little; they must not fill the disk of whoever keeps the log.
#[test]
fn a_connection_fills_no_log_with_refusals() {
    const FRAMES: usize = 1_000;
    let log = logged(&[], |server| {
        let mut client = server.connect();
        let refused = frame::with(frame::stateless("hello"), "size", 5);
        for _ in 0..FRAMES {
            client.ask(&refused, b"hello").refuses("bad_field");
        }
        // One that closes is told once.
        client.ask(&json!({"version": "2.0", "sise": 5}), b"").refuses("unknown_field");
        client.ends();
    });
    let of_connection: Vec<_> = log.iter().filter(|line| line.contains("connection{")).collect();
    assert!(of_connection.len() < 20, "{} lines", of_connection.len());
    assert!(of_connection.iter().any(|line| line.contains("refused=1001")), "{of_connection:#?}");
    assert_eq!(of_connection.iter().filter(|line| line.contains("unknown_field")).count(), 1);
}

/// Machines that read the log sort and add up what are numbers.
#[test]
fn in_a_log_for_machines_a_number_is_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    std::fs::write(&path, "log:\n  level: debug\n  format: json\n").unwrap();
    let log = logged(&["--config", path.to_str().unwrap()], |server| {
        let mut client = server.connect();
        client.ask(&frame::stateless("hello"), b"").is("hello");
        client.ask(&frame::with(frame::stateless("fetch"), "file", "x"), b"").refuses("file_unknown");
    });
    let lines = log.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let timed: Vec<Value> =
        lines.filter_map(|line| line.get("ms").or_else(|| line["span"].get("ms")).cloned()).collect();
    assert_eq!(timed.len(), 2, "{log:#?}");
    assert!(timed.iter().all(Value::is_u64), "{timed:?}");
}
