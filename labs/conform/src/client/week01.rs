//! Level 2: a client that sends as in Week 01: header line, payload, again, and the end (PROTOCOL.md section 9).

use std::time::Duration;

use super::Ground;
use super::rules::HEADER_BYTES_MAX;
use super::story::{Deed, Mode, Task};
use crate::check::{Check, Checked, failed};
use crate::frame::Frame;
use crate::link::Link;

type Client = Check<Ground>;

/// Silence after which a client is answered that does not end.
const SILENCE: Duration = Duration::from_secs(1);

/// Files of one check; more than any has.
const FILES_MAX: usize = 40;

pub(super) const CHECKS: &[Client] = &[
    Client::new("a file is a header line and exactly its bytes", "9", one),
    Client::new("a file of no bytes is sent too", "9, 1", empty),
    Client::new("its bytes are sent as they are", "9", any_bytes),
    Client::new("several files come one behind the other, without waiting", "9, 3", several),
];

/// Takes the files of one connection. Nothing is said before the client has ended or waits, as rule 4 has it.
pub(super) fn serve(link: &mut Link, files: &mut Vec<Vec<u8>>) -> Checked {
    let mut owed = 0;
    loop {
        if owed > 0 && link.idle_for(SILENCE) {
            link.send("OK\n".repeat(std::mem::take(&mut owed)));
        }
        let Some(mut frame) = link.header_or_end("a Week 01 header, or the end")? else { break };
        if files.len() == FILES_MAX {
            return Err(failed("an end of the files", format!("{FILES_MAX} files, and one more")));
        }
        judged(&frame, link)?;
        link.body(&mut frame, "the payload")?;
        files.push(frame.payload);
        owed += 1;
    }
    link.send("OK\n".repeat(owed));
    Ok(())
}

fn judged(frame: &Frame, link: &Link) -> Checked {
    if frame.line.len() > HEADER_BYTES_MAX {
        return Err(failed(format!("a header of at most {HEADER_BYTES_MAX} bytes"), frame.line.len().to_string()));
    }
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

fn one(ground: &Ground) -> Checked {
    Task::of(Mode::Week01, "hello").goes_well(ground, || Deed::Right)
}

fn empty(ground: &Ground) -> Checked {
    Task::of(Mode::Week01, "").goes_well(ground, || Deed::Right)
}

fn any_bytes(ground: &Ground) -> Checked {
    Task::of(Mode::Week01, super::framing::ANY_BYTES).goes_well(ground, || Deed::Right)
}

fn several(ground: &Ground) -> Checked {
    Task::several(Mode::Week01, &["one.txt", "two.png", "three.bin"]).goes_well(ground, || Deed::Right)
}
