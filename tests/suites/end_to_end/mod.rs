//! Files go in and come out again, over TCP, in both modes and under both namings.

mod ahead;
mod cut;
mod log;
mod misbehaving;
mod program;
mod trace;

use std::fs;

use harness::{Options, Server, frame};
use serde_json::json;
use server::config::Naming;

const KIB: usize = 1024;

/// Sizes at which something changes: nothing, one byte, what is read at once, what is written at once, several of
/// both.
fn contents() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let mut contents = vec![("image/png", "png", harness::picture())];
    let sizes =
        [0, 1, 256 * KIB - 1, 256 * KIB, 256 * KIB + 1, 1024 * KIB - 1, 1024 * KIB, 1024 * KIB + 1, 5 * 1024 * KIB];
    for (seed, size) in (1..).zip(sizes) {
        contents.push(("application/octet-stream", "bin", harness::noise(seed, size)));
    }
    contents
}

#[test]
fn files_of_every_size_arrive_whole_and_come_back_whole() {
    for naming in [Naming::SessionAware, Naming::Simple] {
        let server = Server::start(Options::with(|config| config.naming = naming));
        let (mut client, session) = server.open_session();
        for (sequence, (mime_type, extension, content)) in (1..).zip(contents()) {
            let stateless = client.ask(&frame::upload(mime_type, content.len()), &content).is("stored");
            let stateful = client.ask(&session.upload(sequence, mime_type, content.len()), &content).is("stored");
            for (stored, fetch) in [(stateless, frame::stateless("fetch")), (stateful, session.frame("fetch"))] {
                let name = stored.stored_as();
                assert!(name.ends_with(&format!(".{extension}")), "{name}");
                assert_eq!(stored["file"]["digest"], harness::digest("blake3", &content));
                assert!(fs::read(server.storage.join(name)).unwrap() == content, "{name} on the disk");
                let fetched = client.ask(&frame::with(fetch, "file", name), b"").is("file");
                assert!(fetched.payload == content, "{name} over the wire");
            }
        }
    }
}

#[test]
fn the_naming_decides_where_a_session_s_files_lie() {
    for (naming, in_folder) in [(Naming::SessionAware, true), (Naming::Simple, false)] {
        let server = Server::start(Options::with(|config| config.naming = naming));
        let (mut client, session) = server.open_session();
        let created = client.ask(&session.frame("status"), b"").number("record.created_at");
        let stored = session.store(&mut client, 1, b"hello");
        let name = stored.stored_as();
        if in_folder {
            assert_eq!(name, format!("session_{}/file_1_{created}.txt", session.id));
        } else {
            assert!(is_received(name, "txt"), "{name}");
        }
        assert_eq!(harness::names(&server.storage), [name]);
        let stateless = client.ask(&frame::upload("text/plain", 5), b"hello").is("stored");
        assert!(is_received(stateless.stored_as(), "txt"), "{}", stateless.stored_as());
    }
}

/// `received_<32 hex digits>.<extension>`.
fn is_received(name: &str, extension: &str) -> bool {
    let digits = name.strip_prefix("received_").and_then(|rest| rest.strip_suffix(&format!(".{extension}")));
    digits.is_some_and(|digits| digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[test]
fn a_transfer_id_is_the_name_of_its_file() {
    let server = Server::start(Options::default());
    let mut client = server.connect();
    let id = harness::uuid();
    let header = frame::with(frame::upload("image/svg+xml", 6), "transfer_id", id.as_str());
    let stored = client.ask(&header, b"<svg/>").is("stored");
    assert_eq!(stored.stored_as(), format!("received_{}.svg", id.replace('-', "")));
    let again = server.connect().ask(&header, b"<svg/>").is("stored");
    assert!(again.is_replayed());
    assert_eq!(again["file"], stored["file"]);
    client.ask(&frame::with(header.clone(), "size", 5), b"<svg/").refuses("transfer_reused");
    let other = frame::with(header, "digest", harness::digest("sha256", b"<gvs/>"));
    client.ask(&other, b"<gvs/>").refuses("transfer_reused");
    assert_eq!(harness::visible(&server.storage)[stored.stored_as()], b"<svg/>");
}

#[test]
fn no_byte_of_a_client_s_name_reaches_the_disk() {
    let server = Server::start(Options::default());
    let (mut client, session) = server.open_session();
    let longest = "x".repeat(255);
    let names = ["a", "a b/c d.txt", "-rf", ".hidden", "%2e%2e/x", "ünïcödé 🦀", "con", "a:b", longest.as_str()];
    for (sequence, name) in (1..).zip(names) {
        let header = frame::with(session.upload(sequence, "text/plain", 5), "name", name);
        client.ask(&header, b"hello").is("stored");
        client.ask(&frame::with(frame::upload("text/plain", 5), "name", name), b"hello").is("stored");
    }
    for name in ["", ".", "..", "/a", "a/", "a//b", "a/../b", "a\\b", "a\u{0}b", "a\nb", &"x".repeat(256)] {
        client.ask(&frame::with(frame::upload("text/plain", 5), "name", name), b"hello").refuses("bad_name");
    }
    let stored = harness::names(&server.storage);
    assert_eq!(stored.len(), 2 * names.len());
    assert!(
        stored.iter().all(|name| is_received(name, "txt") || name.starts_with(&format!("session_{}/", session.id)))
    );
    let list = client.ask(&session.frame("list"), b"").is("files");
    let told = list.lines().into_iter().map(|line| line["name"].as_str().unwrap().to_owned());
    assert_eq!(told.collect::<Vec<_>>(), names, "the names are kept as information");
}

#[test]
fn a_file_is_fetched_from_any_offset_up_to_its_end() {
    let server = Server::start(Options::default());
    let (mut client, session) = server.open_session();
    let content = harness::noise(7, 700 * KIB);
    let stateful = client.ask(&session.upload(1, "image/png", content.len()), &content).is("stored");
    let stateless = client.ask(&frame::upload("image/png", content.len()), &content).is("stored");
    for (stored, frame) in [(stateful, session.frame("fetch")), (stateless, frame::stateless("fetch"))] {
        let fetch = frame::with(frame, "file", stored.stored_as());
        for offset in [0, 1, 256 * KIB - 1, 256 * KIB, content.len() - 1, content.len()] {
            let file = client.ask(&frame::with(fetch.clone(), "offset", offset), b"").is("file");
            assert!(file.payload == content[offset..], "{offset}");
            assert_eq!(file.number("file.size"), u64::try_from(content.len()).unwrap());
        }
        let beyond = client.ask(&frame::with(fetch, "offset", content.len() + 1), b"").refuses("bad_offset");
        assert_eq!(beyond.number("error.offset"), u64::try_from(content.len()).unwrap());
    }
}

#[test]
fn only_names_that_nobody_can_guess_are_fetched_without_a_session() {
    let server = Server::start(Options::default());
    let (mut client, session) = server.open_session();
    let own = session.store(&mut client, 1, b"mine");
    let mut week01 = server.connect();
    week01.send(frame::week01("text/plain", 2) + "hi");
    week01.half_close();
    assert_eq!(week01.to_end(), b"OK\n");
    let names = harness::names(&server.storage);
    let short = names.iter().find(|name| name.starts_with("received_")).unwrap();
    for name in [own.stored_as(), short, ".lock", ".staging/x", "../storage/x", "/etc/passwd", "received_0.txt", "a"] {
        client.ask(&frame::with(frame::stateless("fetch"), "file", name), b"").refuses("file_unknown");
    }
    // Another session cannot reach it either.
    let (mut other, stranger) = server.open_session();
    for name in [own.stored_as(), short] {
        other.ask(&frame::with(stranger.frame("fetch"), "file", name), b"").refuses("file_unknown");
        let remove = frame::with(stranger.numbered("remove", 1), "file", name);
        other.ask(&remove, b"").refuses("file_unknown");
    }
    assert_eq!(harness::names(&server.storage), names);
}

#[test]
fn a_list_comes_in_pages_and_forgets_what_was_removed() {
    for naming in [Naming::SessionAware, Naming::Simple] {
        let server = Server::start(Options::with(|config| {
            config.naming = naming;
            config.limits.list_entries_max = 3;
        }));
        let (mut client, session) = server.open_session();
        let mut names = Vec::new();
        for sequence in 1..=8 {
            names.push(session.store(&mut client, sequence, &[b'x'; 5]).stored_as().to_owned());
        }
        let remove = frame::with(session.numbered("remove", 9), "file", names.remove(1));
        client.ask(&remove, b"").is("removed");

        let mut seen = Vec::new();
        let mut next = Some(1);
        while let Some(offset) = next {
            let page = client.ask(&frame::with(session.frame("list"), "offset", offset), b"").is("files");
            let lines = page.lines();
            assert!(lines.len() <= 3, "{lines:?}");
            seen.extend(lines.iter().map(|line| line["stored_as"].as_str().unwrap().to_owned()));
            next = page.header.get("next_offset").map(|_| page.number("next_offset"));
        }
        assert_eq!(seen, names);
        let beyond = client.ask(&frame::with(session.frame("list"), "offset", 100), b"").is("files");
        assert_eq!((beyond.payload, beyond.header.get("next_offset")), (Vec::new(), None));
    }
}

#[test]
fn the_record_counts_what_the_session_did() {
    let server = Server::start(Options::default());
    let (mut client, session) = server.open_session();
    session.store(&mut client, 1, b"hello");
    session.store(&mut client, 2, b"");
    let stored = session.store(&mut client, 3, b"goodbye");
    client.ask(&frame::with(session.numbered("remove", 4), "file", stored.stored_as()), b"").is("removed");
    client.ask(&session.upload(9, "text/plain", 1), b"x").refuses("sequence_gap");
    let status = client.ask(&session.frame("status"), b"").is("session_status");
    let record = &status["record"];
    assert_eq!(record["client_address"], "127.0.0.1");
    assert_eq!((&record["files_transferred"], &record["total_bytes"]), (&json!(3), &json!(12)));
    // connect, three transfers, remove; what was refused changed nothing, and this question is not answered yet.
    assert_eq!(record["message_count"], 5);
    assert!(status.number("record.created_at") <= status.number("record.last_activity"));
    assert!(status.number("record.last_activity") <= status.number("server_time_ms"));
    assert!(status.number("record.state_bytes") > 0);
}

#[test]
fn the_promise_is_the_one_asked_for_or_the_server_s() {
    for default in shared::wire::Ack::ALL {
        let server = Server::start(Options::with(|config| config.ack = default));
        let (mut client, session) = server.open_session();
        for (sequence, asked) in (1..).zip([None, Some("written"), Some("durable")]) {
            for header in [frame::upload("text/plain", 5), session.upload(sequence, "text/plain", 5)] {
                let header = match asked {
                    Some(ack) => frame::with(header, "ack", ack),
                    None => header,
                };
                let stored = client.ask(&header, b"hello").is("stored");
                assert_eq!(stored["ack"], asked.unwrap_or(default.as_str()));
            }
        }
    }
}
