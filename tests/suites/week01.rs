//! The rules for clients of the Week 01 system (PROTOCOL.md section 9), one test each. Such a client sends
//! everything, never reads, and closes.

use std::time::Duration;

use harness::{Options, RawClient, Server, ServerProcess, frame};
use server::config::Week01Ack;
use shared::wire::Ack;

use crate::SERVER;

const INVALID: &[u8] = b"ERROR: Invalid header\n";

fn server() -> Server {
    Server::start(Options::default())
}

fn with_ack(ack: Week01Ack) -> Server {
    Server::start(Options::with(|config| config.week01_ack = ack))
}

/// Header and payload of one file.
fn file(mime_type: &str, content: &[u8]) -> Vec<u8> {
    [frame::week01(mime_type, content.len()).as_bytes(), content].concat()
}

/// Sends bytes, ends the sending side, and reads all the server has to say.
fn told(server: &Server, bytes: &[u8]) -> Vec<u8> {
    let mut client = server.connect();
    client.send(bytes);
    client.half_close();
    client.to_end()
}

/// The contents of all stored files.
fn contents(server: &Server) -> Vec<Vec<u8>> {
    harness::visible(&server.storage).into_values().collect()
}

#[test]
fn rule_1_a_header_without_version_and_session_is_a_week01_upload() {
    let server = server();
    for (stored, version) in (1..).zip(["", "\"version\": \"1.0\", ", "\"version\": \"1\", "]) {
        let header = format!("{{{version}\"mime_type\": \"text/plain\", \"size\": 2}}\n");
        assert_eq!(told(&server, (header + "hi").as_bytes()), b"OK\n");
        assert_eq!(harness::names(&server.storage).len(), stored);
    }
    for (header, code) in [
        ("{\"mime_type\": \"text/plain\", \"size\": 2, \"name\": \"a\"}", "unsupported_version"),
        ("{\"size\": 0, \"session\": {\"mode\": \"stateful\", \"action\": \"connect\"}}", "unsupported_version"),
        ("{\"version\": \"1.1\", \"size\": 0}", "unsupported_version"),
        ("{\"version\": 1, \"size\": 0}", "unsupported_version"),
    ] {
        let mut client = server.connect();
        client.send(format!("{header}\n"));
        client.reply().refuses(code);
    }
    assert_eq!(harness::names(&server.storage).len(), 3);
}

#[test]
fn rule_2_keys_come_in_any_order_and_some_may_be_missing() {
    let server = server();
    for (header, payload, extension) in [
        ("{\"size\": 2, \"mime_type\": \"image/png\"}", "hi", "png"),
        ("{\"size\":2,\"mime_type\":\"image/png\"}\r", "hi", "png"),
        ("{ \"mime_type\" : \"text/plain\" , \"size\" : 2 }", "hi", "txt"),
        ("{\"mime_type\": \"text/plain\", \"size\": 2, \"more\": [], \"less\": -1.5e3}", "hi", "txt"),
        ("{\"size\": 2}", "hi", "bin"),
        ("{\"mime_type\": \"image/jpeg\"}", "", "jpg"),
        ("{\"mime_type\": \"whatever\", \"size\": 2}", "hi", "bin"),
        ("{\"mime_type\": \"../../etc/passwd\", \"size\": 2}", "hi", "bin"),
        ("{}", "", "bin"),
    ] {
        let before = harness::names(&server.storage);
        let arrives = header.replace("[]", "{}");
        assert_eq!(told(&server, format!("{arrives}\n{payload}").as_bytes()), b"OK\n", "{header}");
        let visible = harness::visible(&server.storage);
        let (name, content) = visible.iter().find(|(name, _)| !before.contains(name)).expect("a new file");
        assert!(name.ends_with(&format!(".{extension}")), "{header} made {name}");
        assert_eq!(content, payload.as_bytes());
    }
}

#[test]
fn rule_3_any_number_of_frames_comes_without_waiting() {
    let server = server();
    let contents: Vec<_> = (0..200_u8).map(|number| vec![number; usize::from(number)]).collect();
    let mut bytes: Vec<u8> = contents.iter().flat_map(|content| file("text/plain", content)).collect();
    let deceiving = b"\n{\"mime_type\": \"text/plain\", \"size\": 3}\nhi\n";
    bytes.extend(file("text/plain", deceiving));
    assert_eq!(told(&server, &bytes), b"OK\n".repeat(201));
    let stored = self::contents(&server);
    assert_eq!(stored.len(), 201);
    assert!(contents.iter().all(|content| stored.contains(content)));
    assert!(stored.iter().any(|content| content == deceiving));
}

#[test]
fn rule_3_a_text_like_a_header_an_empty_file_and_every_byte_arrive_side_by_side() {
    let server = server();
    let all_bytes: Vec<u8> = (0..=255).collect();
    let text = b"first\n{\"mime_type\": \"text/plain\", \"size\": 9}\n".to_vec();
    let frames = [file("text/plain", &text), file("text/plain", b""), file("application/octet-stream", &all_bytes)];
    assert_eq!(told(&server, &frames.concat()), b"OK\nOK\nOK\n");
    let mut contents = contents(&server);
    contents.sort();
    assert_eq!(contents, [b"".to_vec(), all_bytes, text]);
}

#[test]
fn rule_4_deferred_says_nothing_before_the_end_or_a_second_of_silence() {
    let server = server();
    let mut client = server.connect();
    let two = [file("text/plain", b"one"), file("text/plain", b"two")].concat();
    client.send(&two);
    client.hears_nothing_for(Duration::from_millis(500));
    assert_eq!(client.exact(6), b"OK\nOK\n", "after a second of silence");
    client.send(&two);
    client.send(file("text/plain", b"three"));
    client.half_close();
    assert_eq!(client.to_end(), b"OK\n".repeat(3), "reading went on");
    assert_eq!(harness::names(&server.storage).len(), 5);
}

#[test]
fn rule_4_silent_says_nothing_at_all() {
    let server = with_ack(Week01Ack::Silent);
    assert_eq!(told(&server, &file("text/plain", b"hi").repeat(3)), b"");
    assert_eq!(harness::names(&server.storage).len(), 3);
    assert_eq!(told(&server, b"{\"size\": -1}\n"), INVALID, "except of faults");
}

#[test]
fn rule_4_immediate_says_ok_after_each_file() {
    let server = with_ack(Week01Ack::Immediate);
    let mut client = server.connect();
    for _ in 0..3 {
        client.send(file("text/plain", b"hi"));
        assert_eq!(client.line(), "OK");
    }
}

#[test]
fn rule_4_a_client_that_never_reads_and_closes_loses_nothing() {
    // The acknowledgement that eats the file: unread bytes at the close make the client's system reset the
    // connection, and what was still under way is lost. With 8 MB there always is something.
    const RUNS: usize = 5;
    for ack in [Week01Ack::Deferred, Week01Ack::Silent] {
        let server = with_ack(ack);
        let large = harness::noise(1, 8_000_000);
        for run in 1..=RUNS {
            let mut client = server.connect();
            for content in [&large[..1_000], &large, &large[..1_000]] {
                client.send(file("application/octet-stream", content));
            }
            drop(client);
            server.until(|| harness::names(&server.storage).len() == 3 * run);
        }
        let stored = contents(&server);
        assert_eq!(stored.iter().filter(|content| **content == large).count(), RUNS);
        assert_eq!(stored.iter().filter(|content| **content == large[..1_000]).count(), 2 * RUNS);
    }
}

#[test]
fn rule_5_faults_are_told_in_the_exact_lines_after_what_is_owed() {
    let server = server();
    let two = file("text/plain", b"hi").repeat(2);
    assert_eq!(told(&server, &[two.as_slice(), b"{\"size\": -1}\n"].concat()), b"OK\nOK\nERROR: Invalid header\n");
    assert_eq!(harness::names(&server.storage).len(), 2);

    // The close lingers: a client that is still sending can read the line.
    let mut client = server.connect();
    client.send(b"{\"size\": -1}\n");
    client.send(harness::noise(1, 3_000_000));
    client.half_close();
    assert_eq!(client.to_end(), INVALID);

    std::fs::remove_dir(server.storage.join(".staging")).unwrap();
    assert_eq!(told(&server, &two), b"ERROR: File write failed\n");
}

#[test]
fn rule_6_two_thousand_files_get_two_thousand_names() {
    const FILES: usize = 2_000;
    let server = Server::start(Options::with(|config| config.ack = Ack::Written));
    let bytes: Vec<u8> = (0..FILES).flat_map(|number| file("text/html", number.to_string().as_bytes())).collect();
    assert_eq!(told(&server, &bytes).len(), 3 * FILES);
    let visible = harness::visible(&server.storage);
    assert_eq!(visible.len(), FILES, "one replaced another");
    let mut numbers: Vec<usize> =
        visible.values().map(|content| String::from_utf8_lossy(content).parse().unwrap()).collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..FILES));
    for name in visible.keys() {
        let digits = name.strip_prefix("received_").and_then(|rest| rest.strip_suffix(".html")).expect(name);
        assert!(digits.len() >= 4 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()), "{name}");
    }
}

#[test]
fn rule_7_a_truncated_payload_stores_nothing() {
    let server = server();
    let whole = file("text/plain", b"hello");
    for missing in 1..=5 {
        let cut = [whole.as_slice(), &whole[..whole.len() - missing]].concat();
        assert_eq!(told(&server, &cut), b"OK\n", "the file before it is acknowledged");
    }
    let mut client = server.connect();
    client.send(&whole[..whole.len() - 1]);
    client.reset();
    assert_eq!(told(&server, &whole), b"OK\n");
    assert_eq!(contents(&server), vec![b"hello"; 6]);
}

#[test]
fn rule_8_a_size_that_cannot_be_is_an_invalid_header() {
    let server = Server::start(Options::with(|config| config.limits.week01_request_bytes_max = 1_000));
    for size in ["-1", "2.5", "2e3", "null", "\"2\"", "true", "1001", "9007199254740992", "1e400", "{}", "[2]", "02"] {
        let header = format!("{{\"mime_type\": \"text/plain\", \"size\": {size}}}\n");
        assert_eq!(told(&server, (header + "hi").as_bytes()), INVALID, "{size}");
    }
    assert_eq!(told(&server, b"{\"mime_type\": 5, \"size\": 2}\nhi"), INVALID);
    assert!(harness::names(&server.storage).is_empty());
    assert_eq!(told(&server, &file("text/plain", &[b'x'; 1_000])), b"OK\n");
}

#[test]
fn rule_9_nobody_waits_ten_seconds_for_an_answer() {
    let server = server();
    let mut client = server.connect();
    for content in [b"one".as_slice(), b"", b"three"] {
        client.send(file("text/plain", content));
        // The client stays and waits; a reply that took ten seconds would fail here.
        assert_eq!(client.line(), "OK");
    }
}

#[test]
fn rule_10_a_connection_without_a_byte_is_no_event() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = ServerProcess::start(SERVER, folder.path(), &[]);
    for _ in 0..5 {
        let mut client = process.connect();
        client.half_close();
        client.ends();
        drop(process.connect());
    }
    let mut client = process.connect();
    client.ask(&frame::stateless("hello"), b"").is("hello");
    client.half_close();
    client.ends();
    process.terminate();
    let ended = process.wait();
    assert_eq!(ended.code, Some(0));
    assert!(ended.log.lines().all(|line| !line.contains("connection")), "{}", ended.log);
    assert_eq!(harness::names(folder.path()).len(), 0);
}

#[test]
fn rule_11_what_is_no_header_is_answered_at_once() {
    let server = server();
    let endless = vec![b'X'; 500 * 1024];
    let endless_header = [b"{\"mime_type\": \"".as_slice(), &endless].concat();
    for bytes in [
        b"PING\n".as_slice(),
        b"Hello, world",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        &endless,
        &endless_header,
    ] {
        let mut client = server.connect();
        // The client does not end its side: the answer waits for nothing.
        let _ = client.try_send(bytes);
        assert_eq!(client.line().as_bytes(), INVALID.trim_ascii_end());
        client.ends();
    }
    assert!(harness::names(&server.storage).is_empty());
    assert!(harness::staged(&server.storage).is_empty());
}

#[test]
fn rule_12_a_last_header_without_its_end_stores_nothing() {
    let server = server();
    assert_eq!(told(&server, b"{\"mime_type\": \"text/plain\", \"size\": 0}"), INVALID);
    let two = [file("text/plain", b"hi"), b"{\"mime_type\": \"text/plain\", \"size\": 0}".to_vec()].concat();
    assert!(told(&server, &two).starts_with(b"OK\n"));
    assert_eq!(contents(&server), [b"hi"]);
}

#[test]
fn week01_clients_and_others_share_a_server() {
    let server = server();
    let (mut client, session): (RawClient, _) = server.open_session();
    session.store(&mut client, 1, b"stateful");
    assert_eq!(told(&server, &file("text/plain", b"week 01")), b"OK\n");
    client.ask(&frame::upload("text/plain", 9), b"stateless").is("stored");
    assert_eq!(harness::names(&server.storage).len(), 3);
}
