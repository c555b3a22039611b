//! Checks of the server that remembers nothing.

use lab_kit::{Dice, Failure};

use crate::client::Client;
use crate::due::Service;
use crate::scene::{Kind, Outcome, Scene};
use crate::{Carried, ErrorCode, Key, QUOTA_BYTES, SILENCE_MS_MAX, Subject};

/// A goldfish, and a client whose upload has begun.
fn begun<'subject>(
    subject: &'subject Subject,
    dice: &mut Dice,
    servers: usize,
) -> Result<(Scene<'subject>, Client), Box<Failure>> {
    let mut scene = Scene::new(subject, dice, &vec![Kind::Goldfish; servers])?;
    let client = scene.connect(0, Service::Stateless)?;
    Ok((scene, client))
}

pub(super) fn upload(subject: &Subject, dice: &mut Dice) -> Outcome {
    let (mut scene, mut client) = begun(subject, dice, 1)?;
    let mut other = scene.connect(0, Service::Stateless)?;
    scene.upload(0, &mut client, 300)?;
    scene.upload(0, &mut other, 50)?;
    scene.upload(0, &mut client, 1)?;
    scene.upload(0, &mut other, 0)?;
    scene.upload(0, &mut client, 4_000)
}

pub(super) fn quota(subject: &Subject, dice: &mut Dice) -> Outcome {
    let (mut scene, mut client) = begun(subject, dice, 1)?;
    fill(&mut scene, &mut client)
}

/// Goes up to the quota, tries what is beyond it, and uses what is left.
pub(super) fn fill(scene: &mut Scene<'_>, client: &mut Client) -> Outcome {
    scene.upload(0, client, QUOTA_BYTES - 10)?;
    for too_much in [11, QUOTA_BYTES, u64::MAX] {
        scene.upload(0, client, too_much)?;
    }
    scene.upload(0, client, 4)?;
    scene.upload(0, client, 6)?;
    scene.upload(0, client, 1)
}

pub(super) fn restart(subject: &Subject, dice: &mut Dice) -> Outcome {
    let (mut scene, mut client) = begun(subject, dice, 1)?;
    for size in [300, 1, 4_000] {
        scene.restart(0)?;
        scene.upload(0, &mut client, size)?;
    }
    Ok(())
}

pub(super) fn changed(subject: &Subject, dice: &mut Dice) -> Outcome {
    let (mut scene, mut client) = begun(subject, dice, 1)?;
    scene.upload(0, &mut client, 300)?;
    let Some(Carried::Context(good)) = client.carried.clone() else { return Ok(()) };
    let mut forged = Vec::new();
    for place in 0..good.len() {
        for bit in [1, 0x80] {
            let mut context = good.clone();
            if let Some(byte) = context.get_mut(place) {
                *byte ^= bit;
            }
            forged.push((context, place, format!("its byte {place} was changed")));
        }
        forged.push((good.get(..place).unwrap_or_default().to_vec(), place, format!("cut behind {place} bytes")));
    }
    forged.push(([good.as_slice(), b"\0"].concat(), good.len(), "a byte was added".to_owned()));
    for (context, at, how) in forged {
        let forger = client.forging(context, at, how);
        scene.refused(0, &forger, 300, ErrorCode::SessionUnknown)?;
    }
    // The forger has spoilt nothing.
    scene.upload(0, &mut client, 300)
}

pub(super) fn other_key(subject: &Subject, dice: &mut Dice) -> Outcome {
    let (mut scene, mut client) = begun(subject, dice, 1)?;
    scene.add(Kind::Goldfish, &Key::new([8; 32]))?;
    scene.upload(0, &mut client, 300)?;
    scene.refused(1, &client, 300, ErrorCode::SessionUnknown)?;
    scene.upload(0, &mut client, 300)
}

pub(super) fn in_turn(subject: &Subject, dice: &mut Dice) -> Outcome {
    let (mut scene, mut client) = begun(subject, dice, 2)?;
    let mut other = scene.connect(1, Service::Stateless)?;
    for server in [0, 1, 0, 1, 1, 0] {
        scene.upload(server, &mut client, 300)?;
        scene.upload(1 - server, &mut other, 20)?;
    }
    Ok(())
}

pub(super) fn old_context(subject: &Subject, dice: &mut Dice) -> Outcome {
    let (mut scene, mut client) = begun(subject, dice, 1)?;
    let first = client.remembering("the first one again");
    scene.upload(0, &mut client, 300)?;
    let second = client.remembering("the second one again");
    scene.upload(0, &mut client, 400)?;
    // A reply was lost, and the client asks again.
    scene.upload_again(0, &mut first.clone(), 300)?;
    scene.upload_again(0, &mut second.clone(), 400)?;
    // A client that wants more than its quota goes back to when it had used nothing.
    scene.refused(0, &first, 5, ErrorCode::SequenceReused)?;
    scene.refused(0, &second, 9_000, ErrorCode::SequenceReused)?;
    scene.upload(0, &mut client, 100)
}

pub(super) fn ends(subject: &Subject, dice: &mut Dice) -> Outcome {
    let (mut scene, mut client) = begun(subject, dice, 1)?;
    for _ in 0..3 {
        scene.silence(SILENCE_MS_MAX);
        scene.upload(0, &mut client, 300)?;
    }
    for more in [1, 365 * 24 * 3_600_000] {
        scene.silence(SILENCE_MS_MAX + more);
        scene.refused(0, &client, 300, ErrorCode::SessionGone)?;
    }
    Ok(())
}
