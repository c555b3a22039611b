//! What a server writes into its trace: every byte of every connection, and how each ended. And what is drawn of it.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;
use std::process::Command;

use ::trace::{Ending, Event, Side, What, pcapng};
use harness::{Options, Server, ServerProcess, frame};

use crate::SERVER;

fn events(path: &Path) -> Vec<Event> {
    let mut reader = pcapng::Reader::new(BufReader::new(File::open(path).unwrap())).unwrap();
    std::iter::from_fn(|| reader.next_event().unwrap()).collect()
}

/// All that one side sent, in the order of its pieces, none missing.
fn sent_by(side: Side, events: &[Event]) -> Vec<u8> {
    let mut sent = Vec::new();
    for event in events {
        if let What::Bytes { from, offset, bytes, .. } = &event.what
            && *from == side
        {
            assert_eq!(usize::try_from(*offset), Ok(sent.len()), "a piece is missing");
            sent.extend_from_slice(bytes);
        }
    }
    sent
}

#[test]
fn a_trace_holds_every_byte_both_ways_and_how_each_connection_began_and_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.pcapng");
    let mut server = Server::start(Options::with(|config| config.trace_file = path.clone()));
    let content = harness::noise(1, 300_000);
    let header = frame::upload("image/png", content.len());
    let mut client = server.connect();
    let address = client.local_address();
    client.ask(&header, &content).is("stored");
    client.half_close();
    client.ends();
    server.connect().ask(&frame::stateless("hello"), b"").is("hello");
    server.stop();

    let all = events(&path);
    let (ours, other): (Vec<Event>, Vec<Event>) = all.into_iter().partition(|event| event.ends.client == address);
    assert_eq!(ours[0].what, What::Opened);
    assert_eq!(ours[0].ends.server, server.address);
    assert!(sent_by(Side::Client, &ours) == frame::bytes(&header, &content));
    let reply: serde_json::Value = serde_json::from_slice(&sent_by(Side::Server, &ours)).unwrap();
    assert_eq!(reply["status"], "stored");
    let ends: Vec<_> = ours
        .iter()
        .filter_map(|event| match event.what {
            What::Ended { by, how, .. } => Some((by, how)),
            What::Opened | What::Bytes { .. } => None,
        })
        .collect();
    assert_eq!(ends, [(Side::Client, Ending::Finished), (Side::Server, Ending::Finished)]);
    let second = frame::bytes(&frame::stateless("hello"), b"");
    assert_eq!(sent_by(Side::Client, &other), second, "the second connection is there too");
    assert!(ours.is_sorted_by_key(|event| event.at));
}

#[test]
fn a_killed_server_leaves_what_it_had_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let (path, storage) = (folder.path().join("run.pcapng"), folder.path().join("storage"));
    fs::write(&path, "of an older run, and open to everybody").unwrap();
    let mut server = ServerProcess::start(SERVER, &storage, &["--trace", path.to_str().unwrap()]);
    let mut client = server.connect();
    client.ask(&frame::stateless("hello"), b"").is("hello");
    // The answer to a second frame says that the first is long under way to the file.
    let patience = harness::Patience::fresh();
    while sent_by(Side::Server, &events(&path)).is_empty() {
        assert!(patience.lasts());
        client.ask(&frame::stateless("hello"), b"").is("hello");
    }
    let ended = server.kill();
    assert!(sent_by(Side::Client, &events(&path)).starts_with(b"{\""));
    assert!(ended.log.contains("secrets too"), "{}", ended.log);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_trace_that_cannot_be_written_stops_the_start_and_one_that_grows_too_long_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let storage = folder.path().join("storage");
    let nowhere = folder.path().join("missing").join("run.pcapng");
    let refused = ServerProcess::try_start(SERVER, &storage, &["--trace", nowhere.to_str().unwrap()]).unwrap_err();
    assert_eq!(refused.code, Some(1));
    assert!(refused.log.contains("cannot write the trace"), "{}", refused.log);

    let path = folder.path().join("run.pcapng");
    let config = folder.path().join("config.yaml");
    fs::write(&config, "trace: {bytes_max: 65536}").unwrap();
    let flags = ["--config", config.to_str().unwrap(), "--trace", path.to_str().unwrap()];
    let mut server = ServerProcess::start(SERVER, &storage, &flags);
    let mut client = server.connect();
    client.ask(&frame::upload("text/plain", 200_000), &vec![b'a'; 200_000]).is("stored");
    drop(client);
    server.terminate();
    let ended = server.wait();
    assert_eq!(ended.code, Some(0));
    assert!(ended.log.contains("the trace is not whole"), "{}", ended.log);
    assert!(fs::metadata(&path).unwrap().len() <= 65_536);
}

/// What `server ladder` says, and with which exit code.
fn ladder(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(SERVER).arg("ladder").args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

#[test]
fn a_session_is_drawn_out_of_a_trace_with_its_connections_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.pcapng");
    let mut server = Server::start(Options::with(|config| config.trace_file = path.clone()));
    server.connect().ask(&frame::upload("text/plain", 5), b"hello").is("stored");
    let (mut first, session) = server.open_session();
    session.store(&mut first, 1, b"one");
    let mut second = server.connect();
    second.ask(&session.resume(), b"").is("session_resumed");
    first.reply().refuses("session_moved");
    second.ask(&session.numbered("disconnect", 2), b"").is("session_closed");
    drop((first, second));
    server.stop();

    let trace = path.to_str().unwrap();
    let (code, all) = ladder(&[trace]);
    assert_eq!(code, Some(0), "{all}");
    assert!(all.contains("connection 3:") && all.contains("taken over from connection 2"), "{all}");
    assert!(!all.contains(&session.token), "{all}");
    let drawn = folder.path().join("one.txt");
    let one_session = [trace, "--session", session.id.get(..8).unwrap(), "-o", drawn.to_str().unwrap()];
    assert_eq!(ladder(&one_session), (Some(0), String::new()));
    let drawn = fs::read_to_string(drawn).unwrap();
    assert!(drawn.contains("connection 2:") && !drawn.contains("connection 3:"), "{drawn}");
    assert!(drawn.contains("session_closed #2") && drawn.contains("ended"), "{drawn}");

    let (code, said) = ladder(&[trace, "--session", "no-such"]);
    assert_eq!((code, said.contains("the trace has no session no-such")), (Some(1), true), "{said}");
    let (code, said) = ladder(&["Cargo.toml"]);
    assert_eq!(
        (code, said.contains("cannot read the trace Cargo.toml: it is no pcapng file")),
        (Some(1), true),
        "{said}"
    );
    let (code, said) = ladder(&[trace, "-o", "run.png"]);
    assert_eq!((code, said.contains("says what to draw")), (Some(2), true), "{said}");
}
