//! All rows, in the order in which they are measured.

mod others;
mod ourselves;

use benches::report::Target;

use crate::peer::Peer;
use crate::row::{Entry, Row, Service, Who, Work};

/// What the rows are called.
pub(crate) const NAMES: [&str; 15] = [
    "large",
    "large-blake3",
    "turn",
    "flight",
    "hundred",
    "durable",
    "week01-one",
    "week01-hundred",
    "rungs-turn",
    "rungs-flight",
    "rungs-hundred",
    "acks-turn",
    "acks-flight",
    "acks-hundred",
    "acks-large",
];

/// Unanswered requests on a connection, where many are in flight: as many as the server's `hello` allows.
const IN_FLIGHT: usize = 32;

/// Each as large as it takes to claim something, or small.
pub(crate) fn rows(quick: bool) -> Vec<Row> {
    let large = Work { connections: 1, files: 1, bytes: if quick { 64 } else { 1_024 } * 1_024 * 1_024 };
    let small = |connections: usize, files: usize| {
        let files = if quick { (files / 10).max(2) } else { files };
        Work { connections, files, bytes: 4 * 1_024 }
    };
    let (one, hundred) = (small(1, 4_000), small(100, 40));
    let in_turn = format!("{} files of 4 KiB in turn on one connection", one.files);
    let in_flight = format!("{} files of 4 KiB on one connection, {IN_FLIGHT} in flight", one.files);
    let on_hundred = format!("100 connections, {} files of 4 KiB in turn on each", hundred.files);
    let whole = format!("{} MiB in one file", large.bytes / 1_024 / 1_024);
    vec![
        others::large(large),
        others::large_with_blake3(large),
        others::turn(one),
        others::flight(one),
        others::hundred(hundred),
        others::durable(one),
        others::week01("week01-one", one),
        others::week01("week01-hundred", hundred),
        ourselves::rungs("rungs-turn", &in_turn, one, 1),
        ourselves::rungs("rungs-flight", &in_flight, one, IN_FLIGHT),
        ourselves::rungs("rungs-hundred", &on_hundred, hundred, 1),
        ourselves::acks("acks-turn", &in_turn, one, 1),
        ourselves::acks("acks-flight", &in_flight, one, IN_FLIGHT),
        ourselves::acks("acks-hundred", &on_hundred, hundred, 1),
        ourselves::acks("acks-large", &whole, large, 1),
    ]
}

fn entry(name: &str, who: Who, in_flight: usize) -> Entry {
    Entry { name: name.to_owned(), who, in_flight }
}

fn this(name: &str, service: Service, in_flight: usize) -> Entry {
    entry(name, Who::This(service), in_flight)
}

/// With its control.
fn twice(name: &str, service: Service, in_flight: usize) -> Vec<Entry> {
    vec![this(name, service, in_flight), this(&format!("{name}, again"), service, in_flight)]
}

fn others(peers: &[Peer], in_flight: usize) -> Vec<Entry> {
    peers.iter().map(|peer| entry(peer.name(), Who::Peer(*peer), in_flight)).collect()
}

fn at_least(times: f64, other: &str) -> Target {
    Target::AtLeast(times, other.to_owned())
}

fn ahead_of(peers: &[Peer]) -> Vec<Target> {
    peers.iter().map(|peer| at_least(1.0, peer.name())).collect()
}
