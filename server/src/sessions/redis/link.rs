//! The way to the Redis server: one connection for all, made when it is needed and made anew when it was lost.
//! Nothing is waited for longer than its bound.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisError};
use tokio::runtime::Handle;
use tokio_util::context::TokioContext;

use crate::env::Clock;
use crate::sessions::StoreError;

/// How long the whole of one operation may take.
pub(super) const ANSWER_TIMEOUT_MS: u64 = 2_000;

/// How long the library waits for one answer, and for a connection. It sees a dead connection before we give up.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(1_500);
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(1);

/// Nobody answered in time.
#[derive(Debug, thiserror::Error)]
#[error("Redis did not answer within {ANSWER_TIMEOUT_MS} ms")]
struct TimedOut;

pub(super) struct Link {
    client: Client,
    clock: Arc<dyn Clock>,
    /// Locked only to take a copy, or to put another one there.
    manager: Mutex<Managed>,
    /// Where the one connection of all lives. Whoever asks may be on a thread that a disk holds up.
    home: Handle,
}

struct Managed {
    manager: ConnectionManager,
    /// Which one it is, so that of many who lost it one makes the next.
    number: u64,
}

impl fmt::Debug for Link {
    /// Says nothing of the address, which may hold a password.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Link(..)")
    }
}

impl Link {
    /// A way to the server; nothing is sent yet. The connection will live on the runtime this is called in.
    pub(super) fn new(url: &str, clock: Arc<dyn Clock>) -> Result<Self, RedisError> {
        // The library takes what the process has chosen, and panics if nothing was. Chosen is once: a later choice is
        // refused, and the first is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::open(url)?;
        let manager = manager(&client)?;
        let manager = Mutex::new(Managed { manager, number: 0 });
        Ok(Self { client, clock, manager, home: Handle::current() })
    }

    /// Has something asked of the server. What takes too long, or loses the connection, is dropped with it.
    pub(super) async fn ask<T, F>(&self, work: impl FnOnce(ConnectionManager) -> F + Send) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, Failure>> + Send,
    {
        let (manager, number) = {
            let managed = self.manager.lock().unwrap_or_else(PoisonError::into_inner);
            (managed.manager.clone(), managed.number)
        };
        let done = tokio::select! {
            biased;
            done = TokioContext::new(work(manager), self.home.clone()) => done,
            () = self.clock.wait(ANSWER_TIMEOUT_MS) => Err(Failure::Refused(StoreError::Unavailable(Arc::new(TimedOut)))),
        };
        match done {
            Ok(value) => Ok(value),
            Err(Failure::Redis(error)) => {
                // What the server itself refuses, it refuses on a new connection too.
                if error.is_io_error() || error.is_timeout() || error.is_unrecoverable_error() {
                    self.renew(number);
                }
                Err(StoreError::Unavailable(Arc::new(error)))
            }
            Err(Failure::Refused(error)) => {
                if matches!(error, StoreError::Unavailable(_)) {
                    self.renew(number);
                }
                Err(error)
            }
        }
    }

    /// A connection that answers nothing may never do so again, and nobody would be told.
    fn renew(&self, lost: u64) {
        let _home = self.home.enter();
        let mut managed = self.manager.lock().unwrap_or_else(PoisonError::into_inner);
        if managed.number == lost
            && let Ok(manager) = manager(&self.client)
        {
            *managed = Managed { manager, number: lost.wrapping_add(1) };
        }
    }
}

fn manager(client: &Client) -> Result<ConnectionManager, RedisError> {
    let config = ConnectionManagerConfig::new()
        .set_number_of_retries(1)
        .set_min_delay(Duration::from_millis(50))
        .set_connection_timeout(Some(CONNECTION_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT));
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}

/// What an operation comes to when it comes to nothing.
pub(super) enum Failure {
    /// The store's answer is no.
    Refused(StoreError),
    /// The server did not do it, or did not say so.
    Redis(RedisError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}
