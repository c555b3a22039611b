//! How many files and connections the process may have open: as many as its configured connections can need.

#[cfg(unix)]
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is open besides connections: folders of sessions, the storage, the store of sessions, event loops, and files
/// that are shown together.
#[cfg(unix)]
const OTHERS: u64 = 2_048;

/// What a connection can have open: itself, and the file that it stores or sends.
#[cfg(unix)]
const PER_CONNECTION: u64 = 2;

/// Raises the limit from what is usual to what is needed, as far as the system allows; says so when it does not.
#[cfg(unix)]
pub fn raise(connections_max: usize) {
    let connections = u64::try_from(connections_max).unwrap_or(u64::MAX);
    let needed = connections.saturating_mul(PER_CONNECTION).saturating_add(OTHERS);
    let now = getrlimit(Resource::Nofile);
    let Some(allowed) = raised(&now, needed) else { return };
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(allowed), ..now }) {
        tracing::warn!(%error, "the limit of open files stays");
    }
    if allowed < needed {
        tracing::warn!(
            allowed,
            needed,
            "server.max_connections may need more open files than the system allows (ulimit -Hn)"
        );
    }
}

/// Other systems have no such limit.
#[cfg(not(unix))]
pub fn raise(_connections_max: usize) {}

/// The limit that is to be; `None` when what there is suffices.
#[cfg(unix)]
fn raised(now: &Rlimit, needed: u64) -> Option<u64> {
    // No limit is `None`.
    now.current.filter(|current| *current < needed).map(|_| now.maximum.map_or(needed, |maximum| maximum.min(needed)))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_limit_becomes_what_is_needed_as_far_as_the_system_allows() {
        for (current, maximum, needed, expected) in [
            (Some(1_024), Some(4_096), 2_000, Some(2_000)),
            (Some(1_024), Some(4_096), 10_000, Some(4_096)),
            (Some(1_024), None, 10_000, Some(10_000)),
            (Some(2_000), Some(4_096), 2_000, None),
            (None, None, 10_000, None),
        ] {
            assert_eq!(raised(&Rlimit { current, maximum }, needed), expected, "{current:?} of {maximum:?}, {needed}");
        }
    }
}
