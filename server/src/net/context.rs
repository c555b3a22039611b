//! What all connections of a server have in common.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use shared::id::{Epoch, SessionId, Timestamp};
use shared::limits::Limits;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use trace::{Ends, Lane, Recorder, Side};

use super::body::{Budget, millis};
use super::run::FOLLOWING_MAX;
use crate::config::Week01Ack;
use crate::dispatch::Dispatch;

/// What all connections of a server have in common.
#[derive(Debug)]
pub struct Context {
    pub(super) dispatch: Dispatch,
    pub(super) week01_ack: Week01Ack,
    pub(super) budget: Budget,
    /// Places for uploads that wait for the end of a run.
    pub(super) following: Arc<Semaphore>,
    /// Places for connections that look for their next frame instead of sleeping. Without event loops there are none.
    pub(super) looking: Semaphore,
    pub(super) stop: CancellationToken,
    accepted: AtomicU64,
    recorder: Option<Recorder>,
}

impl Context {
    /// A context whose connections take no new frame once `stop` is cancelled.
    #[must_use]
    pub fn new(dispatch: Dispatch, week01_ack: Week01Ack, stop: CancellationToken) -> Self {
        let budget = Budget::new(&dispatch.services().limits);
        let following = Arc::new(Semaphore::new(FOLLOWING_MAX));
        let looking = Semaphore::new(0);
        Self { dispatch, week01_ack, budget, following, looking, stop, accepted: AtomicU64::new(0), recorder: None }
    }

    /// The same, with every connection recorded.
    #[must_use]
    pub fn recorded_by(self, recorder: Option<Recorder>) -> Self {
        Self { recorder, ..self }
    }

    /// A new connection's place in the trace, if there is one.
    pub(super) fn lane(&self, stream: &TcpStream, client: SocketAddr) -> Option<Lane> {
        let recorder = self.recorder.as_ref()?;
        Some(recorder.connection(Ends::new(client, stream.local_addr().ok()?), Side::Server))
    }

    /// The place of a new connection among all; the first has 1.
    pub(super) fn number(&self) -> u64 {
        self.accepted.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }

    /// The time.
    pub(super) fn now(&self) -> Timestamp {
        self.dispatch.services().clock.now()
    }

    /// Renews a session now and then, until it is dropped.
    pub(super) async fn keep_alive(&self, held: Option<(SessionId, Epoch)>) -> Infallible {
        let Some((session, epoch)) = held else { return std::future::pending().await };
        loop {
            tokio::time::sleep(millis(self.limits().renewal_ms())).await;
            self.dispatch.renew(session, epoch).await;
        }
    }

    /// The bounds all connections keep to.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.dispatch.services().limits
    }
}
