//! What a comparison found, as it is kept in a file. Holds what was measured; everything else is computed from it.

use serde::{Deserialize, Serialize};

use crate::Spread;
use crate::growth::Growth;

/// Bytes from which on a file is judged by its bytes, not as one file.
const LARGE: f64 = 1_048_576.0;

/// All that one run found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Where.
    pub machine: Machine,
    /// Whether it was a trial, with small works and few rounds. Nothing can be claimed from one.
    pub quick: bool,
    /// Rounds that counted.
    pub rounds: usize,
    /// What was compared, one work each.
    pub rows: Vec<Row>,
    /// What costs were measured at growing numbers.
    pub growths: Vec<Growth>,
}

/// When, and what the figures depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The day.
    pub date: String,
    /// The commit that was built, as far as it was committed.
    pub commit: String,
    /// How busy the machine was before anything began: processes that ran or waited, over the last minute.
    pub load_before: String,
    /// Cores.
    pub cores: usize,
    /// The system's version.
    pub kernel: String,
    /// What the system takes for congestion control unless asked.
    pub congestion_of_system: String,
    /// What the raw client asked for.
    pub congestion_of_client: String,
}

/// One work, done by everybody in turns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What the row is called on the command line.
    pub name: String,
    /// What was done.
    pub title: String,
    /// The filesystem it was done on.
    pub filesystem: String,
    /// Files in each turn.
    pub files: f64,
    /// Bytes of each file.
    pub bytes: f64,
    /// Who did it; the first is what the others are compared with.
    pub outcomes: Vec<Outcome>,
    /// Who was to do it and could not, with the reason.
    pub missing: Vec<(String, String)>,
    /// What the work was to show.
    pub targets: Vec<Target>,
}

/// How one contestant did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Its name in the row.
    pub name: String,
    /// The version of its program, where it is not ours.
    pub version: Option<String>,
    /// What each round took.
    pub seconds: Vec<f64>,
    /// Processor time of the server in all rounds.
    pub server_cpu_s: Option<f64>,
    /// Processor time of the sender in all rounds.
    pub client_cpu_s: f64,
    /// The server's memory at its highest.
    pub peak_kib: Option<u64>,
}

/// Something a row was to show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The first is at least so many times as fast as another.
    AtLeast(f64, String),
    /// The first and another take the same time, as far as the rounds can tell.
    IncludesOne(String),
    /// The first costs the server at most so many seconds of processor time per GB.
    CpuPerGb(f64),
    /// The first does at least so many files in a second.
    FilesPerSecond(f64),
    /// The first reaches at least this part of what two cores could do, if they did nothing but send, receive with a
    /// hash, and hash at the sender, as these do it alone.
    OfBound(f64, Alone),
}

/// The contestants that show the parts of a bound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alone {
    /// Sends without hashing; the server hashes whatever it receives.
    pub transfer: String,
    /// Hashes once, as its own sender.
    pub hash: String,
}

/// What became of a target.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// What was wanted, in words.
    pub wanted: String,
    /// What was found; nothing if somebody was missing.
    pub found: Option<Spread>,
    /// Whether that is enough.
    pub met: bool,
}

impl Row {
    /// Whether its speed is in GB/s, not in files/s.
    #[must_use]
    pub fn is_large(&self) -> bool {
        self.bytes >= LARGE
    }

    /// The units of its speeds and of processor time.
    #[must_use]
    pub fn units(&self) -> [&'static str; 2] {
        if self.is_large() { ["GB/s", "CPU s/GB"] } else { ["files/s", "CPU µs/file"] }
    }

    /// How fast somebody was.
    #[must_use]
    pub fn speed(&self, outcome: &Outcome) -> Option<Spread> {
        let things = if self.is_large() { self.files * self.bytes / 1e9 } else { self.files };
        Spread::of_rates(&outcome.seconds, things)
    }

    /// How many times as long as the first somebody took.
    #[must_use]
    pub fn ratio(&self, outcome: &Outcome) -> Option<Spread> {
        Spread::of_ratios(&outcome.seconds, &self.outcomes.first()?.seconds)
    }

    /// Processor time that a server or sender spent: seconds per GB, or microseconds per file where those are small.
    #[must_use]
    pub fn cpu(&self, outcome: &Outcome, cpu_s: f64) -> f64 {
        let per_gb = self.cpu_per_gb(outcome, cpu_s);
        if self.is_large() { per_gb } else { per_gb * self.bytes / 1e3 }
    }

    fn cpu_per_gb(&self, outcome: &Outcome, cpu_s: f64) -> f64 {
        let rounds: f64 = outcome.seconds.iter().map(|_| 1.0).sum();
        cpu_s / (self.files * self.bytes / 1e9 * rounds)
    }

    /// What became of a target of this row.
    #[must_use]
    pub fn verdict(&self, target: &Target, cores: usize) -> Verdict {
        let ratio = |name: &String| self.outcome(name).and_then(|other| self.ratio(other));
        let at_least = |found: Option<Spread>, least: f64| found.is_some_and(|found| found.median >= least);
        let (wanted, found, met) = match target {
            Target::AtLeast(least, other) => {
                let found = ratio(other);
                let once = (least - 1.0).abs() < f64::EPSILON;
                let times = if once { String::new() } else { format!("{least} times ") };
                (format!("at least {times}as fast as {other}"), found, at_least(found, *least))
            }
            Target::IncludesOne(other) => {
                let found = ratio(other);
                let met = found.is_some_and(|found| found.least <= 1.0 && found.most >= 1.0);
                (format!("the range of {other} includes 1"), found, met)
            }
            Target::CpuPerGb(most) => {
                let found = self.first().and_then(|first| Some(self.cpu_per_gb(first, first.server_cpu_s?)));
                let met = found.is_some_and(|found| found <= *most);
                (format!("at most {most} CPU s/GB in the server"), found.and_then(|found| Spread::of([found])), met)
            }
            Target::FilesPerSecond(least) => {
                let found = self.first().and_then(|first| self.speed(first));
                (format!("at least {least} files/s"), found, at_least(found, *least))
            }
            Target::OfBound(least, alone) => {
                let found = self.part_of_bound(alone, cores);
                (format!("at least {least} of the bound"), found, at_least(found, *least))
            }
        };
        Verdict { wanted, found, met }
    }

    fn first(&self) -> Option<&Outcome> {
        self.outcomes.first()
    }

    fn outcome(&self, name: &str) -> Option<&Outcome> {
        self.outcomes.iter().find(|outcome| outcome.name == name)
    }

    fn part_of_bound(&self, alone: &Alone, cores: usize) -> Option<Spread> {
        let (transfer, hash) = (self.outcome(&alone.transfer)?, self.outcome(&alone.hash)?);
        let sent = self.cpu_per_gb(transfer, transfer.client_cpu_s);
        let received = self.cpu_per_gb(transfer, transfer.server_cpu_s?);
        let hashed = self.cpu_per_gb(hash, hash.client_cpu_s);
        let bound = f64::from(u32::try_from(cores).ok()?) / (sent + received + hashed);
        let things = self.files * self.bytes / 1e9;
        Spread::of_rates(&self.first()?.seconds, things / bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(name: &str, seconds: &[f64], server_cpu_s: f64, client_cpu_s: f64) -> Outcome {
        let (seconds, server_cpu_s) = (seconds.to_vec(), Some(server_cpu_s));
        Outcome { name: name.to_owned(), version: None, seconds, server_cpu_s, client_cpu_s, peak_kib: None }
    }

    fn row(bytes: f64, outcomes: Vec<Outcome>) -> Row {
        let text = String::new;
        let (missing, targets) = (Vec::new(), Vec::new());
        Row { name: text(), title: text(), filesystem: text(), files: 1.0, bytes, outcomes, missing, targets }
    }

    #[test]
    fn a_target_is_judged_by_the_median_of_the_rounds() {
        let this = outcome("this", &[1.0, 2.0, 1.0], 1.2, 0.0);
        let row = row(1e9, vec![this, outcome("other", &[1.5, 2.0, 3.0], 0.0, 0.0)]);
        let verdict = |target: &Target| row.verdict(target, 2);
        assert!(verdict(&Target::AtLeast(1.5, "other".to_owned())).met);
        assert_eq!(verdict(&Target::AtLeast(1.0, "other".to_owned())).wanted, "at least as fast as other");
        assert!(!verdict(&Target::AtLeast(1.6, "other".to_owned())).met);
        assert!(verdict(&Target::IncludesOne("other".to_owned())).met);
        assert!(verdict(&Target::CpuPerGb(0.41)).met);
        assert!(!verdict(&Target::CpuPerGb(0.39)).met);
        let absent = verdict(&Target::AtLeast(0.1, "nobody".to_owned()));
        assert_eq!((absent.found, absent.met), (None, false));
    }

    #[test]
    fn small_files_are_counted_and_large_ones_weighed() {
        let speed = |bytes| {
            let row = row(bytes, vec![outcome("this", &[0.5], 0.0, 0.0)]);
            row.speed(&row.outcomes[0]).unwrap().median
        };
        assert!((speed(4096.0) - 2.0).abs() < 1e-9);
        assert!((speed(3e9) - 6.0).abs() < 1e-9);
    }

    #[test]
    fn the_bound_is_what_the_cores_could_do_at_the_price_of_each_part_alone() {
        let parts = [outcome("plain", &[1.0], 0.4, 0.1), outcome("hash", &[1.0], 0.0, 0.25)];
        let row = row(1e9, [vec![outcome("this", &[0.46875], 0.0, 0.0)], parts.to_vec()].concat());
        let alone = Alone { transfer: "plain".to_owned(), hash: "hash".to_owned() };
        // Two cores at 0.4 + 0.1 + 0.25 seconds per GB: 2.67 GB/s. This one does 2.13.
        let verdict = row.verdict(&Target::OfBound(0.7, alone), 2);
        assert!((verdict.found.unwrap().median - 0.8).abs() < 1e-9);
        assert!(verdict.met);
    }
}
