//! What is checked, in the order of the work. Each check but the last is about one thing only, so that its failure names
//! the mistake.

mod cost;
mod elephant;
mod goldfish;
mod mixed;

use lab_kit::Check;

use crate::Subject;

const GOLDFISH: &[&str] = &["an_upload_without_memory"];
const ELEPHANT: &[&str] = &["an_upload_with_memory"];
/// What a goldfish must do before an elephant relies on it.
const BEFORE_FULL: &[&str] =
    &["a_quota_without_memory", "two_goldfish_in_turn", "a_quota_with_memory", "an_elephant_that_forgot"];
const ALL: &[&str] = &[
    "a_context_that_was_changed",
    "a_context_of_another_key",
    "two_goldfish_in_turn",
    "an_old_context_again",
    "a_context_ends",
    "a_context_stays_small",
    "a_quota_with_memory",
    "an_elephant_that_forgot",
    "the_silent_are_forgotten",
    "memory_of_ten_thousand_uploads",
    "a_full_elephant",
];

pub(crate) fn all() -> Vec<Check<Subject>> {
    [stateless(), stateful()].into_iter().flatten().collect()
}

fn stateless() -> Vec<Check<Subject>> {
    let check = |name, points, promise, builds_on, run| Check { name, promise, points, builds_on, run };
    vec![
        check(
            "an_upload_without_memory",
            10,
            "A goldfish counts the files of an upload with what the client brings.",
            &[],
            goldfish::upload,
        ),
        check(
            "a_quota_without_memory",
            5,
            "An upload has 10,000 bytes; a file that is too much is refused, and stores and counts nothing.",
            GOLDFISH,
            goldfish::quota,
        ),
        check(
            "a_restart_under_a_goldfish",
            5,
            "A goldfish that is restarted between two requests goes on.",
            GOLDFISH,
            goldfish::restart,
        ),
        check(
            "a_context_that_was_changed",
            5,
            "A context is refused when any byte of it is another, is missing, or is one too many.",
            GOLDFISH,
            goldfish::changed,
        ),
        check(
            "a_context_of_another_key",
            5,
            "A context is refused when it was not made with the server's key.",
            &["a_context_that_was_changed"],
            goldfish::other_key,
        ),
        check(
            "two_goldfish_in_turn",
            5,
            "Two goldfish with one key serve one upload in turn.",
            &["a_restart_under_a_goldfish"],
            goldfish::in_turn,
        ),
        check(
            "an_old_context_again",
            5,
            "An old context stores nothing new: its next file has a name already.",
            &["two_goldfish_in_turn"],
            goldfish::old_context,
        ),
        check(
            "a_context_ends",
            5,
            "A context is good for 300 s of silence and not a millisecond more; each reply renews it.",
            GOLDFISH,
            goldfish::ends,
        ),
        check(
            "a_context_stays_small",
            5,
            "A context has at most 256 bytes, after any number of files.",
            GOLDFISH,
            cost::context,
        ),
    ]
}

fn stateful() -> Vec<Check<Subject>> {
    let check = |name, points, promise, builds_on, run| Check { name, promise, points, builds_on, run };
    vec![
        check(
            "an_upload_with_memory",
            5,
            "An elephant counts the files of each session by its name.",
            &[],
            elephant::upload,
        ),
        check(
            "a_quota_with_memory",
            5,
            "An upload has 10,000 bytes; a file that is too much is refused, and stores and counts nothing.",
            ELEPHANT,
            elephant::quota,
        ),
        check(
            "an_elephant_that_forgot",
            5,
            "An elephant that was restarted, or never knew the session, says session_unknown.",
            ELEPHANT,
            elephant::forgot,
        ),
        check(
            "the_silent_are_forgotten",
            5,
            "A session is kept for 300 s after its last request; then its room is free.",
            &["an_elephant_that_forgot"],
            elephant::silent,
        ),
        check(
            "memory_of_ten_thousand_uploads",
            5,
            "A session takes at most 256 bytes of an elephant's memory, and an upload none of a goldfish's.",
            &["two_goldfish_in_turn", "an_upload_with_memory"],
            cost::memory,
        ),
        check(
            "a_full_elephant",
            10,
            "An elephant without room serves the next upload stateless, says so, and keeps the sessions it has.",
            BEFORE_FULL,
            elephant::full,
        ),
        check("any_uploads_in_any_order", 5, "Any uploads, restarts and pauses come to the same.", ALL, mixed::any),
    ]
}
