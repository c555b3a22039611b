//! Level 5: an upload that was cut goes on where it was (PROTOCOL.md section 5, Continuing a cut upload).

use serde_json::{Value, json};

use super::Ground;
use super::reply::Reply;
use super::requests::{frame, noise, stateless, upload, with};
use super::session::Session;
use super::stateless::fetching;
use super::transfers::{asked, own};
use crate::check::{Check, Checked, Need};
use crate::digest::blake3;
use crate::env::{Deadline, fresh_id, pause};

type Server = Check<Ground>;

/// Bytes of the files that are cut, and how many of them arrive.
const WHOLE: usize = 50_000;
const ARRIVED: usize = 20_000;

pub(super) const CHECKS: &[Server] = &[
    Server::new("what arrived of a cut upload waits, and status tells how much and its digest", "5", part_waits)
        .needs(&[Need::Stateless]),
    Server::new("the rest completes the file", "5", completed).needs(&[Need::Stateless]),
    Server::new("a smaller offset begins there, and 0 begins anew", "5", smaller).needs(&[Need::Stateless]),
    Server::new("an offset above what is there is bad_offset with the right one", "5", larger)
        .needs(&[Need::Stateless]),
    Server::new("an offset without a digest is bad_field", "2", no_digest).needs(&[Need::Stateless]),
    Server::new("an offset without a name of its own, or with chunks, is bad_offset with 0", "5", no_name)
        .needs(&[Need::Stateless]),
    Server::new("a rest that does not fit is digest_mismatch, and the part is dropped", "5", wrong_rest)
        .needs(&[Need::Stateless]),
    Server::new("an upload in chunks that was cut leaves nothing", "5", chunks).needs(&[Need::Stateless]),
    Server::new("a newer upload takes the part over, and the older one is told", "5", taken_over)
        .needs(&[Need::Stateless]),
    Server::new("a session goes on in the file that was cut", "5, 6", in_a_session).needs(&[Need::Stateful]),
];

/// Cuts an upload by ending behind the bytes that arrived; the answer says that they have.
fn cut(ground: &Ground, header: &Value, data: &[u8]) -> Checked {
    let mut link = ground.connect()?;
    link.send(frame(header, data));
    link.end();
    link.refused_and_closed("truncated")
}

/// A transfer id under which the beginning of a file waits.
fn waiting(ground: &Ground) -> Checked<(String, Vec<u8>)> {
    let (id, data) = (fresh_id(), noise(WHOLE));
    cut(ground, &own(&id, WHOLE), data.get(..ARRIVED).unwrap_or_default())?;
    Ok((id, data))
}

/// The header and the body that go on at an offset.
fn rest(id: &str, data: &[u8], offset: usize) -> Vec<u8> {
    let rest = data.get(offset..).unwrap_or_default();
    let more = json!({"offset": offset, "digest": blake3(data)});
    frame(&with(&own(id, rest.len()), more), rest)
}

/// The answer to `status` tells of this part.
fn tells_of_the_part(reply: &Reply, data: &[u8]) -> Checked {
    reply.has("partial.offset", ARRIVED)?;
    reply.has("partial.prefix_digest", blake3(data.get(..ARRIVED).unwrap_or_default()))
}

fn part_waits(ground: &Ground) -> Checked {
    let (id, data) = waiting(ground)?;
    let reply = ground.connect()?.ask(frame(&asked(&id), ""))?.is("session_status")?;
    tells_of_the_part(&reply, &data)?;
    reply.lacks("session")?;
    reply.lacks("record")
}

fn completed(ground: &Ground) -> Checked {
    let (id, data) = waiting(ground)?;
    let mut link = ground.connect()?;
    let name = link.ask(rest(&id, &data, ARRIVED))?.stored(&data)?.text("file.stored_as")?.to_owned();
    link.ask(frame(&fetching(&name, 0), ""))?.is("file")?.carries(&data)?;
    link.ask(frame(&asked(&id), ""))?.stored(&data)?;
    Ok(())
}

fn smaller(ground: &Ground) -> Checked {
    for offset in [ARRIVED - 1, 1, 0] {
        let (id, data) = waiting(ground)?;
        ground.connect()?.ask(rest(&id, &data, offset))?.stored(&data)?;
    }
    Ok(())
}

fn larger(ground: &Ground) -> Checked {
    let (id, data) = waiting(ground)?;
    let mut link = ground.connect()?;
    link.ask(rest(&id, &data, ARRIVED + 1))?.refused("bad_offset")?.has("error.offset", ARRIVED)?;
    link.ask(rest(&fresh_id(), &data, 1))?.refused("bad_offset")?.has("error.offset", 0)?;
    link.ask(rest(&id, &data, ARRIVED))?.stored(&data)?;
    Ok(())
}

fn no_digest(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    link.ask(frame(&with(&own(&fresh_id(), 1), json!({"offset": 1})), "x"))?.refused("bad_field")?;
    Ok(())
}

fn no_name(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    let more = json!({"offset": 1, "digest": blake3(b"xx")});
    link.ask(frame(&with(&upload(1), more.clone()), "x"))?.refused("bad_offset")?.has("error.offset", 0)?;
    let chunked = with(&with(&own(&fresh_id(), 0), more), json!({"size": null}));
    link.ask(frame(&chunked, "1\nx0\n{}\n"))?.refused("bad_offset")?.has("error.offset", 0)
}

fn wrong_rest(ground: &Ground) -> Checked {
    let (id, mut data) = waiting(ground)?;
    // Another file from its first byte on, as its owner may have changed it.
    data.reverse();
    let mut link = ground.connect()?;
    link.ask(rest(&id, &data, ARRIVED))?.refused("digest_mismatch")?;
    link.ask(frame(&asked(&id), ""))?.refused("file_unknown")?;
    link.ask(rest(&id, &data, 0))?.stored(&data)?;
    Ok(())
}

fn chunks(ground: &Ground) -> Checked {
    let id = fresh_id();
    cut(ground, &with(&own(&id, 0), json!({"size": null})), b"5\nhello5\nhe")?;
    ground.connect()?.ask(frame(&asked(&id), ""))?.refused("file_unknown")?;
    Ok(())
}

fn taken_over(ground: &Ground) -> Checked {
    let (id, data) = (fresh_id(), noise(WHOLE));
    let (mut older, mut newer) = (ground.connect()?, ground.connect()?);
    // Behind an answer the server has accepted the connection, so it knows which is older.
    for link in [&mut older, &mut newer] {
        link.ask(frame(&stateless("hello"), ""))?;
    }
    older.ask(frame(&with(&own(&id, WHOLE), json!({"expect": "continue"})), ""))?.is("continue")?;
    let (begin, end) = data.split_at(ARRIVED);
    older.send(begin);
    newer.ask(frame(&own(&id, WHOLE), &data))?.stored(&data)?;
    older.send(end);
    older.reply()?.refused("transfer_moved")?.has("error.retry", "never")
}

fn in_a_session(ground: &Ground) -> Checked {
    let data = noise(WHOLE);
    let (begin, end) = data.split_at(ARRIVED);
    let mut session = Session::open(ground)?;
    session.stores(1, b"first")?;
    session.link.send(frame(&session.upload(2, WHOLE), begin));
    session.link.end();
    session.link.refused_and_closed("truncated")?;
    session.resume_on(ground.connect()?)?.0.has("session.next_sequence", 2)?;
    // It may come a moment later than the answer to connect.
    let deadline = Deadline::after(ground.patience);
    let reply = loop {
        let reply = session.ask(&session.request("status"), "")?.is("session_status")?;
        if reply.frame.get("partial").is_some() || deadline.left().is_none() {
            break reply;
        }
        pause(std::time::Duration::from_millis(50));
    };
    tells_of_the_part(&reply, &data)?;
    reply.has("partial.sequence", 2)?;
    let header = with(&session.upload(2, end.len()), json!({"offset": ARRIVED, "digest": blake3(&data)}));
    session.ask(&header, end)?.stored(&data)?.has("session.next_sequence", 3)
}
