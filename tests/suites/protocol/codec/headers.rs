//! Random headers, nearly right, judged by the real reader and by a second one.

use std::cell::RefCell;
use std::collections::HashMap;

use proptest::prelude::*;
use shared::error::ErrorCode;
use shared::wire::{Dialect, Frame, Incoming, Request, StatefulRequest, read_header};

use super::reference::{Verdict, judge};
use super::runner;

/// Good and bad values of each field, as JSON.
const VALUES: &[(&str, &[&str])] = &[
    (
        "version",
        &[
            "\"2.0\"",
            "\"2.0\"",
            "\"2.0\"",
            "\"2.0\"",
            "\"2\\u002e0\"",
            "\"1.0\"",
            "\"1\"",
            "\"3.0\"",
            "2.0",
            "2",
            "null",
        ],
    ),
    ("mime_type", &["\"a/b\"", "\"image/svg+xml\"", "\"a\"", "\"a/b;c\"", "\"/b\"", "\"a\\/b\"", "1", "null"]),
    ("size", &["0", "0", "5", "null", "9007199254740991", "9007199254740992", "-1", "-0", "1.0", "1e3", "\"5\"", "{}"]),
    (
        "name",
        &[
            "\"a\"",
            "\"a/ü\"",
            "\"..\"",
            "\"\"",
            "\"a//b\"",
            "\"a\\\\b\"",
            "\"\\u0001\"",
            "\"\\u0080\"",
            "\"\u{7f}\"",
            "null",
        ],
    ),
    ("file", &["\"f\"", "\"\"", "1", "null"]),
    (
        "digest",
        &[
            "\"blake3:0000000000000000000000000000000000000000000000000000000000000000\"",
            "\"sha256:00000000000000000000000000000000000000000000000000000000000000ff\"",
            "\"blake3:00\"",
            "\"\"",
            "null",
        ],
    ),
    ("trailer", &["\"blake3\"", "\"sha256\"", "\"md5\"", "null"]),
    (
        "transfer_id",
        &[
            "\"4c1b8a4e-5d6f-4a7b-8c9d-0e1f2a3b4c5d\"",
            "\"4C1B8A4E-5D6F-4A7B-BC9D-0E1F2A3B4C5D\"",
            "\"4c1b8a4e-5d6f-4a7b-7c9d-0e1f2a3b4c5d\"",
            "\"c232ab00-9414-11ec-b3c8-9f68deced846\"",
            "\"x\"",
        ],
    ),
    ("offset", &["0", "1", "9007199254740991", "\"0\"", "null"]),
    ("ack", &["\"written\"", "\"durable\"", "\"none\""]),
    ("expect", &["\"continue\"", "\"\"", "true"]),
    (
        "auth",
        &[
            "{}",
            "{\"client\":\"a\"}",
            "{\"access_key\":\"a-key-of-somebody\"}",
            "{\"access_key\":\"short\"}",
            "{\"x\":1}",
            "1",
        ],
    ),
    (
        "ext",
        &[
            "{}",
            "{\"a\":\"b\"}",
            "{\"a\":1}",
            "{\"a\":{}}",
            "{\"a\":{\"b\":{}}}",
            "{\"a\":[]}",
            "{\"a\":\"b\",\"\\u0061\":\"c\"}",
            "null",
        ],
    ),
    ("x", &["1", "-1.5", "[]", "{}"]),
    ("si\\u007ae", &["0", "1"]),
];

const SESSION_VALUES: &[(&str, &[&str])] = &[
    (
        "id",
        &["null", "\"0d9bd2b5-0a3f-4c37-9d0a-95cd3e9c7d3f\"", "\"0d9bd2b5-0a3f-4c37-9d0a-95cd3e9c7d3f\"", "\"\"", "1"],
    ),
    ("sequence", &["1", "2", "0", "-1", "null"]),
    (
        "token",
        &[
            "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"",
            "\"-_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA8\"",
            "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB\"",
            "\"A\"",
        ],
    ),
    ("data_size", &["0", "0", "1", "65536", "65537", "null"]),
    ("x", &["1"]),
];

const MODES: &[&str] = &["\"stateless\"", "\"stateful\"", "\"stateful\"", "\"both\""];
const ACTIONS: &[&str] = &[
    "\"hello\"",
    "\"connect\"",
    "\"transfer\"",
    "\"status\"",
    "\"heartbeat\"",
    "\"list\"",
    "\"fetch\"",
    "\"remove\"",
    "\"disconnect\"",
    "\"put\"",
];

/// Some members, in any order, each with one of its values; now and then one stands twice.
fn members(table: &'static [(&'static str, &'static [&'static str])]) -> impl Strategy<Value = Vec<String>> {
    let member = proptest::sample::select(table).prop_flat_map(|(key, values)| {
        // The first value is the good one, and good ones are what makes a header long enough to be interesting.
        let value = prop_oneof![3 => Just(values[0]), 1 => proptest::sample::select(values)];
        value.prop_map(move |value| (key, format!("\"{key}\":{value}")))
    });
    (proptest::collection::vec(member, 0..5), prop::bool::weighted(0.05)).prop_map(|(members, twice)| {
        let mut seen = Vec::new();
        let fresh = members.into_iter().filter(|(key, _)| {
            let fresh = twice || !seen.contains(key);
            seen.push(*key);
            fresh
        });
        fresh.map(|(_, member)| member).collect()
    })
}

fn session() -> impl Strategy<Value = String> {
    let named = (proptest::sample::select(MODES), proptest::sample::select(ACTIONS), members(SESSION_VALUES)).prop_map(
        |(mode, action, mut members)| {
            members.push(format!("\"mode\":{mode}"));
            members.insert(0, format!("\"action\":{action}"));
            format!("\"session\":{{{}}}", members.join(","))
        },
    );
    prop_oneof![8 => named, 1 => Just("\"session\":null".to_owned()), 1 => Just("\"session\":{}".to_owned())]
}

/// A header that is nearly right, perhaps with one letter changed.
fn header() -> impl Strategy<Value = Vec<u8>> {
    let version = prop::bool::weighted(0.9);
    let upload = prop::bool::weighted(0.5);
    let whole = (version, upload, members(VALUES), proptest::option::of(session())).prop_map(
        |(version, upload, mut members, session)| {
            let absent = |members: &[String], key: &str| !members.iter().any(|member| member.starts_with(key));
            if upload && absent(&members, "\"mime_type\"") {
                members.push("\"mime_type\":\"a/b\"".to_owned());
            }
            if upload && absent(&members, "\"si") {
                members.push("\"size\":0".to_owned());
            }
            if version && absent(&members, "\"version\"") {
                members.insert(0, "\"version\":\"2.0\"".to_owned());
            }
            members.extend(session);
            format!("{{{}}}", members.join(",")).into_bytes()
        },
    );
    let letters = &b"{}[]\":,\\/ 0159-+.eEnulltruefalse'ax\x7f\xc3\xbc\xff"[..];
    let change = (any::<prop::sample::Index>(), 0..3_u8, proptest::sample::select(letters));
    let week01 = proptest::collection::btree_map(
        proptest::sample::select(&["version", "mime_type", "size", "size", "crc"][..]),
        proptest::sample::select(
            &["\"1.0\"", "\"1\"", "\"a/b\"", "0", "5", "-1", "1.5", "9007199254740992", "null", "{}"][..],
        ),
        0..4,
    );
    let week01 = week01.prop_map(|members| {
        let members: Vec<_> = members.into_iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        format!("{{{}}}", members.join(",")).into_bytes()
    });
    (prop_oneof![6 => whole, 1 => week01], proptest::option::weighted(0.3, change)).prop_map(|(mut line, change)| {
        if let Some((at, kind, letter)) = change {
            let at = at.index(line.len());
            match kind {
                0 => drop(line.remove(at)),
                1 => line.insert(at, letter),
                _ => line[at] = letter,
            }
        }
        line
    })
}

fn real(line: &[u8], dialect: Dialect) -> Verdict {
    match read_header(line, dialect) {
        Ok(Incoming::Week01(_)) => Verdict::Week01,
        Ok(Incoming::InvalidWeek01) => Verdict::InvalidWeek01,
        Ok(Incoming::Frame(raw)) => match Frame::try_from(*raw) {
            // Which modes there are decides before the session does, and only a server knows them.
            Ok(Frame { request: Request::Stateful(StatefulRequest::Unnamed(_)), .. }) => {
                Verdict::Refused(ErrorCode::SessionRequired)
            }
            Ok(_) => Verdict::Frame,
            Err(refusal) => Verdict::Refused(refusal.code),
        },
        Err(refusal) => Verdict::Refused(refusal.code),
    }
}

#[test]
fn a_second_reader_says_the_same_of_every_header() {
    let verdicts: RefCell<HashMap<Verdict, u32>> = RefCell::default();
    let dialects = proptest::sample::select(&[Dialect::Unsettled, Dialect::V2, Dialect::V2, Dialect::Week01][..]);
    runner(20_000)
        .run(&(header(), dialects), |(line, dialect)| {
            let expected = judge(&line, dialect);
            *verdicts.borrow_mut().entry(expected).or_default() += 1;
            prop_assert_eq!(real(&line, dialect), expected, "{}", String::from_utf8_lossy(&line));
            Ok(())
        })
        .unwrap();
    // Agreement is worth something only if all kinds of header were among them.
    let verdicts = verdicts.into_inner();
    let refused = [
        ErrorCode::BadEncoding,
        ErrorCode::BadHeader,
        ErrorCode::DuplicateKey,
        ErrorCode::UnknownField,
        ErrorCode::UnsupportedVersion,
        ErrorCode::BadField,
        ErrorCode::BadName,
        ErrorCode::IllegalAction,
        ErrorCode::SessionRequired,
    ];
    let accepted = [Verdict::Frame, Verdict::Week01, Verdict::InvalidWeek01];
    for verdict in refused.into_iter().map(Verdict::Refused).chain(accepted) {
        assert!(verdicts.get(&verdict).is_some_and(|count| *count >= 10), "{verdict:?} of {verdicts:?}");
    }
}

#[test]
fn a_second_reader_says_the_same_of_the_whole_corpus() {
    for case in super::table() {
        for line in case.input.split(|byte| *byte == b'\n').filter(|line| line.iter().all(|byte| *byte >= 0x20)) {
            for dialect in [Dialect::Unsettled, Dialect::V2, Dialect::Week01] {
                assert_eq!(real(line, dialect), judge(line, dialect), "{}", String::from_utf8_lossy(line));
            }
        }
    }
}
