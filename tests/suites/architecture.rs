//! The invariants that no type can hold: who may know whom (ARCHITECTURE.md). Read from the sources
//! themselves, without comments and test modules.

use std::path::{Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The sources below `folder`, as (path from the root, text without comments and unit tests).
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(ROOT).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
                let code: Vec<_> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
                let name = path.strip_prefix(ROOT).unwrap().to_string_lossy().replace('\\', "/");
                found.push((name, code.join("\n")));
            }
        }
    }
    assert!(!found.is_empty(), "no sources below {folder}");
    found
}

/// The places below `folder` that name one of `words`, except in files whose path contains one of `except`.
fn mentions(folder: &str, words: &[&str], except: &[&str]) -> Vec<String> {
    let mut places = Vec::new();
    for (path, code) in sources(folder) {
        if except.iter().any(|exempt| path.contains(exempt)) {
            continue;
        }
        for word in words.iter().filter(|word| code.contains(**word)) {
            places.push(format!("{path} names {word}"));
        }
    }
    places
}

#[test]
fn nobody_knows_whom_they_must_not_know() {
    for (folder, words, except) in [
        ("server/src/handler", &["crate::net", "tokio::net", "TcpStream", "crate::app"][..], &[][..]),
        (
            "server/src/sessions",
            &["shared::wire", "crate::handler", "crate::net", "crate::files", "crate::dispatch"],
            &[],
        ),
        (
            "server/src/files",
            &["crate::sessions", "crate::handler", "crate::net", "shared::session", "crate::dispatch"],
            &[],
        ),
        ("server/src/net", &["crate::sessions", "crate::app"], &[]),
        ("server/src", &["crate::app"], &["main.rs", "lib.rs"]),
        (
            "server/src",
            &[
                "LocalStorage",
                "MemoryStore::default",
                "SqliteStore::open",
                "RedisStore::new",
                "TicketStore::new",
                "SystemClock",
                "SystemDice",
            ],
            &["app.rs", "env.rs", "files/", "sessions/"],
        ),
        (
            "server/src",
            &["std::fs", "rustix::fs"],
            &[
                "files/local",
                "files/platform",
                "files/contract",
                "sessions/ticket/keys.rs",
                "private.rs",
                "cli.rs",
                "ladder.rs",
            ],
        ),
        ("server/src", &["rusqlite"], &["sessions/sqlite"]),
        ("server/src", &["redis::"], &["sessions/", "config/redis_url.rs", "app.rs"]),
        ("server/src", &["tokio::fs"], &[]),
        ("client/src", &["tokio::fs", "use server"], &[]),
        ("server/src", &["use client", "tokio::net"], &["net/", "app.rs"]),
        (
            "labs/trace/src",
            &["std::fs", "TcpStream", "TcpListener", "SystemTime", "Instant", "use server", "use client"],
            &["tests.rs"],
        ),
        ("labs/conform/src", &["shared::", "server::config", "use client::", "harness"], &[]),
        // What is taught must stand without the server, and no check may know an answer.
        ("labs", &["use server", "use client", "use shared"], &["labs/trace/", "labs/conform/", "labs/compare/"]),
        ("labs", &["solution_0"], &["labs/solutions/"]),
        ("labs/kit", &["grade_"], &[]),
        ("labs/runner", &["grade_"], &[]),
        ("shared/src", &["std::fs", "std::net::Tcp", "std::time", "tokio", "std::env", "async fn"], &[]),
    ] {
        assert_eq!(mentions(folder, words, except), Vec::<String>::new(), "in {folder}");
    }
}

#[test]
fn every_select_is_biased() {
    for folder in ["server/src", "client/src"] {
        for (path, code) in sources(folder) {
            for arms in code.split("select! {").skip(1) {
                assert!(arms.trim_start().starts_with("biased;"), "a select! in {path} is not biased");
            }
        }
    }
}
