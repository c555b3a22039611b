//! What a process holds in memory and has used of the processor, as Linux tells it.

use std::fs;

/// The resident memory of a process.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// Now.
    pub resident_kib: u64,
    /// At its highest.
    pub peak_kib: u64,
}

impl Memory {
    /// Of the process with this number; nothing where there is no `/proc`.
    #[must_use]
    pub fn of(process: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().strip_suffix(" kB")?.parse().ok()
        };
        Some(Self { resident_kib: field("VmRSS:")?, peak_kib: field("VmHWM:")? })
    }
}

/// Seconds of processor time that a process with this number has used, in itself and in the system on its behalf;
/// nothing where there is no `/proc`.
#[must_use]
pub fn cpu_seconds(process: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name stands in parentheses and may hold anything; behind it come 11 fields that say something else.
    let (_, fields) = stat.rsplit_once(") ")?;
    let ticks = fields.split(' ').skip(11).take(2).map(|field| field.parse::<u32>().ok());
    let ticks: u32 = ticks.sum::<Option<u32>>()?;
    // USER_HZ is 100 on every system that runs this.
    Some(f64::from(ticks) / 100.0)
}
