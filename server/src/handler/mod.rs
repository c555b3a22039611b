//! What the server does with a request. Two handlers side by side, one per mode, behind one trait; neither
//! knows a socket.

mod answer;
mod attached;
mod receive;
mod received;
mod stateful;
mod stateless;

use std::fmt::Debug;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use shared::digest::Digest;
use shared::limits::Limits;
use shared::wire::{Ack, ErrorBody};
use tokio_util::sync::CancellationToken;

pub use answer::{Answer, AnswerPayload};
pub use attached::{Attached, Bound};
pub use received::{Begun, RUN_MAX, Received};
pub use stateful::StatefulHandler;
pub use stateless::StatelessHandler;

use crate::config::{Exclusive, Naming};
use crate::env::{Clock, Dice};
use crate::files::FileStorage;

/// How long whoever takes a session or an upload over waits for the older connection to finish what it is writing
/// (PROTOCOL.md sections 5 and 6).
const TAKEOVER_TIMEOUT_MS: u64 = 2_000;

/// What both handlers work with.
#[derive(Debug, Clone)]
pub struct Services {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The dice.
    pub dice: Arc<dyn Dice>,
    /// The bounds.
    pub limits: Arc<Limits>,
    /// Where files are kept.
    pub files: Arc<dyn FileStorage>,
    /// How a session's files are named.
    pub naming: Naming,
    /// The promise given to a client that asks for none.
    pub ack: Ack,
    /// What a second session of the same access key means.
    pub exclusive: Exclusive,
}

impl Services {
    /// Ends when whoever takes a session or an upload over has waited long enough for the older connection.
    async fn takeover_timeout(&self) {
        self.clock.wait(TAKEOVER_TIMEOUT_MS).await;
    }
}

/// The client at the other end of a connection, as far as a handler may know it.
#[derive(Debug)]
pub struct Peer {
    /// Where it comes from.
    pub address: IpAddr,
    /// Its connection's place among those the server has accepted.
    pub number: u64,
    /// The session its connection is bound to.
    pub bound: Option<Bound>,
    /// A session was refused here because the store had none to give, and no other one was opened since.
    pub degraded: bool,
}

/// The payload of a request. The first call asks for it, so a client that waits for `continue` is told to
/// send; a handler that answers without it never calls.
#[async_trait]
pub trait Body: Send {
    /// The next bytes; `None` when exactly the payload has come, its trailer too.
    ///
    /// # Errors
    /// What the client is to be told when the rest will not come. Never taken for the end.
    async fn chunk(&mut self) -> Result<Option<Bytes>, ErrorBody>;

    /// From now on, a payload that has not come whole when `overtaken` is cancelled ends in `transfer_moved`.
    fn until(&mut self, overtaken: CancellationToken);

    /// The session data before the payload, for a request that has some; asked for before the first chunk.
    ///
    /// # Errors
    /// What the client is to be told when it will not come.
    async fn session_data(&mut self) -> Result<Bytes, ErrorBody>;

    /// The digest of the trailer, once the end has come.
    fn trailer(&self) -> Option<Digest>;
}

/// Answers the requests of one mode.
#[async_trait]
pub trait RequestHandler: Send + Sync + Debug {
    /// The requests of this mode.
    type Request: Send;

    /// Does what is asked, or of an upload in a session the first half. Dropped at any await, it leaves nothing half done
    /// that anybody can see.
    async fn handle(&self, request: Self::Request, body: &mut dyn Body, peer: &mut Peer) -> Result<Begun, ErrorBody>;
}
