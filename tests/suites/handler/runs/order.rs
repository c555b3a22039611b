//! Which uploads come together, and what is answered in which order.

use harness::orders::poll_n;
use harness::{Session, frame};
use serde_json::Value;
use server::files::memory::{Fault, Operation};

use super::{Host, PAYLOAD, connect, first_session, nth_session, upload, uploads};

#[test]
fn uploads_that_come_together_are_answered_in_order_and_counted_in_one_change() {
    for count in [1, 2, 31, 32, 33, 65] {
        let (host, session) = (Host::new(), first_session());
        let heard = host.serve(&[connect(), uploads(&session, 1..=count)].concat());
        assert_eq!(heard.words()[0], "session_created");
        assert_in_order(&heard.replies[1..], count);
        assert_eq!(host.world.store.changes(), count.div_ceil(32), "{count} uploads");
        assert_eq!(host.world.visible().len(), usize::try_from(count).unwrap());
        let record = host.world.store.all()[0].session.clone();
        assert_eq!((record.files_transferred(), record.total_bytes()), (count, 5 * count));
    }
}

/// Each shows the session as it was behind it, whatever came with it.
fn assert_in_order(replies: &[Value], count: u64) {
    let heard = replies.iter().map(|reply| {
        let numbers = [&reply["sequence"], &reply["session"]["next_sequence"]];
        (reply["status"].as_str().unwrap(), numbers.map(|number| number.as_u64().unwrap()))
    });
    let expected = (1..=count).map(|number| ("stored", [number, number + 1]));
    assert_eq!(heard.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}

/// Two uploads, something else, and two more. What is said of the other, how often the session changes in all, and how
/// far it comes.
#[test]
fn what_is_no_next_small_upload_ends_a_run() {
    let session = first_session();
    let other = Session { id: harness::uuid(), ..session.clone() };
    let sized = |size: usize| session.upload(3, "text/plain", size);
    let with = |field: &str, value: &str| frame::bytes(&frame::with(sized(5), field, value), PAYLOAD);
    let chunked = frame::bytes(&frame::with(sized(5), "size", Value::Null), b"5\nhello0\n{}\n");
    let digest = harness::digest("blake3", PAYLOAD);
    let trailed = [with("trailer", "blake3"), format!("{{\"digest\":\"{digest}\"}}\n").into_bytes()].concat();
    let asks = |action: &str| frame::bytes(&session.frame(action), b"");
    let cases = [
        ("a repeat", upload(&session, 2), "stored", 3, 5),
        ("another under a used number", frame::bytes(&session.upload(2, "a/b", 5), PAYLOAD), "sequence_reused", 2, 5),
        ("a number too far", upload(&session, 4), "sequence_gap", 2, 5),
        ("another action", asks("heartbeat"), "heartbeat_ack", 3, 5),
        ("a list", asks("list"), "files", 3, 5),
        ("another session", upload(&other, 3), "session_required", 2, 5),
        ("a stateless upload", frame::bytes(&frame::upload("a/b", 5), PAYLOAD), "stored", 2, 5),
        (
            "a removal",
            frame::bytes(&frame::with(session.numbered("remove", 3), "file", "none"), b""),
            "file_unknown",
            2,
            5,
        ),
        ("chunks", chunked, "stored", 2, 6),
        ("a large one", frame::bytes(&sized(70_000), &vec![7; 70_000]), "stored", 2, 6),
        ("a small one with a digest behind it", trailed, "stored", 1, 6),
        ("the largest small one", frame::bytes(&sized(65_536), &vec![7; 65_536]), "stored", 1, 6),
        ("one that waits", with("expect", "continue"), "continue", 2, 6),
        ("one with a wrong digest", with("digest", &harness::digest("blake3", b"jello")), "digest_mismatch", 2, 5),
        ("one without a type", frame::bytes(&frame::with(sized(5), "mime_type", "a"), PAYLOAD), "bad_field", 2, 5),
    ];
    for (what, middle, said, changes, next) in cases {
        let host = Host::new();
        let behind = uploads(&session, next - 2..next);
        let heard = host.serve(&[connect(), uploads(&session, 1..=2), middle, behind].concat());
        let mut words = vec!["session_created", "stored", "stored", said];
        if said == "continue" {
            words.push("stored");
        }
        words.extend(["stored", "stored"]);
        assert_eq!(heard.words(), words, "{what}");
        assert_eq!(heard.replies.last().unwrap()["session"]["next_sequence"], next, "{what}");
        assert_eq!(host.world.store.changes(), changes, "{what}");
    }
}

/// What the connection ends with is said behind the answers to what came before it.
#[test]
fn an_end_behind_a_run_is_said_behind_its_answers() {
    let session = first_session();
    let half = upload(&session, 3)[..40].to_vec();
    let mut cut = upload(&session, 3);
    cut.truncate(cut.len() - 2);
    let wrong_trailer = frame::bytes(&frame::with(session.upload(3, "a/b", 5), "trailer", "sha256"), b"hello}\n");
    let cases = [
        ("a header that is cut", half, vec!["truncated"]),
        ("a payload that is cut", cut, vec!["truncated"]),
        ("no header", b"}\n".to_vec(), vec!["bad_header"]),
        ("a control character", b"{\"version\":\x01".to_vec(), vec!["bad_encoding"]),
        ("a header of the first week", frame::week01("text/plain", 0).into_bytes(), vec!["unsupported_version"]),
        ("a trailer that is none", wrong_trailer, vec!["bad_header"]),
        ("a goodbye", frame::bytes(&session.numbered("disconnect", 3), b""), vec!["session_closed"]),
        ("nothing", Vec::new(), vec![]),
    ];
    for (what, end, said) in cases {
        let host = Host::new();
        let heard = host.serve(&[connect(), uploads(&session, 1..=2), end].concat());
        let words: Vec<&str> = ["session_created", "stored", "stored"].into_iter().chain(said).collect();
        assert_eq!(heard.words(), words, "{what}");
        assert_eq!(host.world.visible().len(), 2, "{what}");
    }
}

/// Frames that were sent before the client could hear of the stop are not begun any more; those before them are answered.
#[test]
fn a_stop_in_the_middle_of_a_run_ends_it() {
    let session = first_session();
    let mut shut = 0;
    for polls in 0.. {
        let host = Host::new();
        let heard = host.serve_and_stop(polls, &[connect(), uploads(&session, 1..=4)].concat());
        let stored = heard.words().iter().filter(|word| **word == "stored").count();
        assert_eq!(host.world.visible().len(), stored, "stopped at {polls}: {:?}", heard.words());
        assert_eq!(host.world.files.partial(), 0, "stopped at {polls}");
        match heard.words().last() {
            Some(&"shutting_down") => shut += 1,
            None => {}
            Some(_) if stored == 4 => break,
            Some(other) => panic!("stopped at {polls}: {other}"),
        }
    }
    assert!(shut > 10, "{shut}");
}

/// Each upload that waits has a file open, and there are only so many of these.
#[test]
fn so_many_uploads_of_all_connections_wait_for_others_and_no_more() {
    let host = Host::new();
    let _time = host.runtime.enter();
    for nth in 1..=1_000 {
        host.world.files.fail(Operation::Reveal, nth, Fault::Never);
    }
    let mut connections = Vec::new();
    for nth in 1..=10 {
        let session = nth_session(nth);
        let (ours, mut served) = host.begin(&[connect(), uploads(&session, 1..=32)].concat());
        assert!(poll_n(10_000, &mut served).is_none());
        connections.push((ours, served));
    }
    assert_eq!(host.world.files.partial(), 10 + 256);
}

/// However the first read cuts them.
#[test]
fn small_uploads_of_any_size_come_together() {
    for size in [1, 1_000, 4_096, 5_000, 8_000, 10_000] {
        let (host, session) = (Host::new(), first_session());
        let payload = vec![7; size];
        let run = (1..=14).flat_map(|number| frame::bytes(&session.upload(number, "text/plain", size), &payload));
        let heard = host.serve(&[connect(), run.collect()].concat());
        assert_in_order(&heard.replies[1..], 14);
        assert_eq!(host.world.store.changes(), 1, "{size}");
    }
}
