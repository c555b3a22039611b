//! The plan's figures, measured on this machine: `cargo bench -p benches --bench modes`.
//!
//! Clients and server share the machine and talk over loopback. What is compared is measured in turns within one
//! run, and given as a ratio with its range, because absolute figures move from run to run. Beside each comparison
//! stands a control, the same thing against itself: what differs less than the control does is no difference.
#![expect(clippy::expect_used, reason = "a bench that fails says where, and ends")]

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use benches::{Clock, FILE, Family, Memory, Sample, Spread, Uploads, Work, latencies, rounds, uploads_in_turn, week01};
use harness::{ServerProcess, noise};
use shared::wire::{Ack, Mode};
use tempfile::TempDir;

const SERVER: &str = env!("CARGO_BIN_EXE_bench-server");
const PEER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peer/week01_server.py");

const CONNECTIONS: usize = 100;
const SESSIONS: usize = 50;
const STARTS: usize = 9;
const LATENCY_ROUNDS: usize = 5;
const PAIRS: usize = 15;
const PEER_PAIRS: usize = 9;

fn main() {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    say(&format!("{cores} cores; storage in {}", storage_root().display()));
    start_time();
    connections_at_once();
    sessions_in_memory();
    one_mode_against_the_other();
    against_week01();
    say("");
    say("Left out: other machines and networks, TLS, power cuts (durable asks the disk to keep what it was given and");
    say("believes it), the client program (a raw client sends ready-made bytes), files that come back (fetch), and");
    say("what the peer does not do: limits, digests, durability, answers that cannot destroy files.");
}

fn start_time() {
    heading("Start", "program started until it says where it listens, fresh folder; the plan: under 5 s");
    let starts = (0..STARTS).map(|_| {
        let folder = fresh();
        let clock = Clock::start();
        let server = ServerProcess::start(SERVER, &folder.path().join("storage"), &[]);
        let took = clock.elapsed();
        drop(server);
        millis(took)
    });
    row(&format!("{STARTS} starts, ms"), Spread::of(starts));
}

fn connections_at_once() {
    let files = 20;
    heading(
        &format!("{CONNECTIONS} connections at once, {files} files of {FILE} bytes on each, one after the other"),
        "first byte sent until answered; the plan: under 100 ms stateless, under 200 ms stateful",
    );
    let folder = fresh();
    let server = ServerProcess::start(SERVER, &folder.path().join("storage"), &[]);
    let kinds: Vec<_> = Mode::ALL.into_iter().flat_map(|mode| Ack::ALL.map(|ack| (mode, ack))).collect();
    let mut samples: Vec<_> = kinds.iter().map(|_| Sample::default()).collect();
    // In turns, because whoever comes first finds a cold machine.
    let rounds = rounds(LATENCY_ROUNDS, kinds.len(), |who| {
        let (mode, ack) = *kinds.get(who).expect("one of the kinds");
        let (sample, took) = latencies(server.address, mode, ack, CONNECTIONS, files);
        samples.get_mut(who).expect("one of the kinds").extend(sample);
        took
    });
    for (who, ((mode, ack), sample)) in kinds.iter().zip(&samples).enumerate() {
        let [half, most, all] = [500, 990, 1_000].map(|per_mille| millis(sample.per_mille(per_mille)));
        row(&format!("{mode}, {}, files/s", ack.as_str()), rates(&rounds, who, CONNECTIONS.saturating_mul(files)));
        say(&format!("    p50 {half:.2} ms, p99 {most:.2} ms, max {all:.2} ms of {} files", sample.count()));
    }
}

fn sessions_in_memory() {
    heading(&format!("{SESSIONS} sessions, each with its connection"), "server process; the plan: under 100 MB");
    let folder = fresh();
    let server = ServerProcess::start(SERVER, &folder.path().join("storage"), &[]);
    let tell = |what: &str| match Memory::of(server.number()) {
        Some(memory) => say(&format!(
            "  {what:<32} resident {:7.1} MiB   peak {:7.1} MiB",
            mebi(memory.resident_kib),
            mebi(memory.peak_kib)
        )),
        None => say(&format!("  {what:<32} this system does not tell (there is no /proc)")),
    };
    tell("nobody connected");
    let connect = || Uploads::connect(server.address, Mode::Stateful, Ack::Written);
    let mut sessions: Vec<_> = (0..SESSIONS).map(|_| connect()).collect();
    tell("opened");
    for files in [1, 63] {
        for session in &mut sessions {
            session.send(files);
        }
        tell(if files == 1 { "one file stored in each" } else { "64 files stored in each" });
    }
}

fn one_mode_against_the_other() {
    let files = 500;
    heading(
        &format!("Stateful against stateless, {files} files of {FILE} bytes in turn on one connection, written"),
        &format!("time of the one / time of the other, {PAIRS} rounds in changing order: median (range)"),
    );
    let folder = fresh();
    let server = ServerProcess::start(SERVER, &folder.path().join("storage"), &[]);
    let mut contestants = [Mode::Stateless, Mode::Stateful, Mode::Stateless].map(|mode| {
        let mut uploads = Uploads::connect(server.address, mode, Ack::Written);
        uploads.send(files);
        uploads
    });
    let rounds = rounds(PAIRS, 3, |who| {
        contestants.get_mut(who).map(|uploads| uploads_in_turn(uploads, files)).expect("one of the three")
    });
    row("stateful / stateless", ratio(&rounds, 1, 0));
    row("control: stateless / stateless", ratio(&rounds, 2, 0));
    row("stateless, files/s", rates(&rounds, 0, files));
    row("stateful, files/s", rates(&rounds, 1, files));
}

fn against_week01() {
    heading(
        "Week 01's wire: this server against a small Python server",
        &format!("time of the one / time of the other, {PEER_PAIRS} rounds in changing order: median (range)"),
    );
    if !Command::new("python3").arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success()) {
        say("  python3 is missing, so there is nothing to compare with");
        return;
    }
    let folder = fresh();
    let written = folder.path().join("written.yaml");
    fs::write(&written, "server:\n  ack: written\n").expect("a configuration file");
    let written = ["--config", written.to_str().expect("a path in UTF-8")];
    // The first three keep the same promise: the file is there when the server, not the machine, crashes.
    let servers = [(PEER, &[][..]), (SERVER, &written[..]), (SERVER, &written[..]), (SERVER, &[][..])];
    let (small, large) = (noise(2, FILE), noise(2, 16 * 1024 * 1024));
    let works = [
        ("one connection, 500 files of 4 KiB", Work { connections: 1, files: 500, payload: &small }),
        ("100 connections, 10 files of 4 KiB each", Work { connections: 100, files: 10, payload: &small }),
        ("one connection, 4 files of 16 MiB", Work { connections: 1, files: 4, payload: &large }),
    ];
    for (name, work) in works {
        say(&format!("  {name}"));
        // Each work and each server has a folder of its own, because a folder's past slows it down.
        let folder = fresh();
        let storages: Vec<_> = (0..servers.len()).map(|number| folder.path().join(number.to_string())).collect();
        let started: Vec<_> = servers
            .iter()
            .zip(&storages)
            .map(|((program, flags), storage)| ServerProcess::start(program, storage, flags))
            .collect();
        for server in &started {
            let _warm = week01(server.address, work);
        }
        let used = |number: usize| started.get(number).map(|server| Family::of(server.number()).cpu_seconds());
        let before = [used(0), used(1), used(3)];
        let rounds = rounds(PEER_PAIRS, started.len(), |who| {
            started.get(who).map(|server| week01(server.address, work)).expect("one of the servers")
        });
        for storage in &storages {
            let expected = work.files_in_all().saturating_mul(PEER_PAIRS.saturating_add(1));
            assert_eq!(visible(storage), expected, "every file has arrived in {}", storage.display());
        }
        if let ([Some(a), Some(b), Some(c)], [Some(d), Some(e), Some(f)]) = (before, [used(0), used(1), used(3)]) {
            say(&format!(
                "    processor time in all rounds: peer {:.2} s, this written {:.2} s, durable {:.2} s",
                d - a,
                e - b,
                f - c
            ));
        }
        row("  peer / this, both written", ratio(&rounds, 0, 1));
        row("  peer / this, only this durable", ratio(&rounds, 0, 3));
        row("  control: this / this", ratio(&rounds, 2, 1));
        row("  peer, files/s", rates(&rounds, 0, work.files_in_all()));
        row("  this, written, files/s", rates(&rounds, 1, work.files_in_all()));
        row("  this, durable, files/s", rates(&rounds, 3, work.files_in_all()));
    }
}

/// The ratio of two contestants, round by round.
fn ratio(seconds: &[Vec<f64>], one: usize, other: usize) -> Option<Spread> {
    Spread::of_ratios(seconds.get(one)?, seconds.get(other)?)
}

/// Things per second of one contestant.
fn rates(seconds: &[Vec<f64>], who: usize, things: usize) -> Option<Spread> {
    Spread::of_rates(seconds.get(who)?, count(things))
}

fn visible(storage: &Path) -> usize {
    let names = fs::read_dir(storage).expect("a storage folder").map(|entry| entry.expect("an entry").file_name());
    names.filter(|name| !name.to_string_lossy().starts_with('.')).count()
}

/// A folder on the disk that the build is on, which `/tmp` is not everywhere.
fn fresh() -> TempDir {
    TempDir::new_in(storage_root()).expect("a fresh folder")
}

fn storage_root() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn mebi(kib: u64) -> f64 {
    u32::try_from(kib).map_or(f64::INFINITY, f64::from) / 1_024.0
}

fn count(things: usize) -> f64 {
    u32::try_from(things).map_or(f64::INFINITY, f64::from)
}

fn heading(what: &str, how: &str) {
    say(&format!("\n{what}\n  ({how})"));
}

fn row(what: &str, spread: Option<Spread>) {
    let spread = spread.map_or_else(|| "nothing measured".to_owned(), |spread| spread.to_string());
    say(&format!("  {what:<36} {spread}"));
}

/// A reader who has seen enough is no error.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
