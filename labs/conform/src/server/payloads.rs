//! Level 1: payloads in chunks, trailers and digests.

use serde_json::{Value, json};

use super::Ground;
use super::requests::{frame, noise, upload, with};
use crate::check::{Check, Checked};
use crate::digest::{blake3, sha256};

type Server = Check<Ground>;

pub(super) const CHECKS: &[Server] = &[
    Server::new("a payload may come in chunks", "1", chunks),
    Server::new("a chunk's length line is an integer and nothing else", "1, 2, Grammar", no_length),
    Server::new("a digest in the header is checked", "2", in_header),
    Server::new("a digest in the trailer is checked, after chunks too", "1", in_trailer),
    Server::new("a trailer without its digest is bad_field, one with more is unknown_field", "1", wrong_trailer),
    Server::new("digest_mismatch stores nothing, and the connection goes on", "2, 4", mismatch),
    Server::new("a digest in the reply is of the kind that the client used", "4", kind),
];

/// The header of an upload in chunks.
fn chunked() -> Value {
    with(&upload(0), json!({"size": null}))
}

/// A payload in chunks of this length, with its end.
fn cut(data: &[u8], length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for chunk in data.chunks(length) {
        bytes.extend_from_slice(format!("{}\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
    }
    bytes.extend_from_slice(b"0\n");
    bytes
}

fn chunks(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    let data = noise(3000);
    for length in [1000, 7, 3000] {
        link.ask(frame(&chunked(), [cut(&data, length), b"{}\n".to_vec()].concat()))?.stored(&data)?;
    }
    link.ask(frame(&chunked(), "0\n{}\n"))?.stored(b"")?;
    Ok(())
}

fn no_length(ground: &Ground) -> Checked {
    for line in ["01\n", "+1\n", " 1\n", "1 \n", "0x1\n", "1.0\n", "-1\n", "\n", "ten\n", "9007199254740992\n"] {
        let mut link = ground.connect()?;
        link.send(frame(&chunked(), format!("3\nabc{line}")));
        link.mark(line);
        link.refused_and_closed("bad_header")?;
    }
    Ok(())
}

fn in_header(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    for (right, wrong) in [(sha256(b"hello"), sha256(b"jello")), (blake3(b"hello"), blake3(b"jello"))] {
        link.ask(frame(&with(&upload(5), json!({"digest": right})), "hello"))?.stored(b"hello")?;
        link.send(frame(&with(&upload(5), json!({"digest": wrong})), "hello"));
        link.mark(wrong);
        link.reply()?.refused("digest_mismatch")?;
    }
    Ok(())
}

fn in_trailer(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    let sized = with(&upload(5), json!({"trailer": "sha256"}));
    let loose = with(&chunked(), json!({"trailer": "sha256"}));
    for (header, body) in [(&sized, b"hello".to_vec()), (&loose, cut(b"hello", 2))] {
        for (digest, right) in [(sha256(b"hello"), true), (sha256(b"jello"), false)] {
            let trailer = format!("{{\"digest\":\"{digest}\"}}\n");
            link.send(frame(header, [body.as_slice(), trailer.as_bytes()].concat()));
            link.mark(&digest);
            let reply = link.reply()?;
            if right {
                reply.stored(b"hello")?
            } else {
                reply.refused("digest_mismatch")?
            };
        }
    }
    Ok(())
}

fn wrong_trailer(ground: &Ground) -> Checked {
    let header = with(&upload(2), json!({"trailer": "sha256"}));
    let other_kind = format!("{{\"digest\":\"{}\"}}", blake3(b"hi"));
    for trailer in ["{}", other_kind.as_str()] {
        let mut link = ground.connect()?;
        link.send(frame(&header, format!("hi{trailer}\n")));
        link.mark(trailer);
        let reply = link.reply()?.refused("bad_field")?;
        reply.has("error.field", "digest")?;
    }
    let mut link = ground.connect()?;
    link.send(frame(&header, format!("hi{{\"digest\":\"{}\",\"colour\":\"blue\"}}\n", sha256(b"hi"))));
    link.mark("colour");
    link.refused_and_closed("unknown_field")
}

fn mismatch(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    let id = crate::env::fresh_id();
    let named = with(&upload(5), json!({"transfer_id": id, "digest": sha256(b"jello")}));
    let reply = link.ask(frame(&named, "hello"))?.refused("digest_mismatch")?;
    reply.lacks("closing")?;
    reply.lacks("file")?;
    let status = with(&super::requests::stateless("status"), json!({"transfer_id": id}));
    link.ask(frame(&status, ""))?.refused("file_unknown")?;
    Ok(())
}

fn kind(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    let reply = link.ask(frame(&with(&upload(2), json!({"digest": sha256(b"hi")})), "hi"))?;
    reply.has("file.digest", sha256(b"hi"))?;
    let reply = link.ask(frame(&upload(2), "hi"))?;
    reply.has("file.digest", blake3(b"hi"))
}
