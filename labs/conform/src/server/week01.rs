//! Level 2: the clients of Week 01, who send everything, never read, and close (PROTOCOL.md section 9).

use std::time::Duration;

use serde_json::json;

use super::Ground;
use super::grammar::INVALID;
use super::requests::{frame, upload, with};
use crate::bytes::brief;
use crate::check::{Check, Checked, failed};

type Server = Check<Ground>;

/// How long the server must be silent; below the second after which it may speak.
const SILENCE: Duration = Duration::from_millis(500);

/// The longest a server may keep a client waiting that does not end its side: rule 8.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) const CHECKS: &[Server] = &[
    Server::new("an upload is answered with OK", "9, 1 and 4", one),
    Server::new("any number of frames may come without waiting", "9, 3", many),
    Server::new("the versions 1.0 and 1 are Week 01 too", "9", versions),
    Server::new("keys have any order, unknown ones are ignored, both may be missing", "9, 1", spellings),
    Server::new("nothing is said before the client has ended", "9, 4", silent),
    Server::new("a client that waits hears its OK without ending", "9, 4 and 8", waited).slow(),
    Server::new("a fault is told by its exact line, behind the OK of the files before", "9, 5", fault),
    Server::new("a size that is none is a fault", "9, 2", sizes),
    Server::new("a type that is no text is a fault, one that nobody knows is none", "9, 2", types),
    Server::new("a payload that ends too early is not stored", "9, 7", early_end),
    Server::new("a last header without its LF is not stored", "9, 7", no_newline),
    Server::new("a connection without a byte is no error", "9, 9", no_byte),
    Server::new("what is no header is answered at once", "9, 10", no_header),
    Server::new("an endless line is answered and fills nothing", "9, 10", endless),
    Server::new("a 2.0 header on a Week 01 connection is a fault", "9", later_version),
    Server::new("a Week 01 header on a 2.0 connection is unsupported_version", "9", earlier_version),
];

/// What is said to these bytes until the server closes, when the client ends behind them.
fn said(ground: &Ground, bytes: impl AsRef<[u8]>) -> Checked<Vec<u8>> {
    let mut link = ground.connect()?;
    link.send(bytes);
    link.end();
    link.rest("an answer and the end of the connection")
}

/// Demands exactly these words.
fn says(came: &[u8], words: &[u8]) -> Checked {
    if came == words { Ok(()) } else { Err(failed(format!("exactly {}", brief(words)), brief(came))) }
}

fn one(ground: &Ground) -> Checked {
    says(&said(ground, "{\"mime_type\": \"text/plain\", \"size\": 5}\nhello")?, b"OK\n")
}

fn many(ground: &Ground) -> Checked {
    let frames =
        "{\"mime_type\": \"text/plain\", \"size\": 5}\nhello{\"mime_type\": \"image/png\", \"size\": 0}\n".repeat(20);
    says(&said(ground, frames)?, &b"OK\n".repeat(40))
}

fn versions(ground: &Ground) -> Checked {
    for version in ["1.0", "1"] {
        let line = format!("{{\"version\": \"{version}\", \"mime_type\": \"text/plain\", \"size\": 2}}\nhi");
        says(&said(ground, line)?, b"OK\n")?;
    }
    Ok(())
}

fn spellings(ground: &Ground) -> Checked {
    for frame in [
        "{\"size\":2,\"mime_type\":\"text/plain\"}\nhi",
        "{ \"size\" : 2 , \"colour\" : \"blue\" , \"n\" : 1 }\nhi",
        "{\"mime_type\": \"text/plain\"}\n",
        "{}\n",
        "{\"size\": 2}\r\nhi",
    ] {
        says(&said(ground, frame)?, b"OK\n")?;
    }
    Ok(())
}

fn silent(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    link.send("{\"mime_type\": \"text/plain\", \"size\": 2}\nhi");
    link.silent_for(SILENCE, "no word while the client may still be sending, which would lose its data")?;
    link.end();
    says(&link.rest("OK and the end of the connection")?, b"OK\n")
}

fn waited(ground: &Ground) -> Checked {
    let mut link = ground.connect()?.patient(PATIENCE);
    link.send("{\"mime_type\": \"text/plain\", \"size\": 2}\nhi");
    let line = link.line_or_end("OK")?.unwrap_or_default();
    says(&line, b"OK")?;
    link.send("{\"mime_type\": \"text/plain\", \"size\": 2}\nho");
    link.end();
    says(&link.rest("OK and the end of the connection")?, b"OK\n")
}

fn fault(ground: &Ground) -> Checked {
    let bytes = [&b"{\"mime_type\": \"text/plain\", \"size\": 2}\nhino header\n"[..], &vec![b'x'; 100_000]].concat();
    says(&said(ground, bytes)?, b"OK\nERROR: Invalid header\n")
}

fn sizes(ground: &Ground) -> Checked {
    for size in ["-1", "1.5", "1.0", "1e3", "01", "null", "\"2\"", "[2]", "true", "9007199254740991"] {
        let mut link = ground.connect()?;
        link.send(format!("{{\"mime_type\": \"text/plain\", \"size\": {size}}}\n"));
        link.mark(size);
        link.end();
        says(&link.rest("the line and the end of the connection")?, INVALID)?;
    }
    Ok(())
}

fn types(ground: &Ground) -> Checked {
    says(&said(ground, "{\"mime_type\": 5, \"size\": 0}\n")?, INVALID)?;
    says(&said(ground, "{\"mime_type\": \"x/../../y\", \"size\": 0}\n")?, b"OK\n")
}

fn early_end(ground: &Ground) -> Checked {
    for bytes in
        ["{\"mime_type\": \"text/plain\", \"size\": 5}\nhell", "{\"mime_type\": \"text/plain\", \"size\": 5}\n"]
    {
        let rest = said(ground, bytes)?;
        if rest.starts_with(b"OK") {
            return Err(failed("no OK for a file that is not whole", brief(&rest)));
        }
    }
    Ok(())
}

fn no_newline(ground: &Ground) -> Checked {
    let rest =
        said(ground, "{\"mime_type\": \"text/plain\", \"size\": 0}\n{\"mime_type\": \"text/plain\", \"size\": 0}")?;
    if rest.starts_with(b"OK\n") && !rest.starts_with(b"OK\nOK") {
        return Ok(());
    }
    Err(failed("one OK, for the frame that is whole", brief(&rest)))
}

fn no_byte(ground: &Ground) -> Checked {
    says(&said(ground, "")?, b"")?;
    ground.connect()?.cut();
    one(ground)
}

fn no_header(ground: &Ground) -> Checked {
    for said in
        ["GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}", "{mime_type: text}\n", "{\"size\": }\n"]
    {
        let mut link = ground.connect()?;
        // The kit's side stays open: such a peer waits for us.
        link.send(said);
        says(&link.rest("the line and the end of the connection")?, INVALID)?;
    }
    Ok(())
}

fn endless(ground: &Ground) -> Checked {
    for begin in ["X", "{\"X"] {
        let mut link = ground.connect()?;
        link.send(format!("{begin}{}", "X".repeat(500_000)));
        says(&link.rest("the line and the end of the connection")?, INVALID)?;
    }
    Ok(())
}

fn later_version(ground: &Ground) -> Checked {
    let bytes = [b"{\"mime_type\": \"text/plain\", \"size\": 2}\nhi".to_vec(), frame(&upload(2), "ho")].concat();
    says(&said(ground, bytes)?, b"OK\nERROR: Invalid header\n")
}

fn earlier_version(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    link.ask(frame(&with(&upload(2), json!({"name": "a"})), "hi"))?.stored(b"hi")?;
    link.send("{\"mime_type\": \"text/plain\", \"size\": 2}\n");
    link.refused_and_closed("unsupported_version")
}
