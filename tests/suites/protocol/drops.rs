//! What follows a refused or repeated header is dropped up to a limit, and the connection goes on (PROTOCOL.md
//! section 4).

use harness::{Options, Server, Session, frame};
use serde_json::{Value, json};

const DROP_BYTES_MAX: usize = 1024 * 1024;

/// A frame that is ahead of its sequence, and so refused from its header.
fn ahead(session: &Session, size: usize) -> Value {
    session.upload(9, "text/plain", size)
}

#[test]
fn a_refused_payload_is_dropped_up_to_the_limit() {
    let server = Server::start(Options::default());
    let payload = harness::noise(3, DROP_BYTES_MAX + 1);
    for size in [0, 1, DROP_BYTES_MAX - 1, DROP_BYTES_MAX] {
        let (mut client, session) = server.open_session();
        let refused = client.ask(&ahead(&session, size), &payload[..size]).refuses("sequence_gap");
        assert!(!refused.closes(), "{size}");
        session.store(&mut client, 1, b"goes on");
    }
    let (mut client, session) = server.open_session();
    client.send_frame(&ahead(&session, payload.len()), b"");
    let refused = client.reply().refuses("sequence_gap");
    assert!(refused.closes(), "the client hears before it has sent anything");
    client.send(&payload);
    client.ends();
}

#[test]
fn refused_chunks_are_dropped_if_they_end_within_the_limit() {
    let server = Server::start(Options::default());
    let payload = harness::noise(4, DROP_BYTES_MAX + 1);
    for (size, goes_on) in [(0, true), (DROP_BYTES_MAX - 1, true), (DROP_BYTES_MAX, true), (DROP_BYTES_MAX + 1, false)]
    {
        let (mut client, session) = server.open_session();
        let header = frame::with(ahead(&session, 0), "size", json!(null));
        let chunks = frame::chunks(&payload[..size], 100_000, &json!({}));
        let refused = client.ask(&header, &chunks).refuses("sequence_gap");
        assert_eq!(refused.closes(), !goes_on, "{size}");
        if goes_on {
            session.store(&mut client, 1, b"goes on");
        } else {
            client.ends();
        }
    }
}

#[test]
fn a_trailer_is_dropped_with_its_payload() {
    let server = Server::start(Options::default());
    let (mut client, session) = server.open_session();
    session.store(&mut client, 1, b"hello");
    for kind in ["blake3", "sha256"] {
        let trailer = json!({"digest": harness::digest(kind, b"hello")});
        for sequence in [1, 9] {
            let header = frame::with(session.upload(sequence, "text/plain", 5), "trailer", kind);
            let reply = client.ask(&header, format!("hello{trailer}\n").as_bytes());
            assert!(!reply.closes(), "{}", reply.header);
            assert_eq!(reply.is_replayed(), sequence == 1, "{}", reply.header);
            let header = frame::with(header, "size", json!(null));
            let reply = client.ask(&header, &frame::chunks(b"hello", 3, &trailer));
            assert!(!reply.closes(), "{}", reply.header);
            assert_eq!(reply.is_replayed(), sequence == 1, "{}", reply.header);
        }
        let header = frame::with(frame::upload("text/plain", 5), "trailer", kind);
        let header = frame::with(header, "ack", "later");
        client.ask(&header, format!("hello{trailer}\n").as_bytes()).refuses("bad_field");
        client.ask(&session.frame("heartbeat"), b"").is("heartbeat_ack");
    }
}

#[test]
fn a_repeated_payload_is_dropped_and_looked_at_by_nobody() {
    let server = Server::start(Options::default());
    let (mut client, session) = server.open_session();
    let first = session.store(&mut client, 1, b"hello");
    let again = session.store(&mut client, 1, b"other");
    assert!(again.is_replayed());
    assert_eq!(again["file"], first["file"], "a client compares the digest with its own");
    session.store(&mut client, 2, b"goes on");
    assert_eq!(harness::visible(&server.storage)[first.stored_as()], b"hello");
}

#[test]
fn session_data_is_refused_until_it_means_something() {
    let server = Server::start(Options::default());
    for (size, goes_on) in [(1, true), (65_535, true), (65_536, true), (65_537, false)] {
        let (mut client, session) = server.open_session();
        let header = frame::with(session.frame("heartbeat"), "session.data_size", size);
        let refused = client.ask(&header, &vec![b'{'; size]).refuses("bad_field");
        assert_eq!(refused["error"]["field"], "session.data_size");
        assert_eq!(refused.closes(), !goes_on, "{size}: a length that cannot be is none");
        if goes_on {
            client.ask(&session.frame("heartbeat"), b"").is("heartbeat_ack");
        }
    }
}

#[test]
fn the_next_header_is_never_searched_for() {
    let server = Server::start(Options::default());
    let mut client = server.connect();
    let smuggled = frame::bytes(&frame::upload("text/plain", 8), b"smuggled");
    let refused = client.ask(&frame::with(frame::upload("text/plain", 5), "size", "five"), &smuggled);
    assert!(refused.refuses("bad_field").closes());
    client.ends();
    let mut client = server.connect();
    client
        .ask(&frame::with(frame::upload("text/plain", smuggled.len()), "ack", "later"), &smuggled)
        .refuses("bad_field");
    client.ask(&frame::stateless("hello"), b"").is("hello");
    assert!(harness::names(&server.storage).is_empty());
}
