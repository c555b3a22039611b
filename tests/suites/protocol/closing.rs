//! How a conversation ends: by the client between frames, inside one, or by the server (PROTOCOL.md sections 1
//! and 4).

use harness::{Options, Server, frame};

#[test]
fn a_client_that_ends_its_side_gets_all_it_is_owed() {
    let server = Server::start(Options::default());
    let (mut client, session) = server.open_session();
    for sequence in 1..=5 {
        client.send_frame(&session.upload(sequence, "text/plain", 5), b"hello");
    }
    client.half_close();
    for sequence in 1..=5 {
        assert_eq!(client.reply().is("stored").number("sequence"), sequence);
    }
    client.ends();
}

#[test]
fn an_end_between_frames_is_a_goodbye_and_nothing_is_said() {
    let server = Server::start(Options::default());
    let mut client = server.connect();
    client.half_close();
    client.ends();
    let mut client = server.connect();
    client.ask(&frame::stateless("hello"), b"").is("hello");
    client.half_close();
    client.ends();
}

#[test]
fn an_end_inside_a_frame_is_truncated_and_nothing_takes_effect() {
    let server = Server::start(Options::default());
    let upload = frame::bytes(&frame::upload("text/plain", 5), b"hell");
    let line = frame::bytes(&frame::upload("text/plain", 5), b"");
    let chunks = |rest: &str| frame::bytes(&frame::chunked("text/plain"), rest.as_bytes());
    let trailer = frame::bytes(&frame::with(frame::upload("text/plain", 5), "trailer", "sha256"), b"hello");
    for bytes in [
        upload.as_slice(),
        &line,
        &line[..line.len() - 1],
        b"{\"version\"",
        &chunks(""),
        &chunks("5"),
        &chunks("5\nhel"),
        &chunks("5\nhello"),
        &chunks("5\nhello0\n"),
        &chunks("5\nhello0\n{}"),
        &trailer,
    ] {
        let mut client = server.connect();
        client.send(bytes);
        client.half_close();
        client.reply().refuses("truncated");
        client.ends();
    }
    let mut client = server.connect();
    client.send(b"{");
    client.half_close();
    assert_eq!(client.to_end(), b"ERROR: Invalid header\n", "nobody knows yet what this was to become");
    assert!(harness::names(&server.storage).is_empty());
    assert!(harness::staged(&server.storage).is_empty());
}

#[test]
fn a_client_that_goes_on_sending_can_read_why_the_server_closes() {
    let server = Server::start(Options::default());
    let payload = harness::noise(5, 3 * 1024 * 1024);
    for _ in 0..5 {
        let mut client = server.connect();
        client.send_frame(&frame::with(frame::upload("text/plain", 5), "size", "five"), b"");
        // The server half-closes and reads on; without that the rest would be answered with a reset.
        client.send(&payload);
        client.half_close();
        assert!(client.reply().refuses("bad_field").closes());
        client.ends();
    }
}

#[test]
fn a_server_that_closes_drops_a_bounded_amount() {
    let server = Server::start(Options::with(|config| config.limits.closing_drop_bytes_max = 64 * 1024));
    let mut client = server.connect();
    client.send(b"?");
    assert_eq!(client.to_end(), b"ERROR: Invalid header\n");
    let waste = vec![b'?'; 64 * 1024];
    let refused = (0..10_000).any(|_| client.try_send(&waste).is_err());
    assert!(refused, "the server reads for ever");
}

#[test]
fn a_quiet_connection_is_closed_without_a_word() {
    let server = Server::start(Options::with(|config| config.limits.request_timeout_ms = 500));
    server.connect().ends();
    let mut client = server.connect();
    client.send_frame(&frame::stateless("hello"), b"");
    client.reply().is("hello");
    client.ends();
}
