//! Level 1: lines that are no headers, and which of several faults is told. Nothing here needs a mode.

use super::Ground;
use super::requests::{frame, stateless};
use crate::bytes::brief;
use crate::check::{Check, Checked, failed};

type Server = Check<Ground>;

/// The line that answers what is no header at all.
pub(super) const INVALID: &[u8] = b"ERROR: Invalid header\n";

pub(super) const CHECKS: &[Server] = &[
    Server::new("a line that is no JSON object is bad_header", "2, Grammar", no_json),
    Server::new("a number that is no integer of the wire is bad_header", "2, Grammar", no_integer),
    Server::new("an array and a fourth object inside others are bad_header", "2, Grammar", no_shape),
    Server::new("what is not UTF-8 is bad_encoding", "2, Grammar", no_text),
    Server::new("a control character is bad_encoding, before the line ends", "2, Grammar", control),
    Server::new("a key that stands twice is duplicate_key", "2, Grammar", twice),
    Server::new("a field of nobody is unknown_field", "2, Grammar", unknown),
    Server::new("what is inside ext is nobody's business", "2", ext),
    Server::new("another version is unsupported_version, and 2.0 is named", "2, 9", version),
    Server::new("of several faults the first in the order of section 2 is told", "2, Grammar", order),
    Server::new("a header of the longest length is read", "2, Grammar", longest),
    Server::new("a header of one byte more is header_too_large", "2, Grammar", too_long),
    Server::new("a first byte that begins no object is answered at once with the plain line", "2, Grammar", no_brace),
    Server::new("a later frame that begins no object is bad_header at once", "2, Grammar", later_no_brace),
];

/// Each line, on a connection of its own, is this error; then the server closes. The part is what matters in it.
fn refused(ground: &Ground, code: &str, lines: &[(&str, &str)]) -> Checked {
    for (line, part) in lines {
        let mut link = ground.connect()?;
        link.send(format!("{line}\n"));
        link.mark(part);
        link.refused_and_closed(code)?;
    }
    Ok(())
}

fn no_json(ground: &Ground) -> Checked {
    refused(
        ground,
        "bad_header",
        &[
            (r#"{"version":"2.0","mime_type":"text/plain","size":0"#, "0"),
            (r#"{"version":"2.0","mime_type":"text/plain","size":0,}"#, ",}"),
            (r#"{"version":"2.0","mime_type":"text/plain","size":0} {}"#, " {}"),
            (r#"{"version":"2.0",mime_type:"text/plain","size":0}"#, "mime_type:"),
            (r#"{"version":"2.0","mime_type":'text/plain',"size":0}"#, "'"),
            (r#"{"version":"2.0","mime_type":"text/plain","size":NaN}"#, "NaN"),
        ],
    )
}

fn no_integer(ground: &Ground) -> Checked {
    refused(
        ground,
        "bad_header",
        &[
            (r#"{"version":"2.0","mime_type":"text/plain","size":-1}"#, "-1"),
            (r#"{"version":"2.0","mime_type":"text/plain","size":1.5}"#, "1.5"),
            (r#"{"version":"2.0","mime_type":"text/plain","size":0.0}"#, "0.0"),
            (r#"{"version":"2.0","mime_type":"text/plain","size":1e1}"#, "1e1"),
            (r#"{"version":"2.0","mime_type":"text/plain","size":01}"#, "01"),
            (r#"{"version":"2.0","mime_type":"text/plain","size":-0}"#, "-0"),
            (r#"{"version":"2.0","mime_type":"text/plain","size":9007199254740992}"#, "9007199254740992"),
            (r#"{"version":"2.0","mime_type":"text/plain","size":99999999999999999999}"#, "99999999999999999999"),
        ],
    )
}

fn no_shape(ground: &Ground) -> Checked {
    refused(
        ground,
        "bad_header",
        &[
            (r#"{"version":"2.0","mime_type":"text/plain","size":0,"ext":{"a":[]}}"#, "[]"),
            (r#"{"version":"2.0","mime_type":["text/plain"],"size":0}"#, "["),
            (r#"{"version":"2.0","mime_type":"text/plain","size":0,"ext":{"a":{"b":{}}}}"#, "{}"),
        ],
    )
}

fn no_text(ground: &Ground) -> Checked {
    for bytes in [&b"\xff"[..], b"\xc3\x28", b"\xed\xa0\x80", b"\xc0\xaf"] {
        let mut link = ground.connect()?;
        link.send([br#"{"version":"2.0","mime_type":"text/plain","size":0,"name":""#, bytes, b"\"}\n"].concat());
        link.mark(bytes);
        link.refused_and_closed("bad_encoding")?;
    }
    Ok(())
}

fn control(ground: &Ground) -> Checked {
    for byte in ["\t", "\0", "\r\r", "\x1f"] {
        let mut link = ground.connect()?;
        // No LF: it is told when it is seen.
        link.send(format!("{{\"version\":\"2.0\",{byte}\"mime_type\""));
        link.mark(byte);
        link.refused_and_closed("bad_encoding")?;
    }
    Ok(())
}

fn twice(ground: &Ground) -> Checked {
    refused(
        ground,
        "duplicate_key",
        &[
            (r#"{"version":"2.0","mime_type":"text/plain","size":0,"size":0}"#, r#""size":0}"#),
            (r#"{"version":"2.0","mime_type":"text/plain","size":0,"s\u0069ze":0}"#, r"s\u0069ze"),
            (r#"{"version":"2.0","mime_type":"text/plain","size":0,"ext":{"a":"1","a":"2"}}"#, r#""a":"2""#),
        ],
    )
}

fn unknown(ground: &Ground) -> Checked {
    refused(
        ground,
        "unknown_field",
        &[
            (r#"{"version":"2.0","mime_type":"text/plain","size":0,"colour":"blue"}"#, "colour"),
            (r#"{"version":"2.0","mime_type":"text/plain","Size":0}"#, "Size"),
            (r#"{"version":"2.0","session":{"mode":"stateless","action":"hello","colour":"blue"}}"#, "colour"),
            (r#"{"version":"2.0","mime_type":"text/plain","size":0,"auth":{"colour":"blue"}}"#, "colour"),
        ],
    )
}

fn ext(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    link.send("{\"version\":\"2.0\",\"session\":{\"mode\":\"stateless\",\"action\":\"hello\"},\"ext\":{\"colour\":\"blue\"}}\n");
    link.mark("colour");
    let reply = link.reply()?;
    // A server without this mode says so, and that is no word about ext.
    let status = reply.frame.text("error.code").or(reply.frame.text("status"));
    reply.holds("status", matches!(status, Some("hello" | "mode_disabled")), "an answer to hello")
}

fn version(ground: &Ground) -> Checked {
    for (line, part) in [
        (r#"{"version":"3.0","mime_type":"text/plain","size":0}"#, "3.0"),
        (r#"{"version":"2","mime_type":"text/plain","size":0}"#, r#""2""#),
        (r#"{"mime_type":"text/plain","size":0,"name":"a"}"#, "name"),
    ] {
        let mut link = ground.connect()?;
        link.send(format!("{line}\n"));
        link.mark(part);
        let reply = link.reply()?.refused("unsupported_version")?;
        let supported = reply.frame.get("error.supported").and_then(serde_json::Value::as_array);
        let named = supported.is_some_and(|versions| versions.iter().any(|version| version == "2.0"));
        reply.holds("error.supported", named, "error.supported to name 2.0")?;
        reply.has("closing", true)?;
        link.expect_end("the end of the connection, because the reply says closing")?;
    }
    Ok(())
}

fn order(ground: &Ground) -> Checked {
    refused(ground, "duplicate_key", &[(r#"{"version":"3.0","size":0,"size":1}"#, r#""size":1"#)])?;
    refused(ground, "unsupported_version", &[(r#"{"version":"3.0","colour":"blue"}"#, "3.0")])?;
    refused(ground, "unknown_field", &[(r#"{"version":"2.0","mime_type":5,"colour":"blue"}"#, "colour")])?;
    let mut link = ground.connect()?;
    link.send(
        "{\"version\":\"2.0\",\"mime_type\":\"text\",\"session\":{\"mode\":\"stateless\",\"action\":\"connect\"}}\n",
    );
    link.mark("\"text\"");
    link.reply()?.refused("bad_field")?;
    Ok(())
}

/// A `hello` whose header has exactly so many bytes.
fn padded(length: usize) -> Vec<u8> {
    let begin = r#"{"version":"2.0","session":{"mode":"stateless","action":"hello"},"ext":{"pad":""#;
    let end = "\"}}";
    let pad = "x".repeat(length.saturating_sub(begin.len() + end.len()));
    format!("{begin}{pad}{end}\n").into_bytes()
}

fn longest(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    let reply = link.ask(padded(ground.offer.header_bytes_max()))?;
    let status = reply.frame.text("error.code").or(reply.frame.text("status"));
    reply.holds("status", matches!(status, Some("hello" | "mode_disabled")), "an answer to hello")
}

fn too_long(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    link.send(padded(ground.offer.header_bytes_max() + 1));
    link.refused_and_closed("header_too_large")
}

fn no_brace(ground: &Ground) -> Checked {
    for said in ["PING\n", "G", "[]\n", "\n", "\u{feff}{}"] {
        let mut link = ground.connect()?;
        // The kit's side stays open: the answer must not wait for it.
        link.send(said);
        let rest = link.rest("the line ERROR: Invalid header and the end of the connection")?;
        if rest != INVALID {
            return Err(failed("exactly the line ERROR: Invalid header", brief(&rest)));
        }
    }
    Ok(())
}

fn later_no_brace(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    link.ask(frame(&stateless("hello"), ""))?;
    link.send("P");
    link.refused_and_closed("bad_header")
}
