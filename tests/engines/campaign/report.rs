//! What a campaign says: printed at once, and kept for a file that others can read. Also its stopwatch.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use engines::{root, run};

use crate::Outcome;

/// The text so far.
#[derive(Debug)]
pub(crate) struct Report {
    title: &'static str,
    lines: Vec<String>,
    begun: Stopwatch,
}

impl Report {
    pub(crate) fn new(title: &'static str) -> Self {
        Self { title, lines: Vec::new(), begun: Stopwatch::start() }
    }

    /// Prints a line and keeps it.
    pub(crate) fn say(&mut self, line: impl Into<String>) {
        let line = line.into();
        println!("{line}");
        self.lines.push(line);
    }

    /// The end of a campaign in which everything held; with a `file`, what was said goes there.
    pub(crate) fn end(mut self, file: Option<&Path>, seed: u64) -> Outcome<()> {
        let seconds = self.begun.time().as_secs();
        self.say(format!("\nEverything held, in {seconds} s."));
        let Some(file) = file else { return Ok(()) };
        let words: Vec<String> = std::env::args().skip(1).collect();
        let profile = if cfg!(debug_assertions) { "" } else { " --release" };
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let system = run(Command::new("uname").args(["-sm"]), "coreutils")?;
        let date = run(Command::new("date").args(["-u", "+%F"]), "coreutils")?;
        let state = run(Command::new("git").args(["rev-parse", "--short", "HEAD"]).current_dir(root()), "git")?;
        let text = format!(
            "# {}\n\n```\ncargo run{profile} -p engines --bin campaign -- {}\n```\n\n\
             {}, at commit {}, seed {seed}; {cores} cores, {}.\n\n{}\n",
            self.title,
            words.join(" "),
            date.trim(),
            state.trim(),
            system.trim(),
            self.lines.join("\n")
        );
        std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
    }
}

/// Measures how long something takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "how long things take is what is asked here")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn time(self) -> Duration {
        self.0.elapsed()
    }
}
