//! One large upload of the real client, cut at random places in four ways, over each store that survives its server.
//! It ends whole and stored once, and what the server has received is not sent again.

use std::fmt::{self, Display};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use clap::Args;
use harness::{PATIENCE, Patience, ServerProcess, names, noise};
use serde_json::Value;

use crate::Outcome;
use crate::dice::Dice;
use crate::network::{Network, Passage};
use crate::programs::{Place, Programs, Rung, fresh_folder};
use crate::report::Report;

const MIB: u64 = 1024 * 1024;
/// Bytes of noise made at once.
const BLOCK_BYTES: usize = 1024 * 1024;
/// What one upload has in the server's memory at most; a killed server has not written that.
const SERVER_MEMORY_BYTES: u64 = 1_280 * 1024;
/// How often it is looked whether the client still runs while the network waits for it.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The size of it.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Mebibytes of the file
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u64).range(1..=65_536))]
    mib: u64,
    /// Cuts of each upload
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    cuts: u64,
    /// Where sessions are kept; one upload for each
    #[arg(long, value_delimiter = ',', default_values = ["sqlite", "redis", "ticket"])]
    stores: Vec<Rung>,
}

/// How an upload is cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// The client's socket is closed, and the server hears of it.
    Closed,
    /// The client's connection ends and the server does not hear of it.
    HalfOpen,
    /// The client is killed, and the same command is run again.
    ClientKilled,
    /// The server is killed, and another one started.
    ServerKilled,
}

const WAYS: [Way; 4] = [Way::Closed, Way::HalfOpen, Way::ClientKilled, Way::ServerKilled];

impl Display for Way {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Closed => "socket closed",
            Self::HalfOpen => "half open",
            Self::ClientKilled => "client killed",
            Self::ServerKilled => "server killed",
        })
    }
}

/// One cut, once the upload has gone on.
#[derive(Debug)]
struct Cut {
    way: Way,
    /// Up to here everything was passed on to the server's system.
    at: u64,
    /// How much of that the server need not have received or written.
    in_doubt: u64,
}

pub(crate) fn run(options: &Options, mut dice: Dice) -> Outcome<Report> {
    let mut report = Report::new("One upload, cut many times");
    let programs = Programs::new()?;
    let folder = fresh_folder()?;
    let file = folder.path().join("large.bin");
    write_noise(&file, dice.roll(), options.mib)?;
    report.say(format!("A file of {} MiB, cut {} times, over each of the stores.", options.mib, options.cuts));
    for rung in &options.stores {
        report.say(format!("\n## {}\n", rung.word()));
        let mut upload = Upload::new(&programs, *rung, file.clone())?;
        upload.cut_often(options, &mut dice, &mut report).map_err(|fault| format!("{}: {fault}", rung.word()))?;
    }
    Ok(report)
}

/// An upload with everything it goes through.
struct Upload<'a> {
    programs: &'a Programs,
    place: Place,
    home: tempfile::TempDir,
    file: PathBuf,
    network: Network,
    server: ServerProcess,
    client: Child,
    /// Connections whose end the server does not hear of.
    half_open: Vec<Passage>,
    /// What the client counted as sent again.
    counted: u64,
}

impl<'a> Upload<'a> {
    fn new(programs: &'a Programs, rung: Rung, file: PathBuf) -> Outcome<Self> {
        let place = Place::new(rung)?;
        let (home, network) = (fresh_folder()?, Network::new()?);
        let server = place.start(programs)?;
        let client = start_client(programs, home.path(), &network, &file)?;
        Ok(Self { programs, place, home, file, network, server, client, half_open: Vec::new(), counted: 0 })
    }

    fn cut_often(&mut self, options: &Options, dice: &mut Dice, report: &mut Report) -> Outcome<()> {
        let size = options.mib * MIB;
        let part = |number| number * size / options.cuts;
        let places: Vec<u64> =
            (0..options.cuts).map(|number| dice.between(part(number).max(1), part(number + 1))).collect();
        let mut places = places.into_iter();
        report.say("| way | cut at byte | went on at | sent again | at most |\n|---|---|---|---|---|");
        let (mut again, mut last) = (0, None);
        self.network.stop_at(places.next());
        self.network.lead_to(self.server.address);
        for way in ways(options.cuts, dice) {
            let Some(passage) = self.stopped(last.as_ref().is_some_and(|cut: &Cut| cut.at == size))? else { break };
            if let Some(cut) = last.take() {
                again += self.judge(&cut, report)?;
            }
            last = Some(self.cut(way, passage, places.next())?);
        }
        self.ends_well()?;
        if let Some(cut) = last {
            again += self.judge(&cut, report)?;
        }
        let passed = self.network.passed();
        if passed != size + again {
            return Err(format!("{passed} bytes were passed on, and {again} of them again; the file has {size}"));
        }
        let share = again * 1_000 / size;
        report.say(format!(
            "\nSent again of what was passed on: {again} bytes, {}.{} %. With what never left the client's machine, as \
             the client counts it: {} bytes. The file is whole and stored once.",
            share / 10,
            share % 10,
            self.counted
        ));
        Ok(())
    }

    /// The connection that the network stopped; nothing when the upload `may_end` before, and did.
    fn stopped(&mut self, may_end: bool) -> Outcome<Option<Passage>> {
        let patience = Patience::fresh();
        while patience.lasts() {
            if let Some(passage) = self.network.stopped_within(LOOK_EVERY) {
                return Ok(Some(passage));
            }
            match self.client.try_wait().map_err(|error| error.to_string())? {
                Some(status) if status.success() && may_end => return Ok(None),
                Some(_) => return Err(format!("the client ended before the next cut: {}", self.output()?)),
                None => {}
            }
        }
        Err(format!("the upload did not come to the next cut in {PATIENCE:?}"))
    }

    /// Cuts the connection, and lets the upload go on until `next`, or to its end.
    fn cut(&mut self, way: Way, mut passage: Passage, next: Option<u64>) -> Outcome<Cut> {
        let mut in_doubt = 0;
        match way {
            Way::Closed => passage.finish()?,
            Way::HalfOpen => {
                in_doubt = passage.unread()?;
                passage.lose_client();
            }
            Way::ClientKilled => {
                self.client.kill().map_err(|error| error.to_string())?;
                passage.pass_on_rest();
                passage.finish()?;
                self.output()?;
                self.client = start_client(self.programs, self.home.path(), &self.network, &self.file)?;
            }
            Way::ServerKilled => {
                in_doubt = passage.unread()? + SERVER_MEMORY_BYTES;
                self.server.kill();
                passage.lose();
                self.server = self.place.start(self.programs)?;
            }
        }
        let at = passage.position();
        let whole = self.file.metadata().map_err(|error| error.to_string())?.len();
        if at == whole && self.place.rung == Rung::Ticket {
            // The ticket that would say that it is stored was not heard (PROTOCOL.md section 7).
            in_doubt = whole;
        }
        let cut = Cut { way, at, in_doubt };
        if way == Way::HalfOpen {
            self.half_open.push(passage);
        }
        self.network.stop_at(next);
        self.network.lead_to(self.server.address);
        Ok(cut)
    }

    /// What was sent again after a cut. More than was in doubt is a broken promise.
    fn judge(&self, cut: &Cut, report: &mut Report) -> Outcome<u64> {
        let Cut { way, at, in_doubt } = cut;
        // Without any payload the file was whole.
        let went_on_at = self.network.went_on_at().unwrap_or(*at);
        let again = at.saturating_sub(went_on_at);
        report.say(format!("| {way} | {at} | {went_on_at} | {again} | {in_doubt} |"));
        if went_on_at > *at {
            return Err(format!("{way}: it went on at {went_on_at}, and only {at} bytes had come"));
        }
        if again > *in_doubt {
            return Err(format!("{way}: {again} bytes were sent again, at most {in_doubt} could have been lost"));
        }
        Ok(again)
    }

    /// The client says that it is done, and what is stored is the file, once.
    fn ends_well(&mut self) -> Outcome<()> {
        let said = self.output()?;
        if !said.lines().any(|line| line.contains("\"event\":\"stored\"")) {
            return Err(format!("the client ended without its file stored: {said}"));
        }
        let stored = names(&self.place.storage);
        let [name] = stored.as_slice() else { return Err(format!("not one file is visible: {stored:?}")) };
        if !same(&self.file, &self.place.storage.join(name))? {
            return Err(format!("{name} is not the file that was sent"));
        }
        let mut asking = self.programs.client(self.home.path(), self.network.address, &["status"]);
        let status = engines::run(&mut asking, "client")?;
        let status: Value = serde_json::from_str(&status).map_err(|error| format!("{error}: {status}"))?;
        if status["next_sequence"] != 2 || status["record"]["files_transferred"] != 1 {
            return Err(format!("one sequence was applied once, and the session says: {status}"));
        }
        Ok(())
    }

    /// Waits for the client's end; what it said.
    fn output(&mut self) -> Outcome<String> {
        let patience = Patience::fresh();
        while self.client.try_wait().map_err(|error| error.to_string())?.is_none() {
            if !patience.lasts() {
                return Err(format!("the client did not end in {PATIENCE:?}"));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        let mut said = String::new();
        let read = self.client.stdout.take().map(|mut pipe| pipe.read_to_string(&mut said));
        let errors = self.client.stderr.take().map(|mut pipe| pipe.read_to_string(&mut said));
        read.transpose().and(errors.transpose()).map_err(|error| error.to_string())?;
        let events = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        self.counted += events
            .filter_map(|event| event["sent_again"].as_u64().filter(|_| event["event"] == "resumed"))
            .sum::<u64>();
        Ok(said)
    }
}

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        // When everything held, it has ended already.
        let _ = self.client.kill();
    }
}

fn start_client(programs: &Programs, home: &Path, network: &Network, file: &Path) -> Outcome<Child> {
    let words = ["send", "--mode", "stateful", &file.to_string_lossy()];
    programs.client(home, network.address, &words).spawn().map_err(|error| format!("the client: {error}"))
}

/// All ways equally often, in an order that chance decides.
fn ways(count: u64, dice: &mut Dice) -> Vec<Way> {
    let mut left: Vec<Way> = WAYS.into_iter().cycle().zip(0..count).map(|(way, _)| way).collect();
    let mut drawn = Vec::new();
    while !left.is_empty() {
        drawn.push(left.swap_remove(dice.index(left.len())));
    }
    drawn
}

fn write_noise(path: &Path, seed: u64, mib: u64) -> Outcome<()> {
    let write = || {
        let mut file = File::create(path)?;
        (0..mib).try_for_each(|number| file.write_all(&noise(seed.wrapping_add(number), BLOCK_BYTES)))
    };
    write().map_err(|error| format!("{}: {error}", path.display()))
}

/// Whether two files hold the same bytes.
fn same(one: &Path, other: &Path) -> Outcome<bool> {
    let compare = || {
        let (mut one, mut other) = (File::open(one)?, File::open(other)?);
        loop {
            let (mut here, mut there) = (Vec::new(), Vec::new());
            (&mut one).take(MIB).read_to_end(&mut here)?;
            (&mut other).take(MIB).read_to_end(&mut there)?;
            if here != there || here.is_empty() {
                return Ok(here == there);
            }
        }
    };
    compare().map_err(|error: std::io::Error| error.to_string())
}
