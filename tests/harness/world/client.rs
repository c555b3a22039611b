//! A client with a session, on one connection.

use server::handler::{Answer, AnswerPayload, Peer};
use shared::id::{Holder, SessionId, Token};
use shared::wire::{ErrorBody, FileEntry, Proof, Request, SessionRequest, StatefulRequest};

use super::{Outcome, ScriptedBody, Sent, World, sequence};

/// A connection bound to a session. Dropped, the connection is lost.
#[derive(Debug)]
pub struct Client {
    /// Its session.
    pub id: SessionId,
    /// The session's secret.
    pub token: Token,
    /// Its connection.
    pub peer: Peer,
}

impl Client {
    /// Opens a session.
    pub async fn open(world: &World) -> Self {
        Self::open_on(world, world.peer()).await.unwrap()
    }

    /// Opens a session on this connection.
    pub async fn open_on(world: &World, mut peer: Peer) -> Result<Self, ErrorBody> {
        let answer = world.stateful(StatefulRequest::Open(None), &mut peer).await?;
        Ok(Self::of(&answer, peer))
    }

    /// Opens a session that its holder may have only one of; says whether another one had to end.
    pub async fn open_as(world: &World, holder: Holder) -> Result<(Self, bool), ErrorBody> {
        let mut peer = world.peer();
        let answer = world.stateful(StatefulRequest::Open(Some(holder)), &mut peer).await?;
        Ok((Self::of(&answer, peer), answer.reply.replaced))
    }

    fn of(created: &Answer, peer: Peer) -> Self {
        let session = created.reply.session.clone().unwrap();
        Self { id: session.id, token: Token::from_wire(&session.token.unwrap()).unwrap(), peer }
    }

    /// Continues a session on a new connection.
    pub async fn resume(world: &World, id: SessionId, token: Token) -> Result<Self, ErrorBody> {
        let (answer, peer) = Self::connect(world, id, &token).await;
        answer?;
        Ok(Self { id, token, peer })
    }

    /// The answer to a token on a new connection, and that connection.
    pub async fn connect(world: &World, id: SessionId, token: &Token) -> (Outcome, Peer) {
        let mut peer = world.peer();
        let request = StatefulRequest::Continue(id, Proof::Token(token.clone()));
        (world.stateful(request, &mut peer).await, peer)
    }

    /// Stores a file.
    pub async fn send(&mut self, world: &World, number: u64, sent: &Sent) -> Outcome {
        self.send_as(world, number, sent, sent.body()).await
    }

    /// Stores a file whose payload comes in its own way.
    pub async fn send_as(&mut self, world: &World, number: u64, sent: &Sent, body: ScriptedBody) -> Outcome {
        let request = SessionRequest::Transfer(sequence(number), sent.upload());
        world.ask(Request::Stateful(StatefulRequest::Inside(self.id, request)), body, &mut self.peer).await
    }

    /// Any other request.
    pub async fn ask(&mut self, world: &World, request: SessionRequest) -> Outcome {
        world.stateful(StatefulRequest::Inside(self.id, request), &mut self.peer).await
    }
}

/// The entries of an answer to `list`.
#[must_use]
pub fn entries(answer: &Answer) -> Vec<FileEntry> {
    let AnswerPayload::Bytes(bytes) = &answer.payload else { return Vec::new() };
    bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}
