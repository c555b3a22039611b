//! What a process holds in memory, as Linux tells it.

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
