//! What a report looks like, for people and for programs.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use conform::{Choice, Level, Report, report, server};

/// The reports of a server that answers everything with one byte that no terminal shows.
fn graded() -> Report {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"<\x00>\n");
        }
    });
    let choice = Choice { level: Some(Level::Framing), only: Some("no bytes".to_owned()), ..Choice::default() };
    let mut report = server::judge(address, &choice, &mut |_| {}).unwrap();
    "server here".clone_into(&mut report.subject);
    report.notes.clear();
    report
}

#[test]
fn a_failure_shows_what_was_sent_what_was_expected_and_what_came() {
    let report = graded();
    assert_eq!(
        report::line(&report.outcomes[0]),
        "  FAIL         a payload of no bytes is a file   [PROTOCOL.md section 1]\n\
         \x20       sent      {\"mime_type\":\"text/plain\",\"size\":0,\"version\":\"2.0\"}\\n\n\
         \x20       came      <\\x00>\\n\n\
         \x20       expected  a reply\n\
         \x20       but came  a line with the control character 0x00\n"
    );
    assert_eq!(
        report::summary(&report),
        "\nserver here\n  level 1 framing    0 of 1 passed\n\
         next: level 1, framing; --level 1 grades it alone\nscore: 0 of 1\n"
    );
}

#[test]
fn programs_are_told_the_same() {
    let report = graded();
    let json = report::json(&report);
    assert_eq!(json["score"], serde_json::json!({"points": 0, "of": 1}));
    assert_eq!(json["good"], false);
    assert_eq!(json["checks"][0]["verdict"], "failed");
    assert_eq!(json["checks"][0]["exchange"][1]["bytes"], "<\\x00>\\n");
    let xml = report::junit(&report);
    assert!(xml.contains("<testsuites name=\"server here\" tests=\"1\" failures=\"1\">"), "{xml}");
    assert!(xml.contains("came      &lt;\\x00&gt;\\n"), "{xml}");
    assert_eq!(xml.matches("<testcase ").count(), xml.matches("</testcase>").count());
}
