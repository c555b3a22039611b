//! The newest connection holds the session (PROTOCOL.md section 6).

use harness::{Options, Server, frame};

#[test]
fn an_older_connection_hears_that_the_session_moved() {
    let server = Server::start(Options::default());
    let (mut older, session) = server.open_session();
    session.store(&mut older, 1, b"hello");
    for epoch in 2..=5 {
        let mut newer = server.connect();
        let resumed = newer.ask(&session.resume(), b"").is("session_resumed");
        assert_eq!(resumed.number("session.epoch"), epoch);
        older.reply().refuses("session_moved");
        older.ends();
        older = newer;
    }
    session.store(&mut older, 2, b"hello");
}

#[test]
fn an_upload_of_the_older_connection_is_given_up() {
    let mut server = Server::start(Options::default());
    let (mut older, session) = server.open_session();
    let content = harness::noise(1, 2_000_000);
    let header = frame::with(session.upload(1, "image/png", content.len()), "expect", "continue");
    older.ask(&header, b"").is("continue");
    older.send(&content[..1_500_000]);

    let mut newer = server.connect();
    let resumed = newer.ask(&session.resume(), b"").is("session_resumed");
    assert_eq!(resumed.number("session.next_sequence"), 1);
    // What still comes counts for nothing, the rest of the upload too.
    let _ = older.try_send(&content[1_500_000..]);
    older.reply().refuses("session_moved");
    let stored = session.store(&mut newer, 1, b"the newer connection's file");
    let list = newer.ask(&session.frame("list"), b"").is("files");
    assert_eq!(list.lines().len(), 1);
    assert_eq!(harness::visible(&server.storage)[stored.stored_as()], b"the newer connection's file");
    drop((older, newer));
    server.stop();
    assert_eq!(harness::names(&server.storage).len(), 1);
    assert!(harness::staged(&server.storage).is_empty());
}

#[test]
fn a_token_is_all_it_takes_and_nothing_less_will_do() {
    let server = Server::start(Options::default());
    let (mut holder, session) = server.open_session();
    let (_other, other) = server.open_session();
    let mut client = server.connect();
    let forged = [
        frame::with(session.resume(), "session.token", other.token.as_str()),
        frame::with(session.resume(), "session.id", other.id.as_str()),
        frame::with(session.resume(), "session.id", harness::uuid()),
    ];
    let messages: Vec<_> = forged
        .iter()
        .map(|header| client.ask(header, b"").refuses("session_unknown").header["error"].clone())
        .collect();
    assert!(messages.iter().all(|message| *message == messages[0]), "nobody learns which of the two was wrong");
    session.store(&mut holder, 1, b"and the holder noticed nothing");
}

#[test]
fn an_expired_session_says_so_to_its_token_only() {
    let server = Server::start(Options::with(|config| config.limits.pending_timeout_ms = 0));
    let (_client, session) = server.open_session();
    let mut client = server.connect();
    let gone = client.ask(&session.resume(), b"").refuses("session_gone");
    assert_eq!(gone["error"]["reason"], "expired");
    client.ask(&frame::with(session.resume(), "session.token", "A".repeat(43)), b"").refuses("session_unknown");
}
