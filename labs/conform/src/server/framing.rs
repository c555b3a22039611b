//! Level 1: where a frame begins and ends.

use serde_json::json;

use super::Ground;
use super::requests::{frame, noise, stateless, upload, with};
use crate::check::{Check, Checked, Need, failed};

type Server = Check<Ground>;

/// A payload that looks like frames, line ends and the end of a stream.
const DECEIVING: &[u8] = b"{\"version\":\"2.0\",\"mime_type\":\"text/plain\",\"size\":3}\nabc\n0\n{}\n\x00\xff\r\n";

pub(super) const CHECKS: &[Server] = &[
    Server::new("a header and its payload are one upload", "1", one_upload).needs(&[Need::Stateless]),
    Server::new("a payload of no bytes is a file", "1", empty).needs(&[Need::Stateless]),
    Server::new("a payload may look like frames and hold every byte", "1", deceiving).needs(&[Need::Stateless]),
    Server::new("a frame means the same in pieces of one byte", "2, Grammar", dribbled).needs(&[Need::Stateless]),
    Server::new("frames that arrive in one piece have one reply each", "1, 4", coalesced).needs(&[Need::Stateless]),
    Server::new("keys have any order and spaces between them", "2, Grammar", spelled).needs(&[Need::Stateless]),
    Server::new("keys are compared after their escapes are read", "2, Grammar", escaped).needs(&[Need::Stateless]),
    Server::new("one CR before the LF belongs to the end of the line", "2, Grammar", carriage_return)
        .needs(&[Need::Stateless]),
    Server::new("every reply is one strict line with version, status, mime_type and size", "4", every_reply),
    Server::new("every error says code, retry and message", "4, Errors", every_error),
    Server::new("an end between two frames is answered with what is owed, and then an end", "1", ended_between),
    Server::new("a refused frame is read over, and the next one answered", "4, After a refusal", read_over)
        .needs(&[Need::Stateless]),
];

fn one_upload(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    let reply = link.ask("{\"version\":\"2.0\",\"mime_type\":\"text/plain\",\"size\":5}\nhello")?.stored(b"hello")?;
    reply.has("version", "2.0")
}

fn empty(ground: &Ground) -> Checked {
    ground.connect()?.ask(frame(&upload(0), ""))?.stored(b"")?;
    Ok(())
}

fn deceiving(ground: &Ground) -> Checked {
    let data = [DECEIVING, noise(70_000).as_slice()].concat();
    let mut link = ground.connect()?;
    link.ask(frame(&upload(data.len()), &data))?.stored(&data)?;
    // Where a server took a part of it for frames, there is more than one reply.
    link.ask(frame(&upload(2), "on"))?.stored(b"on")?;
    Ok(())
}

fn dribbled(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    link.send_cut(&frame(&upload(5), "hello"), 1);
    link.reply()?.stored(b"hello")?;
    Ok(())
}

fn coalesced(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    let bodies: Vec<Vec<u8>> = (0..20).map(|number| noise(number * 7)).collect();
    let frames: Vec<u8> = bodies.iter().flat_map(|body| frame(&upload(body.len()), body)).collect();
    link.send(frames);
    for body in &bodies {
        link.reply()?.stored(body)?;
    }
    Ok(())
}

fn spelled(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    link.ask("{ \"size\" : 2 ,  \"mime_type\":\"text/plain\", \"version\" : \"2.0\" }\nhi")?.stored(b"hi")?;
    Ok(())
}

fn escaped(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    link.send("{\"version\":\"2.0\",\"mime_t\\u0079pe\":\"text\\/plain\",\"size\":2}\nhi");
    link.mark("\\u0079");
    link.reply()?.stored(b"hi")?;
    Ok(())
}

fn carriage_return(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    link.send("{\"version\":\"2.0\",\"mime_type\":\"text/plain\",\"size\":2}\r\nhi");
    link.mark("\r");
    link.reply()?.stored(b"hi")?;
    Ok(())
}

fn every_reply(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    for (header, body) in [(stateless("hello"), ""), (json!({"version": "2.0", "size": 1}), "x"), (upload(0), "")] {
        let reply = link.ask(frame(&header, body))?;
        reply.has("version", "2.0")?;
        reply.text("status")?;
        reply.text("mime_type")?;
        reply.number("size")?;
        for fault in &reply.frame.faults {
            // Only requests are forbidden to have arrays.
            if *fault != crate::json::Fault::Array {
                return Err(failed("a line by the grammar of section 2", format!("{fault:?}")));
            }
        }
        reply.holds("size", reply.frame.line.len() <= ground.offer.header_bytes_max(), "a line within the limit")?;
        if reply.frame.get("closing").is_some() {
            return Ok(());
        }
    }
    Ok(())
}

fn every_error(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    let broken = with(&stateless("hello"), json!({"mime_type": "text"}));
    let reply = link.ask(frame(&broken, ""))?.refused("bad_field")?;
    reply.has("error.retry", "never")?;
    reply.has("error.field", "mime_type")?;
    reply.text("error.message")?;
    Ok(())
}

fn ended_between(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    for _ in 0..3 {
        link.send(frame(&stateless("hello"), ""));
    }
    link.end();
    for _ in 0..3 {
        link.reply()?;
    }
    link.expect_end("the end of the connection after the last reply")
}

fn read_over(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    let data = DECEIVING.repeat(20);
    link.send(frame(&with(&upload(data.len()), json!({"name": "../x"})), &data));
    link.mark("../x");
    let reply = link.reply()?.refused("bad_name")?;
    reply.lacks("closing")?;
    link.ask(frame(&upload(2), "on"))?.stored(b"on")?;
    Ok(())
}
