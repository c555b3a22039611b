//! Checks of what it costs: bytes on the wire, and memory.

use lab_kit::{Dice, Failure};

use crate::due::Service;
use crate::measure::{after_uploads, told};
use crate::memory::held_by;
use crate::scene::{Kind, Outcome, Scene};
use crate::{CONTEXT_BYTES_MAX, Carried, SESSION_BYTES_MAX, Subject};

/// Uploads whose memory is counted.
const UPLOADS: usize = 10_000;

/// What a server may hold that has no upload: itself, and a little to work with.
const SERVER_BYTES_MAX: usize = 16 * 1024;

pub(super) fn context(subject: &Subject, dice: &mut Dice) -> Outcome {
    let mut scene = Scene::new(subject, dice, &[Kind::Goldfish])?;
    let mut client = scene.connect(0, Service::Stateless)?;
    for _ in 0..64 {
        scene.upload(0, &mut client, 1)?;
        if let Some(Carried::Context(context)) = &client.carried
            && context.len() > CONTEXT_BYTES_MAX
        {
            let got = format!("{} bytes", context.len());
            return Err(scene.failure(format!("a context of at most {CONTEXT_BYTES_MAX} bytes"), got));
        }
    }
    Ok(())
}

pub(super) fn memory(subject: &Subject, dice: &mut Dice) -> Outcome {
    for (kind, word, bytes_each) in [
        (Kind::Goldfish, "a goldfish", 0),
        (Kind::Elephant { sessions_max: UPLOADS }, "an elephant", SESSION_BYTES_MAX),
    ] {
        let (handler, _) = after_uploads(subject, dice, kind, UPLOADS);
        let held = held_by(handler);
        let bound = UPLOADS.saturating_mul(bytes_each).saturating_add(SERVER_BYTES_MAX);
        if held > bound {
            // Rounded down to a power of two, because allocators differ.
            let held = 1_usize.checked_shl(held.ilog2()).unwrap_or(held);
            return Err(Failure::plain(
                format!("at most {} of memory for {word} after {UPLOADS} uploads", told(bound)),
                format!("more than {}", told(held)),
            ));
        }
    }
    Ok(())
}
