//! What must hold when the store of a running server takes no change any more, and when it does again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use client::{Console, Environment};
use shared::exit::ExitCode;

use crate::{Patience, RawClient, Reply, Session, frame};

/// Lets a session, a stateless upload and a client in the mode `auto` live through an outage of the store of the
/// server at `address`, which stores under `storage` and has stored nothing yet. Returns the session, with two files.
#[track_caller]
pub fn outlived(address: SocketAddr, storage: &Path, begin: impl FnOnce(), end: impl FnOnce()) -> Session {
    let mut client = RawClient::connect(address);
    let session = Session::open(&mut client);
    session.store(&mut client, 1, b"before");

    begin();
    // When the store refuses to count this file, it has its name already.
    let second = session.upload(2, "text/plain", 6);
    client.ask(&second, b"during").refuses("store_unavailable");
    client.ask(&session.frame("heartbeat"), b"").refuses("store_unavailable");
    let mut stateless = RawClient::connect(address);
    stateless.ask(&frame::stateful("connect"), b"").refuses("store_unavailable");
    for (connection, content) in [(&mut client, b"aside 1"), (&mut stateless, b"aside 2")] {
        let stored = connection.ask(&frame::upload("text/plain", 7), content).is("stored");
        assert_eq!(stored["degraded_from"], "stateful", "{}", stored.header);
    }
    goes_on_stateless(address, storage, "by itself");

    end();
    let patience = Patience::fresh();
    let counted = loop {
        let reply = client.ask(&second, b"during");
        if reply.code() != Some("store_unavailable") {
            break reply.is("stored");
        }
        assert!(patience.lasts(), "the store came back, the server did not");
    };
    assert_eq!(counted.number("session.next_sequence"), 3);
    assert_eq!(client.ask(&second, b"during").is("stored")["file"], counted["file"]);
    let stored = client.ask(&frame::upload("text/plain", 5), b"after").is("stored");
    assert!(stored.header.get("degraded_from").is_none(), "{}", stored.header);
    holds_two_files(&client.ask(&session.frame("list"), b""));
    let fresh = Session::open(&mut stateless);
    fresh.store(&mut stateless, 1, b"a new session");

    let mut contents: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for content in crate::visible(storage).into_values() {
        *contents.entry(content).or_default() += 1;
    }
    let once: [&[u8]; 7] = [b"before", b"during", b"aside 1", b"aside 2", b"by itself", b"after", b"a new session"];
    assert_eq!(contents, once.into_iter().map(|content| (content.to_vec(), 1)).collect());
    session
}

/// The session has the two files of before and during the outage, each once.
#[track_caller]
pub fn holds_two_files(list: &Reply) {
    let sequences: Vec<_> = list.lines().iter().map(|line| line["sequence"].as_u64()).collect();
    assert_eq!(sequences, [Some(1), Some(2)]);
}

/// The project's client in the mode `auto` sends a file of this content, and says how.
#[track_caller]
fn goes_on_stateless(address: SocketAddr, storage: &Path, content: &str) {
    let home = tempfile::tempdir().expect("a temporary folder");
    let file = home.path().join("file.txt");
    std::fs::write(&file, content).expect("a file");
    let (console, captured) = Console::captured(b"");
    let environment = Environment::new([("HOME", home.path().as_os_str())]);
    let (to, file) = (address.to_string(), file.to_str().expect("a path").to_owned());
    let words = ["client", "send", &file, "--mode", "auto", "--json", "--to", &to];
    let exit = crate::stores::on_runtime(client::run(words, environment, console));
    let told = captured.output_text();
    assert_eq!(exit, ExitCode::Success, "{told}{}", captured.errors_text());
    let events: Vec<serde_json::Value> = told.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let of =
        |name: &str| events.iter().find(|event| event["event"] == name).unwrap_or_else(|| panic!("{name}: {told}"));
    assert_eq!((&of("degraded")["from"], &of("degraded")["to"]), (&"stateful".into(), &"stateless".into()));
    let stored = of("stored");
    assert_eq!(stored["degraded_from"], "stateful", "{told}");
    let stored = storage.join(stored["stored_as"].as_str().expect("a name"));
    assert_eq!(std::fs::read_to_string(stored).expect("a stored file"), content);
}
