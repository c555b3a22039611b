//! The dissector in labs/wireshark, asked through a real tshark about what a real server recorded.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use engines::root;
use engines::tshark::{fields, folder, tshark};
use harness::{Carried, Options, RawClient, Server, frame};
use serde_json::{Value, json};
use server::config::{Config, Persistence};
use shared::error::ErrorCode;
use tempfile::TempDir;
use trace::{Event, What, pcapng};

type Tested = Result<(), Box<dyn Error>>;

/// What a server recorded of these clients, and the folder it is in as long as that is kept.
fn recorded(adjust: impl FnOnce(&mut Config), clients: impl FnOnce(&Server)) -> io::Result<(TempDir, PathBuf)> {
    let folder = tempfile::tempdir()?;
    let capture = folder.path().join("run.pcapng");
    let mut server = Server::start(Options::with(|config| {
        config.trace_file.clone_from(&capture);
        adjust(config);
    }));
    clients(&server);
    server.stop();
    Ok((folder, capture))
}

/// The frames of a capture as words, in order: action or status, with its sequence.
fn words(capture: &Path, arguments: &[&str]) -> Result<Vec<String>, String> {
    let names = ["dft.session.action", "dft.status", "dft.sequence", "dft.session.sequence", "dft.week01.line"];
    let mut words = Vec::new();
    for packet in fields(capture, &names, arguments)? {
        let [actions, statuses, answered, sequences, lines] = &packet[..] else { unreachable!("five fields") };
        let numbers = if statuses.is_empty() { sequences } else { answered };
        for (index, word) in actions.iter().chain(statuses).chain(lines).enumerate() {
            words.push(numbers.get(index).map_or(word.clone(), |number| format!("{word} #{number}")));
        }
    }
    Ok(words)
}

/// The packets with this mark, as the text that explains it.
fn marked(capture: &Path, mark: &str) -> Result<Vec<String>, String> {
    let found = fields(capture, &["_ws.expert.message"], &["-Y", mark])?;
    Ok(found.into_iter().map(|packet| packet.concat().join("; ")).collect())
}

fn every_action(server: &Server) {
    let mut client = server.connect();
    client.ask(&frame::stateless("hello"), b"").is("hello");
    let id = "0b6e0a4e-32d9-4a0f-8b5c-3f1d3a5e9c11";
    let upload = frame::with(frame::upload("text/plain", 5), "transfer_id", id);
    let stored = client.ask(&upload, b"hello").is("stored");
    client.ask(&frame::with(frame::stateless("status"), "transfer_id", id), b"").is("stored");
    client.ask(&frame::with(frame::stateless("fetch"), "file", stored.stored_as()), b"").is("file");
    client.ask(&frame::stateful("hello"), b"").is("hello");

    let session = harness::Session::open(&mut client);
    let chunked = frame::with(session.numbered("transfer", 1), "mime_type", "text/plain");
    let chunked = frame::with(frame::with(chunked, "size", Value::Null), "trailer", "sha256");
    let trailer = json!({"digest": harness::digest("sha256", b"in two chunks")});
    client.send_frame(&chunked, &frame::chunks(b"in two chunks", 7, &trailer));
    let stored = client.reply().is("stored");
    let awaited = frame::with(session.upload(2, "text/plain", 5), "expect", "continue");
    client.ask(&awaited, b"").is("continue");
    client.send(b"hello");
    client.reply().is("stored");
    client.ask(&session.frame("status"), b"").is("session_status");
    client.ask(&session.frame("heartbeat"), b"").is("heartbeat_ack");
    client.ask(&session.frame("list"), b"").is("files");
    let explained = json!({"explain": "yes"});
    let fetch = frame::with(session.frame("fetch"), "file", stored.stored_as());
    client.ask(&frame::with(fetch, "ext", explained), b"").is("file");
    client.ask(&frame::with(session.numbered("remove", 3), "file", stored.stored_as()), b"").is("removed");
    client.ask(&session.numbered("disconnect", 4), b"").is("session_closed");
    goodbye(client);
}

/// Ends a connection and waits for the server's end, so that it is not told of a server that stops.
fn goodbye(mut client: RawClient) {
    client.half_close();
    client.ends();
}

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
fn each_reply_is_tied_to_its_request() -> Tested {
    let (_folder, capture) = recorded(|_| {}, every_action)?;
    let request_of: Vec<_> = fields(&capture, &["frame.number", "dft.request_in"], &["-Y", "dft.status"])?;
    for packet in &request_of {
        let [[reply], [request]] = [&packet[0][..], &packet[1][..]]
            .map(<[String]>::to_vec)
            .map(|field| <[String; 1]>::try_from(field).unwrap_or_else(|field| panic!("one value: {field:?}")));
        assert!(request.parse::<u64>()? < reply.parse::<u64>()?);
    }
    // Asked again, as whoever clicks on a packet does, a request knows its reply too.
    let replies = fields(&capture, &["dft.reply_in"], &["-2", "-Y", "dft.reply_in"])?;
    assert_eq!(replies.len(), 14, "{replies:?}");
    Ok(())
}

#[test]
fn a_second_look_shows_what_the_first_did() -> Tested {
    let (_folder, capture) = recorded(
        |_| {},
        |server| {
            every_action(server);
            week01(server);
            harm(server);
        },
    )?;
    let names = [
        "frame.number",
        "dft.part",
        "dft.session.number",
        "dft.request_in",
        "dft.payload.left",
        "dft.gap",
        "dft.replay",
    ];
    assert_eq!(fields(&capture, &names, &[])?, fields(&capture, &names, &["-2"])?);
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
        let payload = fields(&capture, &["dft.payload"], &[])?.concat().concat().concat();
        assert_eq!(payload, hex(b"hello world"), "in pieces of {length}");
        let left = fields(&capture, &["dft.payload.left"], &[])?.concat().concat();
        assert_eq!(left.last().map(String::as_str), Some("0"));
        let digests = fields(&capture, &["dft.digest"], &[])?.concat().concat();
        assert_eq!(digests, [harness::digest("blake3", b"hello world")]);
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

fn week01(server: &Server) {
    let mut client = server.connect();
    client.send(
        [frame::week01("text/plain", 2).as_bytes(), b"hi", frame::week01("image/png", 3).as_bytes(), b"png"].concat(),
    );
    client.half_close();
    assert_eq!([client.line(), client.line()], ["OK", "OK"]);
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

/// A gap, a repeat of what was answered, and a session that a second connection takes.
fn harm(server: &Server) {
    let (mut first, session) = server.open_session();
    session.store(&mut first, 1, b"one");
    first.ask(&session.upload(3, "text/plain", 5), b"three").refuses("sequence_gap");
    assert_eq!(session.store(&mut first, 1, b"one")["replayed"], true);
    session.store(&mut first, 2, b"two");
    let mut second = server.connect();
    second.ask(&session.resume(), b"").is("session_resumed");
    first.reply().refuses("session_moved");
    session.store(&mut second, 3, b"three");
    goodbye(second);
}

#[test]
fn gaps_replays_and_takeovers_are_marked_and_nothing_else_is() -> Tested {
    let (_folder, capture) = recorded(|_| {}, harm)?;
    assert_eq!(
        marked(&capture, "dft.gap")?,
        ["sequence 3, but 2 is next", "the sequence is ahead of 2; refused: sequence_gap"]
    );
    assert_eq!(marked(&capture, "dft.repeat")?, ["sequence 1 again; 2 is next"]);
    assert_eq!(marked(&capture, "dft.replay")?, ["the kept reply: nothing was done"]);
    assert_eq!(marked(&capture, "dft.resumed")?, ["the session goes on, epoch 2"]);
    let moved = marked(&capture, "dft.takeover")?;
    assert!(moved.len() == 1 && moved[0].starts_with("the session was taken over"), "{moved:?}");
    let sessions = fields(&capture, &["dft.session.number"], &["-Y", "dft.session.number"])?.concat().concat();
    assert!(sessions.len() >= 12 && sessions.iter().all(|number| number == "1"), "{sessions:?}");

    let (_folder, quiet) = recorded(|_| {}, every_action)?;
    assert_eq!(
        marked(&quiet, "dft.gap || dft.repeat || dft.replay || dft.resumed || dft.takeover")?,
        Vec::<String>::new()
    );
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

#[test]
fn the_colouring_rules_are_filters_that_fit() -> Tested {
    let (_folder, capture) = recorded(
        |_| {},
        |server| {
            every_action(server);
            week01(server);
            harm(server);
        },
    )?;
    let rules = std::fs::read_to_string(folder().join("colorfilters"))?;
    let filters: Vec<_> =
        rules.lines().filter(|line| line.starts_with('@')).filter_map(|line| line.split('@').nth(2)).collect();
    assert!(filters.len() > 10);
    let fitting = filters.iter().map(|filter| tshark(&capture, &["-Y", filter]).map(|found| found.lines().count() > 0));
    let fitting: Vec<bool> = fitting.collect::<Result<_, _>>()?;
    // A capture of two sessions has no third colour, and here nothing is no frame.
    let idle: Vec<_> = filters.iter().zip(&fitting).filter(|(_, fits)| !**fits).map(|(filter, _)| *filter).collect();
    assert_eq!(
        idle,
        [
            "dft.no_frame",
            "dft.session.colour == 3",
            "dft.session.colour == 4",
            "dft.session.colour == 5",
            "dft.session.colour == 0"
        ]
    );
    Ok(())
}
