//! A man in the middle who makes one mistake: hands the frames of both sides on, with header lines changed as he is
//! told. So a right server looks like a wrong one, and a right client too.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use serde_json::Value;

/// A header line without its LF, as it is and as it is handed on.
pub type Edit = fn(&str) -> String;

/// Hands on between everybody who connects to the address it returns and the server at `target`. Its threads end with
/// their connections, the one that listens with the process.
#[must_use]
pub fn relay(target: SocketAddr, requests: Option<Edit>, replies: Option<Edit>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            // Nobody there: the client finds its connection closed.
            let Ok(server) = TcpStream::connect(target) else { continue };
            let (said, heard) = mpsc::channel();
            let (to_client, from_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || {
                let mut turn = Turn { heard, asked: 0, answered: 0 };
                handed_on(client, server, requests, |from, to, edit| ask(from, to, edit, &mut turn));
            });
            thread::spawn(move || {
                handed_on(from_server, to_client, replies.or(requests.and(Some(same))), |from, to, edit| {
                    answer(from, to, edit, &said)
                });
            });
        }
    });
    address
}

type From = BufReader<TcpStream>;

fn same(line: &str) -> String {
    line.to_owned()
}

/// Who has the word on a connection.
struct Turn {
    heard: Receiver<Value>,
    asked: u64,
    answered: u64,
}

impl Turn {
    /// Whether the request that was handed on last is told to go on, and not answered.
    fn goes_on(&mut self) -> bool {
        while let Ok(reply) = self.heard.recv() {
            if reply["status"] == "continue" {
                return true;
            }
            self.answered += 1;
            if self.answered == self.asked {
                return false;
            }
        }
        false
    }
}

/// Until one side has ended; then the other one's end comes too. What nobody changes is not looked at.
fn handed_on(
    from: TcpStream,
    mut to: TcpStream,
    edit: Option<Edit>,
    mut frame: impl FnMut(&mut From, &mut TcpStream, Edit) -> io::Result<Option<()>>,
) {
    let mut from = BufReader::new(from);
    if let Some(edit) = edit {
        while let Ok(Some(())) = frame(&mut from, &mut to, edit) {}
    }
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}

/// One request. Behind one that waits, a payload comes only after `continue`.
fn ask(from: &mut From, to: &mut TcpStream, edit: Edit, turn: &mut Turn) -> io::Result<Option<()>> {
    let Some(header) = header(from, to, edit)? else { return Ok(None) };
    turn.asked += 1;
    bytes(from, to, header["session"]["data_size"].as_u64().unwrap_or(0))?;
    if header["expect"] == "continue" && !turn.goes_on() {
        return Ok(Some(()));
    }
    body(from, to, &header)
}

fn answer(from: &mut From, to: &mut TcpStream, edit: Edit, said: &Sender<Value>) -> io::Result<Option<()>> {
    let Some(header) = header(from, to, edit)? else { return Ok(None) };
    // Nobody may be listening any more.
    let _ = said.send(header.clone());
    bytes(from, to, header["session"]["data_size"].as_u64().unwrap_or(0))?;
    body(from, to, &header)
}

/// The header as it came, after it was handed on as it was told.
fn header(from: &mut From, to: &mut TcpStream, edit: Edit) -> io::Result<Option<Value>> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line)?;
    let text = std::str::from_utf8(&line).ok().and_then(|line| line.strip_suffix('\n'));
    let parsed = text.and_then(|text| Some((text, serde_json::from_str::<Value>(text).ok()?)));
    let Some((text, header)) = parsed else { return to.write_all(&line).map(|()| None) };
    to.write_all(edit(text).as_bytes())?;
    to.write_all(b"\n")?;
    Ok(Some(header))
}

fn body(from: &mut From, to: &mut TcpStream, header: &Value) -> io::Result<Option<()>> {
    let chunks = header.get("size").is_some_and(Value::is_null);
    bytes(from, to, header["size"].as_u64().unwrap_or(0))?;
    let mut length = u64::from(chunks);
    while length > 0 {
        length = line(from, to)?.trim().parse().unwrap_or(0);
        bytes(from, to, length)?;
    }
    if chunks || header.get("trailer").is_some() {
        line(from, to)?;
    }
    Ok(Some(()))
}

fn line(from: &mut From, to: &mut TcpStream) -> io::Result<String> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    to.write_all(line.as_bytes())?;
    Ok(line)
}

/// Exactly so many bytes, each as soon as it comes.
fn bytes(from: &mut From, to: &mut TcpStream, count: u64) -> io::Result<()> {
    io::copy(&mut from.take(count), to).map(|_| ())
}
