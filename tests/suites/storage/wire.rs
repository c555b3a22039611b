//! The way to the disk as whoever sends a file sees it: names and extensions, both promises, nothing partial, nothing
//! overwritten, and what a server finds when it starts over what an earlier one left.

use std::path::Path;

use harness::{Options, RawClient, Reply, Server, frame};
use server::config::Naming;

/// MIME types and the extension that is customary for each; one that nobody knows is `bin`.
const CUSTOMARY: &[(&str, &str)] = &[
    ("text/plain", "txt"),
    ("text/html", "html"),
    ("text/csv", "csv"),
    ("image/jpeg", "jpg"),
    ("image/png", "png"),
    ("image/svg+xml", "svg"),
    ("application/pdf", "pdf"),
    ("application/json", "json"),
    ("application/zip", "zip"),
    ("audio/mpeg", "mp3"),
    ("video/mp4", "mp4"),
    ("application/octet-stream", "bin"),
    ("x-nobody/knows", "bin"),
];

/// The stored file has this content.
#[track_caller]
fn holds(storage: &Path, stored_as: &str, content: &[u8]) {
    assert_eq!(std::fs::read(storage.join(stored_as)).unwrap(), content, "{stored_as}");
}

fn is_hex(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[test]
fn a_file_is_named_by_the_server_and_ends_as_its_type_is_customarily_called() {
    for naming in [Naming::SessionAware, Naming::Simple] {
        let server = Server::start(Options::with(|config| config.naming = naming));
        let (mut inside, session) = server.open_session();
        let mut outside = server.connect();
        for (sequence, (mime_type, extension)) in (1..).zip(CUSTOMARY) {
            let stateful = inside.ask(&session.upload(sequence, mime_type, 2), b"in").is("stored");
            let stateless = outside.ask(&frame::upload(mime_type, 3), b"out").is("stored");
            holds(&server.storage, stateful.stored_as(), b"in");
            holds(&server.storage, stateless.stored_as(), b"out");
            let of_a_session = format!("session_{}/file_{sequence}_", session.id);
            for (stored_as, is_of_session) in
                [(stateful.stored_as(), naming == Naming::SessionAware), (stateless.stored_as(), false)]
            {
                let (stem, found) = stored_as.rsplit_once('.').unwrap();
                assert_eq!(found, *extension, "{mime_type}");
                if is_of_session {
                    let created = stem.strip_prefix(&of_a_session);
                    assert!(created.is_some_and(|millis| millis.parse::<u64>().is_ok()), "{stored_as}");
                } else {
                    assert!(stem.strip_prefix("received_").is_some_and(is_hex), "{stored_as}");
                }
            }
        }
        assert_eq!(harness::names(&server.storage).len(), CUSTOMARY.len() * 2);
    }
}

#[test]
fn no_name_that_a_client_gives_leads_anywhere() {
    let server = Server::start(Options::default());
    let mut client = server.connect();
    let named = frame::with(frame::upload("text/plain", 2), "name", "holidays/../no");
    client.ask(&named, b"no").refuses("bad_name");
    for name in ["holidays/picture.png", "-rf", ".hidden", "CON", "ümläut 日本.txt"] {
        let named = frame::with(frame::upload("text/plain", 2), "name", name);
        let stored = client.ask(&named, b"hi").is("stored");
        let stem = stored.stored_as().strip_prefix("received_").and_then(|rest| rest.strip_suffix(".txt"));
        assert!(stem.is_some_and(is_hex), "{}", stored.stored_as());
    }
}

#[test]
fn each_promise_is_kept_or_not_given() {
    let server = Server::start(Options::default());
    let (mut inside, session) = server.open_session();
    let mut outside = server.connect();
    for (sequence, (asked, given)) in
        (1..).zip([(None, "durable"), (Some("written"), "written"), (Some("durable"), "durable")])
    {
        let promise = |header| match asked {
            Some(ack) => frame::with(header, "ack", ack),
            None => header,
        };
        let stored: [Reply; 2] = [
            inside.ask(&promise(session.upload(sequence, "text/plain", 4)), b"file"),
            outside.ask(&promise(frame::upload("text/plain", 4)), b"file"),
        ];
        for stored in stored.map(|reply| reply.is("stored")) {
            assert_eq!(stored["ack"], given);
            holds(&server.storage, stored.stored_as(), b"file");
        }
    }
    let unknown = frame::with(frame::upload("text/plain", 4), "ack", "perhaps");
    outside.ask(&unknown, b"file").refuses("bad_field");
    assert_eq!(harness::names(&server.storage).len(), 6);
}

/// Sizes that are collected in memory, written at once, and written in pieces.
#[test]
fn nothing_partial_is_ever_visible() {
    let server = Server::start(Options::default());
    for size in [2, 70_000, 3_000_000] {
        let content = harness::noise(7, size);
        let frame = frame::bytes(&frame::upload("image/png", size), &content);
        let mut client = server.connect();
        // The first reply says that the server reads this connection.
        client.ask(&frame::stateless("hello"), b"").is("hello");
        client.send(&frame[..frame.len() - 1]);
        if size > 1024 * 1024 {
            // A large one does not wait in memory for its end.
            server.until(|| !harness::staged(&server.storage).is_empty());
        }
        assert_eq!(harness::names(&server.storage), [""; 0], "{size}");
        client.half_close();
        client.reply().refuses("truncated");
        assert_eq!(harness::names(&server.storage), [""; 0], "{size}");
        // Without a name of its own it leaves nothing to go on with.
        server.until(|| harness::staged(&server.storage).is_empty());
    }
}

#[test]
fn a_file_that_is_there_is_not_overwritten() {
    let server = Server::start(Options::default());
    let mut client = server.connect();
    let named =
        |size| frame::with(frame::upload("text/plain", size), "transfer_id", "5f0c4a1e-8d3b-4c6f-9a27-0b1c2d3e4f50");
    let stored_as = client.ask(&named(5), b"first").is("stored").stored_as().to_owned();
    let modified = || std::fs::metadata(server.storage.join(&stored_as)).unwrap().modified().unwrap();
    let written = modified();
    assert!(client.ask(&named(5), b"first").is("stored").is_replayed());
    client.ask(&named(6), b"second").refuses("transfer_reused");
    let other = frame::with(named(5), "digest", harness::digest("blake3", b"other"));
    client.ask(&other, b"other").refuses("transfer_reused");
    holds(&server.storage, &stored_as, b"first");
    assert_eq!(modified(), written);

    let (mut inside, session) = server.open_session();
    let stored_as = inside.ask(&session.upload(1, "text/plain", 5), b"first").is("stored").stored_as().to_owned();
    inside.ask(&session.upload(1, "text/plain", 6), b"second").refuses("sequence_reused");
    holds(&server.storage, &stored_as, b"first");
}

/// A file beside the server's own: whoever puts it there keeps it.
#[test]
fn a_server_starts_over_what_an_earlier_one_left() {
    let folder = tempfile::tempdir().unwrap();
    let storage = folder.path().join("storage");
    let stored_as = {
        let server = Server::start(Options::default().over(&storage));
        let mut client = server.connect();
        let id = harness::uuid();
        let cut = frame::bytes(&frame::with(frame::upload("text/plain", 8), "transfer_id", id), b"not all");
        client.ask(&frame::stateless("hello"), b"").is("hello");
        client.send(&cut);
        client.half_close();
        client.reply().refuses("truncated");
        RawClient::connect(server.address)
            .ask(&frame::upload("text/plain", 5), b"whole")
            .is("stored")
            .stored_as()
            .to_owned()
    };
    // What a killed server leaves: a file that was never whole, and that nobody can go on with.
    std::fs::write(storage.join(".staging/00000000000000ff.part"), "half").unwrap();
    std::fs::write(storage.join("readme.txt"), "not ours").unwrap();
    let kept = harness::staged(&storage).len() - 1;
    assert_eq!(kept, 1, "the cut upload waits for its rest");

    let server = Server::start(Options::default().over(&storage));
    assert_eq!(harness::staged(&server.storage).len(), kept, "and nothing else does");
    assert_eq!(harness::names(&server.storage).len(), 2);
    holds(&server.storage, &stored_as, b"whole");
    holds(&server.storage, "readme.txt", b"not ours");
    let fetched = server.connect().ask(&frame::with(frame::stateless("fetch"), "file", stored_as), b"").is("file");
    assert_eq!(fetched.payload, b"whole");
}
