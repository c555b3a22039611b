//! A client that carries its session in a ticket, on one connection.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use server::handler::Peer;
use server::sessions::{SessionStore, TicketKeys, TicketStore, Tickets};
use shared::id::SessionId;
use shared::wire::{ErrorBody, Proof, Request, SessionRequest, StatefulRequest, VERSION};

use super::{KnownDice, Outcome, ScriptedBody, Sent, World, sequence};

/// A store over tickets sealed with the keys of this file.
#[must_use]
pub fn ticket_store(keys: &Path) -> Arc<dyn SessionStore> {
    let tickets = Tickets::new(TicketKeys::read(keys).unwrap(), Arc::new(KnownDice::default()), VERSION);
    Arc::new(TicketStore::new(tickets, 100))
}

/// A connection bound to a session, and the newest ticket of it. Dropped, the connection is lost.
#[derive(Debug)]
pub struct Carrier {
    /// Its session.
    pub id: SessionId,
    /// The session's newest ticket.
    pub ticket: Bytes,
    /// Its connection.
    pub peer: Peer,
}

impl Carrier {
    /// Opens a session.
    pub async fn open(world: &World) -> Self {
        let mut peer = world.peer();
        let answer = world.stateful(StatefulRequest::Open(None), &mut peer).await.unwrap();
        Self { id: answer.reply.session.unwrap().id, ticket: answer.session_data, peer }
    }

    /// Continues a session on a new connection.
    pub async fn resume(world: &World, id: SessionId, ticket: &Bytes) -> Result<Self, ErrorBody> {
        let (answer, peer) = Self::connect(world, id, ticket).await;
        Ok(Self { id, ticket: answer?.session_data, peer })
    }

    /// The answer to a ticket on a new connection, and that connection.
    pub async fn connect(world: &World, id: SessionId, ticket: &Bytes) -> (Outcome, Peer) {
        let mut peer = world.peer();
        let proof = Proof::Ticket(u64::try_from(ticket.len()).unwrap());
        let request = Request::Stateful(StatefulRequest::Continue(id, proof));
        (world.ask(request, ScriptedBody::behind(ticket.clone()), &mut peer).await, peer)
    }

    /// Its connection is lost.
    pub fn lose(&mut self, world: &World) {
        self.peer = world.peer();
    }

    /// Stores a file.
    pub async fn send(&mut self, world: &World, number: u64, sent: &Sent) -> Outcome {
        let request = SessionRequest::Transfer(sequence(number), sent.upload());
        let request = Request::Stateful(StatefulRequest::Inside(self.id, request));
        let outcome = world.ask(request, sent.body(), &mut self.peer).await;
        self.kept(outcome)
    }

    /// Any other request.
    pub async fn ask(&mut self, world: &World, request: SessionRequest) -> Outcome {
        let outcome = world.stateful(StatefulRequest::Inside(self.id, request), &mut self.peer).await;
        self.kept(outcome)
    }

    fn kept(&mut self, outcome: Outcome) -> Outcome {
        if let Ok(answer) = &outcome {
            self.ticket = answer.session_data.clone();
        }
        outcome
    }
}
