//! Level 2: a client that sends as in Week 01: header line, payload, again, and the end (PROTOCOL.md section 9).

use super::Ground;
use super::story::{Deed, Mode, Task};
use crate::check::{Check, Checked, failed};
use crate::frame::Frame;
use crate::link::Link;

type Client = Check<Ground>;

pub(super) const CHECKS: &[Client] = &[
    Client::new("a file is a header line and exactly its bytes", "9", one),
    Client::new("a file of no bytes is sent too", "9, 1", empty),
    Client::new("its bytes are sent as they are", "9", any_bytes),
    Client::new("several files come one behind the other, without waiting", "9, 3", several),
];

/// Takes the files of one connection. Nothing is said before the client has ended or waits, as rule 4 has it.
pub(super) fn serve(link: &mut Link) -> Checked<Vec<Vec<u8>>> {
    let mut files = Vec::new();
    while let Some(mut frame) = link.header_or_end("a Week 01 header, or the end")? {
        judged(&frame, link)?;
        link.body(&mut frame, "the payload")?;
        files.push(frame.payload);
    }
    link.send("OK\n".repeat(files.len()));
    Ok(files)
}

fn judged(frame: &Frame, link: &Link) -> Checked {
    if let Some(fault) = frame.faults.first() {
        return Err(failed("strict JSON", format!("{fault:?}")));
    }
    let later =
        ["name", "file", "digest", "trailer", "transfer_id", "offset", "ack", "expect", "auth", "session", "ext"];
    later.iter().try_for_each(|field| frame.lacks(link.record(), field))?;
    let version = frame.get("version").is_none_or(|version| version == "1.0" || version == "1");
    if !version {
        return Err(frame.wrong(link.record(), "version", "no version, or that of Week 01"));
    }
    match (frame.get("size").is_none_or(serde_json::Value::is_u64), frame.text("mime_type")) {
        (false, _) => Err(frame.wrong(link.record(), "size", "an integer")),
        (true, None) if frame.get("mime_type").is_some() => Err(frame.wrong(link.record(), "mime_type", "a string")),
        (true, _) => Ok(()),
    }
}

fn right(ground: &Ground, task: &Task) -> Checked {
    task.done(&task.with(ground, &mut |_| Deed::Right)?)
}

fn one(ground: &Ground) -> Checked {
    right(ground, &Task::of(Mode::Week01, "hello"))
}

fn empty(ground: &Ground) -> Checked {
    right(ground, &Task::of(Mode::Week01, ""))
}

fn any_bytes(ground: &Ground) -> Checked {
    right(ground, &Task::of(Mode::Week01, super::framing::ANY_BYTES))
}

fn several(ground: &Ground) -> Checked {
    right(ground, &Task::several(Mode::Week01, &["one.txt", "two.png", "three.bin"]))
}
