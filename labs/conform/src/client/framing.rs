//! Level 1: where a message begins and ends, on both sides of a client (PROTOCOL.md sections 1, 2 and 4).

use serde_json::{Value, json};

use super::Ground;
use super::replies::{line, with};
use super::story::{Deed, Event, Task};
use crate::check::{Check, Checked, failed};

type Client = Check<Ground>;

/// Bytes that end lines, begin headers, and are no text.
pub(super) const ANY_BYTES: &[u8] = b"\n{\"version\":\"2.0\"}\n0\n\r\n\x00\xff\xfe{}\n5\nhello";

pub(super) const CHECKS: &[Client] = &[
    Client::new("a file comes whole behind a header that a strict reader takes", "1, 2", one),
    Client::new("a file of no bytes is sent", "1", empty),
    Client::new("bytes are sent as they are", "1", any_bytes),
    Client::new("a name that the wire does not carry is left out", "2", unfit_name),
    Client::new("a name is sent as it is", "2", fit_name),
    Client::new("replies in pieces of one byte mean the same", "1, 2", pieces),
    Client::new("one CR before the LF of a reply, escapes and spaces mean nothing", "2, Grammar", spellings),
    Client::new("fields of a reply that nobody knows are ignored", "4", unknown_fields),
    Client::new("what is no reply is no success", "4", nonsense),
];

fn one(ground: &Ground) -> Checked {
    Task::any(ground, "hello").goes_well(ground, || Deed::Right)
}

fn empty(ground: &Ground) -> Checked {
    Task::any(ground, "").goes_well(ground, || Deed::Right)
}

fn any_bytes(ground: &Ground) -> Checked {
    Task::any(ground, ANY_BYTES.repeat(4000)).goes_well(ground, || Deed::Right)
}

/// A file whose local name is this one; what the client tells of it.
fn named(ground: &Ground, name: &'static str) -> Checked<Option<String>> {
    let task = Task { files: vec![(name, b"hello".to_vec())], ..Task::any(ground, "") };
    let story = task.with(ground, &mut |_| Deed::Right)?;
    task.done(&story)?;
    Ok(story.asked("transfer").find_map(|request| request.frame.text("name").map(str::to_owned)))
}

fn unfit_name(ground: &Ground) -> Checked {
    if std::path::MAIN_SEPARATOR == '\\' {
        return Err(crate::check::Stop::NotOffered("no file here can have such a name".to_owned()));
    }
    match named(ground, "back\\slash.txt")? {
        None => Ok(()),
        Some(name) => Err(failed("no name, because this one does not fit", format!("the name {name}"))),
    }
}

fn fit_name(ground: &Ground) -> Checked {
    let name = "a b ü '{}'.txt";
    match named(ground, name)? {
        Some(told) if told != name => Err(failed(format!("the name {name}, or none"), format!("the name {told}"))),
        Some(_) | None => Ok(()),
    }
}

fn pieces(ground: &Ground) -> Checked {
    Task::any(ground, "hello").goes_well(ground, || Deed::Pieces)
}

fn spellings(ground: &Ground) -> Checked {
    let retold = |reply: Value| {
        let text = reply.to_string().replace("\"status\":\"", "\"st\\u0061tus\" : \"");
        format!("{text} \r\n")
    };
    Task::any(ground, "hello").goes_well(ground, || Deed::Retold(retold))
}

fn unknown_fields(ground: &Ground) -> Checked {
    let retold = |reply: Value| {
        let mut reply = with(reply, "of_tomorrow", json!({"a": [1, null, {"b": true}]}));
        for inner in ["file", "session"] {
            if let Some(value) = reply.get(inner).cloned() {
                reply = with(reply, inner, with(value, "of_tomorrow", json!("x")));
            }
        }
        line(&reply)
    };
    Task::any(ground, "hello").goes_well(ground, || Deed::Retold(retold))
}

fn nonsense(ground: &Ground) -> Checked {
    for said in ["OK\n", "{\"status\":\"stored\"\n", "HTTP/1.1 200 OK\r\n\r\n", "[]\n"] {
        let story = Task::any(ground, "hello").with(ground, &mut |event| match event {
            Event::Connected => Deed::Right,
            Event::Asked(_) => Deed::Say(said.into()),
        })?;
        story.no_success("what came is no reply")?;
    }
    Ok(())
}
