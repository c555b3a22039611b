//! Which request a kept reply answers, how many are kept, and that nothing else is.

use std::rc::Rc;

use lab_kit::{Check, Dice, Failure, caught};

use super::{REPEATS, check, file, numbered};
use crate::memory::kept_by;
use crate::world::{Outcome, World};
use crate::{KEPT_MAX, Sequence, Upload, Work};

/// Uploads of a session that is long.
const LONG_SESSION: u64 = 20_000;
/// What a gate may hold after them: its replies, and room to grow.
const KEPT_BYTES_MAX: usize = 64 * 1024;

pub(super) fn checks() -> Vec<Check<Work>> {
    vec![
        check(
            "another_request_under_a_used_number",
            5,
            "A used number answers its own request only, and shows nothing of its reply to another.",
            REPEATS,
            another_request,
        ),
        check(
            "the_same_request_in_other_words",
            5,
            "A request is the same whatever part of the file it still brings, and whether it states a digest.",
            REPEATS,
            other_words,
        ),
        check(
            "the_last_64_replies",
            5,
            "The last 64 replies are kept; a number before them is refused, never applied again.",
            &["each_number_has_its_own_reply"],
            last_replies,
        ),
        check(
            "what_is_kept_has_a_bound",
            5,
            "A session of any length takes less than 64 KiB of memory.",
            &["the_last_64_replies"],
            bound,
        ),
    ]
}

fn another_request(work: &Work, _: &mut Dice) -> Outcome {
    let mut world = World::new(&*work.gate)?;
    let (client, _) = world.connect("client")?;
    let first = file("a.txt", "hello");
    world.send(client, Sequence(1), &first)?;
    let longer = Rc::new(Upload::new("a.txt", "hello, world").without_digest());
    for other in [file("b.txt", "hello"), longer, file("a.txt", "HELLO")] {
        world.send(client, Sequence(1), &other)?;
    }
    world.send(client, Sequence(1), &first)?;
    // That the first request stated no digest does not make every digest right.
    world.send(client, Sequence(2), &Rc::new(Upload::new("b.txt", "world").without_digest()))?;
    world.send(client, Sequence(2), &file("b.txt", "WORLD"))
}

fn other_words(work: &Work, _: &mut Dice) -> Outcome {
    let mut world = World::new(&*work.gate)?;
    let (client, _) = world.connect("client")?;
    let first = Upload::new("a.txt", "hello");
    for words in [first.clone(), first.clone().without_digest(), first.clone().rest(3), first.rest(5)] {
        world.send(client, Sequence(1), &Rc::new(words))?;
    }
    let second = Upload::new("b.txt", "world");
    world.send(client, Sequence(2), &Rc::new(second.clone().without_digest()))?;
    world.send(client, Sequence(2), &Rc::new(second))
}

fn last_replies(work: &Work, _: &mut Dice) -> Outcome {
    let mut world = World::new(&*work.gate)?;
    let (client, _) = world.connect("client")?;
    let kept = u64::try_from(KEPT_MAX).unwrap_or(u64::MAX);
    let mut send = |number| world.send(client, Sequence(number), &numbered(number));
    (1..=kept).try_for_each(&mut send)?;
    [1, kept + 1, 2, 1, kept + 2, 2, 3].into_iter().try_for_each(&mut send)
}

fn bound(work: &Work, _: &mut Dice) -> Outcome {
    let mut gate = (work.gate)();
    let upload = Upload::new("a.txt", "hello");
    let outcome = caught(|| {
        kept_by(|| {
            let from = gate.connect().epoch;
            for sequence in (1..=LONG_SESSION).map(Sequence) {
                let _ = gate.admit(from, sequence, &upload.request);
                let _ = gate.commit(from, sequence, &upload.request, upload.receipt("file.txt"));
            }
        })
    });
    match outcome {
        Err(panicked) => Err(Failure::panic(&panicked)),
        Ok(kept) if kept < KEPT_BYTES_MAX => Ok(()),
        Ok(kept) => {
            let expected = format!("less than {} KiB of memory kept of {LONG_SESSION} requests", KEPT_BYTES_MAX / 1024);
            // Rounded down to a power of two, because allocators differ.
            Err(Failure::plain(expected, format!("more than {} KiB", (1 << kept.ilog2()) / 1024)))
        }
    }
}
