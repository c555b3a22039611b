//! How many files and connections the process may have open: as many as its configured connections can need.

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
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let connections = u64::try_from(connections_max).unwrap_or(u64::MAX);
    let needed = connections.saturating_mul(PER_CONNECTION).saturating_add(OTHERS);
    let now = getrlimit(Resource::Nofile);
    if now.current.is_none_or(|current| current >= needed) {
        return;
    }
    let allowed = now.maximum.map_or(needed, |maximum| maximum.min(needed));
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

#[cfg(all(test, unix))]
mod tests {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    use super::*;

    #[test]
    fn a_server_may_open_what_its_connections_need_as_far_as_the_system_allows() {
        let before = getrlimit(Resource::Nofile);
        let current = || getrlimit(Resource::Nofile).current;
        let low = Rlimit { current: Some(600), ..before };
        setrlimit(Resource::Nofile, low).unwrap();
        raise(10);
        assert_eq!(current(), Some(2_068));
        raise(1);
        assert_eq!(current(), Some(2_068), "what is there already stays");
        raise(usize::MAX);
        assert_eq!(current(), before.maximum.or(Some(u64::MAX)));
        setrlimit(Resource::Nofile, before).unwrap();
    }
}
