//! The real client and the real server with a network between them that misbehaves by a seed: cuts reads where it
//! likes, holds them back, closes and resets connections in both directions. What the client says is stored is there,
//! whole, and once.

use std::time::Duration;

use client::{Console, Environment};
use harness::{Options, Server};
use lab_kit::proxy::{Chance, Fault, Mix, Plan, Proxy, Way};
use shared::exit::ExitCode;

const FILES: u64 = 5;
const SIZE: usize = 2_000;
const SEEDS: u64 = 10;

/// Connections that end early in one way or the other, and what must not matter to anybody. About every second
/// connection is left whole, so a client that goes on comes to an end.
fn mix() -> Mix {
    let harmless = [Fault::Split, Fault::Coalesce(700), Fault::Delay(Duration::from_millis(2))];
    let ends = [Fault::Close, Fault::Reset];
    let rows = harmless.map(|fault| (fault, 400)).into_iter().chain(ends.map(|fault| (fault, 150)));
    let both = |(fault, per_mille)| [Way::ToServer, Way::ToClient].map(|way| Chance { fault, way, per_mille });
    Mix { chances: rows.flat_map(both).collect(), span: 3_000 }
}

/// Sends the files to `address`, without waiting between its tries.
fn sends(address: &str, mode: &str, contents: &[Vec<u8>]) -> (ExitCode, String) {
    let home = tempfile::tempdir().unwrap();
    let files = (1..).zip(contents).map(|(number, content)| {
        let file = home.path().join(format!("{number}.bin"));
        std::fs::write(&file, content).unwrap();
        file.to_str().unwrap().to_owned()
    });
    let files: Vec<String> = files.collect();
    let words = ["client", "send", "--to", address, "--mode", mode].into_iter().chain(files.iter().map(String::as_str));
    let (console, captured) = Console::captured("");
    let environment = Environment::new([("HOME", home.path().as_os_str())]).in_virtual_time();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let exit = runtime.block_on(client::run(words, environment, console));
    (exit, captured.output_text() + &captured.errors_text())
}

#[test]
fn what_was_acknowledged_is_there_once_whatever_the_network_does() {
    let mut contents: Vec<Vec<u8>> = (1..=FILES).map(|seed| harness::noise(seed, SIZE)).collect();
    contents.sort();
    let mut ended = 0;
    for mode in ["stateful", "stateless"] {
        for seed in 1..=SEEDS {
            let server = Server::start(Options::default());
            let proxy = Proxy::start(server.address, Plan::seeded(seed, mix())).unwrap();
            let (exit, said) = sends(&proxy.address().to_string(), mode, &contents);
            let told = || format!("{mode}, seed {seed}: {said}\n{}", proxy.recording().whole());
            assert_eq!(exit, ExitCode::Success, "{}", told());
            let mut stored: Vec<Vec<u8>> = harness::visible(&server.storage).into_values().collect();
            stored.sort();
            assert!(stored == contents, "{} files: {}", stored.len(), told());
            let faults = proxy.counts().faults;
            ended += [Fault::Close, Fault::Reset].iter().filter_map(|fault| faults.get(fault.name())).sum::<u64>();
        }
    }
    assert!(ended >= SEEDS, "only {ended} connections ended early, so nothing was tried");
}
