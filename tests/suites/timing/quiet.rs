//! How long a connection may be quiet, before a frame and inside a header.

use super::{CONNECT, HELLO, Line, Server, inside, now, pass, timed};

#[tokio::test(start_paused = true)]
async fn a_header_takes_ten_seconds_from_its_first_byte() {
    let server = Server::new();
    for settled in [false, true] {
        let mut line = server.connect();
        if settled {
            assert_eq!(line.ask(HELLO).await, "hello");
            pass(15_000).await;
        }
        line.send(&HELLO[..20]).await;
        let (reply, millis) = timed(line.reply()).await;
        assert_eq!((reply["error"]["code"].as_str(), millis), (Some("header_timeout"), 10_000));
        assert_eq!(reply["closing"], true);
    }
}

#[tokio::test(start_paused = true)]
async fn a_byte_now_and_then_buys_no_time() {
    let server = Server::new();
    let mut line = server.connect();
    let begun = now();
    for byte in HELLO.as_bytes().chunks(5).take(11) {
        line.send(byte).await;
        pass(999).await;
        if line.served.is_finished() {
            break;
        }
    }
    assert_eq!(line.says().await, "header_timeout");
    assert!((now() - begun).as_millis() <= 11 * 999);
}

#[tokio::test(start_paused = true)]
async fn a_header_that_ends_in_its_last_millisecond_is_answered() {
    let server = Server::new();
    let mut line = server.connect();
    for _ in 0..3 {
        line.send(&HELLO[..20]).await;
        pass(9_999).await;
        assert_eq!(line.ask(&HELLO[20..]).await, "hello");
    }
}

/// What waits for a header in another language is a browser or a hand at a keyboard.
#[tokio::test(start_paused = true)]
async fn a_first_header_that_shows_no_version_is_answered_in_plain_words() {
    let server = Server::new();
    let mut line = server.connect();
    line.send("{\"mime_type\":").await;
    assert_eq!(timed(line.rest()).await, ("ERROR: Invalid header\n".to_owned(), 10_000));
}

/// How long until the server says something or closes.
async fn patience(line: &mut Line) -> (String, u64) {
    let (line, millis) = timed(line.line()).await;
    let code = serde_json::from_str::<serde_json::Value>(&line)
        .map_or(line, |reply| reply["error"]["code"].as_str().unwrap_or_default().to_owned());
    (code, millis)
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_session_may_be_quiet_for_thirty_seconds() {
    let server = Server::new();
    // Nobody knows which language a silent peer speaks.
    assert_eq!(patience(&mut server.connect()).await, (String::new(), 30_000));
    let mut line = server.connect();
    for _ in 0..3 {
        pass(29_999).await;
        assert_eq!(line.ask(HELLO).await, "hello");
    }
    assert_eq!(patience(&mut line).await, (String::new(), 30_000));
}

#[tokio::test(start_paused = true)]
async fn a_connection_with_a_session_may_be_quiet_for_four_heartbeats() {
    let server = Server::new();
    let mut line = server.connect();
    let (id, _) = line.session().await;
    for _ in 0..3 {
        pass(119_999).await;
        assert_eq!(line.ask(&inside(&id, "heartbeat", "")).await, "heartbeat_ack");
    }
    assert_eq!(patience(&mut line).await, (String::new(), 120_000));
    // The connection ended, the session did not.
    assert!(server.world.store.all()[0].session.ended().is_none());
}

#[tokio::test(start_paused = true)]
async fn four_heartbeats_are_what_the_limits_say() {
    let mut setup = harness::world::Setup::default();
    setup.limits.heartbeat_interval_ms = 1_000;
    setup.limits.heartbeats_missed_max = 3;
    let server = Server::over(harness::world::World::with(setup), server::config::Week01Ack::Deferred);
    let mut line = server.connect();
    line.session().await;
    assert_eq!(patience(&mut line).await, (String::new(), 3_000));
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_session_has_ended_is_one_without() {
    let server = Server::new();
    let mut line = server.connect();
    let (id, _) = line.session().await;
    assert_eq!(line.ask(&inside(&id, "disconnect", ",\"sequence\":1")).await, "session_closed");
    assert_eq!(patience(&mut line).await, (String::new(), 30_000));
}

#[tokio::test(start_paused = true)]
async fn an_older_connection_hears_at_once_that_its_session_moved() {
    let server = Server::new();
    for begun in ["", "{\"version\":\"2.0\"", "upload"] {
        let mut old = server.connect();
        let (id, token) = old.session().await;
        let header = inside(&id, "transfer", ",\"sequence\":1")
            .replace("{\"version\":\"2.0\"", "{\"version\":\"2.0\",\"mime_type\":\"text/plain\",\"size\":5");
        old.send(if begun == "upload" { format!("{header}\nhel") } else { begun.to_owned() }).await;
        pass(1).await;
        let mut new = server.connect();
        let resume = CONNECT.replace("null", &format!("\"{id}\",\"token\":\"{token}\""));
        assert_eq!(new.ask(&resume).await, "session_resumed");
        let (told, millis) = patience(&mut old).await;
        assert_eq!((told.as_str(), millis), ("session_moved", 0), "{begun}");
        assert_eq!(server.world.files.partial(), 0);
        assert_eq!(new.ask(&inside(&id, "heartbeat", "")).await, "heartbeat_ack");
    }
}
