//! A contestant that takes part. Nothing but its turn is timed; what arrived is looked at between the turns.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use benches::Family;
use benches::report::Outcome;

use crate::arrivals::Arrivals;
use crate::contestant::{Contestant, Scene};
use crate::source::Source;
use crate::stages::Place;

/// How often the memory of a server that forks is looked at, in the round that does not count.
const LOOK_EVERY: Duration = Duration::from_millis(10);

pub(crate) struct Taking {
    contestant: Box<dyn Contestant>,
    arrivals: Option<Arrivals>,
    source: Arc<Source>,
    files: usize,
    /// A folder whose filesystem is to have nothing left to write when a turn begins.
    synced: Option<PathBuf>,
    turns: usize,
    server_cpu_before_s: Option<f64>,
    client_cpu_s: f64,
    peak_kib: u64,
}

impl Taking {
    /// Has had the turn that does not count: everything was cold, and somebody looked at the server's memory all the
    /// time.
    pub(crate) fn warmed_up(contestant: Box<dyn Contestant>, scene: &Scene, place: Place) -> Self {
        let arrivals = contestant.folder().map(|folder| Arrivals::new(folder.to_owned()));
        let process = contestant.process();
        let mut taking = Self {
            contestant,
            arrivals,
            source: Arc::clone(&scene.source),
            files: scene.work.files_in_all(),
            synced: (place == Place::Disk).then(|| scene.folder.clone()),
            turns: 0,
            server_cpu_before_s: None,
            client_cpu_s: 0.0,
            peak_kib: 0,
        };
        taking.peak_kib = thread::scope(|scope| {
            // Dropped when the turn is over, also when it fails.
            let (turn, ended) = mpsc::channel::<()>();
            let looking = scope.spawn(move || {
                let mut peak_kib = 0;
                while ended.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                    peak_kib = process.map_or(0, |process| Family::of(process).memory().resident_kib).max(peak_kib);
                }
                peak_kib
            });
            taking.turn();
            drop(turn);
            looking.join().expect("a look at the memory")
        });
        taking.client_cpu_s = 0.0;
        taking.server_cpu_before_s = taking.server_cpu_s();
        taking
    }

    pub(crate) fn turn(&mut self) -> Duration {
        if let Some(folder) = &self.synced {
            // What others left to be written must not be waited for by whoever asks for a sync.
            let folder = File::open(folder).expect("a folder");
            rustix::fs::syncfs(&folder).expect("a filesystem to sync");
        }
        let before = own_cpu_s();
        let took = self.contestant.turn(self.turns);
        self.client_cpu_s += own_cpu_s() - before;
        self.turns = self.turns.saturating_add(1);
        if let Some(arrivals) = &mut self.arrivals {
            arrivals.check(self.files, &self.source);
        }
        took
    }

    /// How it did in the turns that counted.
    pub(crate) fn outcome(&self, name: String, seconds: Vec<f64>) -> Outcome {
        let peak_kib = self.contestant.process().map(|process| Family::of(process).memory().peak_kib);
        Outcome {
            name,
            version: self.contestant.version().map(str::to_owned),
            seconds,
            server_cpu_s: self.server_cpu_s().zip(self.server_cpu_before_s).map(|(after, before)| after - before),
            client_cpu_s: self.client_cpu_s,
            peak_kib: peak_kib.map(|peak_kib| peak_kib.max(self.peak_kib)),
        }
    }

    fn server_cpu_s(&self) -> Option<f64> {
        Some(Family::of(self.contestant.process()?).cpu_seconds())
    }
}

/// Of this process and the clients that it ran to their end; the servers it started still run, and do not count.
fn own_cpu_s() -> f64 {
    Family::only(std::process::id()).cpu_seconds()
}
