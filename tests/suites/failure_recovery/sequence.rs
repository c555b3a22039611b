//! Lost replies, and sequences that are not the next one (PROTOCOL.md section 5).

use harness::{Options, Server, frame};

#[test]
fn a_lost_reply_is_had_again_on_a_new_connection() {
    let server = Server::start(Options::default());
    let (mut client, session) = server.open_session();
    let old = session.store(&mut client, 1, b"old");
    let transfer = session.upload(2, "text/plain", 5);
    let remove = frame::with(session.numbered("remove", 3), "file", old.stored_as());
    let disconnect = session.numbered("disconnect", 4);
    for (header, payload) in [(transfer, b"hello".as_slice()), (remove, b""), (disconnect.clone(), b"")] {
        let lost = client.ask(&header, payload);
        assert!(!lost.is_replayed());
        client.reset();
        client = server.connect();
        let resumed = client.ask(&session.resume(), b"");
        if header == disconnect {
            // Nothing is left to continue, and the goodbye is no error.
            assert!(resumed.is("session_closed").is_replayed());
            break;
        }
        resumed.is("session_resumed");
        let again = client.ask(&header, payload);
        assert!(again.is_replayed());
        for field in ["status", "sequence", "file", "ack"] {
            assert_eq!(again.header.get(field), lost.header.get(field), "{field}");
        }
    }
    client.ask(&frame::stateful("connect"), b"").is("session_created");
    assert_eq!(harness::visible(&server.storage).into_values().collect::<Vec<_>>(), [b"hello"]);
}

#[test]
fn a_lost_token_leaves_a_session_that_soon_expires() {
    let server = Server::start(Options::with(|config| {
        config.limits.sessions_max = 1;
        config.limits.pending_timeout_ms = 1;
    }));
    let (client, _) = server.open_session();
    client.reset();
    let mut client = server.connect();
    let mut reply = client.ask(&frame::stateful("connect"), b"");
    server.until(|| {
        if reply.code() == Some("session_full") {
            reply = client.ask(&frame::stateful("connect"), b"");
        }
        reply.code().is_none()
    });
    reply.is("session_created");
}

#[test]
fn only_the_next_sequence_is_applied() {
    let server = Server::start(Options::default());
    let (mut client, session) = server.open_session();
    for ahead in [2, 3, 1_000] {
        let refused = client.ask(&session.upload(ahead, "text/plain", 5), b"hello").refuses("sequence_gap");
        assert_eq!(refused.number("error.expected_sequence"), 1);
        assert_eq!(refused.number("sequence"), ahead);
    }
    session.store(&mut client, 1, b"hello");
    let spoilt = [
        session.upload(1, "text/plain", 4),
        session.upload(1, "image/png", 5),
        frame::with(session.upload(1, "text/plain", 5), "name", "other"),
        frame::with(session.upload(1, "text/plain", 5), "digest", harness::digest("blake3", b"other")),
        session.numbered("disconnect", 1),
    ];
    for header in spoilt {
        let size = usize::try_from(header["size"].as_u64().unwrap_or(0)).unwrap();
        let refused = client.ask(&header, &b"other"[..size]).refuses("sequence_reused");
        assert_eq!(refused.number("error.expected_sequence"), 2);
    }
    let same = [
        session.upload(1, "text/plain", 5),
        frame::with(session.upload(1, "text/plain", 5), "ack", "written"),
        frame::with(session.upload(1, "text/plain", 5), "digest", harness::digest("blake3", b"hello")),
        frame::with(session.upload(1, "text/plain", 5), "ext", serde_json::json!({"a": "b"})),
    ];
    for header in same {
        assert!(client.ask(&header, b"hello").is("stored").is_replayed());
    }
    assert_eq!(harness::names(&server.storage).len(), 1);
}

#[test]
fn as_many_replies_are_kept_as_the_limit_says() {
    let server = Server::start(Options::with(|config| config.limits.receipts_per_session_max = 3));
    let (mut client, session) = server.open_session();
    for sequence in 1..=5 {
        session.store(&mut client, sequence, b"hello");
    }
    for (sequence, kept) in [(1, false), (2, false), (3, true), (4, true), (5, true)] {
        let reply = client.ask(&session.upload(sequence, "text/plain", 5), b"hello");
        if kept {
            assert!(reply.is("stored").is_replayed());
        } else {
            assert_eq!(reply.refuses("sequence_too_old").number("error.expected_sequence"), 6);
        }
    }
}

#[test]
fn what_is_behind_a_failure_is_refused_and_repeated() {
    let server = Server::start(Options::default());
    let (mut client, session) = server.open_session();
    let wrong = frame::with(session.upload(2, "text/plain", 5), "digest", harness::digest("blake3", b"jello"));
    for header in [session.upload(1, "text/plain", 5), wrong, session.upload(3, "text/plain", 5)] {
        client.send_frame(&header, b"hello");
    }
    client.reply().is("stored");
    client.reply().refuses("digest_mismatch");
    let expected = client.reply().refuses("sequence_gap").number("error.expected_sequence");
    assert_eq!(expected, 2);
    for sequence in expected..=3 {
        session.store(&mut client, sequence, b"hello");
    }
}
