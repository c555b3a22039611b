//! Checks of the server that remembers.

use lab_kit::Dice;

use super::goldfish::fill;
use crate::due::Service;
use crate::scene::{Kind, Outcome, Scene};
use crate::{Carried, ErrorCode, SILENCE_MS_MAX, Subject};

pub(super) fn upload(subject: &Subject, dice: &mut Dice) -> Outcome {
    let mut scene = Scene::new(subject, dice, &[Kind::ROOMY])?;
    let mut client = scene.connect(0, Service::Stateful)?;
    let mut other = scene.connect(0, Service::Stateful)?;
    scene.upload(0, &mut client, 300)?;
    scene.upload(0, &mut other, 50)?;
    scene.upload(0, &mut client, 1)?;
    scene.upload(0, &mut other, 0)?;
    scene.upload(0, &mut client, 4_000)
}

pub(super) fn quota(subject: &Subject, dice: &mut Dice) -> Outcome {
    let mut scene = Scene::new(subject, dice, &[Kind::ROOMY])?;
    let mut client = scene.connect(0, Service::Stateful)?;
    fill(&mut scene, &mut client)
}

pub(super) fn forgot(subject: &Subject, dice: &mut Dice) -> Outcome {
    let mut scene = Scene::new(subject, dice, &[Kind::ROOMY, Kind::ROOMY])?;
    let mut client = scene.connect(0, Service::Stateful)?;
    scene.upload(0, &mut client, 300)?;
    // The other one has never heard of it.
    scene.refused(1, &client, 300, ErrorCode::SessionUnknown)?;
    let stranger = client.bringing(Carried::Session(scene.world.new_id()), "one that nobody opened");
    scene.refused(0, &stranger, 300, ErrorCode::SessionUnknown)?;
    scene.upload(0, &mut client, 300)?;
    scene.restart(0)?;
    scene.refused(0, &client, 300, ErrorCode::SessionUnknown)
}

pub(super) fn silent(subject: &Subject, dice: &mut Dice) -> Outcome {
    let mut scene = Scene::new(subject, dice, &[Kind::Elephant { sessions_max: 2 }])?;
    let mut client = scene.connect(0, Service::Stateful)?;
    let silent = scene.connect(0, Service::Stateful)?;
    for _ in 0..2 {
        scene.silence(SILENCE_MS_MAX / 2);
        scene.upload(0, &mut client, 300)?;
    }
    // Only now is the other one silent for too long, and there is room.
    scene.silence(1);
    let mut next = scene.connect(0, Service::Stateful)?;
    scene.refused(0, &silent, 300, ErrorCode::SessionUnknown)?;
    scene.silence(SILENCE_MS_MAX - 1);
    scene.upload(0, &mut client, 300)?;
    scene.silence(1);
    scene.upload(0, &mut next, 300)?;
    scene.silence(SILENCE_MS_MAX + 1);
    scene.refused(0, &next, 300, ErrorCode::SessionUnknown)
}

pub(super) fn full(subject: &Subject, dice: &mut Dice) -> Outcome {
    let mut scene = Scene::new(subject, dice, &[Kind::Elephant { sessions_max: 2 }])?;
    let mut first = scene.connect(0, Service::Stateful)?;
    let mut second = scene.connect(0, Service::Stateful)?;
    let mut third = scene.connect(0, Service::Degraded)?;
    scene.upload(0, &mut third, 300)?;
    scene.upload(0, &mut first, 300)?;
    scene.upload(0, &mut second, 300)?;
    scene.upload(0, &mut third, 9_000)?;
    scene.upload(0, &mut third, 1_000)?;
    scene.restart(0)?;
    // There is room again, and still the client has its upload in its hands.
    scene.upload(0, &mut third, 20)?;
    scene.refused(0, &first, 300, ErrorCode::SessionUnknown)?;
    scene.connect(0, Service::Stateful).map(drop)
}
