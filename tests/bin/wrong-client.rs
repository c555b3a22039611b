//! The client with one mistake, for the kit that grades clients: `wrong-client MISTAKE ARGUMENTS OF THE CLIENT`. A man
//! in the middle changes what it says, or what it hears, so that it does the wrong thing with what it hears rightly.
//! What the client never does (Week 01, one file after the other in a session) a few lines do here.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a program of tests that stops where it cannot go on"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::process::ExitCode;

use harness::{Edit, relay};
use serde_json::{Value, json};

fn main() -> ExitCode {
    let mut args = std::env::args();
    let (_, mistake) = (args.next(), args.next().expect("a mistake"));
    if mistake == "does_nothing" {
        return ExitCode::FAILURE;
    }
    let mut args: Vec<String> = std::iter::once("client".to_owned()).chain(args).collect();
    let to = args.iter().position(|arg| arg == "--to").expect("--to") + 1;
    let address = args[to].to_socket_addrs().expect("an address").next().expect("an address");
    if let Some(mode) = args.iter().position(|arg| arg == "week01") {
        return week01(address, &mistake, &args[mode + 1..]);
    }
    let by_hand: Option<fn(SocketAddr, &[String]) -> ExitCode> = match mistake.as_str() {
        "counts_refusals" => Some(counts_refusals),
        "keeps_the_first_ticket" => Some(keeps_the_first_ticket),
        "asks_for_ever" => Some(asks_for_ever),
        _ => None,
    };
    if let Some(by_hand) = by_hand {
        let files = args.iter().position(|arg| arg == "--mode").expect("a mode") + 2;
        return by_hand(address, &args[files..]);
    }
    args[to] = relayed(address, &mistake).to_string();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let exit = runtime.block_on(client::run(args, client::Environment::of_process(), client::Console::of_process()));
    if mistake == "always_content" { ExitCode::SUCCESS } else { exit.code().into() }
}

/// Sends files as in Week 01: everything, then the end, and then what the server has to say is read.
fn week01(address: SocketAddr, mistake: &str, files: &[String]) -> ExitCode {
    let mut stream = TcpStream::connect(address).expect("a connection");
    let count = if mistake == "week01_one_file" { 1 } else { files.len() };
    for file in &files[..count] {
        let mut data = std::fs::read(file).expect("a file");
        let header = match mistake {
            "week01_of_tomorrow" => json!({"version": "2.0", "mime_type": "text/plain", "size": data.len()}),
            "week01_size_as_text" => json!({"mime_type": "text/plain", "size": data.len().to_string()}),
            _ => json!({"mime_type": "text/plain", "size": data.len()}),
        };
        match mistake {
            "week01_newline_behind" => data.push(b'\n'),
            "week01_text_mode" => data.retain(|byte| *byte != 0),
            _ => {}
        }
        // The kit may have seen enough.
        let _ = writeln!(stream, "{header}").and_then(|()| stream.write_all(&data));
    }
    if mistake != "week01_waits" {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let mut said = Vec::new();
    let _ = stream.take("OK\n".repeat(count).len().try_into().expect("a length")).read_to_end(&mut said);
    if said == "OK\n".repeat(count).as_bytes() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Sends each file when the one in front of it has its answer, and the next under the next number, whatever that was.
fn counts_refusals(address: SocketAddr, files: &[String]) -> ExitCode {
    let mut connection = BufReader::new(TcpStream::connect(address).expect("a connection"));
    let (opened, _) = ask(&mut connection, &json!({"action": "connect"}), b"");
    for (number, file) in (1..).zip(files) {
        let session = json!({"action": "transfer", "id": opened["session"]["id"], "sequence": number});
        ask(&mut connection, &session, &std::fs::read(file).expect("a file"));
    }
    ExitCode::FAILURE
}

/// Comes back with the ticket that the session was opened with, whatever came since.
fn keeps_the_first_ticket(address: SocketAddr, files: &[String]) -> ExitCode {
    let mut connection = BufReader::new(TcpStream::connect(address).expect("a connection"));
    let (opened, ticket) = ask(&mut connection, &json!({"action": "connect"}), b"");
    let id = &opened["session"]["id"];
    for (number, file) in (1..=2).zip(files) {
        let session = json!({"action": "transfer", "id": id, "sequence": number});
        ask(&mut connection, &session, &std::fs::read(file).expect("a file"));
    }
    let mut connection = BufReader::new(TcpStream::connect(address).expect("a connection"));
    ask(&mut connection, &json!({"action": "connect", "id": id, "data_size": ticket.len()}), &ticket);
    ExitCode::FAILURE
}

/// Asks what there is, and asks again, on one connection.
fn asks_for_ever(address: SocketAddr, _: &[String]) -> ExitCode {
    let mut connection = BufReader::new(TcpStream::connect(address).expect("a connection"));
    while ask(&mut connection, &json!({"action": "hello"}), b"").0 != Value::Null {}
    ExitCode::FAILURE
}

/// One request in a session, with what follows its header; the reply, if one comes, and its session data.
fn ask(connection: &mut BufReader<TcpStream>, session: &Value, data: &[u8]) -> (Value, Vec<u8>) {
    let mut header = json!({"version": "2.0", "mime_type": "text/plain", "session": session});
    header["session"]["mode"] = "stateful".into();
    header["size"] = if session["action"] == "transfer" { data.len().into() } else { 0.into() };
    let mut line = String::new();
    // In one piece, or the system waits with the second one.
    let asked = [format!("{header}\n").as_bytes(), data].concat();
    let _ = connection.get_mut().write_all(&asked).and_then(|()| connection.read_line(&mut line).map(drop));
    let reply: Value = serde_json::from_str(&line).unwrap_or_default();
    let mut ticket = Vec::new();
    let _ = connection.take(reply["session"]["data_size"].as_u64().unwrap_or(0)).read_to_end(&mut ticket);
    (reply, ticket)
}

/// The mistakes. A test names each with the check that is meant for it.
fn relayed(address: SocketAddr, mistake: &str) -> SocketAddr {
    let (requests, replies): (Option<Edit>, Option<Edit>) = match mistake {
        "none" => (Some(str::to_owned), None),
        "always_content" => (None, None),
        "double_key" => (Some(|line| line.replacen('{', "{\"version\":\"2.0\",", 1)), None),
        "unknown_field" => (Some(|line| line.replacen('{', "{\"colour\":\"blue\",", 1)), None),
        "wrong_size" => (Some(|line| set(line, "/size", json!(4))), None),
        "another_transfer_id_each_time" => (Some(fresh_transfer_id), None),
        "one_transfer_id_for_all" => {
            (Some(|line| set(line, "/transfer_id", json!("00000000-0000-4000-8000-000000000000"))), None)
        }
        "digest_not_compared" => (None, Some(as_sent)),
        "counts_from_two" => (Some(|line| set(line, "/session/sequence", json!(2))), None),
        "wrong_token" => (Some(|line| set(line, "/session/token", json!("A".repeat(43)))), None),
        "takes_the_session_back" => {
            (None, Some(|line| line.replace("session_moved", "shutting_down").replace("never", "resume")))
        }
        "prefix_not_compared" => (None, Some(own_prefix)),
        "begins_behind_a_gap" => (Some(|line| add(line, "/offset", 1)), None),
        "begins_anew" => (None, Some(|line| line.replace("\"partial\"", "\"left\""))),
        "does_not_wait" => (None, Some(|line| set(line, "/error/retry_after_ms", json!(0)))),
        "tries_again_for_ever" => {
            (None, Some(|line| set(line, "/error/retry", json!("resume")).replace("size_too_large", "shutting_down")))
        }
        other => panic!("no such mistake: {other}"),
    };
    relay(address, requests, replies)
}

/// The line with another value at this place, if the place is there.
fn set(line: &str, place: &str, value: Value) -> String {
    let mut header: Value = serde_json::from_str(line).expect("JSON");
    if let Some(there) = header.pointer_mut(place) {
        *there = value;
    }
    header.to_string()
}

fn add(line: &str, place: &str, more: u64) -> String {
    let header: Value = serde_json::from_str(line).expect("JSON");
    match header.pointer(place).and_then(Value::as_u64) {
        Some(number) => set(line, place, json!(number + more)),
        None => line.to_owned(),
    }
}

fn fresh_transfer_id(line: &str) -> String {
    set(line, "/transfer_id", json!(harness::uuid()))
}

/// The digest of what the checks send, whatever the server says.
fn as_sent(line: &str) -> String {
    set(line, "/file/digest", json!(harness::digest("blake3", b"hello")))
}

/// The kit says "other" where it means that the file has changed; so does this one hear that it has not.
fn own_prefix(line: &str) -> String {
    let content: Vec<u8> =
        (0..200_000_usize).map(|place| u8::try_from(place / 256 % 251).unwrap_or_default()).collect();
    set(line, "/partial/prefix_digest", json!(harness::digest("blake3", &content)))
}
