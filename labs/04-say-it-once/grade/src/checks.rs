//! What is checked, in the order of the work. Each check but the last ones is about one thing only, so that its failure
//! names the mistake.

mod numbers;
mod replies;
mod takeovers;

use std::rc::Rc;

use lab_kit::{Check, Dice};

use crate::any_course::any_course;
use crate::world::Outcome;
use crate::{Upload, Work, judged, two_clients};

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
    let checks = [numbers::checks(), replies::checks(), takeovers::checks(), of_everything(), of_your_test()];
    checks.into_iter().flatten().collect()
}

fn check(
    name: &'static str,
    points: u32,
    promise: &'static str,
    builds_on: &'static [&'static str],
    run: fn(&Work, &mut Dice) -> Outcome,
) -> Check<Work> {
    Check { name, promise, points, builds_on, run }
}

fn of_everything() -> Vec<Check<Work>> {
    vec![
        check(
            "two_clients_in_every_order",
            5,
            "Two clients, three files each, a loss or a repeat, and latecomers: right in every order there is.",
            ALL,
            |work, _| two_clients::every_order(&*work.gate),
        ),
        check(
            "any_course_of_things",
            5,
            "Hundreds of requests with all that can happen between them.",
            &["two_clients_in_every_order", "the_last_64_replies"],
            |work, dice| any_course(&*work.gate, dice),
        ),
    ]
}

fn of_your_test() -> Vec<Check<Work>> {
    vec![
        check(
            "your_test_passes_a_right_gate",
            5,
            "Your test asks no more than the rules say.",
            &[],
            judged::passes_right,
        ),
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
