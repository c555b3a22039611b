//! Connections cut at every class of byte.

use harness::{Options, RawClient, Server, Session, frame};
use serde_json::{Value, json};

/// How a client vanishes.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Way {
    /// It ends its side and hears what the server says to that.
    HalfClose,
    /// It closes without a word.
    Close,
    /// It crashes, and the network forgets what was under way.
    Reset,
}

const WAYS: [Way; 3] = [Way::HalfClose, Way::Close, Way::Reset];

const PAYLOAD: &[u8] = b"payload\nwith {\"json\": 1}\nin it";

/// Every class of byte a frame can be cut behind. Only the last cut leaves a whole frame.
fn cuts(header: &Value, body: &[u8]) -> Vec<(&'static str, Vec<u8>, bool)> {
    let bytes = frame::bytes(header, body);
    let line = bytes.len() - body.len();
    let places = [
        ("before the first byte", 0),
        ("behind the first byte", 1),
        ("in the header", line / 2),
        ("before the newline", line - 1),
        ("behind the newline", line),
        ("behind the first byte of the payload", line + 1),
        ("in the payload", line + body.len() / 2),
        ("before the last byte", bytes.len() - 1),
        ("behind the last byte, before the reply", bytes.len()),
    ];
    places.map(|(place, end)| (place, bytes[..end].to_vec(), end == bytes.len())).to_vec()
}

/// The body of a frame whose header says the same in two ways: a size, or chunks and a trailer.
fn bodies(header: Value) -> [(Value, Vec<u8>); 2] {
    let chunked = frame::with(frame::with(header.clone(), "size", json!(null)), "trailer", "sha256");
    let trailer = json!({"digest": harness::digest("sha256", PAYLOAD)});
    [(header, PAYLOAD.to_vec()), (chunked, frame::chunks(PAYLOAD, 10, &trailer))]
}

fn vanish(mut client: RawClient, bytes: &[u8], way: Way) {
    client.send(bytes);
    match way {
        Way::HalfClose => {
            client.half_close();
            client.to_end();
        }
        Way::Close => drop(client),
        Way::Reset => client.reset(),
    }
}

#[test]
fn a_session_goes_on_behind_every_cut() {
    let mut server = Server::start(Options::default());
    let mut expected = 0;
    for way in WAYS {
        let numbered = |session: &Session| session.upload(2, "text/plain", PAYLOAD.len());
        for shape in 0..2 {
            let places = cuts(&Value::Null, PAYLOAD).len();
            for place in 0..places {
                let (mut client, session) = server.open_session();
                let old = session.store(&mut client, 1, b"the old file");
                let (header, body) = bodies(numbered(&session))[shape].clone();
                let (place, bytes, whole) = cuts(&header, &body).swap_remove(place);
                vanish(client, &bytes, way);

                let told = format!("{way:?} {place}");
                let mut client = server.connect();
                let resumed = client.ask(&session.resume(), b"").is("session_resumed");
                let next = resumed.number("session.next_sequence");
                let applied = next == 3;
                assert!(applied || next == 2, "{told}: {next}");
                assert!(whole || !applied, "{told}: a part of a frame took effect");
                assert!(applied || !(whole && way == Way::HalfClose), "{told}: the server heard all of it");
                let again = client.ask(&header, &body).is("stored");
                assert_eq!(again.is_replayed(), applied, "{told}");
                let list = client.ask(&session.frame("list"), b"").is("files");
                assert_eq!(list.lines().len(), 2, "{told}");
                let visible = harness::visible(&server.storage);
                assert_eq!(visible[old.stored_as()], b"the old file", "{told}");
                assert_eq!(visible[again.stored_as()], PAYLOAD, "{told}");
                expected += 2;
            }
        }
    }
    server.until(|| harness::staged(&server.storage).is_empty());
    server.stop();
    assert_eq!(harness::names(&server.storage).len(), expected);
}

#[test]
fn a_transfer_id_goes_on_behind_every_cut() {
    let mut server = Server::start(Options::default());
    let mut expected = 0;
    for way in WAYS {
        for shape in 0..2 {
            for place in 0..cuts(&Value::Null, PAYLOAD).len() {
                let upload = frame::with(frame::upload("text/plain", PAYLOAD.len()), "transfer_id", harness::uuid());
                let (header, body) = bodies(upload)[shape].clone();
                let (place, bytes, whole) = cuts(&header, &body).swap_remove(place);
                vanish(server.connect(), &bytes, way);

                let again = server.connect().ask(&header, &body).is("stored");
                assert!(whole || !again.is_replayed(), "{way:?} {place}: a part of a frame took effect");
                assert!(again.is_replayed() || !(whole && way == Way::HalfClose), "{way:?} {place}: it was all there");
                assert_eq!(harness::visible(&server.storage)[again.stored_as()], PAYLOAD, "{way:?} {place}");
                expected += 1;
            }
        }
    }
    server.until(|| harness::staged(&server.storage).is_empty());
    server.stop();
    assert_eq!(harness::names(&server.storage).len(), expected, "never two files of one transfer");
}

#[test]
fn a_large_upload_that_is_cut_leaves_nothing_that_can_be_seen() {
    let mut server = Server::start(Options::default());
    let content = harness::noise(1, 3_000_000);
    let (mut client, session) = server.open_session();
    client.send_frame(&session.upload(1, "image/png", content.len()), &content[..2_500_000]);
    client.reset();
    let mut client = server.connect();
    client.send_frame(&frame::upload("image/png", content.len()), &content[..2_999_999]);
    client.half_close();
    client.reply().refuses("truncated");
    // What has no name of its own leaves nothing; the other one leaves its part.
    server.until(|| harness::staged(&server.storage).iter().all(|name| name.contains(".kept")));
    assert!(harness::names(&server.storage).is_empty());
    let mut client = server.connect();
    client.ask(&session.resume(), b"").is("session_resumed");
    client.ask(&session.upload(1, "image/png", content.len()), &content).is("stored");
    drop(client);
    server.stop();
    assert_eq!(harness::names(&server.storage).len(), 1);
    assert!(harness::staged(&server.storage).is_empty());
}
