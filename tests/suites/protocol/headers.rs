//! Header lines at their limits, and peers that speak something else (PROTOCOL.md section 2).

use harness::{Options, Server, frame};
use serde_json::json;

const HEADER_BYTES_MAX: usize = 8 * 1024;

/// A `hello` whose line has exactly so many bytes before its end.
fn hello_of(length: usize) -> Vec<u8> {
    let padded = |padding: usize| {
        frame::with(frame::stateless("hello"), "ext", json!({"padding": "x".repeat(padding)})).to_string()
    };
    let line = padded(length - padded(0).len());
    assert_eq!(line.len(), length);
    line.into_bytes()
}

#[test]
fn a_header_has_at_most_its_limit_of_bytes() {
    let server = Server::start(Options::default());
    for (length, fits) in [(HEADER_BYTES_MAX - 1, true), (HEADER_BYTES_MAX, true), (HEADER_BYTES_MAX + 1, false)] {
        for end in ["\n", "\r\n"] {
            // The CR is part of the line's end and still a byte before its LF.
            let fits = fits && length + end.len() - 1 <= HEADER_BYTES_MAX;
            for settled in [false, true] {
                let mut client = server.connect();
                if settled {
                    client.ask(&frame::stateless("hello"), b"").is("hello");
                }
                client.send(hello_of(length));
                client.send(end);
                let reply = client.reply();
                if fits {
                    reply.is("hello");
                } else {
                    reply.refuses("header_too_large");
                    client.ends();
                }
            }
        }
    }
}

#[test]
fn a_refusal_says_what_was_found_and_what_was_expected() {
    let server = Server::start(Options::default());
    for (field, value, words) in [
        ("version", json!("3.0"), &["\"2.0\"", "3.0"][..]),
        ("version", json!(2), &["\"2.0\""]),
        ("version", json!("3\u{1b}[2J"), &["\"2.0\"", "another value"]),
        ("name", json!("../x"), &["255", "1024", "..", "backslash"]),
        ("file", json!("x"), &["transfer", "no file"]),
        ("session", json!({"mode": "stateful", "action": "conect"}), &["hello, connect", "disconnect"]),
    ] {
        let mut client = server.connect();
        let reply = client.ask(&frame::with(frame::upload("text/plain", 5), field, value), b"hello");
        let message = reply["error"]["message"].as_str().expect("a message");
        assert!(words.iter().all(|word| message.contains(word)), "{field}: {message}");
    }
    let both = frame::with(frame::upload("text/plain", 5), "trailer", "blake3");
    let both = frame::with(both, "digest", harness::digest("blake3", b"hello"));
    let reply = server.connect().ask(&both, b"hello{}\n");
    assert!(reply["error"]["message"].as_str().is_some_and(|message| message.contains("not both")));
    let without = json!({"mime_type": "text/plain", "size": 5, "name": "x"});
    let reply = server.connect().ask(&without, b"hello").refuses("unsupported_version");
    assert!(reply["error"]["message"].as_str().is_some_and(|message| message.contains("found none")));
}

#[test]
fn an_endless_header_is_answered_at_the_limit_without_its_end() {
    let server = Server::start(Options::default());
    let mut client = server.connect();
    client.send(hello_of(HEADER_BYTES_MAX + 1));
    client.reply().refuses("header_too_large");
    client.ends();
}

#[test]
fn a_first_byte_that_begins_no_header_is_answered_at_once() {
    let server = Server::start(Options::default());
    for bytes in [
        b"P".as_slice(),
        b"[",
        b"\x16\x03\x01\x02\x00",
        b" {\"version\":\"2.0\"}\n",
        b"\n",
        b"\xef\xbb\xbf{\"version\":\"2.0\"}\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ] {
        let mut client = server.connect();
        client.send(bytes);
        assert_eq!(client.to_end(), b"ERROR: Invalid header\n", "{bytes:?}");
    }
}

#[test]
fn a_first_line_is_answered_in_the_language_it_was_tried_in() {
    let server = Server::start(Options::default());
    for (line, json) in [
        ("{]\n", false),
        ("{\"mime_type\":\"a/b\",}\n", false),
        ("{\"version\":\"2.0\",}\n", true),
        ("{\"mime_type\":\"a/b\",\"mime_type\":\"a/b\"}\n", false),
        ("{\"version\":\"2.0\",\"size\":1,\"size\":1}\n", true),
        ("{\"version\":\"3.0\"}\n", true),
    ] {
        let mut client = server.connect();
        client.send(line);
        if json {
            assert!(client.reply().is("error").closes(), "{line}");
            client.ends();
        } else {
            assert_eq!(client.to_end(), b"ERROR: Invalid header\n", "{line}");
        }
    }
}

#[test]
fn a_later_frame_that_begins_no_header_is_answered_in_json() {
    let server = Server::start(Options::default());
    let mut client = server.connect();
    client.ask(&frame::stateless("hello"), b"").is("hello");
    client.send(b"hello");
    client.reply().refuses("bad_header");
    client.ends();
}

#[test]
fn a_control_character_is_answered_when_it_is_seen() {
    let server = Server::start(Options::default());
    for byte in (0..0x20_u8).filter(|byte| *byte != b'\n' && *byte != b'\r') {
        let mut client = server.connect();
        client.send(b"{\"version\":");
        client.send([byte]);
        client.reply().refuses("bad_encoding");
        client.ends();
    }
    let mut client = server.connect();
    client.send(b"{\"version\":\r\"2.0\"");
    client.reply().refuses("bad_encoding");
}
