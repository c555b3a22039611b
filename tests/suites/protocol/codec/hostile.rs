//! A client reads a server's replies with the same decoder. Whatever comes instead of a reply, it is an error and
//! nothing worse.

use proptest::prelude::*;
use shared::codec::{Decoder, Event, Framing, Payload, encode_line};
use shared::error::ErrorCode;
use shared::id::{Sequence, Timestamp};
use shared::wire::{ErrorBody, FileInfo, Reply, Status, read_trailer};

use super::runner;

const LINE_BYTES_MAX: usize = 8 * 1024;

/// Reads a stream as a client does, up to the first thing that is no reply.
fn replies(stream: &[u8]) -> Result<Vec<Reply>, String> {
    let mut decoder = Decoder::new(LINE_BYTES_MAX);
    decoder.buffer_mut().extend_from_slice(stream);
    let mut replies = Vec::new();
    while let Some(event) = decoder.next_event().map_err(|fault| fault.kind.code().to_string())? {
        match event {
            Event::Header(line) => {
                let reply: Reply = serde_json::from_slice(&line).map_err(|error| error.to_string())?;
                let session_data = reply.session.as_ref().map_or(0, |session| session.data_size);
                let trailer = reply.trailer.is_some();
                decoder.follow(Framing { session_data, payload: Payload::Sized(reply.size), trailer });
                replies.push(reply);
            }
            Event::End(Some(line)) => {
                let promised = replies.last().and_then(|reply| reply.trailer);
                read_trailer(&line, promised).map_err(|refusal| refusal.code.to_string())?;
            }
            Event::SessionData(_) | Event::Payload(_) | Event::End(None) => {}
        }
    }
    Ok(replies)
}

fn samples() -> Vec<Reply> {
    let stored = Reply {
        sequence: Some(Sequence::FIRST),
        file: Some(FileInfo { stored_as: "received_00.txt".to_owned(), size: 5, digest: None }),
        server_time_ms: Some(Timestamp::from_millis(1)),
        ..Reply::new(Status::Stored)
    };
    let mut codes: Vec<_> = ErrorCode::ALL.iter().map(|code| Reply::error(ErrorBody::from(*code))).collect();
    codes.push(stored);
    codes.push(Reply { closing: true, ..Reply::new(Status::Continue) });
    codes
}

#[test]
fn a_reply_is_read_as_it_was_written() {
    let samples = samples();
    let stream: Vec<u8> = samples.iter().flat_map(|reply| encode_line(reply).unwrap()).collect();
    assert_eq!(replies(&stream).unwrap(), samples);
}

#[test]
fn a_field_that_a_later_server_adds_is_ignored() {
    let line = r#"{"version":"2.0","status":"stored","mime_type":"a/b","size":0,"new":[[{"a":1.5}]],"file":{"stored_as":"f","size":1,"new":{}}}"#;
    assert_eq!(replies(format!("{line}\n").as_bytes()).unwrap()[0].file.as_ref().unwrap().stored_as, "f");
}

#[test]
fn what_is_no_reply_is_an_error() {
    let good = |field: &str| {
        format!("{{\"version\":\"2.0\",\"status\":\"stored\",\"mime_type\":\"a/b\",\"size\":0,{field}}}\n")
    };
    let deep = |open: &str, close: &str, count: usize| format!("{}0{}", open.repeat(count), close.repeat(count));
    let lines = [
        "OK\n".to_owned(),
        "ERROR: Invalid header\n".to_owned(),
        "HTTP/1.1 400 Bad Request\r\n".to_owned(),
        "\n".to_owned(),
        "{}\n".to_owned(),
        "[]\n".to_owned(),
        "{\"status\":\"stored\"}\n".to_owned(),
        "{\"version\":\"2.0\",\"status\":\"splendid\",\"mime_type\":\"a/b\",\"size\":0}\n".to_owned(),
        "{\"version\":\"2.0\",\"status\":\"stored\",\"mime_type\":\"a/b\",\"size\":-1}\n".to_owned(),
        "{\"version\":\"2.0\",\"status\":\"stored\",\"mime_type\":\"a/b\",\"size\":null}\n".to_owned(),
        "{\"version\":\"2.0\",\"status\":\"stored\",\"mime_type\":\"a/b\",\"size\":1e99}\n".to_owned(),
        "{\"version\":\"2.0\",\"status\":\"stored\",\"mime_type\":\"a/b\",\"size\":18446744073709551616}\n".to_owned(),
        good("\"size\":0"),
        good("\"sequence\":0"),
        good("\"sequence\":\"1\""),
        good("\"ack\":\"perhaps\""),
        good("\"trailer\":\"md5\""),
        good("\"file\":{\"stored_as\":5,\"size\":0}"),
        good("\"file\":{\"stored_as\":\"f\",\"size\":0,\"digest\":\"blake3:00\"}"),
        good("\"session\":{\"id\":\"x\"}"),
        good("\"error\":{\"code\":\"no_such_code\",\"retry\":\"never\",\"message\":\"\"}"),
        good("\"hello\":{\"versions\":\"2.0\"}"),
        good(&format!("\"error\":{}", deep("{\"code\":", "}", 800))),
        good(&format!("\"file\":{}", deep("[", "]", 3_000))),
        deep("{\"a\":", "", 1_500) + "\n",
        format!("{{{}", " ".repeat(LINE_BYTES_MAX)),
        format!("{{\"version\":\"{}\"}}\n", "2".repeat(LINE_BYTES_MAX)),
        "{\"version\":\"2.0\",\x00\n".to_owned(),
    ];
    for line in lines {
        let shown: String = line.chars().take(100).collect();
        assert!(replies(line.as_bytes()).is_err(), "{shown}");
    }
    assert!(replies(b"{\"version\":\"\xff\"}\n").is_err());
}

#[test]
fn a_payload_that_never_comes_is_waited_for_without_room_made_for_it() {
    let line = r#"{"version":"2.0","status":"file","mime_type":"a/b","size":18446744073709551615,"trailer":"blake3"}"#;
    let mut decoder = Decoder::new(LINE_BYTES_MAX);
    decoder.buffer_mut().extend_from_slice(format!("{line}\nxyz").as_bytes());
    assert!(matches!(decoder.next_event(), Ok(Some(Event::Header(_)))));
    decoder.follow(Framing { session_data: 0, payload: Payload::Sized(u64::MAX), trailer: true });
    assert!(matches!(decoder.next_event(), Ok(Some(Event::Payload(bytes))) if bytes.len() == 3));
    assert_eq!(decoder.next_event(), Ok(None));
    assert!(decoder.buffer_mut().capacity() < LINE_BYTES_MAX);
}

#[test]
fn no_bytes_make_a_client_panic() {
    let good: Vec<u8> = samples().iter().flat_map(|reply| encode_line(reply).unwrap()).collect();
    let change = (any::<prop::sample::Index>(), any::<u8>());
    let spoiled = proptest::collection::vec(change, 1..4).prop_map(move |changes| {
        let mut stream = good.clone();
        for (at, byte) in changes {
            let at = at.index(stream.len());
            stream[at] = byte;
        }
        stream
    });
    let noise = proptest::collection::vec(any::<u8>(), 0..200);
    let stream = prop_oneof![spoiled, noise.prop_map(|noise| [b"{", &noise[..]].concat())];
    runner(5_000)
        .run(&stream, |stream| {
            // Any result will do; only coming back counts.
            let _ = replies(&stream);
            Ok(())
        })
        .unwrap();
}
