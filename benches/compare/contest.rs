//! One row, measured: everybody who can do its work does it in turns.

use std::fs;
use std::sync::Arc;

use benches::report::Row as Found;
use benches::rounds;

use crate::arguments::Arguments;
use crate::contestant::{Contestant, Scene};
use crate::row::{Row, Who};
use crate::source::Source;
use crate::stages::{Place, Stages, filesystem};
use crate::taking::Taking;
use crate::{this, week01};

/// Measures it.
pub(crate) fn contest(row: &Row, arguments: &Arguments, stages: &Stages) -> Found {
    let folder = stages.folder(row.place).join(row.name);
    let source = Arc::new(Source::make(folder.join("source"), row.work.files_in_all(), row.work.bytes));
    let mut missing = Vec::new();
    let mut taking = Vec::new();
    for (number, entry) in row.entries.iter().enumerate() {
        if matches!(entry.who, Who::Peer(peer) if !arguments.invites(peer)) {
            continue;
        }
        let own = |place| stages.folder(place).join(row.name).join(number.to_string());
        let scene = Scene {
            folder: own(row.place),
            disk: own(Place::Disk),
            source: Arc::clone(&source),
            work: row.work,
            in_flight: entry.in_flight,
            congestion: arguments.congestion.clone(),
        };
        match start(entry.who, scene.clone()) {
            Ok(contestant) => taking.push((entry.name.clone(), Taking::warmed_up(contestant, &scene, row.place))),
            Err(why) => {
                crate::say(&format!("NOT MEASURED: {}. {why}", entry.name));
                missing.push((entry.name.clone(), why));
            }
        }
    }
    let seconds = rounds(arguments.rounds(), taking.len(), |who| {
        taking.get_mut(who).map(|(_, one)| one.turn()).expect("one of them")
    });
    let outcomes = taking.iter().zip(seconds).map(|((name, one), seconds)| one.outcome(name.clone(), seconds));
    let found = row.found(filesystem(&folder), outcomes.collect(), missing);
    drop(taking);
    stages.leave(row.place, row.name);
    found
}

fn start(who: Who, scene: Scene) -> Result<Box<dyn Contestant>, String> {
    fs::create_dir_all(&scene.folder).expect("a fresh folder");
    match who {
        Who::This(service) => this::start(service, scene),
        Who::ThisAsWeek01 => week01::this(scene),
        Who::Peer(peer) => peer.start(scene),
    }
}
