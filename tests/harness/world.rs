//! A server without sockets, disk, runtime or time: handlers over storage and store in memory, a clock that is
//! set and dice that are known. Whoever polls decides what comes between.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test that cannot go on stops")]

mod body;
mod carrier;
mod client;
mod dice;
mod sent;
mod store;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use server::config::{Exclusive, Naming};
use server::dispatch::Dispatch;
use server::files::memory::Operation;
use server::files::{MemoryStorage, ObjectName};
use server::handler::{Answer, Begun, Body, Peer, Services, StatefulHandler, StatelessHandler};
use server::sessions::{Janitor, SessionStore};
use shared::error::ErrorCode;
use shared::id::{Timestamp, TransferId};
use shared::limits::Limits;
use shared::wire::{Ack, ErrorBody, Explanation, Ext, Request, StatefulRequest, StatelessRequest};

pub use body::ScriptedBody;
pub use carrier::{Carrier, ticket_store};
pub use client::{Client, entries};
pub use dice::KnownDice;
pub use sent::{Sent, digest, sequence};
pub use store::YieldingStore;

pub use crate::stores::AlarmClock as SetClock;

/// What a request led to.
pub type Outcome = Result<Answer, ErrorBody>;

/// The moment a world begins.
pub const BEGINNING: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// What can be chosen about a world.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The bounds.
    pub limits: Limits,
    /// How files of sessions are named.
    pub naming: Naming,
    /// The promise of a server that is asked for none.
    pub ack: Ack,
    /// What a second session of the same access key means.
    pub exclusive: Exclusive,
}

impl Default for Setup {
    fn default() -> Self {
        Self { limits: Limits::default(), naming: Naming::SessionAware, ack: Ack::Durable, exclusive: Exclusive::None }
    }
}

/// A server in memory. Files, store, clock and dice outlive its handlers.
#[derive(Debug)]
pub struct World {
    /// The files.
    pub files: MemoryStorage,
    /// The sessions.
    pub store: Arc<YieldingStore>,
    /// The time.
    pub clock: Arc<SetClock>,
    /// The dice.
    pub dice: Arc<KnownDice>,
    /// What was chosen.
    pub setup: Setup,
    dispatch: Dispatch,
    peers: AtomicU64,
}

impl World {
    /// A world with default limits.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Self::with(Setup::default())
    }

    /// A world as set up.
    #[must_use]
    pub fn with(setup: Setup) -> Arc<Self> {
        let clock = Arc::new(SetClock::at(BEGINNING));
        Self::over(MemoryStorage::new(), Arc::default(), clock, Arc::default(), setup)
    }

    /// A world as set up, over a store of one's own.
    #[must_use]
    pub fn on(store: Arc<dyn SessionStore>, setup: Setup) -> Arc<Self> {
        let clock = Arc::new(SetClock::at(BEGINNING));
        Self::over(MemoryStorage::new(), Arc::new(YieldingStore::over(store)), clock, Arc::default(), setup)
    }

    /// The same files, clock and dice under new handlers over another store: what a crash of the process leaves when
    /// the store ends with it.
    #[must_use]
    pub fn restarted_on(&self, store: Arc<dyn SessionStore>) -> Arc<Self> {
        self.files.end_process();
        let (clock, dice) = (Arc::clone(&self.clock), Arc::clone(&self.dice));
        Self::over(self.files.clone(), Arc::new(YieldingStore::over(store)), clock, dice, self.setup.clone())
    }

    /// The same files, store, clock and dice under new handlers: what a crash of the process leaves when the store
    /// outlives it.
    #[must_use]
    pub fn restarted(&self) -> Arc<Self> {
        self.files.end_process();
        let (store, clock, dice) = (Arc::clone(&self.store), Arc::clone(&self.clock), Arc::clone(&self.dice));
        Self::over(self.files.clone(), store, clock, dice, self.setup.clone())
    }

    fn over(
        files: MemoryStorage,
        store: Arc<YieldingStore>,
        clock: Arc<SetClock>,
        dice: Arc<KnownDice>,
        setup: Setup,
    ) -> Arc<Self> {
        let services = Services {
            clock: clock.clone(),
            dice: dice.clone(),
            limits: Arc::new(setup.limits.clone()),
            files: Arc::new(files.clone()),
            naming: setup.naming,
            ack: setup.ack,
            exclusive: setup.exclusive,
        };
        let stateless = StatelessHandler::new(services.clone());
        let stateful = StatefulHandler::new(services.clone(), store.clone());
        let dispatch = Dispatch::new(services, Some(stateless), Some(stateful));
        Arc::new(Self { files, store, clock, dice, setup, dispatch, peers: AtomicU64::new(0) })
    }

    /// A dispatcher of its own over the same files and store, for connections with sockets.
    #[must_use]
    pub fn dispatch(&self) -> Dispatch {
        let services = self.dispatch.services().clone();
        let stateless = StatelessHandler::new(services.clone());
        let stateful = StatefulHandler::new(services.clone(), self.store.clone());
        Dispatch::new(services, Some(stateless), Some(stateful))
    }

    /// The bounds.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.setup.limits
    }

    /// Somebody on a new connection from this machine.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.peer_at(Ipv4Addr::LOCALHOST.into())
    }

    /// Somebody on a new connection from `address`.
    #[must_use]
    pub fn peer_at(&self, address: IpAddr) -> Peer {
        let number = self.peers.fetch_add(1, Ordering::SeqCst);
        Peer { address, number, bound: None, degraded: false }
    }

    /// One request and its answer.
    pub async fn ask(&self, request: Request, mut body: impl Body, peer: &mut Peer) -> Outcome {
        self.answer(request, Ext::default(), &mut body, peer).await
    }

    /// Both halves of a request, as a connection does them that has nothing else at hand.
    async fn answer(&self, request: Request, ext: Ext, body: &mut dyn Body, peer: &mut Peer) -> Outcome {
        let mode = request.mode();
        let outcome = match self.dispatch.begin(request, body, peer).await {
            Ok(Begun::Answered(answer)) => Ok(answer),
            Ok(Begun::Received(received)) => self.dispatch.commit(vec![received], peer).await.pop().unwrap(),
            Err(error) => Err(error),
        };
        self.dispatch.dressed(mode, ext, outcome, peer)
    }

    /// One request without payload whose answer is explained.
    pub async fn explained(&self, request: Request, peer: &mut Peer) -> Result<Explanation, ErrorBody> {
        let ext = Ext { explain: true };
        let answer = self.answer(request, ext, &mut ScriptedBody::empty(), peer).await?;
        Ok(*answer.reply.explain.unwrap())
    }

    /// A stateless upload on a connection of its own.
    pub async fn send(&self, id: Option<TransferId>, sent: &Sent) -> Outcome {
        self.send_from(&mut self.peer(), id, sent).await
    }

    /// A stateless upload on this connection.
    pub async fn send_from(&self, peer: &mut Peer, id: Option<TransferId>, sent: &Sent) -> Outcome {
        let request = Request::Stateless(StatelessRequest::Transfer(id, sent.upload()));
        self.ask(request, sent.body(), peer).await
    }

    /// Any other stateless request.
    pub async fn stateless(&self, request: StatelessRequest) -> Outcome {
        self.ask(Request::Stateless(request), ScriptedBody::empty(), &mut self.peer()).await
    }

    /// Any other stateful request on `peer`'s connection.
    pub async fn stateful(&self, request: StatefulRequest, peer: &mut Peer) -> Outcome {
        self.ask(Request::Stateful(request), ScriptedBody::empty(), peer).await
    }

    /// The janitor looks once.
    pub async fn sweep(&self) -> usize {
        let store: Arc<dyn SessionStore> = self.store.clone();
        Janitor::new(store, self.clock.clone(), Arc::new(self.setup.limits.clone())).sweep().await.unwrap()
    }

    /// Names and bytes of what is visible, in order of names.
    #[must_use]
    pub fn visible(&self) -> Vec<(ObjectName, bytes::Bytes)> {
        self.files.names().into_iter().map(|name| (name, self.files.bytes(&name).unwrap())).collect()
    }

    /// Everything anybody could see or remember, as a number for each facet of it.
    #[must_use]
    pub fn state(&self) -> Facets {
        let mut visible = DefaultHasher::new();
        for (name, bytes) in self.visible() {
            (name, bytes, self.files.is_durable(&name)).hash(&mut visible);
        }
        self.files.aside().hash(&mut visible);
        let mut parts = DefaultHasher::new();
        self.files.parts().hash(&mut parts);
        let mut claims = DefaultHasher::new();
        format!("{:?}", self.files.claims()).hash(&mut claims);
        let mut sessions = DefaultHasher::new();
        (self.dice.rolled(), self.clock.millis()).hash(&mut sessions);
        format!("{:?}", self.store.all()).hash(&mut sessions);
        [visible, parts, claims, sessions].map(|hasher| hasher.finish())
    }

    /// How often somebody has asked for something that depends on what others did, for each facet of
    /// [`World::state`].
    #[must_use]
    pub fn looks(&self) -> Facets {
        let calls = |operations: &[Operation]| operations.iter().map(|operation| self.files.calls(*operation)).sum();
        [
            calls(&[
                Operation::Reveal,
                Operation::Inspect,
                Operation::Size,
                Operation::MakeDurable,
                Operation::SetAside,
                Operation::Remove,
                Operation::Open,
                Operation::List,
            ]),
            calls(&[Operation::Claim, Operation::Kept, Operation::PrefixDigest, Operation::Forget]),
            calls(&[Operation::Claim, Operation::Write, Operation::Seal, Operation::Reveal, Operation::Forget]),
            self.store.calls(),
        ]
    }
}

/// A number each for what is visible, the bytes of parts, who has claimed them, and the sessions.
pub type Facets = [u64; 4];

/// The code of a refusal, for comparing.
#[must_use]
pub fn code<T>(outcome: &Result<T, ErrorBody>) -> Option<ErrorCode> {
    outcome.as_ref().err().map(|error| error.code)
}
