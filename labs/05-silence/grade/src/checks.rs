//! What is checked, in the order of the work. Each check is about one thing only, so that its failure names the mistake.

use lab_kit::{Check, Dice};

use crate::world::Outcome;
use crate::{Subject, scale, silence, uploads};

const OPENED: &[&str] = &["a_session_is_opened"];
const SILENT: &[&str] = &["silence_ends_a_session"];
const TIMED: &[&str] = &["a_timer_says_that_a_session_is_gone"];
const CLOSED: &[&str] = &["a_black_hole"];
const LOST: &[&str] = &["silence_ends_a_session", "a_connection_that_ends_inside_a_frame"];

pub(crate) fn all() -> Vec<Check<Subject>> {
    let mut checks = of_sessions();
    checks.extend(of_connections());
    checks.extend(of_uploads());
    checks.push(check(
        "ten_thousand_sessions",
        5,
        "Expiry costs what expires, not what there is.",
        TIMED,
        scale::ten_thousand,
    ));
    checks
}

fn check(
    name: &'static str,
    points: u32,
    promise: &'static str,
    builds_on: &'static [&'static str],
    run: fn(&Subject, &mut Dice) -> Outcome,
) -> Check<Subject> {
    Check { name, promise, points, builds_on, run }
}

fn of_sessions() -> Vec<Check<Subject>> {
    vec![
        check("a_session_is_opened", 2, "A connection opens a session.", &[], silence::opened),
        check(
            "silence_ends_a_session",
            5,
            "A session is alive after 299.999 s of silence and gone after 300.001 s; how long, a server is told.",
            OPENED,
            silence::ends_a_session,
        ),
        check(
            "a_timer_says_that_a_session_is_gone",
            5,
            "Nobody asks for a session any more, and its end is said all the same, once and in time.",
            SILENT,
            silence::timer,
        ),
        check(
            "a_timer_that_is_late",
            5,
            "Facts and the clock decide, not the moment at which somebody looks: a late timer revives nobody.",
            SILENT,
            silence::late,
        ),
        check("a_timer_that_is_early", 3, "A timer that fires early finds nothing to do.", TIMED, silence::early),
        check(
            "expired_is_not_unknown",
            5,
            "Who was silent for too long hears session_gone; of an id that never was, session_unknown.",
            SILENT,
            silence::expired_and_unknown,
        ),
        check(
            "a_tombstone_has_an_end",
            5,
            "That a session expired is remembered for an hour.",
            &["expired_is_not_unknown", "a_timer_says_that_a_session_is_gone"],
            silence::tombstone,
        ),
        check("a_heartbeat_keeps_a_session", 4, "A heartbeat begins the silence anew.", TIMED, silence::heartbeat),
    ]
}

fn of_connections() -> Vec<Check<Subject>> {
    vec![
        check(
            "a_fin_between_frames",
            5,
            "FIN between frames ends the connection and not the session.",
            SILENT,
            silence::fin,
        ),
        check(
            "a_connection_that_ends_inside_a_frame",
            5,
            "FIN inside a frame is answered with truncated, for its sender still reads. RST is answered with nothing.",
            OPENED,
            uploads::end_inside,
        ),
        check(
            "a_black_hole",
            5,
            "Of a black hole there is no event: after 120 s the connection is closed, and the session lives on.",
            TIMED,
            silence::black_hole,
        ),
        check(
            "a_newer_connection_takes_over",
            5,
            "A connection that is half open stands in nobody's way, and nothing it still does counts.",
            CLOSED,
            silence::takeover,
        ),
    ]
}

fn of_uploads() -> Vec<Check<Subject>> {
    vec![
        check(
            "an_upload_keeps_its_session",
            5,
            "While an upload makes progress its session cannot expire.",
            CLOSED,
            uploads::long,
        ),
        check(
            "a_dead_upload_is_given_up",
            5,
            "The session is kept alive by an upload, the upload only by progress: 20 s without any, and it is over.",
            TIMED,
            uploads::dead,
        ),
        check(
            "a_drip_hides_no_dead_upload",
            5,
            "A byte now and then, a heartbeat of its own, is no progress.",
            &["a_dead_upload_is_given_up"],
            uploads::drip,
        ),
        check(
            "a_day_in_the_bag",
            5,
            "Suspended for 24 h and resumed at the byte where it was cut.",
            LOST,
            uploads::day,
        ),
        check(
            "an_upload_on_a_half_open_connection",
            3,
            "What an upload has brought goes to the newer connection, and what the older one still brings to nobody.",
            &["a_newer_connection_takes_over", "a_day_in_the_bag"],
            uploads::half_open,
        ),
        check(
            "a_file_is_no_mixture",
            5,
            "The digest of the whole file decides, not that of the rest.",
            &["a_day_in_the_bag"],
            uploads::mixture,
        ),
        check(
            "an_offset_beyond_what_is_there",
            3,
            "Whoever begins behind the end of what is there is told where that is.",
            &["a_day_in_the_bag"],
            uploads::beyond,
        ),
    ]
}
