//! What the server, or its store, holds for a session that is open and does nothing.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::Path;

use engines::redis::Redis;
use harness::frame;

use crate::Outcome;
use crate::rung::{Place, Rung};
use crate::storm::start;

/// Bytes for each of so many sessions: of the server's memory, of its database, and of Redis. On a rung without sessions,
/// for each connection that came and went. None where the system does not tell how much memory a process has.
pub(crate) fn per_session(place: &Place, sessions: u64, redis: Option<&Redis>) -> Outcome<Option<u64>> {
    let storage = place.folder.join("memory");
    let server = start(place, &storage)?;
    let held = || -> Outcome<Option<u64>> {
        let redis = match (place.rung, redis) {
            (Rung::Redis, Some(redis)) => redis_bytes(redis)?,
            _ => 0,
        };
        let stored = redis.saturating_add(folder_bytes(&storage.join(".sessions")));
        Ok(resident_bytes(server.number()).map(|resident| resident.saturating_add(stored)))
    };
    let (header, status) = if place.rung.is_stateful() {
        (frame::stateful("connect"), "session_created")
    } else {
        (frame::stateless("hello"), "hello")
    };
    let open = |count: u64| {
        for _ in 0..count {
            let _ = server.connect().ask(&header, b"").is(status);
        }
    };
    // What is made once is there before anything is weighed.
    open(sessions.div_ceil(10));
    let before = held()?;
    open(sessions);
    let after = held()?;
    Ok(before.zip(after).map(|(before, after)| after.saturating_sub(before) / sessions))
}

fn resident_bytes(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib.saturating_mul(1_024))
}

fn folder_bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}

fn redis_bytes(redis: &Redis) -> Outcome<u64> {
    let url = redis.url();
    let address = url.trim_start_matches("redis://").split('/').next().unwrap_or_default();
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"INFO memory\r\nQUIT\r\n")?;
    for line in BufReader::new(stream).lines() {
        if let Some(bytes) = line?.strip_prefix("used_memory:") {
            return Ok(bytes.trim().parse()?);
        }
    }
    Err("Redis does not tell its memory".into())
}
