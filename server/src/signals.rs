//! How the system asks a server to stop. The first signal lets the frames under way finish, the second
//! ends the process at once. And the one signal that is no reason to stop.

/// Exit code of a process that a second signal ended.
const ENDED_AT_ONCE: i32 = 130;

/// Listens from now on. The future is done when the process was asked to stop; from then on, another signal ends
/// it at once. Must be called inside a runtime.
pub fn stop() -> impl Future<Output = ()> {
    let mut signals = Signals::listen();
    async move {
        signals.next().await;
        // The same listener, which also hears what comes before this task has its first turn.
        tokio::spawn(async move {
            signals.next().await;
            tracing::warn!("a second signal: ended at once");
            std::process::exit(ENDED_AT_ONCE);
        });
    }
}

/// Makes a file that is longer than the system allows (`ulimit -f`) an error of its write; otherwise any peer could
/// end the process with an upload. Must be called inside a runtime.
pub fn outlive_file_limit() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        // Once somebody listened, the system's default is gone for good.
        if let Err(error) = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())) {
            tracing::warn!(%error, "a file longer than the system allows ends this server");
        }
    }
}

/// SIGINT and SIGTERM.
#[cfg(unix)]
struct Signals(std::io::Result<[tokio::signal::unix::Signal; 2]>);

#[cfg(unix)]
impl Signals {
    fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let both = || Ok([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?]);
        Self(both())
    }

    async fn next(&mut self) {
        match &mut self.0 {
            Ok([interrupt, terminate]) => tokio::select! {
                biased;
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            },
            Err(error) => {
                tracing::error!(%error, "signals cannot be listened for; they end the server at once");
                std::future::pending::<()>().await;
            }
        }
    }
}

/// Ctrl-C, the only signal every system has.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> Self {
        Self
    }

    async fn next(&mut self) {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "signals cannot be listened for; they end the server at once");
            std::future::pending::<()>().await;
        }
    }
}
