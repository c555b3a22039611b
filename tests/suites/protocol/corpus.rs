//! Wrong input, all of it, against one server: each gets the answer that PROTOCOL.md gives it, nothing is
//! stored, and whoever comes next is served.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use harness::corpus::{self, Behind, Expected, Malformed, escape};
use harness::{Options, RawClient, Server, frame, staged, visible};
use shared::error::ErrorCode;

/// What the server may have at the same time. Far less than there are inputs, so that a connection or a buffer
/// that is not given back stops the test.
const CONNECTIONS_MAX: usize = 16;
const BUFFER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Bytes of an input shown when it fails.
const SHOWN_BYTES_MAX: usize = 300;

fn table() -> Vec<Malformed> {
    let themes = [
        ("bytes", include_str!("../../corpus/malformed/bytes.txt")),
        ("json", include_str!("../../corpus/malformed/json.txt")),
        ("fields", include_str!("../../corpus/malformed/fields.txt")),
        ("actions", include_str!("../../corpus/malformed/actions.txt")),
        ("frames", include_str!("../../corpus/malformed/frames.txt")),
        ("week01", include_str!("../../corpus/malformed/week01.txt")),
    ];
    let cases = themes.into_iter().flat_map(|(theme, text)| {
        let cases = corpus::malformed(text).unwrap_or_else(|why| panic!("{theme}.txt: {why}"));
        cases.into_iter().map(move |case| Malformed { name: format!("{theme}.txt: {}", case.name), ..case })
    });
    cases.collect()
}

fn shown(input: &[u8]) -> String {
    let text = escape(input);
    let short: String = text.chars().take(SHOWN_BYTES_MAX).collect();
    if short.len() < text.len() { format!("{short}… ({} bytes)", input.len()) } else { short }
}

#[test]
fn the_inputs_are_many_and_different() {
    let cases = table();
    let mut seen = BTreeMap::new();
    for case in &cases {
        if let Some(other) = seen.insert((&case.input, case.behind == Behind::Ends), &case.name) {
            panic!("twice: {other} and {}: {}", case.name, shown(&case.input));
        }
        for answer in &case.answers {
            if let Expected::Error { code, field, closing } = answer {
                assert!(*closing || !code.always_closes(), "{}: {code} closes", case.name);
                assert!(field.is_some() || *code != ErrorCode::BadField, "{}: which field?", case.name);
            }
        }
    }
    assert!(cases.len() >= 300, "{} inputs", cases.len());
}

#[test]
fn every_input_gets_its_answer_and_the_next_client_is_served() {
    let mut server = Server::start(Options::with(|config| {
        config.limits.connections_max = CONNECTIONS_MAX;
        config.limits.buffer_bytes_max = BUFFER_BYTES_MAX;
    }));
    let mut failures = Vec::new();
    let mut stored: usize = 0;
    for case in table() {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            stored += answered(&mut server.connect(), &case);
            stored += healthy(&mut server.connect());
        }));
        if outcome.is_err() {
            failures.push(format!("{}\n    {}\n    expected {:?}", case.name, shown(&case.input), case.answers));
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), table().len(), failures.join("\n"));
    server.stop();
    assert_eq!(visible(&server.storage).len(), stored, "only what was acknowledged is there");
    assert_eq!(staged(&server.storage), Vec::<String>::new());
}

/// Sends a malformed input and checks what comes back, to the last byte. Tells how many files that stored.
fn answered(client: &mut RawClient, case: &Malformed) -> usize {
    // A server that has answered and closed may not take the rest.
    let _ = client.try_send(&case.input);
    if case.behind == Behind::Ends {
        client.half_close();
    }
    let mut stored = 0;
    for answer in &case.answers {
        match answer {
            Expected::Line(line) => {
                assert_eq!(client.line(), *line);
                stored += usize::from(line == "OK");
            }
            Expected::Status(status) => {
                let reply = client.reply().is(status);
                assert!(!reply.closes(), "{}", reply.header);
                stored += usize::from(status == "stored");
            }
            Expected::Error { code, field, closing } => {
                let reply = client.reply().refuses(code.as_str());
                assert_eq!(reply.closes(), *closing, "{}", reply.header);
                if let Some(field) = field {
                    assert_eq!(reply["error"]["field"], **field, "{}", reply.header);
                }
                let tells = *code == ErrorCode::UnsupportedVersion;
                assert_eq!(reply["error"]["supported"].is_array(), tells, "{}", reply.header);
            }
        }
    }
    if case.closes() {
        client.ends();
    } else {
        stored += healthy(client);
    }
    stored
}

/// A frame that must be served, the last on its connection.
fn healthy(client: &mut RawClient) -> usize {
    let header = frame::with(frame::upload("text/plain", 2), "ack", "written");
    let _ = client.ask(&header, b"ok").is("stored");
    client.half_close();
    client.ends();
    1
}

#[test]
fn the_inputs_reach_every_refusal_of_the_grammar() {
    // Those that need a slow client, a full server or a session are reached elsewhere.
    let cases = table();
    let reached: BTreeSet<_> = cases.iter().flat_map(|case| &case.answers).filter_map(code).collect();
    let framing = ["header_too_large", "bad_encoding", "bad_header", "duplicate_key", "unknown_field"];
    let others = ["unsupported_version", "truncated", "bad_field", "bad_name", "illegal_action", "size_too_large"];
    for code in framing.into_iter().chain(others) {
        assert!(reached.contains(code), "{code}");
    }
}

fn code(answer: &Expected) -> Option<&'static str> {
    match answer {
        Expected::Error { code, .. } => Some(code.as_str()),
        Expected::Line(_) | Expected::Status(_) => None,
    }
}

#[test]
fn a_repeat_is_read_over_with_its_trailer() {
    // The answer to a repeat is known from its header, so nobody waits for the trailer that was promised.
    let server = Server::start(Options::default());
    let mut client = server.connect();
    let header = frame::with(frame::upload("text/plain", 2), "transfer_id", harness::uuid());
    let header = frame::with(header, "trailer", "blake3");
    let trailer = format!("{{\"digest\":\"{}\"}}\n", harness::digest("blake3", b"hi"));
    let payload = [b"hi", trailer.as_bytes()].concat();
    assert!(!client.ask(&header, &payload).is("stored").is_replayed());
    assert!(client.ask(&header, &payload).is("stored").is_replayed());
    assert!(client.ask(&header, &payload).is("stored").is_replayed());
    let _ = healthy(&mut client);
}
