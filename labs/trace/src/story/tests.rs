//! Stories of scripted connections, a line for each row.

use bytes::Bytes;

use super::*;
use crate::script::{Script, eventful, refusal, reply, request, upload};

fn told(events: &[Event]) -> Story {
    let mut story = Story::default();
    for event in events {
        story.take(event);
    }
    story
}

/// The rows as words, without their times.
fn rows(story: &Story) -> Vec<String> {
    let row = |row: &Row| match &row.what {
        Happening::Opened => format!("{} opens", row.connection),
        Happening::Ended(side, how) => format!("{} {side:?} {how:?}", row.connection),
        Happening::Noted(words) => format!("{} {words}", row.connection),
        Happening::Said(frame) => {
            let arrow = if frame.from == Side::Client { '>' } else { '<' };
            let cut = if frame.whole { "" } else { " cut" };
            let tone = if frame.tone == Tone::Plain { String::new() } else { format!(" {:?}", frame.tone) };
            let change = frame.change.as_ref().map_or(String::new(), |change| format!(" {change:?}"));
            format!("{} {arrow} {} +{}{cut}{tone}{change}", row.connection, frame.words, frame.body)
        }
    };
    story.rows().iter().map(row).collect()
}

fn of(script: Script) -> Vec<String> {
    rows(&told(&script.events()))
}

#[test]
fn a_session_is_followed_over_its_connections() {
    let story = told(&eventful());
    assert_eq!(
        rows(&story),
        [
            "0 opens",
            "0 > connect +0",
            "0 < session_created epoch 1, next 1 +0 Opened",
            "0 > transfer #1 <b>&\"it's\"#; +5",
            "0 < stored #1, next 2 +0",
            "0 > transfer #2 two.txt +3 cut",
            "1 opens",
            "1 > connect +0",
            "1 < session_resumed epoch 2, next 2, 3 bytes are there +0 Resumed",
            "0 < session_moved, closing +0 Refusal Moved",
            "0 Client Reset",
            "1 > transfer #2 two.txt +5",
            "1 < stored #2, next 3 +0",
            "1 > transfer #1 one.txt +5",
            "1 < stored #1, next 3, replayed +0 Replay",
            "1 > transfer #7 seven.txt +5",
            "1 < sequence_gap +0 Refusal",
            "1 > disconnect #3 +0",
            "1 < session_closed #3, next 4 +0 Ended",
            "1 Client Finished",
            "1 Server Finished",
        ]
    );
    let sessionless = |row: &&Row| matches!(&row.what, Happening::Said(frame) if frame.session.is_none());
    let header = request("connect", "", "").len();
    assert!(matches!(&story.rows()[1].what, Happening::Said(frame) if usize::try_from(frame.header) == Ok(header)));
    // The first question: there is no session yet.
    assert_eq!(story.rows().iter().filter(sessionless).count(), 1);
}

#[test]
fn a_story_does_not_depend_on_how_the_bytes_were_cut() {
    let events = eventful();
    let whole = rows(&told(&events));
    for length in [1, 2, 7, 100] {
        let mut cut = Vec::new();
        for event in &events {
            let What::Bytes { from, offset, heard, bytes } = &event.what else {
                cut.push(event.clone());
                continue;
            };
            for (index, piece) in (0..).zip(bytes.chunks(length)) {
                let offset = offset + index * u64::try_from(length).unwrap();
                let bytes = Bytes::copy_from_slice(piece);
                cut.push(Event { what: What::Bytes { from: *from, offset, heard: *heard, bytes }, ..event.clone() });
            }
        }
        assert_eq!(rows(&told(&cut)), whole, "in pieces of {length}");
    }
}

#[test]
fn a_payload_that_is_waited_for_comes_or_does_not() {
    let waiting =
        || request("transfer", ",\"mime_type\":\"a/b\",\"size\":5,\"expect\":\"continue\"", ",\"sequence\":1");
    let wanted = "{\"version\":\"2.0\",\"status\":\"continue\",\"mime_type\":\"a/b\",\"size\":0}\n";
    let script = Script::default().opens().client(1, waiting()).server(1, wanted).client(1, "{\"}}\n");
    assert_eq!(of(script)[1..], ["0 > transfer #1, waits +5", "0 < continue +0"]);

    let script = Script::default().opens().client(1, waiting()).server(1, refusal("busy", ""));
    let script = script.client(1, request("status", "", ""));
    assert_eq!(of(script)[1..], ["0 > transfer #1, waits +0", "0 < busy +0 Refusal", "0 > status +0"]);
}

#[test]
fn chunks_session_data_and_trailers_are_counted_to_their_frame() {
    let chunked = request("transfer", ",\"mime_type\":\"a/b\",\"size\":null", ",\"sequence\":1");
    let ticket =
        reply("session_created", 1, 1, "").replace("\"expires_in_s\":300", "\"expires_in_s\":300,\"data_size\":4");
    let script = Script::default()
        .opens()
        .server(1, ticket + "seal")
        .client(1, chunked + "3\nabc2\nde0\n{}\n")
        .client(1, request("heartbeat", "", ""));
    assert_eq!(
        of(script)[1..],
        ["0 < session_created epoch 1, next 1 +4 Opened", "0 > transfer #1 +8", "0 > heartbeat +0"]
    );
}

#[test]
fn week_01_is_told_in_its_own_words() {
    let script = Script::default()
        .opens()
        .client(1, "{\"mime_type\": \"a/b\", \"size\": 2}\nhi{\"size\": 1}\nx")
        .server(1, "OK\nO")
        .server(1, "K\nERROR: Invalid header\n");
    assert_eq!(
        of(script)[1..],
        [
            "0 > Week 01 upload +2",
            "0 > Week 01 upload +1",
            "0 < OK +0",
            "0 < OK +0",
            "0 < ERROR: Invalid header +0 Refusal"
        ]
    );
}

#[test]
fn what_is_no_frame_is_counted_and_does_not_end_the_story() {
    let script = Script::default().opens().client(1, "GET / HTTP/1.1\r\n").client(1, "Host: x\r\n\r\n");
    assert_eq!(of(script)[1..], ["0 > bytes that are no frame +27 cut Noise"]);
    let script = Script::default().opens().client(1, "{\"version\":\"2.0\",\"size\":-1}\nabc");
    assert_eq!(of(script)[1..], ["0 > transfer +0 cut", "0 > bytes that are no frame +3 cut Noise"]);
    let script = Script::default().opens().server(1, "{\"hello\":\u{202e}}\n");
    assert_eq!(of(script)[1..], ["0 < {\"hello\":\u{fffd}} +0 cut Noise"]);
}

#[test]
fn bytes_that_were_not_recorded_end_what_can_be_understood() {
    let mut events = Script::default().opens().client(1, upload(1, "a", 3)).client(1, "lo").client(1, "{").events();
    events.remove(2);
    assert_eq!(rows(&told(&events))[1..], ["0 > transfer #1 a +3 cut", "0 > bytes that are no frame +1 cut Noise"]);
}

#[test]
fn a_story_has_an_end_and_says_how_much_is_behind_it() {
    let mut script = Script::default().opens();
    for _ in 0..ROWS_MAX + 6 {
        script = script.client(1, request("heartbeat", "", ""));
    }
    let story = told(&script.opens().events());
    assert_eq!((story.rows().len(), story.left_out()), (ROWS_MAX, 8));
}

#[test]
fn the_story_of_one_session_leaves_other_connections_out() {
    let mut events = eventful();
    let other = Script::default().opens().opens().opens().client(3, request("connect", "", "")).events();
    events.extend(other.into_iter().filter(|event| event.ends.client.port() == 40_003));
    let all = rows(&told(&events));
    assert_eq!(all.len(), 23);
    let one = told(&events).of_session("1f2e").unwrap();
    assert_eq!(rows(&one)[..], all[..21]);
    assert!(told(&events).of_session("2").is_none());
}
