//! Sessions taken over from connections that are half open: their server still takes them for alive, nothing comes
//! from their client, and nothing is read. The newest wins at once, and the older one changes nothing any more.

use std::time::Duration;

use clap::Args;
use harness::{Patience, RawClient, ServerProcess, Session, digest, frame, noise, staged};
use serde_json::Value;

use crate::Outcome;
use crate::dice::Dice;
use crate::programs::{Place, Programs, Rung};
use crate::report::{Report, Stopwatch};

/// No takeover may take longer.
const SLOWEST_MS: u128 = 2_000;
/// Bytes of an upload that is cut. A multiple of what the server collects before it writes.
const UPLOAD_BYTES: usize = 2 * 1024 * 1024;
/// So many have to be sent before the server has written some of them for sure.
const WRITTEN_AFTER_BYTES: u64 = 1024 * 1024;

/// The size of it.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Takeovers
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    takeovers: u64,
}

/// What the older connection was doing when its client fell silent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Doing {
    Nothing,
    /// Sending a file, of which so many bytes had gone out.
    Sending(usize),
    /// Getting a file, without reading it: the server cannot get rid of its bytes.
    Getting,
}

pub(crate) fn run(options: &Options, mut dice: Dice) -> Outcome<Report> {
    let mut report = Report::new("Takeovers from half-open connections");
    let programs = Programs::new()?;
    let place = Place::new(Rung::Sqlite)?;
    let server = place.start(&programs)?;
    let mut line = server.connect();
    let session = Session::open(&mut line);
    let fetched = session.store(&mut line, 1, &noise(dice.roll(), 8 * UPLOAD_BYTES));
    let fetched = fetched.stored_as().to_owned();
    let mut taken = Taken { place: &place, server: &server, session, next: 2, epoch: 1, fetched, older: line };
    let mut times = Vec::new();
    let (mut idle, mut sending, mut getting, mut kept) = (0_u64, 0_u64, 0_u64, 0_usize);
    for number in 1..=options.takeovers {
        let doing = match dice.between(0, 10) {
            0..3 => Doing::Nothing,
            3..8 => {
                let sent = dice.between(WRITTEN_AFTER_BYTES, u64::try_from(UPLOAD_BYTES).unwrap_or(u64::MAX));
                Doing::Sending(usize::try_from(sent).unwrap_or(UPLOAD_BYTES))
            }
            _ => Doing::Getting,
        };
        match doing {
            Doing::Nothing => idle += 1,
            Doing::Sending(_) => sending += 1,
            Doing::Getting => getting += 1,
        }
        let content = noise(dice.roll(), UPLOAD_BYTES);
        let (time, offset) = taken.over(doing, &content).map_err(|fault| format!("takeover {number}: {fault}"))?;
        times.push(time);
        kept += offset;
    }
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).or(times.last()).copied().unwrap_or_default();
    report.say(format!(
        "{} takeovers: {idle} of an idle connection, {sending} in the middle of an upload, {getting} of a connection \
         whose client did not read.",
        options.takeovers
    ));
    report.say(format!(
        "From opening the new connection to the answer `session_resumed`: p50 {}, p99 {}, slowest {}.",
        millis(at(50)),
        millis(at(99)),
        millis(at(100))
    ));
    report.say(format!(
        "Each time the newest won, the older one heard `session_moved` and changed nothing any more; of the cut uploads \
         {kept} bytes were told as `partial` and not sent again."
    ));
    Ok(report)
}

/// The session, and the connection that has it.
struct Taken<'a> {
    place: &'a Place,
    server: &'a ServerProcess,
    session: Session,
    /// Its next sequence.
    next: u64,
    epoch: u64,
    /// A file of the session, too large for what the system holds of a connection that is not read.
    fetched: String,
    older: RawClient,
}

impl Taken<'_> {
    /// One takeover: how long it took, and how much of a cut upload was not sent again.
    fn over(&mut self, doing: Doing, content: &[u8]) -> Outcome<(Duration, usize)> {
        let written = self.fall_silent(doing, content)?;
        let watch = Stopwatch::start();
        let mut newer = self.server.connect();
        let resumed = newer.ask(&self.session.resume(), b"");
        let time = watch.time();
        self.epoch += 1;
        if resumed["status"] != "session_resumed"
            || resumed["session"]["epoch"] != self.epoch
            || resumed["session"]["next_sequence"] != self.next
        {
            return Err(format!("the newest did not win: {}", resumed.header));
        }
        if time.as_millis() > SLOWEST_MS {
            return Err(format!("it took {}", millis(time)));
        }
        let told = self.partial(doing, written, &resumed["partial"])?;
        self.older_is_powerless(doing, content)?;
        let status = newer.ask(&self.session.frame("status"), b"");
        let offset = self.partial(doing, told, &status["partial"])?;
        let same = status["session"]["next_sequence"] == self.next && status["session"]["epoch"] == self.epoch;
        if !same || (offset > 0 && status["partial"]["prefix_digest"] != digest("blake3", &content[..offset])) {
            return Err(format!("the older one changed something: {}", status.header));
        }
        if let Doing::Sending(_) = doing {
            self.go_on(&mut newer, content, offset)?;
        }
        self.older = newer;
        Ok((time, offset))
    }

    /// What the older connection does last; how many bytes of its upload are on the disk for sure.
    fn fall_silent(&mut self, doing: Doing, content: &[u8]) -> Outcome<usize> {
        match doing {
            Doing::Nothing => Ok(0),
            Doing::Getting => {
                let fetch = frame::with(self.session.frame("fetch"), "file", self.fetched.as_str());
                self.older.send_frame(&fetch, b"");
                Ok(0)
            }
            Doing::Sending(sent) => {
                let header = self.session.upload(self.next, "image/png", content.len());
                self.older.send_frame(&header, &content[..sent]);
                let patience = Patience::fresh();
                loop {
                    let written = self.staged_bytes();
                    if written > 0 {
                        return Ok(written);
                    }
                    if !patience.lasts() {
                        return Err(format!("of {sent} bytes none were written"));
                    }
                }
            }
        }
    }

    /// Bytes of the part that is being written. There is no other one.
    fn staged_bytes(&self) -> usize {
        let folder = self.place.storage.join(".staging");
        let lengths = staged(&self.place.storage).into_iter().filter_map(|name| folder.join(name).metadata().ok());
        lengths.map(|metadata| usize::try_from(metadata.len()).unwrap_or(usize::MAX)).sum()
    }

    /// What is told of the upload under way: at least what was there already, and no more than was sent before the
    /// takeover.
    fn partial(&self, doing: Doing, there: usize, told: &Value) -> Outcome<usize> {
        let Doing::Sending(sent) = doing else {
            return if told.is_null() { Ok(0) } else { Err(format!("nothing was sent, and told is {told}")) };
        };
        let offset = usize::try_from(told["offset"].as_u64().unwrap_or(0)).unwrap_or(usize::MAX);
        if told["sequence"] != self.next || offset < there || offset > sent {
            return Err(format!("of {sent} bytes {there} were there, and told is {told}"));
        }
        Ok(offset)
    }

    /// The older connection sends what is left of its file, or another one, and hears why that counts for nothing.
    fn older_is_powerless(&mut self, doing: Doing, content: &[u8]) -> Outcome<()> {
        let late = match doing {
            Doing::Sending(sent) => content[sent..].to_vec(),
            Doing::Nothing | Doing::Getting => frame::bytes(&self.session.upload(self.next, "text/plain", 4), b"late"),
        };
        // The server may have closed it already.
        let _ = self.older.try_send(late);
        if doing != Doing::Getting {
            let moved = self.older.try_reply().map_err(|error| format!("the older one heard nothing: {error}"))?;
            if moved.code() != Some("session_moved") || !moved.closes() {
                return Err(format!("the older one heard {}", moved.header));
            }
        }
        Ok(())
    }

    /// The newest sends the rest, compares, and removes the file, so that the disk does not fill.
    fn go_on(&mut self, newer: &mut RawClient, content: &[u8], offset: usize) -> Outcome<()> {
        let header = self.session.upload(self.next, "image/png", content.len() - offset);
        let header = frame::with(header, "offset", offset);
        let header = frame::with(header, "digest", digest("blake3", content));
        let stored = newer.ask(&header, &content[offset..]);
        let name = stored["file"]["stored_as"].as_str().unwrap_or_default().to_owned();
        let there = std::fs::read(self.place.storage.join(&name));
        if stored["status"] != "stored" || !there.is_ok_and(|there| there == content) {
            return Err(format!("what went on is not stored as it was sent: {}", stored.header));
        }
        let removal = frame::with(self.session.numbered("remove", self.next + 1), "file", name);
        let removed = newer.ask(&removal, b"");
        if removed["status"] != "removed" {
            return Err(format!("not removed: {}", removed.header));
        }
        self.next += 2;
        Ok(())
    }
}

fn millis(time: Duration) -> String {
    let micros = time.as_micros();
    format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100)
}
