//! How the system tells a program to stop: the one place where platforms differ. Decides nothing.

/// Returns when the program is asked to stop. `false` if nobody can ask.
#[cfg(unix)]
pub(crate) async fn stop() -> bool {
    use tokio::signal::unix::{Signal, SignalKind, signal};

    async fn heard(signal: Option<&mut Signal>) {
        if let Some(signal) = signal
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending::<()>().await;
    }

    let mut terminated = signal(SignalKind::terminate()).ok();
    // Under `nohup` the client was told to outlive its terminal.
    let mut hung_up = if hangup_is_ignored() { None } else { signal(SignalKind::hangup()).ok() };
    tokio::select! {
        biased;
        interrupted = tokio::signal::ctrl_c() => interrupted.is_ok(),
        () = heard(terminated.as_mut()) => true,
        () = heard(hung_up.as_mut()) => true,
    }
}

/// Returns when the program is asked to stop. `false` if nobody can ask.
#[cfg(not(unix))]
pub(crate) async fn stop() -> bool {
    tokio::signal::ctrl_c().await.is_ok()
}

/// Whether somebody wants hang-ups ignored; where the system does not say, nobody else is asked to.
#[cfg(unix)]
fn hangup_is_ignored() -> bool {
    std::fs::read_to_string("/proc/self/status").map_or(true, |status| ignores_hangup(&status))
}

/// The mask has a bit for each signal; that of a hang-up is the lowest.
#[cfg(unix)]
fn ignores_hangup(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_none_or(|mask| mask & 1 == 1)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_shall_outlive_its_terminal_does() {
        assert!(ignores_hangup("Name:\tclient\nSigIgn:\t0000000000001001\n"));
        assert!(!ignores_hangup("SigIgn:\t0000000000001000\n"));
        assert!(ignores_hangup("nothing of the kind\n"));
    }
}
