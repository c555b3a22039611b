//! What is checked, in the order of the work. Each check but the last ones is about one thing only, so that its failure
//! names the mistake.

use std::rc::Rc;

use lab_kit::{Check, Dice, Failure, caught};

use crate::any_course::any_course;
use crate::memory::kept_by;
use crate::world::{Outcome, World};
use crate::{KEPT_MAX, Sequence, Upload, Work, judged, two_clients};

/// Uploads of a session that is long.
const LONG_SESSION: u64 = 20_000;
/// What a gate may hold after them: its replies, and room to grow.
const KEPT_BYTES_MAX: usize = 64 * 1024;

const BASE: &[&str] = &["the_next_number_is_applied"];
const REPEATS: &[&str] = &["a_request_that_is_repeated"];
const CONNECTIONS: &[&str] = &["a_lost_reply"];
const ALL: &[&str] = &[
    "each_number_has_its_own_reply",
    "a_number_too_far_ahead",
    "an_upload_that_fails",
    "another_request_under_a_used_number",
    "the_same_request_in_other_words",
    "an_upload_under_way_at_a_takeover",
    "a_captured_session_played_again",
];

pub(crate) fn all() -> Vec<Check<Work>> {
    let check = |name, points, promise, builds_on, run| Check { name, promise, points, builds_on, run };
    vec![
        check("the_next_number_is_applied", 5, "The next number is new; behind it comes the next one.", &[], next_number),
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
        check(
            "two_clients_in_every_order",
            5,
            "Two clients, three files each, a loss or a repeat, and latecomers: right in every order there is.",
            ALL,
            two_clients_in_every_order,
        ),
        check(
            "any_course_of_things",
            5,
            "Hundreds of requests with all that can happen between them.",
            &["two_clients_in_every_order", "the_last_64_replies"],
            |work, dice| any_course(&*work.gate, dice),
        ),
        check("your_test_passes_a_right_gate", 5, "Your test asks no more than the rules say.", &[], judged::passes_right),
        check(
            "your_test_finds_five_wrong_gates",
            10,
            "Your test fails for each of five gates, which are wrong in one thing each.",
            &["your_test_passes_a_right_gate"],
            judged::finds_wrong,
        ),
    ]
}

/// A file that is like no other of this name but in length.
fn file(name: &str, content: &str) -> Rc<Upload> {
    Rc::new(Upload::new(name, content))
}

/// The file that a number of this session brings.
fn numbered(number: u64) -> Rc<Upload> {
    file(&format!("{number}.txt"), &format!("file {number}"))
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

fn two_clients_in_every_order(work: &Work, _: &mut Dice) -> Outcome {
    two_clients::every_order(&*work.gate)
}
