//! Level 4: each number is applied at most once, and the same request gets the same answer (PROTOCOL.md section 5).

use serde_json::{Value, json};

use super::Ground;
use super::requests::{frame, with};
use super::session::Session;
use crate::check::{Check, Checked, Need};
use crate::digest::sha256;

type Server = Check<Ground>;

pub(super) const CHECKS: &[Server] = &[
    Server::new("the same request under the same number gets the same answer", "5", repeated),
    Server::new("a repeat that waits is answered without its payload", "3, 5", repeated_waiting),
    Server::new("offset, ack, expect and ext make no other request", "5", still_the_same).needs(&[Need::Tokens]),
    Server::new("another request under a used number is sequence_reused and learns nothing", "5", reused),
    Server::new("a number ahead of the next is sequence_gap, which names the next", "5", gap),
    Server::new("an error uses up no number", "5", error_counts_nothing),
    Server::new("frames that come without waiting are answered in order", "5", in_flight),
    Server::new("what comes behind a refused one is sequence_gap", "5", behind_a_refusal),
];

fn repeated(ground: &Ground) -> Checked {
    let mut session = Session::open(ground)?;
    let header = with(&session.upload(1, 5), json!({"name": "a.txt"}));
    let first = session.ask(&header, "hello")?.stored(b"hello")?;
    for _ in 0..2 {
        let again = session.ask(&header, "hello")?.stored(b"hello")?;
        again.has("replayed", true)?;
        again.has("sequence", 1)?;
        again.has("session.next_sequence", 2)?;
        again.has("file.stored_as", first.text("file.stored_as")?)?;
    }
    let reply = session.ask(&session.request("status"), "")?.is("session_status")?;
    reply.has("record.files_transferred", 1)
}

fn repeated_waiting(ground: &Ground) -> Checked {
    let mut session = Session::open(ground)?;
    session.stores(1, b"hello")?;
    let waiting = with(&session.upload(1, 5), json!({"expect": "continue"}));
    session.ask(&waiting, "")?.stored(b"hello")?.has("replayed", true)?;
    session.stores(2, b"on")?;
    Ok(())
}

fn still_the_same(ground: &Ground) -> Checked {
    let mut session = Session::open(ground)?;
    session.stores(1, b"hello")?;
    for more in [json!({"ack": "written"}), json!({"ext": {"colour": "blue"}})] {
        let header = with(&session.upload(1, 5), more);
        session.ask(&header, "hello")?.stored(b"hello")?.has("replayed", true)?;
    }
    // The rest of the same file: offset and size together are its size.
    let rest = with(&session.upload(1, 2), json!({"offset": 3, "trailer": "blake3"}));
    let trailer = format!("lo{{\"digest\":\"{}\"}}\n", crate::digest::blake3(b"hello"));
    session.ask(&rest, trailer)?.stored(b"hello")?.has("replayed", true)
}

fn reused(ground: &Ground) -> Checked {
    let mut session = Session::open(ground)?;
    session
        .ask(&with(&session.upload(1, 5), json!({"name": "a.txt", "digest": sha256(b"hello")})), "hello")?
        .stored(b"hello")?;
    let header = with(&session.upload(1, 5), json!({"name": "a.txt"}));
    let others: [(Value, &str); 5] = [
        (with(&header, json!({"name": "b.txt"})), "hello"),
        (with(&header, json!({"mime_type": "image/png"})), "hello"),
        (with(&header, json!({"size": 4})), "hell"),
        (with(&header, json!({"digest": sha256(b"jello")})), "jello"),
        (session.numbered("disconnect", 1), ""),
    ];
    for (header, body) in others {
        let reply = session.ask(&header, body)?.refused("sequence_reused")?;
        reply.lacks("file")?;
        reply.has("error.expected_sequence", 2)?;
    }
    session.stores(2, b"on")?;
    Ok(())
}

fn gap(ground: &Ground) -> Checked {
    let mut session = Session::open(ground)?;
    for ahead in [2, 9_007_199_254_740_991] {
        let reply = session.ask(&session.upload(ahead, 1), "x")?.refused("sequence_gap")?;
        reply.has("error.expected_sequence", 1)?;
        reply.has("error.retry", "same")?;
    }
    session.stores(1, b"now")?;
    Ok(())
}

fn error_counts_nothing(ground: &Ground) -> Checked {
    let mut session = Session::open(ground)?;
    let wrong = with(&session.upload(1, 5), json!({"digest": sha256(b"jello")}));
    session.ask(&wrong, "hello")?.refused("digest_mismatch")?;
    session.ask(&with(&session.upload(1, 5), json!({"name": "../x"})), "hello")?.refused("bad_name")?;
    session.stores(1, b"hello")?.lacks("replayed")
}

fn in_flight(ground: &Ground) -> Checked {
    let mut session = Session::open(ground)?;
    let several = ground.offer.limit("in_flight_max", 32).min(10);
    let frames = (1..=several).flat_map(|sequence| frame(&session.upload(sequence, 3), "abc"));
    let frames: Vec<u8> = frames.collect();
    session.link.send(frames);
    for sequence in 1..=several {
        session.reply()?.stored(b"abc")?.has("sequence", sequence)?;
    }
    Ok(())
}

fn behind_a_refusal(ground: &Ground) -> Checked {
    let mut session = Session::open(ground)?;
    let wrong = with(&session.upload(1, 5), json!({"digest": sha256(b"jello")}));
    session.link.send(
        [frame(&wrong, "hello"), frame(&session.upload(2, 2), "hi"), frame(&session.upload(3, 2), "ho")].concat(),
    );
    session.reply()?.refused("digest_mismatch")?;
    for _ in 0..2 {
        session.reply()?.refused("sequence_gap")?.has("error.expected_sequence", 1)?;
    }
    session.stores(1, b"hello")?;
    Ok(())
}
