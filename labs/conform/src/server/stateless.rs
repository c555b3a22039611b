//! Level 3: requests that carry everything they need.

use serde_json::{Value, json};

use super::Ground;
use super::reply::Reply;
use super::requests::{frame, noise, stateless, upload, with};
use crate::check::{Check, Checked, failed};

type Server = Check<Ground>;

pub(super) const CHECKS: &[Server] = &[
    Server::new("hello says what there is", "4", hello),
    Server::new("a header without session is a stateless transfer, and so is one that says it", "2", spelled_out),
    Server::new("the reply to an upload has no session and names the file", "4, 10", names_the_file),
    Server::new("the extension follows from the type", "10", extensions),
    Server::new("the promise kept is never weaker than the one asked for", "4", promise),
    Server::new("every upload without a transfer_id is a file of its own", "5", own_files),
    Server::new("fetch brings the bytes back from any offset", "3", fetch),
    Server::new("fetch beyond the end is bad_offset with the size", "3", beyond),
    Server::new("fetch gives nothing whose name can be guessed", "3", guessed),
    Server::new("expect: continue asks before the payload is sent", "3", asks_first),
    Server::new("an upload refused before its payload is not followed by one", "3", refused_first),
    Server::new("an upload beyond the limit is refused before its payload is sent", "11", too_large),
];

/// A stored name without a session: 32 hex digits that nobody can guess, and this extension.
pub(super) fn own_name(reply: &Reply, extension: &str) -> Checked {
    let name = reply.text("file.stored_as")?;
    let digits = name.strip_prefix("received_").and_then(|rest| rest.strip_suffix(&format!(".{extension}")));
    let hex = |digits: &str| digits.len() == 32 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    reply.holds("file.stored_as", digits.is_some_and(hex), &format!("received_<32 hex digits>.{extension}"))
}

/// The header that asks for a stored file.
pub(super) fn fetching(name: &str, offset: u64) -> Value {
    with(&stateless("fetch"), json!({"file": name, "offset": offset}))
}

fn hello(ground: &Ground) -> Checked {
    let reply = ground.connect()?.ask(frame(&stateless("hello"), ""))?.is("hello")?;
    let needed = [
        ("versions", &["2.0"][..]),
        ("actions", &["hello", "transfer", "status", "fetch"]),
        ("digests", &["blake3", "sha256"]),
        ("acks", &[]),
        ("modes", &["stateless"]),
    ];
    for (list, names) in needed {
        let path = format!("hello.{list}");
        let had = reply.frame.get(&path).and_then(Value::as_array);
        for name in names {
            let named = had.is_some_and(|had| had.iter().any(|value| value == name));
            reply.holds(&path, named, &format!("{path} to name {name}"))?;
        }
        reply.holds(&path, had.is_some_and(|had| had.iter().all(Value::is_string)), "an array of strings")?;
    }
    let limits = ["header_bytes_max", "stateless_request_bytes_max", "stateful_request_bytes_max", "in_flight_max"];
    for limit in limits.into_iter().chain(["heartbeat_interval_s", "session_timeout_s"]) {
        reply.number(&format!("hello.limits.{limit}"))?;
    }
    reply.lacks("session")
}

fn spelled_out(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    let session = json!({"mode": "stateless", "action": "transfer"});
    for session in [session.clone(), with(&session, json!({"id": null}))] {
        let reply = link.ask(frame(&with(&upload(2), json!({"session": session})), "hi"))?.stored(b"hi")?;
        reply.lacks("session")?;
    }
    Ok(())
}

fn names_the_file(ground: &Ground) -> Checked {
    let reply = ground.connect()?.ask(frame(&upload(2), "hi"))?.stored(b"hi")?;
    reply.lacks("session")?;
    reply.lacks("sequence")?;
    own_name(&reply, "txt")
}

fn extensions(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    for (mime_type, extension) in [
        ("image/jpeg", "jpg"),
        ("text/plain", "txt"),
        ("image/svg+xml", "svg"),
        ("image/png", "png"),
        ("x-of-nobody/x-known", "bin"),
    ] {
        let reply = link.ask(frame(&with(&upload(0), json!({"mime_type": mime_type})), ""))?.stored(b"")?;
        own_name(&reply, extension)?;
    }
    Ok(())
}

fn promise(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    for (asked, kept) in [("durable", &["durable"][..]), ("written", &["written", "durable"])] {
        let reply = link.ask(frame(&with(&upload(1), json!({"ack": asked})), "x"))?.stored(b"x")?;
        let ack = reply.text("ack")?;
        reply.holds("ack", kept.contains(&ack), &format!("a promise no weaker than {asked}"))?;
    }
    Ok(())
}

fn own_files(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    let mut names = Vec::new();
    for _ in 0..3 {
        let reply = link.ask(frame(&with(&upload(4), json!({"name": "same"})), "same"))?.stored(b"same")?;
        let name = reply.text("file.stored_as")?.to_owned();
        reply.holds("file.stored_as", !names.contains(&name), "a name of its own for each file")?;
        names.push(name);
    }
    Ok(())
}

fn fetch(ground: &Ground) -> Checked {
    let data = noise(10_000);
    let mut link = ground.connect()?;
    let name = link.ask(frame(&upload(data.len()), &data))?.stored(&data)?.text("file.stored_as")?.to_owned();
    // Somebody else, who was told the name.
    let mut link = ground.connect()?;
    for offset in [0, 1, 9_999, 10_000] {
        let rest = data.get(offset..).unwrap_or_default();
        let reply = link.ask(frame(&fetching(&name, u64::try_from(offset).unwrap_or_default()), ""))?.is("file")?;
        reply.has("size", rest.len())?;
        reply.has("file.size", data.len())?;
        reply.has("trailer", "blake3")?;
        reply.carries(rest)?;
        let digest = reply.frame.trailer.get("digest").and_then(Value::as_str).unwrap_or_default();
        if digest != crate::digest::blake3(rest) {
            return Err(failed("a trailer with the digest of the payload", format!("the digest {digest}")));
        }
    }
    Ok(())
}

fn beyond(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    let name = link.ask(frame(&upload(2), "hi"))?.stored(b"hi")?.text("file.stored_as")?.to_owned();
    let reply = link.ask(frame(&fetching(&name, 3), ""))?.refused("bad_offset")?;
    reply.has("error.offset", 2)
}

fn guessed(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    let unknown = format!("received_{}.txt", "0".repeat(32));
    for name in ["../etc/passwd", "/etc/passwd", ".lock", "received_0000.txt", ".staging/x", &unknown] {
        link.send(frame(&fetching(name, 0), ""));
        link.mark(name);
        link.reply()?.refused("file_unknown")?;
    }
    Ok(())
}

fn asks_first(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    link.ask(frame(&with(&upload(5), json!({"expect": "continue"})), ""))?.is("continue")?;
    link.ask("hello")?.stored(b"hello")?;
    Ok(())
}

fn refused_first(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    let header = with(&upload(5), json!({"expect": "continue", "name": "../x"}));
    let reply = link.ask(frame(&header, ""))?.refused("bad_name")?;
    reply.lacks("closing")?;
    // No payload comes: the next byte begins a frame.
    link.ask(frame(&upload(2), "on"))?.stored(b"on")?;
    Ok(())
}

fn too_large(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    let limit = ground.offer.limit("stateless_request_bytes_max", 10_485_760);
    link.send(frame(&with(&upload(0), json!({"size": limit + 1})), ""));
    link.mark(format!("{}", limit + 1));
    link.refused_and_closed("size_too_large")
}
