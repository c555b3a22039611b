//! A program that keeps uploads in a real folder until it is killed, and whoever kills it.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;

use lab_kit::{Dice, Failure, Step};

use crate::real::Real;
use crate::{Disk as _, PART, Record, Subject, file_name};

/// Names the folder to the program.
const FOLDER: &str = "LAB_06_FOLDER";
/// How often it is killed.
const KILLS: usize = 6;
/// Uploads that it keeps at most, should nobody kill it.
const UPLOADS_MAX: u64 = 500;

/// Whether this process is to be killed. If so, keeps uploads and tells of each, until that happens.
#[must_use]
pub fn serve(subject: &Subject) -> Option<ExitCode> {
    let folder = std::env::var_os(FOLDER)?;
    // Whoever started it may have ended.
    thread::spawn(|| {
        let _ended = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(1);
    });
    if let Err(error) = keep(subject, Path::new(&folder)) {
        println!("failed: {error}");
        return Some(ExitCode::FAILURE);
    }
    Some(ExitCode::SUCCESS)
}

fn keep(subject: &Subject, folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let mut disk = Real::new(folder);
    let mut keeper = (subject.fresh)();
    let mut out = std::io::stdout();
    let mut last = keeper.recover(&mut disk)?.map_or(0, |record| record.sequence);
    writeln!(out, "\ntold {last}")?;
    for _ in 0..UPLOADS_MAX {
        last = last.saturating_add(1);
        let receipt = format!("kept {}", file_name(last)).into_bytes();
        keeper.store(&mut disk, &Record { sequence: last, receipt }, &payload(last))?;
        writeln!(out, "told {last}")?;
    }
    Ok(())
}

/// Large enough to take a while.
fn payload(sequence: u64) -> Vec<u8> {
    Dice::new(sequence).bytes(64 * 1024)
}

/// Starts the program, kills it, looks at what is there, and does so again.
pub(crate) fn killed(subject: &Subject, dice: &mut Dice) -> Result<(), Box<Failure>> {
    let folder = tempfile::tempdir().map_err(|error| Failure::plain("a folder", error.to_string()))?;
    let mut told = 0;
    let mut steps = Vec::new();
    for _ in 0..KILLS {
        let uploads = 1 + dice.below(4);
        let did = format!("start the program, and kill it when it has kept {uploads} uploads");
        let seen = once(subject, folder.path(), uploads)
            .map_err(|error| Failure::plain("a program that starts again", error.to_string()))?;
        let (expected, got) = match seen {
            Seen::Failed(error) => ("a start, whatever a killed program has left".to_owned(), error),
            Seen::Ended(kept) => {
                (format!("{uploads} uploads, and then the kill"), format!("it ended by itself after {kept}: a panic?"))
            }
            Seen::Told(sequences) if sequences.first().is_none_or(|first| *first < told) => {
                let got = sequences.first().map_or("nothing".to_owned(), ToString::to_string);
                (format!("at least {told}, the last that somebody was told of"), got)
            }
            Seen::Told(sequences) => {
                told = sequences.last().copied().unwrap_or(told);
                steps.push(Step { did, got: "it is killed".to_owned() });
                match wrong_file(folder.path(), told) {
                    None => continue,
                    Some(wrong) => wrong,
                }
            }
        };
        if steps.len() < KILLS {
            let did = if steps.is_empty() { "start the program" } else { "start it again" };
            steps.push(Step { did: did.to_owned(), got: got.clone() });
        }
        return Err(Box::new(Failure { steps, expected, got, ..Failure::default() }));
    }
    Ok(())
}

/// What the program said before it was killed.
enum Seen {
    /// What is counted: first what it has recovered.
    Told(Vec<u64>),
    Failed(String),
    /// It was not killed: it ended by itself after so many uploads.
    Ended(usize),
}

fn once(subject: &Subject, folder: &Path, uploads: usize) -> std::io::Result<Seen> {
    let mut child = Killed(
        Command::new(std::env::current_exe()?)
            .args(&subject.program)
            .env(FOLDER, folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?,
    );
    let Some(out) = child.0.stdout.take() else { return Ok(Seen::Failed("no output".to_owned())) };
    let mut sequences = Vec::new();
    for line in BufReader::new(out).lines() {
        let line = line?;
        if let Some(error) = line.strip_prefix("failed: ") {
            return Ok(Seen::Failed(error.to_owned()));
        }
        // The last line may be cut.
        sequences.extend(line.strip_prefix("told ").and_then(|sequence| sequence.parse::<u64>().ok()));
        if sequences.len() == uploads.saturating_add(1) {
            // What it tells until it is dead counts too, so the loop goes on.
            child.0.kill()?;
        }
    }
    match sequences.len().checked_sub(1) {
        Some(kept) if kept < uploads => Ok(Seen::Ended(kept)),
        Some(_) | None => Ok(Seen::Told(sequences)),
    }
}

/// A process that does not outlive its name.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A file that is not as it should be: what was due, and what is there.
fn wrong_file(folder: &Path, told: u64) -> Option<(String, String)> {
    let names = Real::new(folder).names().ok()?;
    let visible = names.iter().filter(|name| !name.ends_with(PART)).filter_map(|name| name.strip_prefix("file_"));
    for sequence in visible.filter_map(|number| number.parse().ok()).chain(1..=told) {
        let name = file_name(sequence);
        let found = fs::read(folder.join(&name)).unwrap_or_default();
        if found != payload(sequence) {
            return Some((
                format!("all {} bytes of {name}", payload(sequence).len()),
                format!("{} bytes", found.len()),
            ));
        }
    }
    None
}
