//! What is checked, in the order of the work: first the connection, then the session. Each check but the last of both
//! is about one thing only, so that its failure names the mistake.

use lab_kit::{Check, Dice, Failure};

use crate::courses::{all as every_course, driven};
use crate::{Connection, Event, Subject, week01};

type Outcome = Result<(), Box<Failure>>;

const FILE: &[&str] = &["a_file_is_acknowledged"];
const CONNECTION: &[&str] = &[
    "nothing_is_said_before_the_end",
    "a_short_pause_is_not_the_end",
    "a_client_that_waits_is_answered",
    "a_word_that_cannot_be_said",
    "a_fault_has_its_line",
];
const OUTLIVES: &[&str] = &["a_session_outlives_its_connection"];
const SESSION: &[&str] = &[
    "the_newest_connection_wins",
    "an_old_connection_changes_nothing",
    "late_news_of_an_old_connection",
    "a_goodbye_can_be_asked_for_again",
    "silence_ends_a_session",
];

const ONE: Connection = Connection(1);
const TWO: Connection = Connection(2);
const THREE: Connection = Connection(3);

pub(crate) fn all() -> Vec<Check<Subject>> {
    let mut checks = connection();
    checks.extend(session());
    checks
}

fn connection() -> Vec<Check<Subject>> {
    let check = |name, points, promise, builds_on, run| Check { name, promise, points, builds_on, run };
    vec![
        check(
            "a_file_is_acknowledged",
            5,
            "A client that ends its sending side gets OK for its file, and the end.",
            &[],
            week01::acknowledged,
        ),
        check(
            "nothing_is_said_before_the_end",
            10,
            "A client that never reads loses no file: nothing is said while it may be sending.",
            FILE,
            week01::never_reads,
        ),
        check(
            "a_short_pause_is_not_the_end",
            5,
            "A pause of less than a second between files is no invitation to speak.",
            &["nothing_is_said_before_the_end"],
            week01::pauses,
        ),
        check(
            "a_client_that_waits_is_answered",
            5,
            "A client that sends the next file only behind an OK gets it within ten seconds.",
            FILE,
            week01::waits,
        ),
        check(
            "a_word_that_cannot_be_said",
            5,
            "An acknowledgement that fails is no reason to stop reading.",
            &["a_client_that_waits_is_answered"],
            week01::unsaid,
        ),
        check(
            "a_fault_has_its_line",
            5,
            "Behind the OK of the files before it, a fault has its own line.",
            FILE,
            week01::faults,
        ),
        check(
            "the_last_word_arrives",
            5,
            "The line of a fault and the end come at once, and no reset destroys them.",
            &["a_fault_has_its_line"],
            week01::last_word,
        ),
        check(
            "dropping_has_a_bound",
            5,
            "What comes behind a fault is dropped up to 4 MiB or 2 s, whichever is first.",
            &["the_last_word_arrives"],
            week01::bounds,
        ),
        check(
            "a_probe_does_no_harm",
            5,
            "A client that leaves without a word, or inside a file, stores nothing and is no fault.",
            FILE,
            week01::probes,
        ),
        check(
            "any_client_keeps_its_files",
            5,
            "However many files come with whatever pauses, all are stored.",
            CONNECTION,
            week01::any_client,
        ),
    ]
}

fn session() -> Vec<Check<Subject>> {
    let check = |name, points, promise, builds_on, run| Check { name, promise, points, builds_on, run };
    vec![
        check(
            "a_session_outlives_its_connection",
            5,
            "A connection is lost, another continues the session, and the count of files goes on.",
            &[],
            outlives,
        ),
        check(
            "the_newest_connection_wins",
            5,
            "A new connection takes the session from one that seems alive, and that one is told.",
            OUTLIVES,
            newest,
        ),
        check(
            "an_old_connection_changes_nothing",
            5,
            "What still comes from a connection that has lost the session is not answered and changes nothing.",
            &["the_newest_connection_wins"],
            old,
        ),
        check(
            "late_news_of_an_old_connection",
            5,
            "That an old connection is gone says nothing of the session, which another one holds.",
            &["the_newest_connection_wins"],
            late,
        ),
        check(
            "a_goodbye_can_be_asked_for_again",
            5,
            "Who lost the answer to a goodbye asks again and gets it again.",
            OUTLIVES,
            goodbye,
        ),
        check(
            "silence_ends_a_session",
            5,
            "Behind its timeout a session is gone for everybody, and nobody wakes it.",
            OUTLIVES,
            silence,
        ),
        check(
            "every_course_of_six_events",
            5,
            "All 117,649 courses of six events are those of the specification.",
            SESSION,
            every_course,
        ),
    ]
}

fn outlives(subject: &Subject, _: &mut Dice) -> Outcome {
    use Event::{Connect, Lost, Transfer};
    driven(subject, &[Transfer(ONE), Lost(ONE), Connect(TWO), Transfer(TWO)])
}

fn newest(subject: &Subject, _: &mut Dice) -> Outcome {
    use Event::{Connect, Transfer};
    driven(subject, &[Transfer(ONE), Connect(TWO), Transfer(TWO), Connect(THREE)])
}

fn old(subject: &Subject, _: &mut Dice) -> Outcome {
    use Event::{Connect, Transfer};
    driven(subject, &[Transfer(ONE), Connect(TWO), Transfer(ONE), Transfer(TWO)])
}

fn late(subject: &Subject, _: &mut Dice) -> Outcome {
    use Event::{Connect, Lost, Transfer};
    driven(subject, &[Transfer(ONE), Connect(TWO), Lost(ONE), Transfer(TWO), Connect(THREE)])
}

fn goodbye(subject: &Subject, _: &mut Dice) -> Outcome {
    use Event::{Connect, Disconnect, Transfer};
    driven(subject, &[Transfer(ONE), Disconnect(ONE), Disconnect(ONE), Connect(TWO), Transfer(TWO)])
}

fn silence(subject: &Subject, _: &mut Dice) -> Outcome {
    use Event::{Connect, Silence, Transfer};
    driven(subject, &[Transfer(ONE), Silence, Transfer(ONE), Connect(TWO)])
}
