//! Level 6: what goes wrong on the way, and how the server and everybody else on it live with that.

use std::time::Duration;

use serde_json::json;

use super::Ground;
use super::requests::{frame, noise, stateless, upload, with};
use super::session::Session;
use super::transfers::{asked, own};
use crate::check::{Check, Checked, Need};
use crate::env::fresh_id;

type Server = Check<Ground>;

/// Connections that are opened and left alone.
const CROWD: usize = 50;

/// Requests that are sent before a reply is read.
const UNREAD: usize = 200;

pub(super) const CHECKS: &[Server] = &[
    Server::new("an end inside a header is truncated", "1", cut_header),
    Server::new("an end inside a payload, a chunk or a trailer is truncated and stores nothing", "1", cut_body)
        .needs(&[Need::Stateless]),
    Server::new("clients that vanish do not disturb others", "1", vanished).needs(&[Need::Stateless]),
    Server::new("connections that say nothing do not disturb others", "6, 11", crowd).needs(&[Need::Stateless]),
    Server::new("an upload that stands still does not hold up others", "11", stalled).needs(&[Need::Stateless]),
    Server::new("replies that are read late are all there, in order", "4", read_late),
    Server::new("garbage behind a good frame is bad_header, and the connection ends", "2, Grammar", garbage)
        .needs(&[Need::Stateless]),
    Server::new("an endless header is header_too_large, and the connection ends", "2, 4", endless),
    Server::new("behind a refusal that closes nothing is carried out", "4, After a refusal", nothing_behind)
        .needs(&[Need::Stateless]),
    Server::new("a session is taken from a connection that is half open", "6, Continuing", half_open)
        .needs(&[Need::Stateful]),
    Server::new("a header that is not finished in time is header_timeout", "11", slow_header).slow(),
    Server::new("a payload that stands still is payload_timeout", "11", slow_payload).slow().needs(&[Need::Stateless]),
    Server::new("a connection that asks nothing is closed without a word", "11", quiet).slow(),
];

/// Somebody else is served.
fn healthy(ground: &Ground) -> Checked {
    ground.connect()?.ask(frame(&upload(5), "still"))?.stored(b"still")?;
    Ok(())
}

fn cut_header(ground: &Ground) -> Checked {
    let whole = frame(&stateless("hello"), "");
    // Before the version is whole, nobody can tell which protocol it is.
    let version = whole.windows(9).position(|part| part == b"\"version\"").unwrap_or_default() + 14;
    for length in [version, whole.len() - 1] {
        let mut link = ground.connect()?;
        link.send(whole.get(..length).unwrap_or_default());
        link.end();
        link.refused_and_closed("truncated")?;
    }
    Ok(())
}

fn cut_body(ground: &Ground) -> Checked {
    let id = fresh_id();
    for (header, body) in [
        (own(&id, 5), ""),
        (own(&id, 5), "hell"),
        (with(&own(&id, 0), json!({"size": null})), "5"),
        (with(&own(&id, 0), json!({"size": null})), "5\nhello0\n"),
        (with(&own(&id, 5), json!({"trailer": "sha256"})), "hello{\"digest\""),
    ] {
        let mut link = ground.connect()?;
        link.send(frame(&header, body));
        link.end();
        link.refused_and_closed("truncated")?;
        let reply = ground.connect()?.ask(frame(&asked(&id), ""))?;
        let stored = reply.frame.text("status") == Some("stored");
        reply.holds("status", !stored, "no file from a frame that was cut")?;
    }
    Ok(())
}

fn vanished(ground: &Ground) -> Checked {
    for length in [1, 20, 60, 70] {
        let mut link = ground.connect()?;
        link.send(frame(&upload(100), noise(100)).get(..length).unwrap_or_default());
        link.cut();
    }
    healthy(ground)
}

fn crowd(ground: &Ground) -> Checked {
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        crowd.push(ground.connect()?);
    }
    healthy(ground)
}

fn stalled(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    link.send(frame(&upload(5), "hel"));
    healthy(ground)?;
    link.send("lo");
    link.reply()?.stored(b"hello")?;
    Ok(())
}

fn read_late(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    link.send(frame(&stateless("hello"), "").repeat(UNREAD));
    link.end();
    for _ in 0..UNREAD {
        link.reply()?;
    }
    link.expect_end("the end of the connection after the last reply")
}

fn garbage(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    link.send([frame(&upload(5), "hello"), noise(100_000)].concat());
    link.reply()?.stored(b"hello")?;
    // The first byte of the noise is no brace.
    link.refused_and_closed("bad_header")?;
    healthy(ground)
}

fn endless(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    link.send(format!("{{\"version\":\"2.0\",\"name\":\"{}", "x".repeat(500_000)));
    link.refused_and_closed("header_too_large")
}

fn nothing_behind(ground: &Ground) -> Checked {
    let id = fresh_id();
    let mut link = ground.connect()?;
    // The second frame is whole, and comes in the same piece.
    link.send([b"{\"version\":\"2.0\",\"size\":-1}\n".to_vec(), frame(&own(&id, 5), "hello")].concat());
    link.mark("-1");
    link.refused_and_closed("bad_header")?;
    ground.connect()?.ask(frame(&asked(&id), ""))?.refused("file_unknown")?;
    Ok(())
}

fn half_open(ground: &Ground) -> Checked {
    let mut session = Session::open(ground)?;
    session.stores(1, b"one")?;
    session.link.send(frame(&session.upload(2, 100_000), noise(50_000)));
    // The old connection stays as it is: the server cannot know that nobody is there.
    let (reply, _old) = session.resume_on(ground.connect()?)?;
    reply.has("session.next_sequence", 2)?;
    session.stores(2, b"two")?;
    Ok(())
}

fn slow_header(ground: &Ground) -> Checked {
    let mut link = ground.connect()?.patient(ground.slow_patience);
    link.send("{\"version\":\"2.0\",");
    link.refused_and_closed("header_timeout")
}

fn slow_payload(ground: &Ground) -> Checked {
    let mut link = ground.connect()?.patient(ground.slow_patience);
    link.send(frame(&upload(5), "hel"));
    link.refused_and_closed("payload_timeout")
}

fn quiet(ground: &Ground) -> Checked {
    let mut link = ground.connect()?.patient(ground.slow_patience);
    link.ask(frame(&stateless("hello"), ""))?;
    link.expect_end("the end of the connection, and no word")?;
    // Time alone does not wear a server out.
    ground.connect()?.silent_for(Duration::from_millis(100), "a connection that is left open at first")
}
