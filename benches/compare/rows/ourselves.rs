//! This server against itself: what state costs wherever it is, and what a promise costs.

use benches::report::Target;
use server::config::Persistence;
use shared::wire::Ack;

use super::{this, twice};
use crate::row::{Row, Service, Work};
use crate::stages::Place;

/// Stateless against stateful on each rung.
pub(super) fn rungs(name: &'static str, how: &str, work: Work, in_flight: usize) -> Row {
    let stateful = |rung: &Persistence| {
        this(&format!("stateful, {}", rung.as_str()), Service { rung: Some(*rung), ..Service::PLAIN }, in_flight)
    };
    let stateless = twice("stateless", Service { rung: None, ..Service::PLAIN }, in_flight);
    Row {
        name,
        title: format!("Stores: {how}, written"),
        place: Place::Memory,
        work,
        entries: [stateless, Persistence::ALL.iter().map(stateful).collect()].concat(),
        targets: vec![Target::IncludesOne("stateful, memory".to_owned())],
    }
}

/// Written against durable.
pub(super) fn acks(name: &'static str, how: &str, work: Work, in_flight: usize) -> Row {
    let durable = this("durable", Service { ack: Ack::Durable, ..Service::PLAIN }, in_flight);
    Row {
        name,
        title: format!("Promises: {how}"),
        place: Place::Disk,
        work,
        entries: [twice("written", Service::PLAIN, in_flight), vec![durable]].concat(),
        targets: Vec::new(),
    }
}
