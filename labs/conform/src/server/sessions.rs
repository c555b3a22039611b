//! Level 4: opening a session, what is done in it, and who may.

use serde_json::{Value, json};

use super::Ground;
use super::requests::{frame, noise, upload, with};
use super::session::{Proof, Session};
use crate::check::{Check, Checked, Need, failed};
use crate::digest::blake3;

type Server = Check<Ground>;

pub(super) const CHECKS: &[Server] = &[
    Server::new("connect without an id opens a session and proves it", "3, 4, 6", opens),
    Server::new("an upload is numbered, and its reply says which number is next", "4, 5", numbered),
    Server::new("a frame in a session must name the bound session", "3", must_be_bound),
    Server::new("a changing request needs its number, and no other may have one", "2", number_where),
    Server::new("a second connect on a bound connection is illegal_action", "3", second_connect),
    Server::new("connect with an id needs a proof", "2", needs_proof),
    Server::new("heartbeat says how long the session lasts", "3, 6", heartbeat),
    Server::new("list names the files in order, and from an offset", "3", list),
    Server::new("fetch brings back the files of the session, and of no other", "3", fetch),
    Server::new("status tells what the server remembers", "4", status),
    Server::new("remove deletes one file, also when it is gone already", "3", remove),
    Server::new("frames without a session may come between those of one", "3", mixed).needs(&[Need::Stateless]),
    Server::new("two sessions count for themselves", "5", two_sessions),
    Server::new("explain answers the five questions", "4, 12", explain),
];

fn opens(ground: &Ground) -> Checked {
    let (session, reply) = Session::open_on(ground.connect()?)?;
    reply.has("session.mode", "stateful")?;
    reply.has("session.state", "pending")?;
    reply.has("session.next_sequence", 1)?;
    reply.number("session.epoch")?;
    reply.number("session.expires_in_s")?;
    let hyphens = [8, 13, 18, 23].map(|place| session.id.as_bytes().get(place) == Some(&b'-'));
    reply.holds("session.id", session.id.len() == 36 && hyphens == [true; 4], "a UUID of 36 characters")?;
    match &session.proof {
        Proof::Token(token) => {
            let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            let form = token.len() == 43 && token.bytes().all(letter);
            reply.holds("session.token", form, "43 characters of base64url without padding")
        }
        Proof::Ticket(ticket) => {
            reply.holds("session.data_size", ticket.len() <= 4096, "a ticket of at most 4096 bytes")
        }
    }
}

fn numbered(ground: &Ground) -> Checked {
    let mut session = Session::open(ground)?;
    for sequence in 1..=3 {
        let reply = session.stores(sequence, b"hello")?;
        reply.has("session.id", session.id.as_str())?;
        reply.has("session.next_sequence", sequence + 1)?;
        reply.has("session.state", "active")?;
        reply.lacks("session.token")?;
        reply.lacks("replayed")?;
    }
    Ok(())
}

fn must_be_bound(ground: &Ground) -> Checked {
    let mut session = Session::open(ground)?;
    let other = Session::open(ground)?;
    let mut link = ground.connect()?;
    let without = json!({"version": "2.0", "session": {"mode": "stateful", "action": "heartbeat"}});
    link.ask(frame(&without, ""))?.refused("session_required")?;
    link.ask(frame(&session.request("heartbeat"), ""))?.refused("session_required")?;
    session.ask(&without, "")?.refused("session_required")?;
    session.ask(&other.request("heartbeat"), "")?.refused("session_required")?;
    session.ask(&session.request("heartbeat"), "")?.is("heartbeat_ack")?;
    Ok(())
}

fn number_where(ground: &Ground) -> Checked {
    let mut session = Session::open(ground)?;
    let missing = with(&session.request("transfer"), upload(1));
    for (header, body) in [(missing, "x"), (session.request("disconnect"), ""), (session.numbered("heartbeat", 1), "")]
    {
        session.ask(&header, body)?.refused("bad_field")?.has("error.field", "session.sequence")?;
    }
    session.ask(&session.upload(0, 1), "x")?.refused("bad_field")?.has("error.field", "session.sequence")
}

fn second_connect(ground: &Ground) -> Checked {
    let mut session = Session::open(ground)?;
    let connect = json!({"version": "2.0", "session": {"mode": "stateful", "action": "connect"}});
    session.ask(&connect, "")?.refused("illegal_action")?;
    session.stores(1, b"on")?;
    Ok(())
}

fn needs_proof(ground: &Ground) -> Checked {
    let session = Session::open(ground)?;
    ground.connect()?.ask(frame(&session.request("connect"), ""))?.refused("bad_field")?;
    Ok(())
}

fn heartbeat(ground: &Ground) -> Checked {
    let mut session = Session::open(ground)?;
    let reply = session.ask(&session.request("heartbeat"), "")?.is("heartbeat_ack")?;
    let lasts = reply.number("session.expires_in_s")?;
    reply.holds("session.expires_in_s", lasts > 0, "a session that lasts")?;
    reply.has("session.next_sequence", 1)?;
    reply.lacks("sequence")
}

/// The lines of a list from an offset.
fn listed(session: &mut Session, offset: Option<u64>) -> Checked<Vec<Value>> {
    let more = offset.map_or_else(|| json!({}), |offset| json!({"offset": offset}));
    let reply = session.ask(&with(&session.request("list"), more), "")?.is("files")?;
    reply.has("mime_type", "application/x-ndjson")?;
    let text = String::from_utf8_lossy(&reply.frame.payload);
    let lines: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
    lines.map_err(|error| failed("a payload of one JSON object a line", error.to_string()))
}

fn list(ground: &Ground) -> Checked {
    let mut session = Session::open(ground)?;
    let named = with(&session.upload(1, 3), json!({"name": "a/b.txt"}));
    session.ask(&named, "one")?.stored(b"one")?;
    session.stores(2, b"second")?;
    let lines = listed(&mut session, None)?;
    let told: Vec<_> = lines.iter().map(|line| (line.get("sequence"), line.get("size"))).collect();
    if told != [(Some(&json!(1)), Some(&json!(3))), (Some(&json!(2)), Some(&json!(6)))] {
        return Err(failed("the sequences 1 and 2 with the sizes 3 and 6", json!(lines).to_string()));
    }
    if lines.iter().any(|line| !line.get("stored_as").is_some_and(Value::is_string)) {
        return Err(failed("stored_as in every line", json!(lines).to_string()));
    }
    let rest = listed(&mut session, Some(2))?;
    if rest.iter().map(|line| line.get("sequence")).eq([Some(&json!(2))]) {
        return Ok(());
    }
    Err(failed("only the sequence 2 from the offset 2 on", json!(rest).to_string()))
}

fn fetch(ground: &Ground) -> Checked {
    let data = noise(1000);
    let mut session = Session::open(ground)?;
    let name = session.stores(1, &data)?.text("file.stored_as")?.to_owned();
    let ask = |session: &Session, offset: u64| with(&session.request("fetch"), json!({"file": name, "offset": offset}));
    let reply = session.ask(&ask(&session, 990), "")?.is("file")?;
    reply.has("file.size", 1000)?;
    reply.has("file.digest", blake3(&data))?;
    reply.carries(data.get(990..).unwrap_or_default())?;
    session.ask(&ask(&session, 1001), "")?.refused("bad_offset")?.has("error.offset", 1000)?;
    let mut other = Session::open(ground)?;
    other.ask(&ask(&other, 0), "")?.refused("file_unknown")?;
    Ok(())
}

fn status(ground: &Ground) -> Checked {
    let mut session = Session::open(ground)?;
    session.stores(1, b"hello")?;
    session.stores(2, b"you")?;
    let reply = session.ask(&session.request("status"), "")?.is("session_status")?;
    reply.has("record.files_transferred", 2)?;
    reply.has("record.total_bytes", 8)?;
    for field in ["created_at", "last_activity", "message_count", "state_bytes"] {
        reply.number(&format!("record.{field}"))?;
    }
    reply.text("record.client_address")?;
    reply.has("session.next_sequence", 3)
}

fn remove(ground: &Ground) -> Checked {
    let mut session = Session::open(ground)?;
    let name = session.stores(1, b"hello")?.text("file.stored_as")?.to_owned();
    for sequence in [2, 3] {
        let header = with(&session.numbered("remove", sequence), json!({"file": name}));
        let reply = session.ask(&header, "")?.is("removed")?;
        reply.has("sequence", sequence)?;
    }
    session.ask(&with(&session.request("fetch"), json!({"file": name})), "")?.refused("file_unknown")?;
    let lines = listed(&mut session, None)?;
    if !lines.is_empty() {
        return Err(failed("an empty list", json!(lines).to_string()));
    }
    let foreign = with(&session.numbered("remove", 4), json!({"file": "received_0000.txt"}));
    session.ask(&foreign, "")?.refused("file_unknown")?;
    Ok(())
}

fn mixed(ground: &Ground) -> Checked {
    let mut session = Session::open(ground)?;
    session.stores(1, b"one")?;
    session.ask(&upload(4), "none")?.stored(b"none")?.lacks("session")?;
    session.stores(2, b"two")?;
    Ok(())
}

fn two_sessions(ground: &Ground) -> Checked {
    let (mut one, mut two) = (Session::open(ground)?, Session::open(ground)?);
    for sequence in 1..=2 {
        let mine = one.stores(sequence, b"one")?.text("file.stored_as")?.to_owned();
        let theirs = two.stores(sequence, b"two")?;
        let stored_as = theirs.text("file.stored_as")?;
        theirs.holds("file.stored_as", stored_as != mine, "a file of its own for each session")?;
    }
    Ok(())
}

fn explain(ground: &Ground) -> Checked {
    let mut session = Session::open(ground)?;
    let header = with(&session.request("heartbeat"), json!({"ext": {"explain": "yes"}}));
    let reply = session.ask(&header, "")?.is("heartbeat_ack")?;
    for answer in ["who", "continuation", "stage", "silence", "resume"] {
        reply.text(&format!("explain.{answer}"))?;
    }
    reply.number("explain.state_bytes")?;
    Ok(())
}
