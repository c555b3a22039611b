//! What becomes of a file, and of a goodbye, whose connection is lost: of this run, or of one that ended.

use super::*;

#[test]
fn an_unknown_outcome_is_asked_for_under_the_same_sequence() {
    let begun = "open, join, upload #1, reconnect, rejoin 1";
    check(
        Wanted::Auto,
        Afterwards::Keep,
        None,
        &[
            // It had been heard: the kept answer comes.
            (
                "file, opened, created, lost, opened, resumed 2, stored 1, file",
                &format!("{begun}, ask for #1, keep, upload #2"),
            ),
            // It had not: the session would have counted it.
            (
                "file, opened, created, lost, opened, resumed 1, stored 1, done",
                &format!("{begun}, go on with #1, keep, finish"),
            ),
            // As often as it takes.
            (
                "file, opened, created, lost, unheard, opened, unheard, opened, resumed 2, unheard, opened, resumed 2, stored 1",
                "open, join, upload #1, reconnect, reconnect, rejoin 1, reconnect, rejoin 1, ask for #1, reconnect, rejoin 2, ask for #1, keep",
            ),
            ("file, opened, created, lost, enough", "open, join, upload #1, reconnect, give up unknown"),
            ("file, opened, created, torn, enough", "open, join, upload #1, reconnect, give up lost"),
            (
                "file, opened, created, lost, opened, resumed 2, lost, enough",
                &format!("{begun}, ask for #1, reconnect, give up unknown"),
            ),
            // Not a new number for it, whatever the server thinks.
            (
                "file, opened, created, lost, opened, resumed 1, gap 7",
                &format!("{begun}, go on with #1, give up sequence_gap"),
            ),
            // Nor another mode: the session may have stored it.
            (
                "file, opened, created, lost, opened, session_full, enough, file",
                &format!("{begun}, reconnect session_full, skip unknown, open"),
            ),
            ("file, opened, created, lost, opened, garbage", &format!("{begun}, give up lost")),
            ("lost", "give up lost"),
        ],
    );
}

#[test]
fn a_cut_file_goes_on_behind_what_the_server_has_of_it() {
    let begun = "open, join, upload #1, reconnect, rejoin 1";
    check(
        Wanted::Stateful,
        Afterwards::Keep,
        None,
        &[
            (
                "file, opened, created, torn, opened, resumed 1+1@50, there 1@50, stored 1",
                &format!("{begun}, status of #1, go on with #1 behind 50, keep"),
            ),
            ("file, opened, created, torn, opened, resumed 1", &format!("{begun}, go on with #1")),
            // The part of another request is none of this one.
            ("file, opened, created, torn, opened, resumed 1+2@50", &format!("{begun}, go on with #1")),
            (
                "file, opened, created, torn, opened, resumed 1+1@50, there 2@50",
                &format!("{begun}, status of #1, go on with #1"),
            ),
            // Where it led to nothing it begins anew, once.
            (
                "file, opened, created, torn, opened, resumed 1+1@50, there 1@50, bad_offset, digest_mismatch, file",
                &format!(
                    "{begun}, status of #1, go on with #1 behind 50, upload #1 again, skip digest_mismatch, upload #1"
                ),
            ),
            (
                "file, opened, created, torn, opened, resumed 1+1@50, unheard, opened, resumed 1+1@50",
                &format!("{begun}, status of #1, reconnect, rejoin 1, status of #1"),
            ),
            ("file, opened, created, spent torn, file", "open, join, upload #1, skip local, open"),
        ],
    );
    let begun = "open, upload stateless, reconnect, status of stateless";
    check(
        Wanted::Stateless,
        Afterwards::Keep,
        None,
        &[
            (
                "file, opened, torn, opened, there @50, stored",
                &format!("{begun}, go on with stateless behind 50, keep"),
            ),
            ("file, opened, torn, opened, file_unknown, stored", &format!("{begun}, go on with stateless, keep")),
            // What is whole is asked for by the request itself: its answer holds the promise.
            ("file, opened, lost, opened, stored, stored", &format!("{begun}, ask for stateless, keep")),
            ("file, opened, lost, opened, busy, enough", &format!("{begun}, reconnect busy, give up unknown")),
            // A pipe cannot go on behind anything.
            ("file, opened, spent lost, opened, stored", "open, upload stateless, reconnect, ask for stateless, keep"),
        ],
    );
}

#[test]
fn what_a_run_left_is_gone_on_with_where_it_was() {
    let held = session(3);
    for (events, commands) in [
        ("left 3, opened, resumed 4, stored 3, file", "open, rejoin 3, ask for #3, keep, upload #4"),
        ("left 3, opened, resumed 3+3@9, there 3@9", "open, rejoin 3, status of #3, go on with #3 behind 9"),
        // The user wants it sent, whatever became of it.
        ("left 3, opened, session_gone expired, opened, created", "open, rejoin 3, renew, join, upload #1"),
        (
            "left, opened, there @9, stored, file",
            "open, status of stateless, ask for stateless behind 9, keep, rejoin 3",
        ),
    ] {
        let conversation = Conversation::new(Wanted::Auto, Afterwards::Keep, None).after(held.clone());
        assert_eq!(trace(conversation, events), commands, "{events}");
    }
}

#[test]
fn a_lost_goodbye_is_said_again_under_its_own_sequence() {
    let again = "open, join, upload #1, keep, leave #2, reconnect, rejoin 2";
    check(
        Wanted::Auto,
        Afterwards::Close,
        None,
        &[
            // It had been heard: `connect` is answered with it.
            ("file, opened, created, stored 1, done, lost, opened, closed 2", &format!("{again}, finish")),
            ("file, opened, created, stored 1, done, lost, opened, session_gone", &format!("{again}, finish")),
            ("file, opened, created, stored 1, done, lost, opened, session_unknown", &format!("{again}, finish")),
            // It had not.
            (
                "file, opened, created, stored 1, done, lost, opened, resumed 2, closed 2",
                &format!("{again}, leave #2, finish"),
            ),
            (
                "file, opened, created, stored 1, done, lost, opened, resumed 2, session_gone",
                &format!("{again}, leave #2, finish"),
            ),
            // Not a new number for it, whatever the server thinks.
            (
                "file, opened, created, stored 1, done, lost, opened, resumed 3, sequence_reused",
                &format!("{again}, leave #2, give up sequence_reused"),
            ),
            (
                "file, opened, created, stored 1, done, lost, opened, resumed 2, lost, enough",
                &format!("{again}, leave #2, reconnect, give up lost"),
            ),
            (
                "file, opened, created, stored 1, done, lost, lost, enough",
                "open, join, upload #1, keep, leave #2, reconnect, reconnect, give up lost",
            ),
            (
                "file, opened, created, stored 1, done, lost, opened, busy, enough",
                &format!("{again}, reconnect busy, give up busy"),
            ),
            // What may pass is waited for, as anywhere else.
            (
                "file, opened, created, stored 1, done, store_unavailable, opened, resumed 2, closed 2",
                "open, join, upload #1, keep, leave #2, reconnect store_unavailable, rejoin 2, leave #2, finish",
            ),
            // The goodbye to another request is none to this one.
            ("file, opened, created, stored 1, done, lost, opened, closed 1", &format!("{again}, give up broken")),
            // A server that ended the session before it was asked to is not what was asked for.
            (
                "file, opened, created, stored 1, done, session_gone",
                "open, join, upload #1, keep, leave #2, give up session_gone",
            ),
        ],
    );
}
