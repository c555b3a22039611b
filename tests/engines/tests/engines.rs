//! The server as programs meet it that share no code with it: a Python client written from PROTOCOL.md, and
//! frames typed into `nc`.

use std::error::Error;
use std::fs;
use std::process::Command;

use serde_json::Value;

use conform::Choice;
use conform::client::Client;
use engines::{root, run, typed_frames};
use server::config::Persistence;

/// A server in the mode `dual` with default limits, on a free port over a fresh folder; it ends when dropped.
fn server() -> harness::Server {
    harness::Server::start(harness::Options::default())
}

/// Lets the Python client judge a running server by this module of tests.
fn judged(server: &harness::Server, module: &str) -> Result<(), Box<dyn Error>> {
    let mut unittest = Command::new("python3");
    unittest
        .args(["-B", "-m", "unittest", "-v", module])
        .current_dir(root().join("tests/engines/python"))
        .env("DFT_ADDRESS", server.address.to_string())
        .env("DFT_STORAGE", &server.storage);
    run(&mut unittest, "python3")?;
    Ok(())
}

#[test]
fn an_independent_client_agrees_with_the_protocol() -> Result<(), Box<dyn Error>> {
    judged(&server(), "test_dft")
}

#[test]
fn an_independent_client_goes_on_with_tickets() -> Result<(), Box<dyn Error>> {
    let options = harness::Options::with(|config| config.persistence = Persistence::Ticket);
    judged(&harness::Server::start(options), "test_tickets")
}

#[test]
fn an_independent_client_is_what_the_kit_demands_of_one() -> Result<(), Box<dyn Error>> {
    let script = root().join("tests/engines/python/dft.py");
    let (script, own) = (script.to_string_lossy(), ["send", "--retries", "6", "--mode", "{mode}", "{file}"]);
    let words = ["python3", "-B", &script, "--to", "{host}:{port}"].into_iter().chain(own).map(str::to_owned).collect();
    let client = Client { words, without: vec!["exit-codes".to_owned()] };
    let choice = Choice { patience: harness::PATIENCE, ..Choice::default() };
    let mut told = String::new();
    let report =
        conform::client::judge(&client, &choice, &mut |outcome| told.push_str(&conform::report::line(outcome)))?;
    assert!(report.count().good() && report.count().not_offered == 1, "{told}");
    Ok(())
}

#[test]
fn frames_typed_as_the_readme_shows_them_are_answered() -> Result<(), Box<dyn Error>> {
    let server = server();
    let typed = typed_frames(&server.address.to_string())?;
    assert!(typed.len() >= 3, "the README types frames: {typed:?}");
    let mut stored = Vec::new();
    for line in &typed {
        // `sh` finds no `nc`, not we; its complaint is in the error.
        let printed = run(Command::new("sh").args(["-ec", line]), "netcat-openbsd")?;
        assert!(!printed.is_empty(), "no answer to: {line}");
        for reply in printed.lines().filter(|reply| *reply != "OK") {
            let reply: Value = serde_json::from_str(reply)?;
            assert_ne!(reply["status"], "error", "{line}\n{reply}");
            if let Some(name) = reply["file"]["stored_as"].as_str() {
                stored.push(fs::read(server.storage.join(name))?);
            }
        }
    }
    assert!(stored.iter().any(|bytes| bytes == b"hello"), "the frame of section 1 stores its five bytes");
    Ok(())
}
