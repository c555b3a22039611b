//! Crashes, and what the next server on the same folder finds.

use std::collections::BTreeMap;

use harness::{Options, RawClient, Server, ServerProcess, Session, frame};

use crate::SERVER;

#[test]
fn a_server_that_is_killed_has_what_it_acknowledged_and_shows_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let storage = folder.path().join("storage");
    let mut process = ServerProcess::start(SERVER, &storage, &[]);
    let mut acknowledged = BTreeMap::new();
    let mut client = process.connect();
    let session = Session::open(&mut client);
    for (sequence, size) in (1..).zip([0, 5, 300_000]) {
        let content = harness::noise(sequence, size);
        let header = frame::with(session.upload(sequence, "image/png", size), "ack", "durable");
        let stored = client.ask(&header, &content).is("stored");
        acknowledged.insert(stored.stored_as().to_owned(), content.clone());
        let header = frame::with(frame::upload("image/png", size), "ack", "written");
        let stored = client.ask(&header, &content).is("stored");
        acknowledged.insert(stored.stored_as().to_owned(), content);
    }
    // Two uploads are under way: a small one, which is still in memory, and one that is partly on the disk.
    let unfinished: Vec<_> = [900_000, 3_000_000]
        .into_iter()
        .map(|size| {
            let mut client = process.connect();
            let header = frame::with(frame::upload("image/png", size), "expect", "continue");
            client.ask(&header, b"").is("continue");
            client.send(&harness::noise(9, size)[..size - 1]);
            client
        })
        .collect();
    assert_eq!(process.kill().code, None);
    drop(unfinished);
    assert!(harness::visible(&storage) == acknowledged, "{:?}", harness::names(&storage));

    let process = ServerProcess::start(SERVER, &storage, &[]);
    assert!(harness::visible(&storage) == acknowledged, "recovery touches nothing under a final name");
    assert!(harness::staged(&storage).is_empty(), "and clears away the parts of an earlier server");
    let mut client = process.connect();
    client.ask(&session.resume(), b"").refuses("session_unknown");
    for (name, content) in &acknowledged {
        if name.starts_with("received_") {
            let fetched = client.ask(&frame::with(frame::stateless("fetch"), "file", name.as_str()), b"").is("file");
            assert!(fetched.payload == *content);
        }
    }
    let fresh = Session::open(&mut client);
    fresh.store(&mut client, 1, b"hello");
}

#[test]
fn a_transfer_id_is_known_beyond_the_life_of_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let header = frame::with(frame::upload("text/plain", 5), "transfer_id", harness::uuid());
    let mut answers = Vec::new();
    for _ in 0..3 {
        let mut server = Server::start(Options::default().over(folder.path()));
        answers.push(server.connect().ask(&header, b"hello").is("stored"));
        server.stop();
    }
    assert_eq!(answers.iter().map(harness::Reply::is_replayed).collect::<Vec<_>>(), [false, true, true]);
    assert!(answers.iter().all(|answer| answer["file"] == answers[0]["file"]));
    assert_eq!(harness::names(folder.path()).len(), 1);
}

#[test]
fn a_second_server_on_the_same_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = ServerProcess::start(SERVER, folder.path(), &[]);
    let second = ServerProcess::try_start(SERVER, folder.path(), &[]).expect_err("a folder has one server");
    assert_eq!(second.code, Some(1));
    assert!(second.log.contains("is in use by another server"), "{}", second.log);
    let third = Server::try_start(Options::default().over(folder.path())).expect_err("nor in another process");
    assert!(third.contains("is in use by another server"), "{third}");
    first.connect().ask(&frame::upload("text/plain", 5), b"hello").is("stored");
    first.kill();
    let after = Server::start(Options::default().over(folder.path()));
    after.connect().ask(&frame::upload("text/plain", 5), b"hello").is("stored");
    assert_eq!(harness::names(folder.path()).len(), 2);
}

#[test]
fn a_server_that_cannot_use_its_folder_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a file");
    std::fs::write(&file, b"").unwrap();
    let ended = ServerProcess::try_start(SERVER, &file, &[]).expect_err("a file is no folder");
    assert_eq!(ended.code, Some(1));
    assert!(ended.log.contains("error: the storage folder"), "{}", ended.log);
}

#[test]
fn a_client_that_finds_no_server_is_refused_by_the_system() {
    let mut server = Server::start(Options::default());
    let address = server.address;
    let client = RawClient::connect(address);
    drop(client);
    server.stop();
    assert!(std::net::TcpStream::connect(address).is_err(), "nobody listens behind a server's end");
}
