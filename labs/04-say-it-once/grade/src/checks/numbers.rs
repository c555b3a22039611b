//! What a number means: the next one, one that was used, one too far ahead, one whose request failed.

use lab_kit::{Check, Dice};

use super::{BASE, CONNECTIONS, REPEATS, check, file, numbered};
use crate::world::{Outcome, World};
use crate::{Sequence, Work};

pub(super) fn checks() -> Vec<Check<Work>> {
    vec![
        check(
            "the_next_number_is_applied",
            5,
            "The next number is new; behind it comes the next one.",
            &[],
            next_number,
        ),
        check(
            "a_request_that_is_repeated",
            5,
            "A client that asks again gets the same answer, and nothing is done.",
            BASE,
            repeated,
        ),
        check(
            "a_lost_reply",
            5,
            "Connection and reply are lost; on the next connection the session knows what was done.",
            REPEATS,
            lost_reply,
        ),
        check(
            "each_number_has_its_own_reply",
            5,
            "Whichever of its requests a client repeats, it gets the reply to that one.",
            REPEATS,
            own_reply,
        ),
        check("a_number_too_far_ahead", 5, "A number is never skipped; the refusal names the next one.", BASE, ahead),
        check("an_upload_that_fails", 5, "What was not stored uses up no number.", CONNECTIONS, failed),
    ]
}

fn next_number(work: &Work, _: &mut Dice) -> Outcome {
    let mut world = World::new(&*work.gate)?;
    let (client, _) = world.connect("client")?;
    (1..=3).try_for_each(|number| world.send(client, Sequence(number), &numbered(number)))
}

fn repeated(work: &Work, _: &mut Dice) -> Outcome {
    let mut world = World::new(&*work.gate)?;
    let (client, _) = world.connect("client")?;
    [1, 1, 2, 2, 2, 3].into_iter().try_for_each(|number| world.send(client, Sequence(number), &numbered(number)))
}

fn lost_reply(work: &Work, _: &mut Dice) -> Outcome {
    let mut world = World::new(&*work.gate)?;
    let (client, _) = world.connect("client")?;
    world.send(client, Sequence(1), &numbered(1))?;
    world.send(client, Sequence(2), &numbered(2))?;
    world.lose(client);
    let (client, _) = world.connect("client")?;
    world.send(client, Sequence(2), &numbered(2))?;
    world.send(client, Sequence(3), &numbered(3))
}

fn own_reply(work: &Work, _: &mut Dice) -> Outcome {
    let mut world = World::new(&*work.gate)?;
    let (client, _) = world.connect("client")?;
    [1, 2, 3, 2, 1, 3, 4, 1].into_iter().try_for_each(|number| world.send(client, Sequence(number), &numbered(number)))
}

fn ahead(work: &Work, _: &mut Dice) -> Outcome {
    let mut world = World::new(&*work.gate)?;
    let (client, _) = world.connect("client")?;
    [2, 1, 3, u64::MAX, 2].into_iter().try_for_each(|number| world.send(client, Sequence(number), &numbered(number)))
}

fn failed(work: &Work, _: &mut Dice) -> Outcome {
    let mut world = World::new(&*work.gate)?;
    let (client, _) = world.connect("client")?;
    world.begin(client, Sequence(1), &numbered(1))?.ok();
    world.fail(client, Sequence(1), &numbered(1));
    // The client may send something else under a number that was not used up.
    world.send(client, Sequence(1), &file("other.txt", "other"))?;
    world.begin(client, Sequence(2), &numbered(2))?.ok();
    world.lose(client);
    let (client, _) = world.connect("client")?;
    world.send(client, Sequence(2), &numbered(2))
}
