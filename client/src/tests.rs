//! The whole program against a server that follows a script: every exit code, and what a server that is
//! broken, gone or malicious can do to a client.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use shared::codec::{Decoder, Event};
use shared::wire::{Dialect, Frame, Incoming, read_header};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::{Captured, Console, Environment, Interrupt};

const ID: &str = "01010101-0101-4101-8101-010101010101";
const TOKEN: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";

/// What the scripted server does with the next frame.
#[derive(Clone)]
enum Act {
    /// Read the whole frame, write this; `DIGEST`, `SIZE`, `LENGTH` and `SEQUENCE` stand for what came.
    Answer(String),
    /// The same, but write it only before the next answer.
    Later(String),
    /// Read the header only, write this.
    Early(String),
    /// Read a part of the payload, write this.
    Midway(String),
    /// Close, and say so.
    Leave(std::sync::mpsc::Sender<()>),
    /// Read the whole frame, close without a word.
    Hang,
    /// Read the whole frame, say nothing, keep the connection.
    Silence,
}

/// The headers and payloads a scripted server read.
type Heard = Arc<Mutex<Vec<(serde_json::Value, Vec<u8>)>>>;

/// One script a connection; behind the last there is nobody.
async fn serve(scripts: Vec<Vec<Act>>) -> String {
    serve_heard(scripts, Heard::default()).await
}

/// The same; what is read is kept.
async fn serve_heard(scripts: Vec<Vec<Act>>, heard: Heard) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        for script in scripts {
            let (stream, _) = listener.accept().await.unwrap();
            // One after the other: a client has one connection at a time.
            play(stream, script, &heard).await;
        }
    });
    address
}

async fn play(mut stream: TcpStream, script: Vec<Act>, heard: &Heard) {
    let mut decoder = Decoder::new(8 * 1024);
    let mut kept = String::new();
    for act in script {
        if let Act::Leave(left) = act {
            drop(stream);
            left.send(()).unwrap();
            return;
        }
        let Some((header, payload)) = frame(&mut stream, &mut decoder, &act).await else { return };
        let sequence = header["session"]["sequence"].as_u64().unwrap_or_default();
        heard.lock().unwrap().push((header, payload.clone()));
        match act {
            Act::Answer(ref text) | Act::Later(ref text) | Act::Early(ref text) | Act::Midway(ref text) => {
                let mut hasher = shared::digest::DigestKind::Blake3.hasher();
                hasher.update(&payload);
                let text = text
                    .replace("DIGEST", &hasher.finish().to_wire())
                    .replace("SIZE", &payload.len().to_string())
                    .replace("SEQUENCE", &sequence.to_string());
                kept.push_str(&text);
                if !matches!(act, Act::Later(_)) {
                    let _ = stream.write_all(std::mem::take(&mut kept).as_bytes()).await;
                }
            }
            Act::Hang | Act::Leave(_) => return,
            Act::Silence => {
                let _ = stream.read_u8().await;
            }
        }
    }
    // The client closes when it has nothing more to ask.
    let _ = stream.shutdown().await;
    let _ = tokio::time::timeout(Duration::from_secs(1), stream.read_to_end(&mut Vec::new())).await;
}

/// The next frame's header and payload, as far as `act` reads it. A payload that waits to be wanted is wanted.
async fn frame(stream: &mut TcpStream, decoder: &mut Decoder, act: &Act) -> Option<(serde_json::Value, Vec<u8>)> {
    let (mut json, mut payload) = (serde_json::Value::Null, Vec::new());
    loop {
        match decoder.next_event().unwrap() {
            Some(Event::Header(header)) => {
                json = serde_json::from_slice(&header).unwrap();
                // What follows a header does not depend on who sent it.
                let mut known = json.clone();
                known.as_object_mut().unwrap().remove("auth");
                let known = serde_json::to_vec(&known).unwrap();
                let Incoming::Frame(raw) = read_header(&known, Dialect::V2).unwrap() else { panic!("no 2.0 header") };
                let frame = Frame::try_from(*raw).unwrap();
                if matches!(act, Act::Early(_)) {
                    decoder.follow(frame.framing.without_payload());
                    // Its end needs no more bytes, and is not the next frame's.
                    assert!(matches!(decoder.next_event(), Ok(Some(Event::End(None)))));
                    return Some((json, payload));
                }
                decoder.follow(frame.framing);
                if frame.expects_continue {
                    let _ = stream.write_all(line("continue", "").as_bytes()).await;
                }
            }
            Some(Event::Payload(bytes)) => {
                payload.extend_from_slice(&bytes);
                if matches!(act, Act::Midway(_)) {
                    return Some((json, payload));
                }
            }
            // A frame of a client has this or a payload.
            Some(Event::SessionData(bytes)) => payload.extend_from_slice(&bytes),
            Some(Event::End(_)) => return Some((json, payload)),
            None => {
                if stream.read_buf(decoder.buffer_mut()).await.unwrap_or(0) == 0 {
                    return None;
                }
            }
        }
    }
}

/// The same answer, together with the next one.
fn later(act: Act) -> Act {
    let Act::Answer(text) = act else { return act };
    Act::Later(text)
}

fn reply(status: &str, rest: &str) -> Act {
    Act::Answer(line(status, rest))
}

fn line(status: &str, rest: &str) -> String {
    format!(r#"{{"version":"2.0","status":"{status}","mime_type":"application/octet-stream","size":0{rest}}}"#) + "\n"
}

fn session(next: u64, token: &str) -> String {
    format!(
        r#","session":{{"id":"{ID}","mode":"stateful","state":"active","epoch":1,"next_sequence":{next},"expires_in_s":300{token}}}"#
    )
}

fn created() -> Act {
    reply("session_created", &session(1, &format!(r#","token":"{TOKEN}""#)))
}

fn resumed(next: u64) -> Act {
    reply("session_resumed", &session(next, ""))
}

const STORED: &str = r#","sequence":SEQUENCE,"file":{"stored_as":"session_x/file_SEQUENCE_9.txt","size":SIZE,"digest":"DIGEST"},"ack":"durable""#;

fn stored() -> Act {
    reply("stored", STORED)
}

/// A reply that brings this ticket.
fn with_ticket(status: &str, next: u64, ticket: &str, rest: &str) -> Act {
    let data_size = format!(r#","data_size":{}"#, ticket.len());
    Act::Answer(line(status, &(session(next, &data_size) + rest)) + ticket)
}

fn stored_stateless() -> Act {
    reply("stored", r#","file":{"stored_as":"received_1.txt","size":SIZE,"digest":"DIGEST"},"ack":"durable""#)
}

fn error(code: &str) -> Act {
    reply("error", &format!(r#","error":{{"code":"{code}","retry":"never","message":"because"}}"#))
}

/// A session that is gone, for this reason.
fn gone(reason: &str) -> Act {
    let body = r#","error":{"code":"session_gone","retry":"new_session","message":"gone","reason":"REASON"}"#;
    reply("error", &body.replace("REASON", reason))
}

mod ahead;
mod asking;
mod fetching;
mod forgetful;
mod heartbeats;
mod killed;
mod output;
mod pipes;
mod resuming;
mod sessions;

/// A named pipe, to which nobody writes.
#[cfg(unix)]
pub(crate) fn make_pipe(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in [("a.txt", "aaa"), ("b.txt", "b"), ("empty", "")] {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn environment(&self) -> Environment {
        let path = |name: &str| self.folder.path().join(name);
        Environment::new([("XDG_STATE_HOME", path("state")), ("XDG_CONFIG_HOME", path("config"))]).in_virtual_time()
    }

    /// Runs the program; a name that begins with `@` is a file of this world.
    async fn run(&self, line: &str, to: &str) -> (u8, Captured) {
        let (console, captured) = Console::captured("piped");
        let words = line.split(' ').map(|word| word.strip_prefix('@').map_or(word.to_owned(), |name| self.path(name)));
        let args: Vec<String> = ["client".to_owned()].into_iter().chain(words).chain([format!("--to={to}")]).collect();
        let run = crate::run(args, self.environment(), console);
        let exit = tokio::time::timeout(Duration::from_secs(20), run).await.expect("the client hangs");
        (exit.code(), captured)
    }

    async fn exit(&self, line: &str, scripts: Vec<Vec<Act>>) -> u8 {
        let (exit, captured) = self.run(line, &serve(scripts).await).await;
        println!("{line}: {exit}\n{}{}", captured.output_text(), captured.errors_text());
        exit
    }
}

#[tokio::test]
async fn every_exit_code_is_reached() {
    let lost = || vec![Act::Hang];
    for (expected, line, scripts) in [
        (0, "send @a.txt @empty", vec![vec![created(), stored(), stored()]]),
        (0, "send @a.txt --mode stateless", vec![vec![stored_stateless()]]),
        (0, "send - --mode stateless", vec![vec![stored_stateless()]]),
        (1, "send @a.txt", vec![vec![reply("hello", "")]]),
        (1, "send @a.txt --mode stateless", vec![vec![error("io_error"), error("io_error")]]),
        (2, "send", vec![]),
        (2, "send - -", vec![]),
        (3, "send @missing", vec![]),
        (3, "send @*.png", vec![]),
        (4, "send @a.txt", vec![]),
        (4, "send @a.txt", vec![vec![created(), Act::Hang], lost()]),
        (4, "send @a.txt --mode stateless", vec![lost(), lost()]),
        (4, "send @a.txt --mode stateless --timeout 1", vec![vec![Act::Silence], vec![Act::Silence]]),
        (5, "send @a.txt --mode stateless", vec![vec![error("digest_mismatch"), error("digest_mismatch")]]),
        (6, "send @a.txt", vec![vec![created(), error("bad_name")]]),
        (6, "send @a.txt --mode stateful", vec![vec![error("mode_disabled")]]),
        (7, "send @a.txt --retries 0", vec![vec![error("busy")]]),
        (8, "send @a.txt", vec![vec![created(), gone("replaced")]]),
        (8, "list --session nosuch", vec![]),
        (9, "send @a.txt @b.txt", vec![vec![created(), error("bad_name"), stored()]]),
        (9, "send @missing @a.txt", vec![vec![created(), stored()]]),
        (10, "send @a.txt", vec![vec![error("unsupported_version")]]),
        (10, "ping", vec![vec![Act::Answer("{\"version\":\"3.0\",\"status\":7}\n".to_owned())]]),
    ] {
        assert_eq!(World::new().exit(line, scripts).await, expected, "{line}");
    }
}

#[tokio::test]
async fn a_configuration_with_errors_is_told_and_nothing_is_sent() {
    let world = World::new();
    std::fs::create_dir_all(world.path("config/dft")).unwrap();
    std::fs::write(world.path("config/dft/client.yaml"), "servr: x\n").unwrap();
    let (exit, captured) = world.run("ping", "127.0.0.1:1").await;
    assert_eq!(exit, 11);
    assert!(
        captured.errors_text().contains("client.yaml:1: unknown key \"servr\" with \"x\"; did you mean \"server\"?")
    );
}

#[tokio::test]
async fn an_interrupted_client_says_what_it_stored() {
    let world = World::new();
    let address = serve(vec![vec![created(), stored(), Act::Silence]]).await;
    let (stop, interrupt) = Interrupt::pair();
    let (console, captured) = Console::captured("");
    let args = ["client".to_owned(), "send".into(), world.path("a.txt"), world.path("b.txt"), "--to".into(), address];
    let run = crate::run(args, world.environment().interrupted_by(interrupt), console);
    let stopper = async {
        while !captured.output_text().contains("file_1_9") {
            tokio::task::yield_now().await;
        }
        stop.send(true).unwrap();
    };
    let (exit, ()) = tokio::join!(run, stopper);
    assert_eq!(exit.code(), 130);
    assert!(captured.errors_text().contains("1 file stored"), "{}", captured.errors_text());
}

#[tokio::test]
async fn other_bytes_there_than_here_are_an_integrity_error() {
    let lie = r#","file":{"stored_as":"x","size":3,"digest":"blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"}"#;
    assert_eq!(World::new().exit("send @a.txt --mode stateless", vec![vec![reply("stored", lie)]]).await, 5);
    let silent = r#","file":{"stored_as":"x","size":3}"#;
    assert_eq!(World::new().exit("send @a.txt --mode stateless", vec![vec![reply("stored", silent)]]).await, 1);
    let weak = r#","file":{"stored_as":"x","size":SIZE,"digest":"DIGEST"},"ack":"written""#;
    let line = "send @a.txt --mode stateless --ack durable";
    assert_eq!(World::new().exit(line, vec![vec![reply("stored", weak)]]).await, 1);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_before_the_file_is_sent_again() {
    let world = World::new();
    let digest = "blake3:";
    let replayed =
        r#","sequence":1,"replayed":true,"file":{"stored_as":"session_x/file_1_9.txt","size":3,"digest":"DIGEST_A"}"#;
    let mut hasher = shared::digest::DigestKind::Blake3.hasher();
    hasher.update(b"aaa");
    let digest_a = hasher.finish().to_wire();
    assert!(digest_a.starts_with(digest));
    let replayed = replayed.replace("DIGEST_A", &digest_a);
    let scripts = vec![vec![created(), Act::Hang], vec![resumed(2), Act::Early(line("stored", &replayed))]];
    let (exit, captured) = world.run("send @a.txt --json", &serve(scripts).await).await;
    assert_eq!(exit, 0, "{}", captured.errors_text());
    assert!(captured.output_text().contains(r#""replayed":true"#));
}

#[tokio::test]
async fn an_early_refusal_stops_the_upload_and_the_next_file_still_goes() {
    let world = World::new();
    std::fs::write(world.path("big"), vec![7_u8; 64 * 1024 * 1024]).unwrap();
    let refusal = r#","closing":true,"error":{"code":"size_too_large","retry":"never","message":"too large"}"#;
    let scripts = vec![vec![Act::Early(line("error", refusal))], vec![stored_stateless()]];
    assert_eq!(world.exit("send @big @a.txt --mode stateless", scripts).await, 9);
}

#[tokio::test]
async fn a_client_in_auto_mode_goes_on_stateless_and_says_so() {
    let world = World::new();
    let address = serve(vec![vec![error("mode_disabled"), stored_stateless()]]).await;
    let (exit, captured) = world.run("send @a.txt", &address).await;
    assert_eq!(exit, 0);
    assert!(captured.errors_text().contains("going on stateless"), "{}", captured.errors_text());
    assert!(captured.output_text().contains("received_1.txt"), "{}", captured.output_text());
}

#[tokio::test]
async fn garbage_never_panics_hangs_or_writes_to_the_terminal() {
    for garbage in [
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "ERROR: Invalid header\n",
        "{\n",
        "{}\n",
        "{\"version\":\"2.0\"}\n",
        "{\"version\":\"2.0\",\"status\":\"nonsense\",\"mime_type\":\"a/b\",\"size\":0}\n",
        "{\"version\":\"2.0\",\"status\":\"stored\",\"mime_type\":\"a/b\",\"size\":-1}\n",
        "{\"version\":\"2.0\",\"status\":\"stored\",\"mime_type\":\"a/b\",\"size\":9007199254740991}\n",
        "{\"version\":\"2.0\",\"status\":\"error\",\"mime_type\":\"a/b\",\"size\":0}\n",
        "\u{1b}[2J\u{7}\n",
        "{\u{1b}[2J\n",
        "\0\0\0\0",
        "[]\n",
    ] {
        for command in ["send @a.txt --timeout 1", "send @a.txt --mode stateless --timeout 1", "ping --timeout 1"] {
            let world = World::new();
            let scripts = vec![vec![Act::Answer(garbage.to_owned())]];
            let (exit, captured) = world.run(command, &serve(scripts).await).await;
            assert!(matches!(exit, 1 | 4), "{exit} {garbage:?}");
            assert!(!captured.errors_text().contains(['\u{1b}', '\u{7}', '\0']), "{garbage:?}");
        }
    }
    let long = "{".repeat(20_000);
    assert_eq!(World::new().exit("ping", vec![vec![Act::Answer(long)]]).await, 1);
}

/// Sends a file in a session, so that the commands that need one have it; then runs the command.
async fn after_send(world: &World, command: &str, acts: Vec<Act>) -> (u8, Captured) {
    let mut second = vec![resumed(2)];
    second.extend(acts);
    let address = serve(vec![vec![created(), stored()], second]).await;
    assert_eq!(world.run("send @a.txt", &address).await.0, 0);
    world.run(command, &address).await
}

fn file(bytes: &str, trailer: &str) -> Act {
    let header = format!(
        r#"{{"version":"2.0","status":"file","mime_type":"text/plain","size":{},"file":{{"stored_as":"session_{ID}/file_1_9.txt","size":{}}},"trailer":"blake3"}}"#,
        bytes.len(),
        bytes.len()
    );
    Act::Answer(format!("{header}\n{bytes}{{\"digest\":\"{trailer}\"}}\n"))
}

fn digest_of(bytes: &str) -> String {
    let mut hasher = shared::digest::DigestKind::Blake3.hasher();
    hasher.update(bytes.as_bytes());
    hasher.finish().to_wire()
}

#[tokio::test]
async fn a_fetched_file_appears_only_when_it_is_whole_and_right() {
    let right = digest_of("hello");
    let stored_as = format!("session_{ID}/file_1_9.txt");
    let entries = |path: &Path| std::fs::read_dir(path).unwrap().count();
    for (exit, act) in [
        (0, file("hello", &right)),
        (5, file("hellO", &right)),
        (1, file("hello", "nonsense")),
        (
            4,
            Act::Answer(
                line("file", "").replace(
                    "\"size\":0",
                    &format!("\"size\":9,\"file\":{{\"stored_as\":\"{stored_as}\",\"size\":9}}"),
                ) + "abc",
            ),
        ),
        (1, reply("file", r#","file":{"stored_as":"../../evil","size":0}"#)),
        (6, error("file_unknown")),
    ] {
        let world = World::new();
        std::fs::create_dir(world.path("out")).unwrap();
        let (code, captured) = after_send(&world, &format!("fetch {stored_as} -o @out"), vec![act]).await;
        assert_eq!(code, exit, "{}", captured.errors_text());
        assert_eq!(entries(Path::new(&world.path("out"))), usize::from(exit == 0));
        if exit == 0 {
            assert_eq!(std::fs::read(world.path("out/file_1_9.txt")).unwrap(), b"hello");
        }
    }
    let world = World::new();
    let (code, captured) = after_send(&world, &format!("fetch {stored_as} -o -"), vec![file("hello", &right)]).await;
    assert_eq!((code, captured.output()), (0, Bytes::from_static(b"hello").to_vec()));
}

#[tokio::test]
async fn the_session_of_the_last_send_serves_the_other_commands() {
    let world = World::new();
    let page = |next: &str, sequence: u64| {
        let entry = r#"{"stored_as":"session_x/file_1_9.txt","sequence":SEQ,"size":3,"name":"\u001b[2Ja.txt"}"#;
        let entry = entry.replace("SEQ", &sequence.to_string());
        let header = line("files", next).replace("\"size\":0", &format!("\"size\":{}", entry.len() + 1));
        Act::Answer(format!("{header}{entry}\n"))
    };
    let empty = |next: u64| reply("files", &format!(r#","next_offset":{next}"#));
    let (exit, captured) = after_send(&world, "list", vec![page(r#","next_offset":2"#, 1), page("", 2)]).await;
    assert_eq!(exit, 0, "{}", captured.errors_text());
    assert_eq!(captured.output_text().lines().count(), 2);
    assert!(!captured.output_text().contains('\u{1b}'));
    // A list that points back to where it was would never end.
    for circle in [
        vec![page(r#","next_offset":1"#, 1)],
        vec![page(r#","next_offset":2"#, 1), page(r#","next_offset":3"#, 1)],
        vec![page(r#","next_offset":2"#, 2)],
        vec![empty(1)],
        vec![empty(7), empty(7)],
    ] {
        assert_eq!(after_send(&World::new(), "list", circle).await.0, 1);
    }
    // Where files were removed, a page can be empty and the list goes on behind it.
    let (exit, captured) = after_send(&world, "list", vec![empty(101), empty(201), page("", 230)]).await;
    assert_eq!(exit, 0, "{}", captured.errors_text());
    assert_eq!(captured.output_text().lines().count(), 1);
    let status = reply("session_status", &session(2, ""));
    assert_eq!(after_send(&World::new(), "status --json", vec![status]).await.0, 0);
    let removed = || reply("removed", r#","sequence":SEQUENCE"#);
    let (exit, captured) =
        after_send(&World::new(), "remove x y z", vec![removed(), error("file_unknown"), removed()]).await;
    assert_eq!(exit, 9);
    assert!(captured.output_text().contains("removed z  stateful #3"), "{}", captured.output_text());
    assert_eq!(after_send(&World::new(), "list", vec![error("session_gone")]).await.0, 8);
}
