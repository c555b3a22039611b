//! Uploads of a seed, as they may come together.

use lab_kit::Dice;

use crate::Subject;
use crate::client::Client;
use crate::due::Service;
use crate::scene::{Kind, Outcome, Scene};

/// The two goldfish and the elephant.
const ELEPHANT: usize = 2;

/// Files of the upload that has very many of them.
const MANY: usize = 300;

pub(super) fn any(subject: &Subject, dice: &mut Dice) -> Outcome {
    let mut scene = Scene::new(subject, dice, &[Kind::Goldfish, Kind::Goldfish, Kind::Elephant { sessions_max: 3 }])?;
    let mut small = scene.connect(dice.below(2), Service::Stateless)?;
    let mut clients: Vec<(Client, Service)> = Vec::new();
    for number in 0..6 {
        let service = if number % 2 == 0 { Service::Stateless } else { Service::Stateful };
        clients.push((scene.connect(server(service, dice), service)?, service));
    }
    for round in 0..MANY {
        scene.upload(dice.below(2), &mut small, 1)?;
        if round % 5 > 0 {
            continue;
        }
        let chosen = dice.below(clients.len());
        let Some((client, service)) = clients.get_mut(chosen) else { continue };
        let size = u64::try_from(dice.below(1_200)).unwrap_or_default();
        scene.upload(server(*service, dice), client, size)?;
        match dice.below(4) {
            0 => scene.restart(dice.below(2))?,
            1 => scene.silence(u64::try_from(dice.below(4_000)).unwrap_or_default()),
            _ => {}
        }
    }
    Ok(())
}

/// A server that can serve such a client.
fn server(service: Service, dice: &mut Dice) -> usize {
    match service {
        Service::Stateless => dice.below(2),
        Service::Stateful | Service::Degraded => ELEPHANT,
    }
}
