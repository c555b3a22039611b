//! One run: a server, the network in front of it, a client that sends all files; and in a storm, faults on the way and
//! a server that is killed in the middle and started again.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use client::{Console, Environment};
use harness::ServerProcess;
use lab_kit::proxy::{Chance, Fault, Mix, Plan, Proxy, Way};
use serde::{Deserialize, Serialize};
use trace::{Listener, Recorder, Story};

use crate::Outcome;
use crate::naive;
use crate::question::{Unit, count};
use crate::rung::{Place, Rung};
use crate::tally::{self, Tally};
use crate::workload::{self, Arrived, Workload};

/// The faults are placed below this byte of a connection and direction.
const SPAN: usize = 3 << 20;

/// The same for what the server says, which is less.
const REPLIES_SPAN: usize = 6 << 10;

/// How often a client tries again without progress.
const RETRIES: &str = "40";

/// How often it is looked whether the server is to be killed.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// What the network and the server do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Weather {
    /// Nothing goes wrong.
    Calm,
    /// What this seed makes.
    Storm(u64),
}

/// What one run showed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Lane {
    /// Whether the client said that everything was stored.
    pub(crate) succeeded: bool,
    pub(crate) seconds: f64,
    pub(crate) connections: u64,
    pub(crate) tally: Tally,
    pub(crate) arrived: Arrived,
}

/// The faults in words.
pub(crate) fn faults() -> Vec<String> {
    let chances = mixes().into_iter().flat_map(|mix| mix.chances.into_iter().map(move |chance| (chance, mix.span)));
    let words = |(Chance { fault, way, per_mille }, span)| {
        let way = match way {
            Way::ToServer => "to the server",
            Way::ToClient => "to the client",
        };
        let span = Unit::Bytes.shown(u64::try_from(span).map_or(f64::INFINITY, count));
        format!("{} on the way {way}: {per_mille} of 1000 connections, within their first {span}", fault.name())
    };
    chances
        .map(words)
        .chain(["the server is killed and started again when half of the bytes are there".to_owned()])
        .collect()
}

fn mixes() -> [Mix; 2] {
    let chance = |fault, way, per_mille| Chance { fault, way, per_mille };
    let requests = vec![
        chance(Fault::Reset, Way::ToServer, 600),
        chance(Fault::Split, Way::ToServer, 500),
        chance(Fault::Delay(Duration::from_millis(20)), Way::ToServer, 300),
    ];
    let replies = vec![chance(Fault::Reset, Way::ToClient, 500), chance(Fault::Split, Way::ToClient, 500)];
    [Mix { chances: requests, span: SPAN }, Mix { chances: replies, span: REPLIES_SPAN }]
}

impl Weather {
    fn plan(self) -> Plan {
        match self {
            Self::Calm => Plan::none(),
            Self::Storm(seed) => {
                let [requests, replies] = mixes();
                // With the same dice both would be placed at the same part of their spans.
                Plan::seeded(seed, requests).and(Plan::seeded(!seed, replies))
            }
        }
    }
}

/// Sends all files over this rung.
pub(crate) fn run(place: &Place, weather: Weather, workload: &Workload, files: &[PathBuf]) -> Outcome<Lane> {
    let name = match weather {
        Weather::Calm => "calm",
        Weather::Storm(_) => "storm",
    };
    let storage = place.folder.join(name);
    let server = start(place, &storage)?;
    let proxy = Proxy::start(server.address, weather.plan())?;
    let story = Arc::new(Mutex::new(Story::default()));
    let heard: Arc<dyn Listener> = story.clone();
    let clock = start_clock();
    let recorder = Recorder::new(move || clock.elapsed(), heard);
    let half = u64::try_from(workload.bytes() / 2)?;
    let (sending, sent) = mpsc::channel();
    let (way, kept) = (&proxy, &storage);
    let (succeeded, _server, killed) = thread::scope(|scope| -> Outcome<_> {
        let killer = scope.spawn(move || match weather {
            Weather::Calm => Ok((server, None)),
            Weather::Storm(_) => kill_at(half, way, server, || start(place, kept), clock, &sent),
        });
        let succeeded = send(place, &proxy.address().to_string(), recorder, files);
        drop(sending);
        let (server, killed) = killer.join().map_err(|_| "whoever kills the server has died")??;
        Ok((succeeded?, server, killed))
    })?;
    let seconds = (clock.elapsed().as_secs_f64() * 1e3).round() / 1e3;
    let story = story.lock().unwrap_or_else(PoisonError::into_inner);
    let (tally, answered) = tally::of(&story, killed)?;
    let arrived = workload::arrived(files, &answered, &storage)?;
    Ok(Lane { succeeded, seconds, connections: proxy.counts().connections, tally, arrived })
}

#[expect(clippy::disallowed_methods, reason = "how long things take is a part of what is compared")]
fn start_clock() -> Instant {
    Instant::now()
}

/// Kills the server when so many bytes were on their way to it, and starts it again.
fn kill_at(
    bytes: u64,
    proxy: &Proxy,
    mut server: ServerProcess,
    start: impl Fn() -> Result<ServerProcess, String>,
    clock: Instant,
    sending: &Receiver<()>,
) -> Result<(ServerProcess, Option<Duration>), String> {
    while proxy.counts().to_server < bytes {
        if sending.recv_timeout(LOOK_EVERY) != Err(RecvTimeoutError::Timeout) {
            return Err("the client was done before the server could be killed".to_owned());
        }
    }
    let killed = clock.elapsed();
    server.kill();
    let next = start()?;
    proxy.lead_to(next.address);
    Ok((next, Some(killed)))
}

/// Sends all files as somebody would who has the client; `false` when that says that not everything was stored.
fn send(place: &Place, address: &str, recorder: Recorder, files: &[PathBuf]) -> Outcome<bool> {
    let runtime = tokio::runtime::Runtime::new()?;
    let mode = match place.rung {
        Rung::Naive => return runtime.block_on(naive::send(address, &recorder, files)),
        Rung::Stateless => "stateless",
        Rung::Ticket | Rung::Memory | Rung::Sqlite | Rung::Redis => "stateful",
    };
    let flags = ["client", "send", "--json", "--to", address, "--mode", mode, "--retries", RETRIES];
    let arguments = flags.map(OsString::from).into_iter().chain(files.iter().map(OsString::from));
    let environment = Environment::new([("HOME", place.folder.as_os_str())]).recorded_by(recorder);
    let (console, _said) = Console::captured("");
    let exit = runtime.block_on(client::run(arguments, environment, console));
    Ok(exit == shared::exit::ExitCode::Success)
}

pub(crate) fn start(place: &Place, storage: &Path) -> Result<ServerProcess, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let flags: Vec<_> = place.flags.iter().map(String::as_str).collect();
    let variables: Vec<_> = place.variables.iter().map(|(name, value)| (*name, value.as_os_str())).collect();
    let started = ServerProcess::try_start_with(&program.to_string_lossy(), storage, &flags, &variables);
    started.map_err(|ended| format!("the server does not start: {}", ended.log))
}
