//! The real client and the real server with several files of a session under way, over a network that cuts, and over
//! a server that is killed. However that ends, each file is stored once, under numbers without a gap.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use client::{Console, Environment};
use harness::{Options, Server, ServerProcess};
use shared::exit::ExitCode;

use super::cut::{Cut, network};
use crate::SERVER;

const FILES: u64 = 6;

fn contents() -> Vec<Vec<u8>> {
    (1..=FILES).map(|number| harness::noise(number, 40)).collect()
}

/// Sends a folder of files, over a network that cuts its first connections so, to the server that is there at each
/// connection. Gives what was said, and how many connections it took.
fn sends(cuts: &[Cut], mut server: impl FnMut(usize) -> std::net::SocketAddr + Send + 'static) -> (String, usize) {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("files");
    std::fs::create_dir(&folder).unwrap();
    for (number, content) in contents().iter().enumerate() {
        std::fs::write(folder.join(format!("{number}.bin")), content).unwrap();
    }
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    let all = [cuts, &[Cut::Never; 8]].concat();
    let address = network(all, move |number| {
        count.fetch_add(1, Ordering::SeqCst);
        server(number)
    });
    let (address, folder) = (address.to_string(), folder.to_str().unwrap());
    let words = ["client", "send", folder, "--mode", "stateful", "--to", &address];
    let (console, captured) = Console::captured("");
    let environment = Environment::new([("HOME", home.path().as_os_str())]).in_virtual_time();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let exit = runtime.block_on(client::run(words, environment, console));
    let said = captured.output_text() + &captured.errors_text();
    assert_eq!(exit, ExitCode::Success, "{cuts:?}: {said}");
    (said, connections.load(Ordering::SeqCst))
}

/// Each session has every file once, in their order, under the numbers from 1 on.
fn each_is_stored_once(storage: &Path, sessions: usize, told: &str) {
    let mut shelves: BTreeMap<String, BTreeMap<u64, Vec<u8>>> = BTreeMap::new();
    for (name, content) in harness::visible(storage) {
        let (session, file) = name.split_once("/file_").unwrap();
        let sequence = file.split('_').next().unwrap().parse().unwrap();
        shelves.entry(session.to_owned()).or_default().insert(sequence, content);
    }
    assert_eq!(shelves.len(), sessions, "{told}");
    for shelf in shelves.into_values() {
        assert_eq!(shelf.keys().copied().collect::<Vec<_>>(), (1..=FILES).collect::<Vec<_>>(), "{told}");
        assert!(shelf.into_values().eq(contents()), "{told}");
    }
}

#[test]
fn files_under_way_together_are_each_stored_once_wherever_their_connection_is_cut() {
    let server = Server::start(Options::default());
    let backend = server.address;
    let mut sessions = 0;
    // No frame is a multiple of this long, so every class of byte is met in one of them.
    for place in (1..).step_by(11) {
        let (said, connections) = sends(&[Cut::Behind(place)], move |_| backend);
        sessions += 1;
        each_is_stored_once(&server.storage, sessions, &format!("behind {place}: {said}"));
        if connections == 1 {
            break;
        }
    }
    assert!(sessions > 100, "{sessions} places to cut are too few for {FILES} frames");
    for answers in 0..=usize::try_from(FILES).unwrap() {
        for cuts in [vec![Cut::Answer(answers)], vec![Cut::Answer(answers), Cut::Answer(1), Cut::Answer(1)]] {
            let told = format!("{cuts:?}");
            sends(&cuts, move |_| backend);
            sessions += 1;
            each_is_stored_once(&server.storage, sessions, &told);
        }
    }
    // The server does not hear of these, and goes on with what it has.
    for place in (150..3_000).step_by(377) {
        let (said, _) = sends(&[Cut::HalfOpen(place)], move |_| backend);
        sessions += 1;
        each_is_stored_once(&server.storage, sessions, &format!("half open behind {place}: {said}"));
    }
}

#[test]
fn files_under_way_together_outlive_their_server() {
    for first in
        [Cut::Behind(700), Cut::Behind(1_400), Cut::Behind(2_100), Cut::Answer(1), Cut::Answer(3), Cut::Answer(6)]
    {
        let folder = tempfile::tempdir().unwrap();
        let storage = folder.path().join("storage");
        let flags = ["--persistence", "sqlite"];
        let process = Arc::new(Mutex::new(ServerProcess::start(SERVER, &storage, &flags)));
        let (shared, place) = (process.clone(), storage.clone());
        let (said, connections) = sends(&[first], move |number| {
            let mut process = shared.lock().unwrap();
            if number == 1 {
                process.kill();
                *process = ServerProcess::start(SERVER, &place, &flags);
            }
            process.address
        });
        assert!(connections > 1, "{first:?}: {said}");
        process.lock().unwrap().kill();
        each_is_stored_once(&storage, 1, &format!("{first:?}: {said}"));
    }
}
