//! Whether the thousandth costs as much as the first: sessions and sizes, small and large, measured in turns.

use std::path::Path;
use std::sync::Arc;

use benches::growth::{Aim, Growth, Point, Series};
use benches::rounds;

use crate::arguments::Arguments;
use crate::contestant::Scene;
use crate::idle::idle;
use crate::row::{Service, Work};
use crate::source::Source;
use crate::stages::{Place, Stages, filesystem};
use crate::taking::Taking;
use crate::{crowd, this};

type Measure = fn(&Arguments, &Stages) -> Growth;

/// What is measured, and how.
pub(crate) const ALL: [(&str, Measure); 4] =
    [("sessions", sessions), ("sizes-small", small), ("sizes-large", large), ("idle", idle)];

/// Files of a turn, in whichever sessions.
const FILES: usize = 2_000;

const THIS: &str = "this server";
const AGAIN: &str = "this server, again";

/// What is dearer by less may be the machine's mood.
const AS_GOOD_AS_FLAT: f64 = 1.5;

const KIB: u64 = 1_024;
const MIB: u64 = 1_024 * KIB;
const GIB: u64 = 1_024 * MIB;

/// One number of what grows, and the work that is done there.
struct Step {
    at: String,
    work: Work,
    /// Sessions that stay; without, each turn opens its own.
    sessions: Option<usize>,
    /// What the time of a turn is divided by.
    items: usize,
}

/// Time per file with so many sessions open.
fn sessions(arguments: &Arguments, stages: &Stages) -> Growth {
    let counts: &[usize] = if arguments.quick { &[1, 10, 100] } else { &[1, 10, 100, 1_000, 10_000] };
    let files = if arguments.quick { FILES / 10 } else { FILES };
    let step = |sessions: &usize| Step {
        at: sessions.to_string(),
        work: Work { connections: 1, files, bytes: 4 * KIB },
        sessions: Some(*sessions),
        items: files,
    };
    let title = format!("{files} files of 4 KiB in turn, each on the connection of another session");
    let steps: Vec<_> = counts.iter().map(step).collect();
    measured(planned("sessions", title, "open sessions", "µs for each file"), &steps, arguments, stages)
}

/// Time per file, for files that are small.
fn small(arguments: &Arguments, stages: &Stages) -> Growth {
    let files = if arguments.quick { FILES / 10 } else { FILES };
    let step = |bytes: u64| Step {
        at: size(bytes),
        work: Work { connections: 1, files, bytes },
        sessions: None,
        items: files,
    };
    let steps = [0, KIB, 4 * KIB, 16 * KIB, 64 * KIB].map(step);
    let title = format!("{files} small files in turn on one connection");
    let planned = planned("sizes-small", title, "bytes of a file", "µs for each file");
    // A file of more bytes may take longer.
    measured(Growth { targets: Vec::new(), ..planned }, &steps, arguments, stages)
}

/// Time per MiB, for files that are large.
fn large(arguments: &Arguments, stages: &Stages) -> Growth {
    let all = [(MIB, 256), (64 * MIB, 8), (GIB, 1), (4 * GIB, 1)];
    let sizes = if arguments.quick { all.get(..2).unwrap_or_default() } else { &all };
    let step = |(bytes, files): &(u64, usize)| Step {
        at: size(*bytes),
        work: Work { connections: 1, files: *files, bytes: *bytes },
        sessions: None,
        items: usize::try_from(bytes / MIB).expect("a size that fits into memory").saturating_mul(*files),
    };
    let title = "Large files one after the other on one connection".to_owned();
    let steps: Vec<_> = sizes.iter().map(step).collect();
    measured(planned("sizes-large", title, "bytes of a file", "µs for each MiB"), &steps, arguments, stages)
}

/// A growth of which nothing is known yet.
fn planned(name: &str, title: String, growing: &str, unit: &str) -> Growth {
    Growth {
        name: name.to_owned(),
        title,
        filesystem: String::new(),
        growing: growing.to_owned(),
        unit: unit.to_owned(),
        series: Vec::new(),
        missing: Vec::new(),
        targets: vec![Aim::Flat(AS_GOOD_AS_FLAT, THIS.to_owned())],
    }
}

fn measured(mut growth: Growth, steps: &[Step], arguments: &Arguments, stages: &Stages) -> Growth {
    let place = |place| stages.folder(place).join(&growth.name);
    let (memory, disk) = (place(Place::Memory), place(Place::Disk));
    let mut leave_out = |what: String, why: String| {
        crate::say(&format!("NOT MEASURED: {what}. {why}"));
        growth.missing.push((what, why));
    };
    let mut sources = Vec::new();
    for step in steps {
        match step.source(&memory, stages) {
            Ok(source) => sources.push((step, source)),
            Err(why) => leave_out(step.at.clone(), why),
        }
    }
    let mut taking = Vec::new();
    for series in [THIS, AGAIN] {
        for (step, source) in &sources {
            let [folder, disk] = [&memory, &disk].map(|folder| folder.join(&step.at).join(series));
            let source = Arc::clone(source);
            let congestion = arguments.congestion.clone();
            match step.start(&Scene { folder, disk, source, work: step.work, in_flight: 1, congestion }) {
                Ok(one) => taking.push((series, step, one)),
                Err(why) => leave_out(format!("{series}, {}", step.at), why),
            }
        }
    }
    let seconds = rounds(arguments.rounds(), taking.len(), |who| {
        taking.get_mut(who).map(|(_, _, one)| one.turn()).expect("one of them")
    });
    let series = |name: &str| {
        let its = taking.iter().zip(&seconds).filter(|((series, _, _), _)| *series == name);
        let points = its.map(|((_, step, _), seconds)| step.point(seconds));
        Series { name: name.to_owned(), points: points.collect() }
    };
    growth.series = [THIS, AGAIN].map(series).into();
    growth.filesystem = filesystem(&memory);
    drop(taking);
    stages.leave(Place::Memory, &growth.name);
    growth
}

impl Step {
    fn source(&self, memory: &Path, stages: &Stages) -> Result<Arc<Source>, String> {
        let Work { files, bytes, .. } = self.work;
        let all = bytes.saturating_mul(u64::try_from(files).expect("a number of files"));
        // What is sent, what arrives, and something to breathe.
        stages.room_for(Place::Memory, all.saturating_mul(2).saturating_add(GIB))?;
        Ok(Arc::new(Source::make(memory.join(&self.at).join("source"), files, bytes)))
    }

    fn start(&self, scene: &Scene) -> Result<Taking, String> {
        let contestant = match self.sessions {
            Some(sessions) => crowd::start(sessions, scene.clone()),
            None => this::start(Service::PLAIN, scene.clone()),
        };
        Ok(Taking::warmed_up(contestant?, scene, Place::Memory))
    }

    fn point(&self, seconds: &[f64]) -> Point {
        let items = u32::try_from(self.items).map_or(f64::INFINITY, f64::from);
        Point { at: self.at.clone(), costs: seconds.iter().map(|seconds| seconds * 1e6 / items).collect() }
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        bytes if bytes >= GIB => format!("{} GiB", bytes / GIB),
        bytes if bytes >= MIB => format!("{} MiB", bytes / MIB),
        bytes if bytes >= KIB => format!("{} KiB", bytes / KIB),
        bytes => format!("{bytes} B"),
    }
}
