//! Frames and their fields, however they were cut.

use std::fs::File;
use std::io::BufReader;

use engines::root;
use engines::tshark::{fields, folder};
use harness::{Carried, frame};
use serde_json::json;
use server::config::Persistence;
use shared::error::ErrorCode;
use shared::wire::Action;
use trace::{Event, What, pcapng};

use crate::{Tested, every_action, goodbye, marked, recorded, week01, words};

const EVERY_ACTION: &str = "hello hello transfer stored status stored fetch file hello hello connect session_created \
    transfer#1 stored#1 transfer#2 continue stored#2 status session_status heartbeat heartbeat_ack list files fetch \
    file remove#3 removed#3 disconnect#4 session_closed#4";

#[test]
fn every_action_in_both_modes_is_shown_with_all_its_fields() -> Tested {
    let (_folder, capture) = recorded(|_| {}, every_action)?;
    let shown = words(&capture, &[])?;
    // The shortest transfer names no action; its header line is there all the same.
    let shown: Vec<_> = shown.iter().map(|word| word.replace(' ', "")).collect();
    let expected: Vec<_> = EVERY_ACTION.split_whitespace().collect();
    let seen = |action: &Action| expected.iter().any(|word| word.split('#').next() == Some(action.as_str()));
    assert!(Action::ALL.iter().all(seen), "an action is not among {EVERY_ACTION}");
    let mut named = expected.clone();
    named.remove(2);
    assert_eq!(shown, named);
    let parts = fields(&capture, &["dft.part"], &[])?.concat().concat();
    assert_eq!(parts.iter().filter(|part| *part == "request").count(), 14, "{parts:?}");
    assert_eq!(parts.iter().filter(|part| *part == "reply").count(), 15, "{parts:?}");
    assert_eq!(parts.iter().filter(|part| *part == "chunk").count(), 3, "{parts:?}");
    assert_eq!(
        parts.iter().filter(|part| *part == "trailer").count(),
        3,
        "one sent, two with fetched files: {parts:?}"
    );
    assert_eq!(fields(&capture, &["dft.unknown"], &["-Y", "dft.unknown"])?, Vec::<Vec<Vec<String>>>::new());
    assert_eq!(marked(&capture, "dft.no_frame || _ws.malformed || _ws.lua.error")?, Vec::<String>::new());
    Ok(())
}

/// A field that is added to the wire is to be seen in Wireshark too.
#[test]
fn the_dissector_has_every_field_of_the_protocol_s_tables() -> Tested {
    let protocol = std::fs::read_to_string(root().join("PROTOCOL.md"))?;
    let dissector = std::fs::read_to_string(folder().join("dft.lua"))?;
    let section = |title: &str| {
        let text = protocol.split(title).nth(1).expect("a section of PROTOCOL.md");
        text.split("\n## ").next().expect("its text")
    };
    let (requests, replies) = (section("\n## 2. Request header"), section("\n## 4. Reply header"));
    let rows = requests.split("Where a field may stand").next().expect("the table").lines().chain(replies.lines());
    let fields: Vec<_> = rows.filter_map(|row| row.strip_prefix("| `")?.split('`').next()).collect();
    assert!(fields.contains(&"session.mode") && fields.contains(&"degraded_from"), "{fields:?}");
    let known =
        |field: &&&str| dissector.contains(&format!("[\"{field}\"]")) || dissector.contains(&format!("[\"{field}."));
    // Errors and exit codes are rows of section 4 too, and `ext` is open.
    let is_code = |field: &str| ErrorCode::ALL.iter().any(|code| code.as_str() == field);
    let missing: Vec<_> = fields.iter().filter(|field| !known(field) && **field != "ext" && !is_code(field)).collect();
    assert_eq!(missing, Vec::<&&str>::new());
    Ok(())
}

#[test]
fn frames_are_the_same_however_the_network_cuts_them() -> Tested {
    let send = |length: usize| {
        recorded(
            |_| {},
            |server| {
                let (mut client, session) = server.open_session();
                let header = frame::with(session.upload(1, "text/plain", 11), "trailer", "blake3");
                let mut bytes = frame::bytes(&header, b"hello world");
                let trailer = json!({"digest": harness::digest("blake3", b"hello world")});
                bytes.extend_from_slice(format!("{trailer}\n").as_bytes());
                bytes.extend_from_slice(&frame::bytes(&session.numbered("disconnect", 2), b""));
                client.send_cut(&bytes, length);
                client.reply().is("stored");
                client.reply().is("session_closed");
                goodbye(client);
            },
        )
    };
    for length in [1, 7, 64, 10_000] {
        let (_folder, capture) = send(length)?;
        let frames = ["connect", "session_created", "transfer #1", "disconnect #2", "stored #1", "session_closed #2"];
        let mut shown = words(&capture, &[])?;
        let mut expected = frames.map(str::to_owned).to_vec();
        // When the pieces come slowly, the first reply leaves before the last frame is there.
        shown.sort();
        expected.sort();
        assert_eq!(shown, expected, "in pieces of {length}");
        let names = ["dft.payload", "dft.payload.left", "dft.digest"];
        let shown = fields(&capture, &names, &["-Y", "dft.payload || dft.digest"])?;
        let column = |index: usize| shown.iter().flat_map(move |packet| packet[index].clone());
        assert_eq!(column(0).collect::<String>(), hex(b"hello world"), "in pieces of {length}");
        assert_eq!(column(1).last().as_deref(), Some("0"), "in pieces of {length}");
        assert_eq!(column(2).collect::<Vec<_>>(), [harness::digest("blake3", b"hello world")]);
    }
    Ok(())
}

/// A capture of a busy interface lacks packets. Within a payload it is still known where the next frame begins.
#[test]
fn a_packet_that_was_not_captured_costs_a_payload_its_bytes_and_nothing_else() -> Tested {
    let (folder, capture) = recorded(
        |_| {},
        |server| {
            let (mut client, session) = server.open_session();
            session.store(&mut client, 1, &harness::noise(1, 150_000));
            session.store(&mut client, 2, b"two");
            goodbye(client);
        },
    )?;
    let mut events = Vec::new();
    let mut reader = pcapng::Reader::new(BufReader::new(File::open(&capture)?))?;
    while let Some(event) = reader.next_event()? {
        events.push(event);
    }
    let whole = words(&capture, &[])?;
    let long = |event: &Event| matches!(&event.what, What::Bytes { bytes, .. } if bytes.len() > 1_000);
    let (first, last) = (events.iter().position(long), events.iter().rposition(long));
    let (Some(first), Some(last)) = (first, last) else { return Err("no payload in pieces".into()) };
    for lost in first + 1..last {
        let lossy = folder.path().join("lossy.pcapng");
        let mut writer = pcapng::Writer::new(File::create(&lossy)?)?;
        for (_, event) in events.iter().enumerate().filter(|(index, _)| *index != lost) {
            writer.write(event)?;
        }
        assert_eq!(words(&lossy, &[])?, whole, "without packet {lost}");
        assert_eq!(marked(&lossy, "dft.no_frame")?, Vec::<String>::new(), "without packet {lost}");
        assert_eq!(fields(&lossy, &["frame.number"], &["-Y", "tcp.analysis.lost_segment"])?.len(), 1);
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

#[test]
fn week_01_clients_and_their_answers_are_shown() -> Tested {
    let (_folder, capture) = recorded(
        |_| {},
        |server| {
            week01(server);
            let mut client = server.connect();
            client.send(frame::week01("text/plain", 2).replace('2', "-2"));
            assert_eq!(client.line(), "ERROR: Invalid header");
        },
    )?;
    let rows = fields(&capture, &["dft.dialect", "dft.mime_type", "dft.size", "dft.payload"], &["-Y", "dft.payload"])?;
    let ["1.0", "1.0"] = [&rows[0][0][0], &rows[0][0][1]].map(String::as_str) else { panic!("{rows:?}") };
    assert_eq!(
        rows[0][1..],
        [
            vec!["text/plain".to_owned(), "image/png".to_owned()],
            vec!["2".to_owned(), "3".to_owned()],
            vec![hex(b"hi"), hex(b"png")]
        ]
    );
    let lines = fields(&capture, &["dft.week01.line"], &[])?.concat().concat();
    assert_eq!(lines, ["OK", "OK", "ERROR: Invalid header"]);
    Ok(())
}

#[test]
fn tickets_are_session_data() -> Tested {
    let (_folder, capture) = recorded(
        |config| config.persistence = Persistence::Ticket,
        |server| {
            let mut client = server.connect();
            let carried = Carried::open(&mut client);
            drop(client);
            let mut client = server.connect();
            client.send(carried.resume());
            client.reply().is("session_resumed");
        },
    )?;
    let sizes = fields(&capture, &["dft.session.data_size", "dft.session_data"], &["-Y", "dft.session_data"])?;
    assert_eq!(sizes.len(), 3, "with both replies and the second connect");
    for packet in sizes {
        assert_eq!(packet[0][0].parse::<usize>()? * 2, packet[1][0].len());
    }
    Ok(())
}

/// Who writes a client looks here when it sends a value of another type.
#[test]
fn values_of_a_wrong_type_are_shown_and_harm_nothing() -> Tested {
    let wrong = [
        r#""session":{"action":true}"#,
        r#""mime_type":"text/plain","size":1.5"#,
        r#""mime_type":"text/plain","size":1e400"#,
        r#""session":{"mode":"stateful","action":"connect","data_size":9000000000}"#,
        r#""session":{"mode":"stateful","action":"transfer","id":"ID","sequence":"x"},"mime_type":"text/plain","size":1"#,
        r#""status":true,"error":{"code":true}"#,
        r#""name":"\ud83d\ude00 \ud83d""#,
    ];
    let (_folder, capture) = recorded(
        |_| {},
        |server| {
            let (client, session) = server.open_session();
            for fields in wrong {
                let mut other = server.connect();
                other.send(format!("{{\"version\":\"2.0\",{}}}\n", fields.replace("ID", &session.id)));
                assert_eq!(other.reply().header["status"], "error", "{fields}");
            }
            let mut other = server.connect();
            other.send("{\"version\":true}\n");
            other.half_close();
            other.to_end();
            goodbye(client);
        },
    )?;
    assert_eq!(marked(&capture, "_ws.lua.error || _ws.malformed")?, Vec::<String>::new());
    assert_eq!(fields(&capture, &["dft.name"], &["-Y", "dft.name"])?.concat().concat(), ["\u{1f600} \u{fffd}"]);
    Ok(())
}

#[test]
fn what_is_no_frame_is_said_to_be_none() -> Tested {
    let (_folder, capture) = recorded(
        |_| {},
        |server| {
            let mut client = server.connect();
            client.ask(&frame::stateless("hello"), b"").is("hello");
            client.send("{\"version\":\"2.0\",\"a\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}\n");
            client.reply().refuses("bad_header");
        },
    )?;
    assert_eq!(marked(&capture, "dft.no_frame")?.len(), 1);
    assert_eq!(marked(&capture, "_ws.lua.error")?, Vec::<String>::new());
    Ok(())
}
