//! Payloads of known and unknown length, and the digests before and behind them (PROTOCOL.md section 1).

use std::fs;

use harness::{Options, RawClient, Server, frame};
use serde_json::json;

/// Sends chunks with a trailer.
fn chunked(client: &mut RawClient, kind: Option<&str>, payload: &[u8], length: usize) -> harness::Reply {
    let (header, trailer) = match kind {
        Some(kind) => {
            let header = frame::with(frame::chunked("text/plain"), "trailer", kind);
            (header, json!({"digest": harness::digest(kind, payload)}))
        }
        None => (frame::chunked("text/plain"), json!({})),
    };
    client.ask(&header, &frame::chunks(payload, length, &trailer))
}

#[test]
fn chunks_of_any_length_make_the_same_file() {
    let server = Server::start(Options::default());
    let mut client = server.connect();
    let payload = harness::noise(1, 3_000);
    for (kind, length) in [(None, 1), (Some("blake3"), 7), (Some("sha256"), 1_000), (Some("blake3"), 3_000)] {
        let stored = chunked(&mut client, kind, &payload, length).is("stored");
        assert_eq!(stored["file"]["digest"], harness::digest(kind.unwrap_or("blake3"), &payload));
        assert_eq!(fs::read(server.storage.join(stored.stored_as())).unwrap(), payload);
    }
    let empty = chunked(&mut client, Some("sha256"), b"", 1).is("stored");
    assert_eq!(empty.number("file.size"), 0);
}

#[test]
fn a_frame_arrives_however_it_was_cut() {
    let server = Server::start(Options::default());
    let payload = b"line\n{\"version\":\"2.0\"}\n0\n";
    let header = frame::with(frame::chunked("text/plain"), "trailer", "sha256");
    let trailer = json!({"digest": harness::digest("sha256", payload)});
    let bytes = frame::bytes(&header, &frame::chunks(payload, 10, &trailer));
    for length in [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, bytes.len()] {
        let mut client = server.connect();
        client.send_cut(&bytes, length);
        let stored = client.reply().is("stored");
        assert_eq!(fs::read(server.storage.join(stored.stored_as())).unwrap(), payload);
    }
}

#[test]
fn a_digest_decides_before_the_file_is_visible() {
    let server = Server::start(Options::default());
    let (mut client, session) = server.open_session();
    let wrong = |kind: &str| harness::digest(kind, b"jello");
    for kind in ["blake3", "sha256"] {
        let stated = frame::with(frame::upload("text/plain", 5), "digest", wrong(kind));
        client.ask(&stated, b"hello").refuses("digest_mismatch");
        let promised = frame::with(session.upload(1, "text/plain", 5), "trailer", kind);
        let trailer = json!({"digest": wrong(kind)});
        client.ask(&promised, format!("hello{trailer}\n").as_bytes()).refuses("digest_mismatch");
    }
    assert!(harness::names(&server.storage).is_empty());
    assert!(harness::staged(&server.storage).is_empty());
    for kind in ["blake3", "sha256"] {
        let promised = frame::with(frame::upload("text/plain", 5), "trailer", kind);
        let trailer = json!({"digest": harness::digest(kind, b"hello")});
        let stored = client.ask(&promised, format!("hello{trailer}\n").as_bytes()).is("stored");
        assert_eq!(stored["file"]["digest"], harness::digest(kind, b"hello"));
    }
    session.store(&mut client, 1, b"an error uses up no sequence");
}

#[test]
fn a_trailer_holds_what_its_header_promised() {
    let server = Server::start(Options::default());
    let blake3 = json!({"digest": harness::digest("blake3", b"hello")});
    for (promised, trailer, code) in [
        (Some("sha256"), blake3.to_string(), "bad_field"),
        (Some("blake3"), "{}".to_owned(), "bad_field"),
        (None, blake3.to_string(), "bad_field"),
        (None, "{\"more\":\"\"}".to_owned(), "unknown_field"),
        (None, "[]".to_owned(), "bad_header"),
        (None, "{\"a\":\"\",\"a\":\"\"}".to_owned(), "duplicate_key"),
    ] {
        let mut header = frame::chunked("text/plain");
        if let Some(kind) = promised {
            header = frame::with(header, "trailer", kind);
        }
        let mut client = server.connect();
        client.ask(&header, format!("5\nhello0\n{trailer}\n").as_bytes()).refuses(code);
    }
    assert!(harness::names(&server.storage).is_empty());
}

#[test]
fn a_chunk_s_length_is_an_integer_of_the_wire() {
    let server = Server::start(Options::default());
    for length in ["05", "+5", "-5", "5.0", "0x5", "", " 5", "5 ", "9007199254740992", "12345678901234567890"] {
        let mut client = server.connect();
        let payload = format!("{length}\nhello0\n{{}}\n");
        client.ask(&frame::chunked("text/plain"), payload.as_bytes()).refuses("bad_header");
        client.ends();
    }
    let mut client = server.connect();
    client.ask(&frame::chunked("text/plain"), b"5\r\nhello0\r\n{}\r\n").is("stored");
    assert_eq!(harness::names(&server.storage).len(), 1);
}

#[test]
fn the_largest_upload_of_each_mode_is_taken_and_one_byte_more_is_not() {
    let server = Server::start(Options::with(|config| {
        config.limits.stateless_request_bytes_max = 2_000;
        config.limits.stateful_request_bytes_max = 3_000;
    }));
    let (mut client, session) = server.open_session();
    let payload = harness::noise(2, 3_001);
    for size in [1_999, 2_000] {
        client.ask(&frame::upload("text/plain", size), &payload[..size]).is("stored");
        chunked(&mut client, None, &payload[..size], 999).is("stored");
    }
    let refused = client.ask(&frame::upload("text/plain", 2_001), &payload[..2_001]).refuses("size_too_large");
    assert_eq!(refused["error"]["field"], "size");
    chunked(&mut client, None, &payload[..2_001], 999).refuses("size_too_large");
    session.store(&mut client, 1, &payload[..2_999]);
    session.store(&mut client, 2, &payload[..3_000]);
    client.ask(&session.upload(3, "text/plain", 3_001), &payload).refuses("size_too_large");
    let chunks = frame::with(session.upload(3, "text/plain", 0), "size", json!(null));
    client.ask(&chunks, &frame::chunks(&payload, 1_000, &json!({}))).refuses("size_too_large");
    session.store(&mut client, 3, b"and the connection goes on");
}
