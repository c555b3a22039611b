//! What it takes to be there and do nothing: the memory of the server, divided by those who are there.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use benches::Memory;
use benches::growth::{Aim, Growth, Point, Series};
use server::config::Persistence;
use shared::wire::Ack;

use crate::arguments::Arguments;
use crate::descriptors;
use crate::lane::{Wire as _, connect};
use crate::program::Program;
use crate::row::Service;
use crate::stages::{Place, Stages};
use crate::this::Frames;

/// Below the first of these, a page of memory is coarser than what is weighed.
const COUNTS: [usize; 3] = [100, 1_000, 10_000];

/// More full sessions than these take minutes, and tell nothing else.
const FULL_MAX: usize = 1_000;

/// Who comes side by side, so that a store may share what it writes. Few, because the room of a connection that
/// ended is kept for the next one.
const TOGETHER: usize = 20;

/// Longer than a connection waits for another frame before it is idle.
const MOMENT: Duration = Duration::from_millis(100);

/// Replies that a session keeps, and the empty files that fill it with them.
const KEPT: usize = 64;

/// Who is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Idler {
    /// Connected and never said anything.
    Silent,
    /// Connected, and stored an empty file once.
    Served,
    /// A fresh session whose connection has ended.
    Away(Persistence),
    /// A fresh session on its connection.
    Present(Persistence),
    /// The same with all the replies that it keeps.
    Full,
}

/// Kilobytes for each who is there.
pub(crate) fn idle(arguments: &Arguments, stages: &Stages) -> Growth {
    let idlers = [
        ("connection", Idler::Silent),
        ("connection, again", Idler::Silent),
        ("connection after a request", Idler::Served),
        ("session, memory", Idler::Away(Persistence::Memory)),
        ("session, sqlite", Idler::Away(Persistence::Sqlite)),
        ("session and connection, memory", Idler::Present(Persistence::Memory)),
        ("session and connection, sqlite", Idler::Present(Persistence::Sqlite)),
        ("the same with 64 kept replies, memory", Idler::Full),
    ];
    let mut missing = Vec::new();
    let mut counts = Vec::new();
    for count in COUNTS.into_iter().filter(|count| !arguments.quick || *count <= 1_000) {
        match descriptors::room_for(count) {
            Ok(()) => counts.push(count),
            Err(why) => {
                crate::say(&format!("NOT MEASURED: {count}. {why}"));
                missing.push((count.to_string(), why));
            }
        }
    }
    let empty = |count: &usize| Point { at: count.to_string(), costs: Vec::new() };
    let mut series = idlers.map(|(name, idler)| {
        let its = counts.iter().filter(|count| idler != Idler::Full || **count <= FULL_MAX);
        Series { name: name.to_owned(), points: its.map(empty).collect() }
    });
    for round in 0..arguments.rounds() {
        for (number, (series, (_, idler))) in series.iter_mut().zip(idlers).enumerate() {
            let own = |place| stages.folder(place).join("idle").join(format!("{round}-{number}"));
            let program = Program::start(idler.rung(), Ack::Written, &own(Place::Memory), &own(Place::Disk));
            let its = counts.get(..series.points.len()).unwrap_or_default();
            let weighed = weigh(idler, its, &program.expect("a server"), &arguments.congestion);
            for (point, cost) in series.points.iter_mut().zip(weighed) {
                point.costs.push(cost);
            }
        }
    }
    stages.leave(Place::Memory, "idle");
    let most = |series: &str| Aim::AtMost(2.0, series.to_owned());
    Growth {
        name: "idle".to_owned(),
        title: "Idle: memory of the server for each connection and session".to_owned(),
        filesystem: "tmpfs, the database on a disk".to_owned(),
        growing: "how many".to_owned(),
        unit: "KB (1,000 bytes) each".to_owned(),
        series: series.into(),
        missing,
        targets: ["connection", "connection after a request", "session, memory", "session, sqlite"].map(most).into(),
    }
}

impl Idler {
    fn rung(self) -> Persistence {
        match self {
            Self::Silent | Self::Served | Self::Full => Persistence::Memory,
            Self::Away(rung) | Self::Present(rung) => rung,
        }
    }
}

/// Kilobytes each, at every count.
fn weigh(idler: Idler, counts: &[usize], program: &Program, congestion: &str) -> Vec<f64> {
    let together = |idler, count: usize| -> Vec<TcpStream> {
        let come = || come(idler, program.server.address, congestion);
        thread::scope(|scope| {
            let coming: Vec<_> = (0..count).map(|_| scope.spawn(come)).collect();
            coming.into_iter().map(|one| one.join().expect("somebody who is served")).collect()
        })
    };
    let resident_kb = || {
        // When this one is answered, whoever connected before is accepted.
        drop(together(Idler::Served, 1));
        let memory = || Memory::of(program.server.number()).expect("a system that tells").resident_kib;
        let mut resident_kib = memory();
        // A connection gives back what a frame needed a moment after it.
        loop {
            thread::sleep(MOMENT);
            let before = std::mem::replace(&mut resident_kib, memory());
            if resident_kib >= before {
                break;
            }
        }
        f64::from(u32::try_from(resident_kib).unwrap_or(u32::MAX)) * 1.024
    };
    // What is made once for all is there before anybody counts.
    drop(together(Idler::Full, 1));
    let before = resident_kb();
    let mut there = Vec::new();
    let mut came: usize = 0;
    let cost = |count: &usize| {
        while came < *count {
            let some = TOGETHER.min(count.saturating_sub(came));
            let stay = together(idler, some);
            came = came.saturating_add(some);
            match idler {
                Idler::Away(_) => drop(stay),
                Idler::Silent | Idler::Served | Idler::Present(_) | Idler::Full => there.extend(stay),
            }
        }
        (resident_kb() - before) / u32::try_from(*count).map_or(f64::INFINITY, f64::from)
    };
    counts.iter().map(cost).collect()
}

/// Connects, and does what it did before it fell silent.
fn come(idler: Idler, server: SocketAddr, congestion: &str) -> TcpStream {
    let mut input = connect(server, congestion);
    let (rung, files) = match idler {
        Idler::Silent => return input.into_inner(),
        Idler::Served => (None, 1),
        Idler::Away(rung) | Idler::Present(rung) => (Some(rung), 0),
        Idler::Full => (Some(Persistence::Memory), KEPT),
    };
    let mut frames = Frames::open(&mut input, Service { rung, ..Service::PLAIN });
    for _ in 0..files {
        let (request, _) = frames.envelope(0);
        input.get_mut().write_all(&request).expect("the server takes bytes");
        frames.answer(&mut input);
    }
    input.into_inner()
}
