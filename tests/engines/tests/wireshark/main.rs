//! The dissector in labs/wireshark, asked through a real tshark about what a real server recorded.

mod frames;
mod marks;

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use engines::tshark::fields;
use harness::{Options, RawClient, Server, frame};
use serde_json::{Value, json};
use server::config::Config;
use tempfile::TempDir;

type Tested = Result<(), Box<dyn Error>>;

/// What a server recorded of these clients, and the folder it is in as long as that is kept.
fn recorded(adjust: impl FnOnce(&mut Config), clients: impl FnOnce(&Server)) -> io::Result<(TempDir, PathBuf)> {
    let folder = tempfile::tempdir()?;
    let capture = folder.path().join("run.pcapng");
    let mut server = Server::start(Options::with(|config| {
        config.trace_file.clone_from(&capture);
        adjust(config);
    }));
    clients(&server);
    server.stop();
    Ok((folder, capture))
}

/// The frames of a capture as words, in order: action or status, with its sequence.
fn words(capture: &Path, arguments: &[&str]) -> Result<Vec<String>, String> {
    let names = ["dft.session.action", "dft.status", "dft.sequence", "dft.session.sequence", "dft.week01.line"];
    let mut words = Vec::new();
    for packet in fields(capture, &names, arguments)? {
        let [actions, statuses, answered, sequences, lines] = &packet[..] else { unreachable!("five fields") };
        let numbers = if statuses.is_empty() { sequences } else { answered };
        for (index, word) in actions.iter().chain(statuses).chain(lines).enumerate() {
            words.push(numbers.get(index).map_or(word.clone(), |number| format!("{word} #{number}")));
        }
    }
    Ok(words)
}

/// The packets with this mark, as the text that explains it.
fn marked(capture: &Path, mark: &str) -> Result<Vec<String>, String> {
    let found = fields(capture, &["_ws.expert.message"], &["-Y", mark])?;
    Ok(found.into_iter().map(|packet| packet.concat().join("; ")).collect())
}

fn every_action(server: &Server) {
    let mut client = server.connect();
    client.ask(&frame::stateless("hello"), b"").is("hello");
    let id = "0b6e0a4e-32d9-4a0f-8b5c-3f1d3a5e9c11";
    let upload = frame::with(frame::upload("text/plain", 5), "transfer_id", id);
    let stored = client.ask(&upload, b"hello").is("stored");
    client.ask(&frame::with(frame::stateless("status"), "transfer_id", id), b"").is("stored");
    client.ask(&frame::with(frame::stateless("fetch"), "file", stored.stored_as()), b"").is("file");
    client.ask(&frame::stateful("hello"), b"").is("hello");

    let session = harness::Session::open(&mut client);
    let chunked = frame::with(session.numbered("transfer", 1), "mime_type", "text/plain");
    let chunked = frame::with(frame::with(chunked, "size", Value::Null), "trailer", "sha256");
    let trailer = json!({"digest": harness::digest("sha256", b"in two chunks")});
    client.send_frame(&chunked, &frame::chunks(b"in two chunks", 7, &trailer));
    let stored = client.reply().is("stored");
    let awaited = frame::with(session.upload(2, "text/plain", 5), "expect", "continue");
    client.ask(&awaited, b"").is("continue");
    client.send(b"hello");
    client.reply().is("stored");
    client.ask(&session.frame("status"), b"").is("session_status");
    client.ask(&session.frame("heartbeat"), b"").is("heartbeat_ack");
    client.ask(&session.frame("list"), b"").is("files");
    let explained = json!({"explain": "yes"});
    let fetch = frame::with(session.frame("fetch"), "file", stored.stored_as());
    client.ask(&frame::with(fetch, "ext", explained), b"").is("file");
    client.ask(&frame::with(session.numbered("remove", 3), "file", stored.stored_as()), b"").is("removed");
    client.ask(&session.numbered("disconnect", 4), b"").is("session_closed");
    goodbye(client);
}

/// Ends a connection and waits for the server's end, so that it is not told of a server that stops.
fn goodbye(mut client: RawClient) {
    client.half_close();
    client.ends();
}

fn week01(server: &Server) {
    let mut client = server.connect();
    client.send(
        [frame::week01("text/plain", 2).as_bytes(), b"hi", frame::week01("image/png", 3).as_bytes(), b"png"].concat(),
    );
    client.half_close();
    assert_eq!([client.line(), client.line()], ["OK", "OK"]);
}

/// A gap, a repeat of what was answered, and a session that a second connection takes.
fn harm(server: &Server) {
    let (mut first, session) = server.open_session();
    session.store(&mut first, 1, b"one");
    first.ask(&session.upload(3, "text/plain", 5), b"three").refuses("sequence_gap");
    assert_eq!(session.store(&mut first, 1, b"one")["replayed"], true);
    session.store(&mut first, 2, b"two");
    let mut second = server.connect();
    second.ask(&session.resume(), b"").is("session_resumed");
    first.reply().refuses("session_moved");
    session.store(&mut second, 3, b"three");
    goodbye(second);
}
