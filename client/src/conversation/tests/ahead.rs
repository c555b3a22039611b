//! Several files of a session under way at a time, and everything that can happen to them then.

use bytes::Bytes;

use super::*;

const THREE: &str = "file, opened, created, sent, ahead, sent, ahead, sent";
const SENT: &str = "open, join, upload #1, more, ahead #2, more, ahead #3, more";

fn check_behind(table: &[(&str, &str)]) {
    for (events, commands) in table {
        let (events, commands) = (format!("{THREE}, {events}"), format!("{SENT}, {commands}"));
        check(Wanted::Auto, Afterwards::Keep, None, &[(&events, &commands)]);
    }
}

#[test]
fn files_of_a_session_are_sent_before_the_one_in_front_has_its_answer() {
    check_behind(&[
        ("stored 1, next, stored 2, next, stored 3, file", "keep, more, keep, more, keep, upload #4"),
        ("stored 1, next, ahead, sent, stored 2, next", "keep, more, ahead #4, more, keep, more"),
        // An answer to another request than the one in front is none.
        ("stored 2", "give up broken"),
        ("stored 1, next, stored 3", "keep, more, give up broken"),
        ("hello", "give up broken"),
    ]);
    check(
        Wanted::Stateless,
        Afterwards::Keep,
        None,
        &[("file, opened, sent, ahead", "open, upload stateless, wait, give up lost")],
    );
}

#[test]
fn no_more_are_under_way_than_the_protocol_and_the_bytes_in_vain_allow() {
    let under_way = |bytes: u64| {
        let (mut conversation, mut files) = (Conversation::new(Wanted::Auto, Afterwards::Keep, None), 1);
        for event in ["file", "opened", "created"].map(event) {
            conversation = conversation.step(event).0;
        }
        loop {
            let (sent, command) = conversation.step(Event::Sent(Stream::AtBoundary));
            if command == Command::Wait {
                return files;
            }
            assert_eq!(command, Command::More);
            conversation = sent.step(Event::Ahead(bytes)).0;
            files += 1;
        }
    };
    assert_eq!(under_way(1), 32);
    assert_eq!(under_way(0), 32);
    let mib = 1024 * 1024;
    assert_eq!([mib - 1, mib, mib + 1].map(under_way), [3, 2, 2]);
    assert_eq!(under_way(u64::MAX), 2);
}

#[test]
fn behind_a_refused_file_the_open_answers_are_heard_before_each_is_sent_once_more() {
    check_behind(&[
        (
            "bad_name, next, gap 1, gap 1, sent, stored 1, next, sent, stored 2, file",
            "skip bad_name, wait, wait, upload #1, wait, keep, upload #2, more, keep, upload #3",
        ),
        // In the middle.
        (
            "stored 1, next, bad_name, next, gap 2, sent, stored 2, file",
            "keep, more, skip bad_name, wait, upload #2, more, keep, upload #3",
        ),
        // The one that was refused goes once more itself, and first.
        (
            "digest_mismatch, gap 1, gap 1, stored 1, next, stored 2, next, stored 3",
            "wait, wait, upload #1 again, keep, upload #2, keep, upload #3, keep",
        ),
        ("gap 7, gap 7, gap 7, stored 7, next, stored 8", "wait, wait, upload #7 again, keep, upload #8, keep"),
        // Refused for another reason than the gap: it hears it again when it is sent again.
        (
            "bad_name, next, gap 1, bad_name, sent, stored 1, next, bad_name",
            "skip bad_name, wait, wait, upload #1, wait, keep, upload #2, skip bad_name",
        ),
        ("digest_mismatch, stored 2", "wait, give up broken"),
        // The server closes behind it: nothing more was read.
        (
            "size_too_large!, next, opened, resumed 1, stored 1, next, stored 2",
            "skip size_too_large, open, rejoin 1, upload #1, keep, upload #2, keep",
        ),
        (
            "digest_mismatch, gap 1!, opened, resumed 1, stored 1, next",
            "wait, open, rejoin 1, upload #1 again, keep, upload #2",
        ),
        ("stored 1!, next, opened, resumed 2, stored 2, next", "keep, open, rejoin 2, upload #2, keep, upload #3"),
        // A connection that is lost meanwhile changes nothing about that.
        (
            "digest_mismatch, lost, opened, resumed 1, stored 1, next",
            "wait, reconnect, rejoin 1, upload #1 again, keep, upload #2",
        ),
        ("session_moved!", "give up session_moved"),
        ("session_moved!, next, next", "give up session_moved, finish, finish"),
    ]);
}

#[test]
fn after_a_loss_every_file_goes_on_under_its_own_number_in_its_turn() {
    let begun = "reconnect, rejoin 1";
    check_behind(&[
        // However many of them the server had applied.
        (
            "lost, opened, resumed 4, stored 1, next, stored 2, next, stored 3, file",
            &format!("{begun}, ask for #1, keep, ask for #2, keep, ask for #3, keep, upload #4"),
        ),
        (
            "lost, opened, resumed 3, stored 1, next, stored 2, next, there, stored 3",
            &format!("{begun}, ask for #1, keep, ask for #2, keep, status of #3, ask for #3, keep"),
        ),
        (
            "lost, opened, resumed 3, stored 1, next, stored 2, next, there 3@9, stored 3",
            &format!("{begun}, ask for #1, keep, ask for #2, keep, status of #3, ask for #3 behind 9, keep"),
        ),
        (
            "lost, opened, resumed 2, stored 1, next, there, stored 2, next, sent, stored 3",
            &format!("{begun}, ask for #1, keep, status of #2, ask for #2, keep, upload #3, more, keep"),
        ),
        (
            "lost, opened, resumed 1+1@5, there 1@5, stored 1, next, stored 2, next, stored 3",
            &format!("{begun}, status of #1, go on with #1 behind 5, keep, upload #2, keep, upload #3, keep"),
        ),
        // One in front was refused, so those behind cannot have been applied, and the session says so.
        (
            "bad_name, next, lost, opened, resumed 1, stored 1, next, stored 2",
            "skip bad_name, wait, reconnect, rejoin 1, upload #1, keep, upload #2, keep",
        ),
        // What was answered before is not asked for.
        (
            "stored 1, next, lost, opened, resumed 3, stored 2, next, there, stored 3",
            "keep, more, reconnect, rejoin 2, ask for #2, keep, status of #3, ask for #3, keep",
        ),
        // Lost again, at any moment.
        (
            "lost, unheard, opened, unheard, opened, resumed 3, stored 1, next, lost, opened, resumed 3, stored 2, next",
            "reconnect, reconnect, rejoin 1, reconnect, rejoin 1, ask for #1, keep, ask for #2, reconnect, rejoin 3, \
             ask for #2, keep, status of #3",
        ),
        // The first of them is refused now: those behind it were not applied, and move up.
        (
            "lost, opened, resumed 1, bad_name, next, stored 1, next, stored 2",
            &format!("{begun}, go on with #1, skip bad_name, upload #1, keep, upload #2, keep"),
        ),
        (
            "store_unavailable, opened, resumed 2, stored 1, next, there, stored 2",
            "reconnect store_unavailable, rejoin 1, ask for #1, keep, status of #2, ask for #2, keep",
        ),
        // Nobody can be asked: of each it is said.
        ("lost, enough, next, next", "reconnect, give up unknown, skip unknown, skip unknown"),
        ("stored 1, next, garbage, next", "keep, more, give up lost, skip unknown"),
    ]);
}

#[test]
fn a_file_that_is_cut_leaves_those_in_front_of_it_their_answers() {
    let begun = format!("{SENT}, ahead #4, wait");
    let table = |torn: &str, rest: &[(&str, &str)]| {
        for (events, commands) in rest {
            let events = format!("{THREE}, ahead, {torn}, {events}");
            check(Wanted::Auto, Afterwards::Keep, None, &[(&events, &format!("{begun}, {commands}"))]);
        }
    };
    table(
        "torn-inside",
        &[
            (
                "stored 1, next, stored 2, next, stored 3, next, opened, resumed 4+4@7, there 4@7, stored 4",
                "keep, wait, keep, wait, keep, reconnect, rejoin 4, status of #4, go on with #4 behind 7, keep",
            ),
            (
                "stored 1, next, lost, opened, resumed 4, stored 2, next, stored 3, next, there",
                "keep, wait, reconnect, rejoin 2, ask for #2, keep, ask for #3, keep, status of #4, go on with #4",
            ),
            (
                "bad_name, next, gap 1, gap 1, opened, resumed 1, stored 1, next, stored 2, next, stored 3",
                "skip bad_name, wait, wait, open, rejoin 1, upload #1, keep, upload #2, keep, upload #3, keep",
            ),
            ("session_moved!, next, next, next", "give up session_moved, finish, finish, finish"),
        ],
    );
    // The server closed because of one in front of it, before all of this one left here.
    table(
        "torn-behind",
        &[
            (
                "stored 1, next, size_too_large!, next, opened, resumed 2, stored 2, next, stored 3",
                "keep, wait, skip size_too_large, open, rejoin 2, upload #2, keep, upload #3, keep",
            ),
            (
                "stored 1, next, stored 2, next, bad_name, next, opened, resumed 3",
                "keep, wait, keep, wait, skip bad_name, open, rejoin 3, upload #3",
            ),
        ],
    );
    table(
        "torn-behind",
        &[(
            "stored 1, next, stored 2, next, stored 3, next, opened, resumed 5, stored 4",
            "keep, wait, keep, wait, keep, reconnect, rejoin 4, ask for #4, keep",
        )],
    );
    // It cannot be read to its end.
    table(
        "cut",
        &[
            (
                "stored 1, next, stored 2, next, stored 3, next, file, opened, resumed 4",
                "keep, wait, keep, wait, keep, skip local, open, rejoin 4, upload #4",
            ),
            (
                "lost, opened, resumed 4, stored 1, next, stored 2, next, stored 3, next, file",
                "reconnect, rejoin 1, ask for #1, keep, ask for #2, keep, ask for #3, keep, skip local, open",
            ),
        ],
    );
    // It is answered before all of it is sent.
    table(
        "early",
        &[(
            "stored 1, next, stored 2, next, stored 3, next, size_too_large, file, opened",
            "keep, wait, keep, wait, keep, wait, skip size_too_large, open, rejoin 4",
        )],
    );
}

#[test]
fn what_was_sent_ahead_in_a_session_that_is_gone_goes_into_another_only_if_it_was_not_applied() {
    check_behind(&[
        (
            "session_gone expired, opened, created, stored 1, next, stored 2, next, stored 3",
            "renew, join, upload #1, keep, upload #2, keep, upload #3, keep",
        ),
        (
            "lost, opened, session_gone expired, next, next, file, opened, created",
            "reconnect, rejoin 1, skip unknown, skip unknown, skip unknown, open, join, upload #1",
        ),
        // The store lost what it had answered.
        (
            "stored 1, next, lost, opened, resumed 1, next, file, opened, created",
            "keep, more, reconnect, rejoin 2, skip unknown, skip unknown, open, join, upload #1",
        ),
    ]);
}

#[test]
fn a_ticket_does_not_tell_what_was_applied_so_no_file_moves_to_another_number() {
    let held = Held { secret: Secret::Ticket(Bytes::from_static(b"sealed")), ..session(1) };
    let begun = "file, opened, resumed 1, sent, ahead, sent, ahead, sent, lost, opened, resumed 1";
    let commands = "open, rejoin 1, upload #1, more, ahead #2, more, ahead #3, more, reconnect, rejoin 1, ask for #1";
    for (events, rest) in [
        (
            "stored 1, next, there, stored 2, next, there, stored 3",
            "keep, status of #2, ask for #2, keep, status of #3, ask for #3, keep",
        ),
        ("bad_name, next, next, file", "skip bad_name, skip unknown, skip unknown, upload #1"),
    ] {
        let table = [(&*format!("{begun}, {events}"), &*format!("{commands}, {rest}"))];
        check(Wanted::Auto, Afterwards::Keep, Some(&held), &table);
    }
    // It may be stored in the session that is gone.
    let conversation = Conversation::new(Wanted::Auto, Afterwards::Keep, None).after(held.clone());
    let events = "file, opened, resumed 1, sent, lost, opened, resumed 1, lost, opened, session_gone expired";
    let commands =
        "open, rejoin 1, upload #1, more, reconnect, rejoin 1, ask for #1, reconnect, rejoin 1, skip unknown";
    assert_eq!(trace(conversation, events), commands);
    // The server read no further than to the one that it refused.
    let begun = "file, opened, resumed 1, sent, ahead, sent, ahead, torn-behind";
    let commands = "open, rejoin 1, upload #1, more, ahead #2, more, ahead #3, wait";
    let events = "stored 1, next, size_too_large!, next, opened, resumed 2, stored 2";
    let rest = "keep, wait, skip size_too_large, open, rejoin 2, upload #2, keep";
    let table = [(&*format!("{begun}, {events}"), &*format!("{commands}, {rest}"))];
    check(Wanted::Auto, Afterwards::Keep, Some(&held), &table);
}

#[test]
fn what_a_run_left_of_several_files_goes_on_each_where_it_was() {
    let held = session(3);
    for (events, commands) in [
        (
            "left 3, opened, resumed 5, stored 3, left 4, stored 4, left 5, there, stored 5, file",
            "open, rejoin 3, ask for #3, keep, ask for #4, keep, status of #5, ask for #5, keep, upload #6",
        ),
        // Whoever had the session meanwhile used the number for another file.
        (
            "left 3, opened, resumed 5, sequence_reused, left 4, stored 4, file",
            "open, rejoin 3, ask for #3, skip sequence_reused, ask for #4, keep, upload #5",
        ),
        (
            "left 3, opened, resumed 90, sequence_too_old, left 4, sequence_too_old, file",
            "open, rejoin 3, ask for #3, skip unknown, ask for #4, skip unknown, upload #90",
        ),
        // The first one is refused now, so the next one moves up.
        ("left 3, opened, resumed 3, bad_name, left 4", "open, rejoin 3, go on with #3, skip bad_name, upload #3"),
    ] {
        let conversation = Conversation::new(Wanted::Auto, Afterwards::Keep, None).after(held.clone());
        assert_eq!(trace(conversation, events), commands, "{events}");
    }
}
