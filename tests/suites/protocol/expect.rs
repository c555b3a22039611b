//! `"expect": "continue"`: the answer comes before the payload (PROTOCOL.md section 3).

use harness::{Options, Server, frame};
use serde_json::{Value, json};

fn waiting(header: Value) -> Value {
    frame::with(header, "expect", "continue")
}

#[test]
fn a_payload_that_is_wanted_is_asked_for() {
    let server = Server::start(Options::default());
    let (mut client, session) = server.open_session();
    client.ask(&waiting(frame::upload("text/plain", 5)), b"").is("continue");
    client.send(b"hello");
    client.reply().is("stored");

    let header = frame::with(waiting(session.upload(1, "text/plain", 0)), "size", json!(null));
    client.ask(&frame::with(header, "trailer", "sha256"), b"").is("continue");
    let trailer = json!({"digest": harness::digest("sha256", b"hello")});
    client.send(frame::chunks(b"hello", 2, &trailer));
    assert_eq!(client.reply().is("stored").number("sequence"), 1);
}

#[test]
fn a_payload_that_is_not_wanted_does_not_come() {
    let server = Server::start(Options::default());
    let (mut client, session) = server.open_session();
    let id = harness::uuid();
    let upload = frame::with(frame::upload("text/plain", 5), "transfer_id", id.as_str());
    client.ask(&upload, b"hello").is("stored");
    session.store(&mut client, 1, b"hello");

    let sha256 = |header: Value| frame::with(header, "trailer", "sha256");
    // After each of these the next byte begins a new frame.
    for _ in 0..2 {
        assert!(client.ask(&waiting(upload.clone()), b"").is("stored").is_replayed());
        assert!(client.ask(&sha256(waiting(upload.clone())), b"").is("stored").is_replayed());
        assert!(client.ask(&waiting(session.upload(1, "text/plain", 5)), b"").is("stored").is_replayed());
        client.ask(&waiting(session.upload(3, "text/plain", 1 << 40)), b"").refuses("sequence_gap");
        client.ask(&waiting(frame::upload("text/plain", 1 << 40)), b"").refuses("size_too_large");
        let chunks = frame::with(waiting(session.upload(5, "text/plain", 0)), "size", json!(null));
        client.ask(&sha256(chunks), b"").refuses("sequence_gap");
        client.ask(&waiting(frame::with(frame::upload("text/plain", 9), "ack", "later")), b"").refuses("bad_field");
        client.ask(&waiting(frame::with(frame::upload("text/plain", 9), "name", "..")), b"").refuses("bad_name");
        client.ask(&waiting(session.numbered("transfer", 2)), b"").refuses("bad_field");
    }
    assert_eq!(harness::names(&server.storage).len(), 2);
}

#[test]
fn a_payload_that_was_asked_for_may_still_be_refused() {
    let server = Server::start(Options::default());
    let (mut client, session) = server.open_session();
    let header =
        frame::with(waiting(session.upload(1, "text/plain", 5)), "digest", harness::digest("blake3", b"jello"));
    client.ask(&header, b"").is("continue");
    client.send(b"hello");
    client.reply().refuses("digest_mismatch");
    session.store(&mut client, 1, b"the sequence was not used up");
}
