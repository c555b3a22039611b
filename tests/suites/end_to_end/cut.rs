//! The real client and the real server with a network between them that cuts what it likes, and a server that is
//! killed meanwhile. However it is cut, the file arrives whole, and once.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use client::{Console, Environment};
use harness::{Options, Server, ServerProcess};
use shared::exit::ExitCode;

use crate::SERVER;

const SIZE: usize = 3_000_000;
/// More than all buffers on the way hold, so that a client whose connection is cut knows that not all has gone.
const LARGE: usize = 24_000_000;

/// Where a connection is cut.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cut {
    /// Behind so many bytes from the client.
    Behind(usize),
    /// The same, but the server does not hear of it.
    HalfOpen(usize),
    /// Behind so many lines from the server.
    Answer(usize),
    /// Not at all.
    Never,
}

/// A network in which each connection is cut at its place. `server` says where the server is, connection by
/// connection.
pub(super) fn network(cuts: Vec<Cut>, mut server: impl FnMut(usize) -> SocketAddr + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut half_open = Vec::new();
        for (number, cut) in cuts.into_iter().enumerate() {
            let (client, _) = listener.accept().unwrap();
            let server = TcpStream::connect(server(number)).unwrap();
            if let Cut::HalfOpen(_) = cut {
                half_open.push(server.try_clone().unwrap());
            }
            let (from, to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            // Where the server does not hear of the cut, it keeps its side for as long as it likes.
            thread::spawn(move || pump(from, &to, cut, Way::Down));
            pump(client, &server, cut, Way::Up);
        }
    });
    address
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

fn pump(mut from: TcpStream, mut to: &TcpStream, cut: Cut, way: Way) {
    let (mut bytes, mut lines) = (0, 0);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let mut count = from.read(&mut buffer).unwrap_or(0);
        let mut end = count == 0;
        match (cut, way) {
            (Cut::Behind(limit) | Cut::HalfOpen(limit), Way::Up) => {
                count = count.min(limit - bytes);
                end |= bytes + count == limit;
            }
            (Cut::Answer(limit), Way::Down) => {
                let piece = buffer[..count].iter().enumerate();
                let ends: Vec<usize> = piece.filter(|(_, byte)| **byte == b'\n').map(|(index, _)| index + 1).collect();
                let last = ends.get(limit - lines).copied();
                end |= last.is_some();
                lines += ends.len();
                // Not even the whole of the line it is cut in.
                count = last.map_or(count, |last| last - 1);
            }
            (Cut::Behind(_) | Cut::HalfOpen(_) | Cut::Answer(_) | Cut::Never, Way::Up | Way::Down) => {}
        }
        end |= to.write_all(&buffer[..count]).is_err();
        bytes += count;
        if end {
            let sender = if way == Way::Up { &from } else { to };
            // The client's side at least.
            let _ = sender.shutdown(Shutdown::Both);
            if !matches!(cut, Cut::HalfOpen(_)) {
                let _ = from.shutdown(Shutdown::Both);
                let _ = to.shutdown(Shutdown::Both);
            }
            return;
        }
    }
}

/// Runs `client send FILE WORDS` over that network, without waiting between its tries.
fn sends(words: &[&str], address: SocketAddr, size: usize) -> (ExitCode, String) {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("noise.bin");
    std::fs::write(&file, harness::noise(1, size)).unwrap();
    let (address, file) = (address.to_string(), file.to_str().unwrap());
    let words: Vec<&str> =
        ["client", "send", file, "--to", &address].into_iter().chain(words.iter().copied()).collect();
    let (console, captured) = Console::captured("");
    let environment = Environment::new([("HOME", home.path().as_os_str())]).in_virtual_time();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let exit = runtime.block_on(client::run(words, environment, console));
    (exit, captured.output_text() + &captured.errors_text())
}

#[test]
fn a_file_arrives_once_wherever_its_connections_are_cut() {
    for mode in ["stateful", "stateless"] {
        // With a session there is the answer to `connect` before that to the file.
        let answers = usize::from(mode == "stateful");
        for cuts in [
            vec![Cut::Behind(20), Cut::Behind(400), Cut::Behind(1_000_000), Cut::Behind(2_999_000)],
            vec![Cut::HalfOpen(1_000_000), Cut::HalfOpen(2_000_000)],
            vec![Cut::Answer(answers)],
            vec![Cut::Answer(answers), Cut::Behind(30), Cut::Answer(0)],
        ] {
            let server = Server::start(Options::default());
            let backend = server.address;
            let all = [cuts.clone(), vec![Cut::Never; 8]].concat();
            let (exit, said) = sends(&["--mode", mode], network(all, move |_| backend), SIZE);
            assert_eq!(exit, ExitCode::Success, "{mode} {cuts:?}: {said}");
            let stored: Vec<Vec<u8>> = harness::visible(&server.storage).into_values().collect();
            assert!(stored == [harness::noise(1, SIZE)], "{mode} {cuts:?}: {} files\n{said}", stored.len());
        }
    }
}

/// Sends through a network that cuts its first connection so, while the server is killed and started again.
fn sends_over_a_kill(first: Cut, words: &'static [&'static str]) -> (ExitCode, String, BTreeMap<String, Vec<u8>>) {
    let folder = tempfile::tempdir().unwrap();
    let storage = folder.path().join("storage");
    let process = Arc::new(Mutex::new(ServerProcess::start(SERVER, &storage, words)));
    let (shared, place) = (process.clone(), storage.clone());
    let address = network([vec![first], vec![Cut::Never; 8]].concat(), move |number| {
        let mut process = shared.lock().unwrap();
        if number == 1 {
            process.kill();
            *process = ServerProcess::start(SERVER, &place, words);
        }
        process.address
    });
    let (exit, said) = sends(&["--mode", "stateful"], address, LARGE);
    process.lock().unwrap().kill();
    (exit, said, harness::visible(&storage))
}

#[test]
fn a_client_outlives_its_server() {
    for (words, first, exit) in [
        (&["--persistence", "sqlite"][..], Cut::Behind(1_000_000), ExitCode::Success),
        (&["--persistence", "sqlite"], Cut::Answer(1), ExitCode::Success),
        // A session in memory is gone with its server. What was cut is not stored, so it may go into another one;
        // what may be stored may not.
        (&[], Cut::Behind(1_000_000), ExitCode::Success),
        (&[], Cut::Answer(1), ExitCode::Connection),
    ] {
        let (ended, said, stored) = sends_over_a_kill(first, words);
        assert_eq!(ended, exit, "{words:?} {first:?}: {said}");
        assert_eq!(stored.len(), 1, "{words:?} {first:?}: {said}");
        assert!(stored.into_values().all(|content| content == harness::noise(1, LARGE)), "{words:?} {first:?}");
    }
}

/// Sends a file over its own connection, then fetches it over a network that cuts its connections so. Gives what was
/// said of the fetch, after the file that came was compared.
fn fetches(mode: &str, cuts: Vec<Cut>, server: impl FnMut(usize) -> SocketAddr + Send + 'static) -> String {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("noise.bin"), harness::noise(1, SIZE)).unwrap();
    let connections = [vec![Cut::Never], cuts, vec![Cut::Never; 8]].concat();
    let to = format!("--to={}", network(connections, server));
    let runs = |words: &[&str]| {
        let words: Vec<&str> = ["client", &to].into_iter().chain(words.iter().copied()).collect();
        let (console, captured) = Console::captured("");
        let environment = Environment::new([("HOME", home.path().as_os_str())]).in_virtual_time();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let exit = runtime.block_on(client::run(words, environment, console));
        assert_eq!(exit, ExitCode::Success, "{mode}: {}{}", captured.output_text(), captured.errors_text());
        captured.output_text()
    };
    let stored_as = runs(&["send", &path("noise.bin"), "--mode", mode, "--quiet"]);
    let said = runs(&["fetch", stored_as.trim(), "-o", &path("back"), "--json"]);
    assert!(std::fs::read(path("back")).unwrap() == harness::noise(1, SIZE), "{mode}: {said}");
    said
}

fn count(said: &str, event: &str) -> usize {
    said.matches(&format!(r#""event":"{event}""#)).count()
}

#[test]
fn a_fetched_file_comes_whole_wherever_its_connections_are_cut() {
    let server = Server::start(Options::default());
    let backend = server.address;
    // The noise is cut at one of its line feeds. In a session there is the answer to `connect` before it.
    let cuts = [Cut::Answer(5_000), Cut::Answer(0), Cut::Answer(1), Cut::Answer(3_000), Cut::Behind(20)];
    // What the server does not say the digest of begins anew.
    for (mode, resumed) in [("stateful", 2), ("stateless", 0)] {
        let said = fetches(mode, cuts.to_vec(), move |_| backend);
        assert_eq!((count(&said, "waiting"), count(&said, "resumed")), (cuts.len(), resumed), "{mode}: {said}");
    }
}

#[test]
fn a_fetch_outlives_its_server() {
    let folder = tempfile::tempdir().unwrap();
    let storage = folder.path().join("storage");
    let start = move || ServerProcess::start(SERVER, &storage, &["--persistence", "sqlite"]);
    let process = Arc::new(Mutex::new(start()));
    let shared = process.clone();
    let said = fetches("stateful", vec![Cut::Answer(5_000)], move |number| {
        let mut process = shared.lock().unwrap();
        if number == 2 {
            process.kill();
            *process = start();
        }
        process.address
    });
    process.lock().unwrap().kill();
    assert_eq!((count(&said, "waiting"), count(&said, "resumed")), (1, 1), "{said}");
}
