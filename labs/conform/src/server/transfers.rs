//! Level 3: uploads that have a name of their own, so that they can be repeated (PROTOCOL.md section 5).

use serde_json::{Value, json};

use super::Ground;
use super::requests::{frame, stateless, upload, with};
use crate::check::{Check, Checked};
use crate::digest::sha256;
use crate::env::fresh_id;

type Server = Check<Ground>;

pub(super) const CHECKS: &[Server] = &[
    Server::new("the stored name is made from the transfer_id", "10", named),
    Server::new("a repeated upload finds its file, on any connection", "5", repeated),
    Server::new("a repeated upload that waits is answered without its payload", "3, 5", repeated_waiting),
    Server::new("another upload under the same transfer_id is transfer_reused", "5", reused),
    Server::new("status says what became of a transfer_id", "3", status),
];

/// The header of an upload with a name of its own.
pub(super) fn own(id: &str, size: usize) -> Value {
    with(&upload(size), json!({"transfer_id": id}))
}

/// The header that asks what became of it.
pub(super) fn asked(id: &str) -> Value {
    with(&stateless("status"), json!({"transfer_id": id}))
}

fn named(ground: &Ground) -> Checked {
    let id = fresh_id();
    let reply = ground.connect()?.ask(frame(&own(&id, 2), "hi"))?.stored(b"hi")?;
    reply.lacks("replayed")?;
    reply.has("file.stored_as", format!("received_{}.txt", id.replace('-', "")))
}

fn repeated(ground: &Ground) -> Checked {
    let id = fresh_id();
    let first = ground.connect()?.ask(frame(&own(&id, 2), "hi"))?.stored(b"hi")?;
    let mut link = ground.connect()?;
    let again = link.ask(frame(&own(&id, 2), "hi"))?.stored(b"hi")?;
    again.has("replayed", true)?;
    again.has("file.stored_as", first.text("file.stored_as")?)?;
    link.ask(frame(&upload(2), "on"))?.stored(b"on")?;
    Ok(())
}

fn repeated_waiting(ground: &Ground) -> Checked {
    let id = fresh_id();
    let mut link = ground.connect()?;
    link.ask(frame(&own(&id, 2), "hi"))?.stored(b"hi")?;
    let waiting = with(&own(&id, 2), json!({"expect": "continue"}));
    link.ask(frame(&waiting, ""))?.stored(b"hi")?.has("replayed", true)?;
    link.ask(frame(&upload(2), "on"))?.stored(b"on")?;
    Ok(())
}

fn reused(ground: &Ground) -> Checked {
    let id = fresh_id();
    let mut link = ground.connect()?;
    link.ask(frame(&own(&id, 2), "hi"))?.stored(b"hi")?;
    link.ask(frame(&own(&id, 3), "hi!"))?.refused("transfer_reused")?;
    let other = with(&own(&id, 2), json!({"digest": sha256(b"ho")}));
    link.ask(frame(&other, "ho"))?.refused("transfer_reused")?;
    link.ask(frame(&asked(&id), ""))?.stored(b"hi")?;
    Ok(())
}

fn status(ground: &Ground) -> Checked {
    let id = fresh_id();
    let mut link = ground.connect()?;
    link.ask(frame(&asked(&id), ""))?.refused("file_unknown")?;
    link.ask(frame(&with(&own(&id, 2), json!({"mime_type": "image/png"})), "hi"))?.stored(b"hi")?;
    link.ask(frame(&asked(&id), ""))?.stored(b"hi")?;
    Ok(())
}
