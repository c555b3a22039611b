//! How the system asks a server to stop. The first signal lets the frames under way finish, the second
//! ends the process at once.

/// Exit code of a process that a second signal ended.
const ENDED_AT_ONCE: i32 = 130;

/// Done when the process was asked to stop. From then on, another signal ends it at once.
pub async fn stop() {
    signal().await;
    tokio::spawn(async {
        signal().await;
        tracing::warn!("a second signal: ended at once");
        std::process::exit(ENDED_AT_ONCE);
    });
}

/// SIGINT or SIGTERM.
#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        tracing::error!("signals cannot be listened for; they end the server at once");
        return std::future::pending().await;
    };
    tokio::select! {
        biased;
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Ctrl-C, the only signal every system has.
#[cfg(not(unix))]
async fn signal() {
    if tokio::signal::ctrl_c().await.is_err() {
        tracing::error!("signals cannot be listened for; they end the server at once");
        std::future::pending().await
    }
}
