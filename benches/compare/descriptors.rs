//! How many files and connections a process may have open. Servers inherit it from here.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Enough for every row here.
const WANTED: u64 = 65_536;

/// What a process has open besides its connections.
const OTHERS: u64 = 1_024;

/// Raises the limit as far as is wanted and allowed.
pub(crate) fn raise() {
    let now = getrlimit(Resource::Nofile);
    let allowed = now.maximum.unwrap_or(WANTED).min(WANTED);
    let all = Rlimit { current: Some(WANTED), maximum: Some(now.maximum.unwrap_or(WANTED).max(WANTED)) };
    // Only root may raise what is allowed.
    let _ = setrlimit(Resource::Nofile, all)
        .or_else(|_| setrlimit(Resource::Nofile, Rlimit { current: Some(allowed), ..now }));
}

/// Whether this process, and so a server, may open so many connections more.
pub(crate) fn room_for(connections: usize) -> Result<(), String> {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let open = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let needed = u64::try_from(connections.saturating_add(open)).expect("a number of files").saturating_add(OTHERS);
    if needed <= limit {
        return Ok(());
    }
    Err(format!("It takes {needed} open files in one process, and this system allows {limit} (ulimit -n)."))
}
