//! A process and all that it started. Servers that fork do their work in their children, so these count with them.

use std::fs;

use crate::Memory;

/// The numbers of a process and of those that come from it, as they were at one moment.
#[derive(Debug, Clone)]
pub struct Family(Vec<u32>);

impl Family {
    /// Of the process with this number, itself first; nobody where there is no `/proc`.
    #[must_use]
    pub fn of(process: u32) -> Self {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let parents: Vec<_> = numbers.filter_map(|child| Some((child, Stat::of(child)?.parent()?))).collect();
        let mut family = vec![process];
        let mut known = 0;
        // Whoever is found may have children of its own.
        while let Some(&parent) = family.get(known) {
            family.extend(parents.iter().filter(|(_, its)| *its == parent).map(|(child, _)| *child));
            known = known.saturating_add(1);
        }
        Self(family)
    }

    /// Of this process alone, as if it had no children.
    #[must_use]
    pub fn only(process: u32) -> Self {
        Self(vec![process])
    }

    /// Seconds of processor time, with those of children that have ended.
    #[must_use]
    pub fn cpu_seconds(&self) -> f64 {
        self.0.iter().filter_map(|process| Stat::of(*process)?.cpu_seconds()).sum()
    }

    /// The resident memory of all together, now and at the highest of each. What they share counts for each.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let members = self.0.iter().filter_map(|process| Memory::of(*process));
        members.fold(Memory { resident_kib: 0, peak_kib: 0 }, |sum, one| Memory {
            resident_kib: sum.resident_kib.saturating_add(one.resident_kib),
            peak_kib: sum.peak_kib.saturating_add(one.peak_kib),
        })
    }

    /// Ends all but the eldest, which may be this process.
    pub fn kill_descendants(&self) {
        let descendants = self.0.iter().skip(1).filter_map(|process| i32::try_from(*process).ok());
        for process in descendants.filter_map(rustix::process::Pid::from_raw) {
            // It may have ended already.
            let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
        }
    }
}

/// The line that the system keeps about a process.
struct Stat(String);

impl Stat {
    fn of(process: u32) -> Option<Self> {
        fs::read_to_string(format!("/proc/{process}/stat")).ok().map(Self)
    }

    fn parent(&self) -> Option<u32> {
        self.fields()?.nth(1)?.parse().ok()
    }

    /// In itself and in the system on its behalf, and the same of its children that have ended.
    fn cpu_seconds(&self) -> Option<f64> {
        let ticks = self.fields()?.skip(11).take(4).map(|field| field.parse::<u32>().ok());
        let ticks: u32 = ticks.sum::<Option<u32>>()?;
        // USER_HZ is 100 on every system that runs this.
        Some(f64::from(ticks) / 100.0)
    }

    /// What comes behind the name, which stands in parentheses and may hold anything.
    fn fields(&self) -> Option<std::str::Split<'_, char>> {
        Some(self.0.rsplit_once(") ")?.1.split(' '))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn grandchildren_are_found_counted_and_ended() {
        let script = "sh -c 'echo begun; sleep 60; true' & wait; echo ended";
        let mut child = Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "begun");
        let family = Family::of(child.id());
        assert!(family.0.len() >= 2, "{family:?}");
        let eldest = Memory::of(child.id()).unwrap();
        assert!(family.memory().resident_kib > eldest.resident_kib);
        family.kill_descendants();
        assert_eq!(lines.next().unwrap().unwrap(), "ended");
        assert!(child.wait().unwrap().success());
    }
}
