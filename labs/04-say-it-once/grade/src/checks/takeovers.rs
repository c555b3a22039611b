//! Several connections, one behind the other, for one session.

use lab_kit::{Check, Dice};

use super::{CONNECTIONS, check, file, numbered};
use crate::world::{Outcome, World};
use crate::{Sequence, Work};

pub(super) fn checks() -> Vec<Check<Work>> {
    vec![
        check(
            "the_newest_connection_wins",
            5,
            "Whoever connects last holds the session; an older connection is told so, whatever it asks.",
            CONNECTIONS,
            newest_wins,
        ),
        check(
            "an_upload_under_way_at_a_takeover",
            5,
            "What an older connection has begun does not count after a takeover.",
            &["an_upload_that_fails", "the_newest_connection_wins"],
            under_way,
        ),
        check(
            "a_captured_session_played_again",
            5,
            "Somebody plays a recorded session again, in any order: nothing is stored.",
            &["each_number_has_its_own_reply", "the_newest_connection_wins"],
            captured,
        ),
    ]
}

fn newest_wins(work: &Work, _: &mut Dice) -> Outcome {
    let mut world = World::new(&*work.gate)?;
    let (phone, _) = world.connect("phone")?;
    world.send(phone, Sequence(1), &numbered(1))?;
    let (laptop, _) = world.connect("laptop")?;
    // The next one, one that was answered, one too far ahead: it is not for this connection to know.
    [2, 1, 9].into_iter().try_for_each(|number| world.send(phone, Sequence(number), &numbered(number)))?;
    world.send(laptop, Sequence(2), &file("laptop.txt", "laptop"))
}

fn under_way(work: &Work, _: &mut Dice) -> Outcome {
    let (phones, laptops) = (file("phone.txt", "phone"), file("laptop.txt", "laptop"));
    for laptop_is_first in [false, true] {
        let mut world = World::new(&*work.gate)?;
        let (phone, _) = world.connect("phone")?;
        world.begin(phone, Sequence(1), &phones)?.ok();
        let (laptop, _) = world.connect("laptop")?;
        if laptop_is_first {
            world.send(laptop, Sequence(1), &laptops)?;
        }
        world.end(phone, Sequence(1), &phones)?.ok();
        world.send(laptop, Sequence(1), &laptops)?;
        world.send(laptop, Sequence(2), &numbered(2))?;
    }
    Ok(())
}

fn captured(work: &Work, dice: &mut Dice) -> Outcome {
    let mut world = World::new(&*work.gate)?;
    let (client, _) = world.connect("client")?;
    let length = 3 + dice.below(6);
    let files: Vec<_> = (1..).take(length).map(|number| (Sequence(number), numbered(number))).collect();
    for (sequence, file) in &files {
        world.send(client, *sequence, file)?;
    }
    let (mallory, _) = world.connect("Mallory")?;
    let any_order = (0..length).map(|_| dice.below(length)).collect::<Vec<_>>();
    for (sequence, file) in files.iter().chain(any_order.into_iter().filter_map(|place| files.get(place))) {
        world.send(mallory, *sequence, file)?;
    }
    let (client, next) = world.connect("client")?;
    world.send(client, next, &file("more.txt", "more"))
}
