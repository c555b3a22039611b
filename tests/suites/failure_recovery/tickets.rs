//! Sessions that their clients carry, over TCP: the server is stopped, killed and begun again, and remembers nothing.

use std::path::{Path, PathBuf};

use harness::{Carried, Options, Server, ServerProcess, Session, frame};
use server::config::Persistence;

use crate::SERVER;

const KEY: &str = "4f1c0f6f3d6b2d1e8a7c5b3a19283746556473829100ffeeddccbbaa99887766";

fn key_file(folder: &Path) -> PathBuf {
    let path = folder.join("ticket.keys");
    std::fs::write(&path, KEY).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    path
}

fn options(folder: &Path) -> Options {
    let ticket_key_file = key_file(folder);
    Options::with(|config| {
        config.persistence = Persistence::Ticket;
        config.ticket_key_file = ticket_key_file;
    })
    .over(folder.join("storage"))
}

#[test]
fn a_session_goes_on_after_a_restart_with_its_ticket_and_the_same_keys() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(options(folder.path()));
    let mut client = server.connect();
    assert_eq!(client.ask(&frame::stateless("hello"), b"").is("hello")["hello"]["store"], "ticket");
    let mut carried = Carried::open(&mut client);
    for number in 1..=4 {
        let header = carried.session.upload(number, "text/plain", 5);
        let stored = carried.keep(client.ask(&header, b"hello").is("stored"));
        drop(client);
        if number % 2 == 0 {
            server.stop();
            server = Server::start(options(folder.path()));
        }
        client = server.connect();
        client.send(carried.resume());
        let resumed = carried.keep(client.reply().is("session_resumed"));
        assert_eq!(resumed.number("session.next_sequence"), number + 1);
        let again = carried.keep(client.ask(&header, b"hello").is("stored"));
        assert!(again.is_replayed());
        assert_eq!(again["file"], stored["file"]);
    }
    let listed = carried.keep(client.ask(&carried.session.frame("list"), b"").is("files"));
    assert_eq!(listed.lines().len(), 4, "the payload stands behind the ticket");
    let file = listed.lines()[0]["stored_as"].as_str().unwrap().to_owned();
    let fetched = client.ask(&frame::with(carried.session.frame("fetch"), "file", file), b"").is("file");
    assert_eq!(carried.keep(fetched).payload, b"hello");
    carried.keep(client.ask(&carried.session.numbered("disconnect", 5), b"").is("session_closed"));
    drop(client);
    let mut client = server.connect();
    client.send(carried.resume());
    assert!(client.reply().is("session_closed").is_replayed());
}

#[test]
fn a_ticket_ends_with_a_server_that_made_its_own_key() {
    let folder = tempfile::tempdir().unwrap();
    let storage = folder.path().join("storage");
    let mut process = ServerProcess::start(SERVER, &storage, &["--persistence", "ticket"]);
    let mut client = process.connect();
    let carried = Carried::open(&mut client);
    drop(client);
    let mut client = process.connect();
    client.send(carried.resume());
    client.reply().is("session_resumed");
    let ended = process.kill();
    assert!(ended.log.contains("sessions end with this process"), "{}", ended.log);
    let process = ServerProcess::start(SERVER, &storage, &["--persistence", "ticket"]);
    let mut client = process.connect();
    client.send(carried.resume());
    client.reply().refuses("session_unknown");
    // The connection goes on at the next frame.
    client.ask(&frame::stateful("connect"), b"").is("session_created");
}

#[cfg(unix)]
#[test]
fn a_server_does_not_start_with_keys_that_others_can_read() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    std::fs::set_permissions(folder.path().join("ticket.keys"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = Server::try_start(options).expect_err("the keys are open to others");
    assert!(refused.contains("chmod 600") && !refused.contains(&KEY[..8]), "{refused}");
}

#[test]
fn a_connect_brings_a_token_or_a_ticket_as_the_server_asks_and_never_both() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(options(folder.path()));
    let mut client = server.connect();
    let carried = Carried::open(&mut client);
    let token = "A".repeat(43);
    let with_token = frame::with(carried.session.frame("connect"), "session.token", token.as_str());
    let ticket = &carried.ticket;
    let both = frame::bytes(&frame::with(with_token.clone(), "session.data_size", ticket.len()), ticket);
    let nobodys = frame::bytes(&frame::with(frame::stateful("connect"), "session.data_size", ticket.len()), ticket);
    let elsewhere =
        frame::bytes(&frame::with(carried.session.frame("heartbeat"), "session.data_size", ticket.len()), ticket);
    let mut client = server.connect();
    for (sent, field) in [
        (both, "session.data_size"),
        (nobodys, "session.data_size"),
        (elsewhere, "session.data_size"),
        (frame::bytes(&with_token, b""), "session.token"),
        (frame::bytes(&carried.session.frame("connect"), b""), "session.token"),
    ] {
        client.send(sent);
        assert_eq!(client.reply().refuses("bad_field")["error"]["field"], field);
    }
    client.send(carried.resume());
    client.reply().is("session_resumed");

    let remembering = Server::start(Options::default());
    let (_holder, session) = remembering.open_session();
    let mut client = remembering.connect();
    client.send(Carried { session: session.clone(), ticket: carried.ticket.clone() }.resume());
    assert_eq!(client.reply().refuses("bad_field")["error"]["field"], "session.data_size");
    assert!(client.ask(&session.resume(), b"").is("session_resumed").session_data.is_empty());
}

#[test]
fn a_ticket_comes_in_any_pieces_and_a_long_one_does_not_stop_the_connection() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(options(folder.path()));
    let mut client = server.connect();
    let carried = Carried::open(&mut client);
    let pipelined = [carried.resume(), frame::bytes(&carried.session.frame("heartbeat"), b"")].concat();
    for length in [1, 7, 100, pipelined.len()] {
        let mut client = server.connect();
        client.send_cut(&pipelined, length);
        client.reply().is("session_resumed");
        client.reply().is("heartbeat_ack");
    }
    let mut client = server.connect();
    for length in [1, 4_096, 4_097, 65_536] {
        client.send(carried.resume_with(&vec![b'{'; length]));
        client.reply().refuses("session_unknown");
    }
    client.send(carried.resume());
    client.reply().is("session_resumed");
    let mut cut = server.connect();
    cut.send(&carried.resume()[..carried.resume().len() - 1]);
    cut.half_close();
    cut.reply().refuses("truncated");
}

/// The project's own client keeps the newest ticket, where only its user can read it, and brings it.
#[test]
fn the_client_goes_on_with_its_newest_ticket_after_the_server_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.yaml");
    std::fs::write(&config, format!("stateful: {{ticket_key_file: \"{}\"}}", key_file(folder.path()).display()))
        .unwrap();
    let (storage, state) = (folder.path().join("storage"), folder.path().join("state"));
    let arguments = ["--persistence", "ticket", "--config", config.to_str().unwrap()];
    let file = folder.path().join("hello.txt");
    std::fs::write(&file, b"hello").unwrap();
    let mut sequences = Vec::new();
    for time in 0..3 {
        let mut process = ServerProcess::start(SERVER, &storage, &arguments);
        let client = |command: &[&str]| {
            let to = process.address.to_string();
            let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_test-client"));
            program.args(command).args(["--json", "--to", &to]).env("XDG_STATE_HOME", &state).env_remove("DFT_TO");
            let output = program.output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        // Remembered by the server's address, and this one has another port.
        if time > 0 {
            let path = state.join("dft/session.json");
            let text = std::fs::read_to_string(&path).unwrap();
            let from = text.split("\"server\": \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
            std::fs::write(&path, text.replace(&from, &process.address.to_string())).unwrap();
        }
        let path = file.to_str().unwrap();
        let sent =
            if time == 0 { client(&["send", path, path]) } else { client(&["send", "--session", "last", path, path]) };
        client(&["list"]);
        client(&["status"]);
        let stored = sent.lines().filter(|line| line.contains("\"event\":\"stored\""));
        let number = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["sequence"].as_u64();
        sequences.extend(stored.map(number));
        process.kill();
    }
    assert_eq!(sequences, (1..=6).map(Some).collect::<Vec<_>>());
    assert_eq!(harness::names(&storage).len(), 6);
}

/// The secret is in no log, at any level.
#[test]
fn a_ticket_is_never_logged() {
    let folder = tempfile::tempdir().unwrap();
    let keys = key_file(folder.path());
    let config = folder.path().join("config.yaml");
    std::fs::write(&config, format!("stateful: {{ticket_key_file: \"{}\"}}", keys.display())).unwrap();
    let arguments = ["--persistence", "ticket", "-vv", "--config", config.to_str().unwrap()];
    let mut process = ServerProcess::start(SERVER, &folder.path().join("storage"), &arguments);
    let mut client = process.connect();
    let carried = Carried::open(&mut client);
    Session::store(&carried.session, &mut client, 1, b"hello");
    let mut forged = carried.ticket.clone();
    forged[20] ^= 1;
    let mut client = process.connect();
    client.send(carried.resume_with(&forged));
    client.reply().refuses("session_unknown");
    let log = process.kill().log;
    assert!(log.contains("the seal is broken"), "{log}");
    assert!(!log.contains(KEY) && !log.contains(&carried.session.id), "{log}");
    for window in carried.ticket.windows(8).skip(9) {
        let spelled = [
            format!("{window:?}").trim_matches(['[', ']']).to_owned(),
            u64::from_be_bytes(window.try_into().unwrap()).to_string(),
            format!("{:016x}", u64::from_be_bytes(window.try_into().unwrap())),
        ];
        assert!(spelled.iter().all(|spelling| !log.contains(spelling)), "{log}");
    }
}
