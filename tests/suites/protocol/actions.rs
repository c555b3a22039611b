//! Every action's reply, field by field (PROTOCOL.md sections 3 and 4).

use std::collections::BTreeSet;

use harness::{Options, Reply, Server, frame};
use serde_json::{Value, json};
use server::config::ServerMode;

/// The fields of an object, in order of the alphabet.
fn fields(object: &Value) -> Vec<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The reply has the fields of every reply and these, and no others.
#[track_caller]
fn has_only(reply: &Reply, more: &[&str]) {
    let every = ["version", "status", "mime_type", "size", "server_time_ms"];
    let expected: BTreeSet<_> = every.iter().chain(more).copied().collect();
    assert_eq!(fields(&reply.header), expected.into_iter().collect::<Vec<_>>());
}

const SESSION: [&str; 7] = ["data_size", "epoch", "expires_in_s", "id", "mode", "next_sequence", "state"];

#[test]
fn hello_says_what_there_is_in_either_mode() {
    let server = Server::start(Options::default());
    let mut client = server.connect();
    for header in [frame::stateless("hello"), frame::stateful("hello")] {
        let reply = client.ask(&header, b"").is("hello");
        has_only(&reply, &["hello"]);
        let hello = &reply["hello"];
        assert_eq!(hello["versions"], json!(["1.0", "2.0"]));
        assert_eq!(hello["modes"], json!(["stateless", "stateful"]));
        let actions = ["hello", "connect", "transfer", "status", "heartbeat", "list", "fetch", "remove", "disconnect"];
        assert_eq!(hello["actions"], json!(actions));
        assert_eq!(hello["digests"], json!(["blake3", "sha256"]));
        assert_eq!(hello["acks"], json!(["written", "durable"]));
        assert_eq!(hello["store"], "memory");
        assert_eq!(
            hello["limits"],
            json!({
                "header_bytes_max": 8192,
                "stateless_request_bytes_max": 10_485_760,
                "stateful_request_bytes_max": 10_737_418_240_u64,
                "in_flight_max": 32,
                "heartbeat_interval_s": 30,
                "session_timeout_s": 300,
            })
        );
    }
}

#[test]
fn hello_names_only_the_modes_there_are() {
    let all = ["hello", "connect", "transfer", "status", "heartbeat", "list", "fetch", "remove", "disconnect"];
    for (mode, modes, store, versions, actions) in [
        (
            ServerMode::Stateless,
            json!(["stateless"]),
            None,
            json!(["1.0", "2.0"]),
            json!(["hello", "transfer", "status", "fetch"]),
        ),
        (ServerMode::Stateful, json!(["stateful"]), Some("memory"), json!(["2.0"]), json!(all)),
    ] {
        let server = Server::start(Options::with(|config| config.mode = mode));
        let reply = server.connect().ask(&frame::stateless("hello"), b"").is("hello");
        assert_eq!(reply["hello"]["modes"], modes);
        // A Week 01 upload is a stateless one.
        assert_eq!((&reply["hello"]["versions"], &reply["hello"]["actions"]), (&versions, &actions));
        assert_eq!(reply["hello"].get("store").and_then(Value::as_str), store);
    }
}

#[test]
fn connect_opens_a_session_and_tells_its_secret_once() {
    let server = Server::start(Options::default());
    let mut client = server.connect();
    let created = client.ask(&frame::stateful("connect"), b"").is("session_created");
    has_only(&created, &["session"]);
    let mut with_token = SESSION.to_vec();
    with_token.push("token");
    with_token.sort_unstable();
    let session = &created["session"];
    assert_eq!(fields(session), with_token);
    assert_eq!(session["mode"], "stateful");
    assert_eq!(session["state"], "pending");
    assert_eq!(
        (&session["epoch"], &session["next_sequence"], &session["data_size"]),
        (&json!(1), &json!(1), &json!(0))
    );
    assert!((59..=60).contains(&created.number("session.expires_in_s")), "{session}");
    assert_eq!(session["token"].as_str().map(str::len), Some(43));

    let session = harness::Session::of(&created);
    let resumed = server.connect().ask(&session.resume(), b"").is("session_resumed");
    has_only(&resumed, &["session"]);
    assert_eq!(fields(&resumed["session"]), SESSION);
    assert_eq!(resumed.number("session.epoch"), 2);
    assert_eq!(resumed["session"]["id"], session.id);
}

#[test]
fn transfer_tells_where_the_file_is_and_what_was_promised() {
    let server = Server::start(Options::default());
    let (mut client, session) = server.open_session();

    let stateless = client.ask(&frame::upload("text/plain", 5), b"hello").is("stored");
    has_only(&stateless, &["ack", "file"]);
    assert_eq!(fields(&stateless["file"]), ["digest", "size", "stored_as"]);
    assert_eq!(stateless["file"]["digest"], harness::digest("blake3", b"hello"));
    assert_eq!((&stateless["file"]["size"], &stateless["ack"]), (&json!(5), &json!("durable")));

    let header = frame::with(session.upload(1, "image/png", 5), "digest", harness::digest("sha256", b"hello"));
    let stateful = client.ask(&frame::with(header, "ack", "written"), b"hello").is("stored");
    has_only(&stateful, &["ack", "file", "sequence", "session"]);
    assert_eq!(stateful["file"]["digest"], harness::digest("sha256", b"hello"), "in the client's kind");
    assert_eq!(stateful["ack"], "written");
    assert_eq!(stateful.number("sequence"), 1);
    assert_eq!(stateful.number("session.next_sequence"), 2);
    assert_eq!(stateful["session"]["state"], "active");
}

#[test]
fn status_tells_the_record_of_the_session_or_the_fate_of_a_transfer() {
    let server = Server::start(Options::default());
    let (mut client, session) = server.open_session();
    session.store(&mut client, 1, b"hello");
    let status = client.ask(&session.frame("status"), b"").is("session_status");
    has_only(&status, &["record", "session"]);
    let record = &status["record"];
    let expected = [
        "client_address",
        "created_at",
        "files_transferred",
        "last_activity",
        "message_count",
        "state_bytes",
        "total_bytes",
    ];
    assert_eq!(fields(record), expected);

    let id = harness::uuid();
    let asked = frame::with(frame::stateless("status"), "transfer_id", id.as_str());
    client.ask(&asked, b"").refuses("file_unknown");
    let stored = client.ask(&frame::with(frame::upload("image/png", 5), "transfer_id", id), b"hello").is("stored");
    let status = client.ask(&asked, b"").is("stored");
    assert_eq!(status["file"], stored["file"], "whatever its type");
}

#[test]
fn heartbeat_says_how_long_the_session_lasts() {
    let server = Server::start(Options::default());
    let (mut client, session) = server.open_session();
    session.store(&mut client, 1, b"hello");
    let beat = client.ask(&session.frame("heartbeat"), b"").is("heartbeat_ack");
    has_only(&beat, &["session"]);
    assert!((299..=300).contains(&beat.number("session.expires_in_s")), "{}", beat.header);
}

#[test]
fn list_and_fetch_bring_payloads() {
    let server = Server::start(Options::default());
    let (mut client, session) = server.open_session();
    let named = frame::with(session.upload(1, "text/plain", 5), "name", "a/b.txt");
    let stored = client.ask(&named, b"hello").is("stored");

    let list = client.ask(&session.frame("list"), b"").is("files");
    has_only(&list, &["session"]);
    assert_eq!(list["mime_type"], "application/x-ndjson");
    let line: Value = serde_json::from_slice(&list.payload).unwrap();
    let entry = json!({
        "stored_as": stored.stored_as(),
        "sequence": 1,
        "size": 5,
        "name": "a/b.txt",
        "digest": harness::digest("blake3", b"hello"),
    });
    assert_eq!(line, entry);
    assert!(list.payload.ends_with(b"\n"));

    let fetch = frame::with(session.frame("fetch"), "file", stored.stored_as());
    let file = client.ask(&frame::with(fetch, "offset", 1), b"").is("file");
    has_only(&file, &["file", "session", "trailer"]);
    assert_eq!((file.number("size"), file.number("file.size")), (4, 5));
    assert_eq!((file.payload.as_slice(), file["trailer"].as_str()), (b"ello".as_slice(), Some("blake3")));
}

#[test]
fn remove_and_disconnect_answer_under_their_sequence() {
    let server = Server::start(Options::default());
    let (mut client, session) = server.open_session();
    let stored = session.store(&mut client, 1, b"hello");
    for sequence in [2, 3] {
        let header = frame::with(session.numbered("remove", sequence), "file", stored.stored_as());
        let removed = client.ask(&header, b"").is("removed");
        has_only(&removed, &["sequence", "session"]);
        assert_eq!(removed.number("sequence"), sequence, "one that is gone is removed too");
    }
    assert!(harness::names(&server.storage).is_empty());

    let closed = client.ask(&session.numbered("disconnect", 4), b"").is("session_closed");
    has_only(&closed, &["sequence", "session"]);
    assert_eq!(closed["session"]["state"], "terminated");
    assert_eq!(closed["session"]["expires_in_s"], 0);
    let again = client.ask(&session.numbered("disconnect", 4), b"").is("session_closed");
    assert!(again.is_replayed());
}

#[test]
fn an_explanation_answers_the_five_questions() {
    let server = Server::start(Options::default());
    let explained = |header| frame::with(header, "ext", json!({"explain": "yes", "other": "no"}));
    let created = server.connect().ask(&explained(frame::stateful("connect")), b"").is("session_created");
    assert_eq!(created["explain"]["state_bytes"], 0, "there was none to read");
    let (mut client, session) = server.open_session();
    for header in [session.frame("heartbeat"), frame::stateless("hello")] {
        let reply = client.ask(&explained(header), b"");
        let questions = ["continuation", "resume", "silence", "stage", "state_bytes", "who"];
        assert_eq!(fields(&reply["explain"]), questions);
        assert!(!reply.header.to_string().contains(&session.token), "an explanation tells no secret");
    }
}

#[test]
fn replies_come_in_the_order_of_the_requests() {
    let server = Server::start(Options::default());
    let (mut client, session) = server.open_session();
    let mut all = Vec::new();
    for sequence in 1..=40 {
        all.extend(frame::bytes(&session.upload(sequence, "text/plain", 3), b"abc"));
        all.extend(frame::bytes(&session.frame("heartbeat"), b""));
    }
    client.send(&all);
    for sequence in 1..=40 {
        assert_eq!(client.reply().is("stored").number("sequence"), sequence);
        client.reply().is("heartbeat_ack");
    }
}
