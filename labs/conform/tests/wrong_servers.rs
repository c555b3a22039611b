//! The grader is graded: servers that are wrong in one way each, and the check that is meant for them. None of
//! them can keep the kit waiting, whatever it does.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use conform::{Choice, Outcome, Report, Verdict, server};

/// How long the kit waits for an answer of these servers, which answer at once or never.
const PATIENCE: Duration = Duration::from_millis(500);

/// The reply to an upload of "hello" by a server that does its work.
const STORED: &str = concat!(
    r#"{"version":"2.0","status":"stored","mime_type":"text/plain","size":0,"file":{"stored_as":"a","size":5,"#,
    r#""digest":"sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"}}"#,
    "\n"
);

/// A refusal that forgets to say that it closes.
const DUPLICATE: &str = concat!(
    r#"{"version":"2.0","status":"error","mime_type":"text/plain","size":0,"#,
    r#""error":{"code":"duplicate_key","retry":"never","message":""}}"#,
    "\n"
);

/// The answer to `hello` of a server with one mode.
const HELLO: &str = concat!(
    r#"{"version":"2.0","status":"hello","mime_type":"text/plain","size":0,"hello":{"modes":["stateless"]}}"#,
    "\n"
);

/// A server on a free port that does this with each of its connections, until the tests end.
fn serving(does: fn(TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || does(stream));
        }
    });
    address
}

/// What comes of the checks with these words in their sentence.
fn graded(does: fn(TcpStream), only: &str) -> Report {
    let choice = Choice { only: Some(only.to_owned()), patience: PATIENCE, ..Choice::default() };
    server::judge(serving(does), &choice, &mut |_| {}).unwrap()
}

/// The one check with these words, and what it says.
fn outcome(does: fn(TcpStream), only: &str) -> Outcome {
    let report = graded(does, only);
    assert_eq!(report.outcomes.len(), 1, "{only}: {report:?}");
    report.outcomes[0].clone()
}

/// What the check expected and what came, told of a server that fails it.
#[track_caller]
fn caught(does: fn(TcpStream), only: &str) -> String {
    match outcome(does, only).verdict {
        Verdict::Failed { expected, came, exchange } => {
            let shown: Vec<String> =
                exchange.iter().map(|event| format!("{} {}", event.way.word(), event.text())).collect();
            format!("{expected} | {came} | {}", shown.join(" | "))
        }
        verdict @ (Verdict::Passed | Verdict::NotOffered(_) | Verdict::Skipped(_)) => {
            panic!("not caught by \"{only}\": {verdict:?}")
        }
    }
}

/// Reads a header line and answers with this.
fn answering(mut stream: TcpStream, answer: &str) {
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
        line.clear();
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

#[test]
fn a_server_that_does_its_work_passes() {
    let right = outcome(|stream| answering(stream, STORED), "one upload");
    assert!(matches!(right.verdict, Verdict::Passed), "{right:?}");
}

#[test]
fn a_server_that_lies_about_the_digest_is_caught() {
    let told = caught(|stream| answering(stream, &STORED.replace("2cf24d", "000000")), "one upload");
    assert!(told.starts_with("the digest of the bytes that were sent | file.digest is \"sha256:000000"), "{told}");
    assert!(told.contains("sent {\"version\":\"2.0\",\"mime_type\":\"text/plain\",\"size\":5}\\nhello"), "{told}");
}

#[test]
fn a_server_that_counts_wrong_is_caught() {
    let told = caught(|stream| answering(stream, &STORED.replace("\"size\":5", "\"size\":4")), "one upload");
    assert!(told.starts_with("file.size to be 5 | file.size is 4"), "{told}");
}

#[test]
fn a_server_that_says_nothing_is_not_waited_for() {
    let told = caught(
        |mut stream| {
            let _ = stream.read_to_end(&mut Vec::new());
        },
        "one upload",
    );
    assert!(told.starts_with("a reply | nothing within 500ms"), "{told}");
}

#[test]
fn a_server_that_closes_at_once_is_caught() {
    let told = caught(drop, "one upload");
    assert!(told.starts_with("a reply | the end of the connection"), "{told}");
}

#[test]
fn a_server_that_floods_is_not_listened_to_for_ever() {
    let flood = |mut stream: TcpStream| while stream.write_all(&[b'x'; 8192]).is_ok() {};
    let told = caught(flood, "one upload");
    assert!(told.starts_with("a reply | a line without end"), "{told}");
    let told = caught(flood, "an upload is answered with OK");
    assert!(told.contains("no end of bytes"), "{told}");
}

#[test]
fn a_server_that_announces_more_than_anybody_has_is_not_waited_for() {
    let told =
        caught(|stream| answering(stream, &STORED.replace("\"size\":0", "\"size\":9007199254740991")), "one upload");
    assert!(told.contains("an announcement of 9007199254740991 bytes"), "{told}");
}

#[test]
fn a_server_that_answers_with_half_a_line_is_caught() {
    let told = caught(|mut stream| drop(stream.write_all(b"{\"version\"")), "one upload");
    assert!(told.contains("the end of the connection inside a line") && told.contains("came {\"version\""), "{told}");
}

#[test]
fn a_server_that_takes_any_header_is_caught_by_every_line_of_the_grammar() {
    for only in
        ["no JSON object is bad_header", "no integer of the wire", "stands twice", "field of nobody", "not UTF-8"]
    {
        let told = caught(|stream| answering(stream, STORED), only);
        assert!(told.contains("the error ") && told.contains("status is \"stored\""), "{only}: {told}");
    }
}

#[test]
fn a_server_that_does_not_say_closing_is_caught() {
    let told = caught(|stream| answering(stream, DUPLICATE), "stands twice");
    assert!(told.starts_with("closing to be true | no closing"), "{told}");
}

#[test]
fn a_server_that_says_ok_too_early_loses_files_and_is_caught() {
    let told =
        caught(|mut stream| drop(stream.write_all(b"OK\n").map(|()| stream.read_to_end(&mut Vec::new()))), "has ended");
    assert!(told.contains("bytes at once"), "{told}");
}

#[test]
fn a_server_without_hello_is_told_so() {
    let report = graded(|stream| answering(stream, STORED), "one upload");
    assert!(report.notes[0].contains("everything is taken as offered"), "{:?}", report.notes);
}

#[test]
fn a_server_that_lacks_a_mode_is_told_so_and_gets_no_points_for_it() {
    let report = graded(|stream| answering(stream, HELLO), "two sessions");
    assert!(matches!(&report.outcomes[0].verdict, Verdict::NotOffered(why) if why.contains("stateful")), "{report:?}");
    assert!(!report.count().good(), "nothing graded is nothing passed");
}

#[test]
fn nobody_at_the_address_is_no_verdict() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = server::judge(address, &Choice::default(), &mut |_| {});
    assert!(refused.unwrap_err().contains("no connection"));
}
