//! A bound for the memory of the checks' process. A loop that keeps what it reads would otherwise take the machine's, and
//! the learner's other programs with it.

/// More than any right solution needs, and less than a small machine has.
#[cfg(unix)]
const MEMORY_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// From here on this process gets no more memory than that. Whoever asks for more ends the process, with words on how
/// much was asked for.
#[cfg(unix)]
pub(crate) fn memory() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Data);
    limit.current = Some(limit.current.map_or(MEMORY_BYTES_MAX, |current| current.min(MEMORY_BYTES_MAX)));
    // Without the bound the checks say the same.
    let _ = setrlimit(Resource::Data, limit);
}

/// This system has no such bound; the checks' time is what ends them.
#[cfg(not(unix))]
pub(crate) fn memory() {}
