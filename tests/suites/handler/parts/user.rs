//! A client of either mode, with the same questions.

use harness::orders::finish;
use harness::world::{Client, Outcome, Sent, World, code, sequence};
use shared::error::ErrorCode;
use shared::wire::{Partial, SessionRequest, StatelessRequest, Status};

use super::super::transfer_id;

/// Either mode, with the same questions.
pub(super) enum User {
    Stateless,
    Stateful(Client),
}

impl User {
    pub(super) fn both(world: &World) -> [Self; 2] {
        [Self::Stateless, Self::Stateful(finish(Client::open(world)))]
    }

    pub(super) async fn send(&mut self, world: &World, sent: &Sent) -> Outcome {
        match self {
            Self::Stateless => world.send(Some(transfer_id()), sent).await,
            Self::Stateful(client) => client.send(world, 1, sent).await,
        }
    }

    /// An upload that is cut after so many chunks of three bytes.
    pub(super) async fn cut(&mut self, world: &World, sent: &Sent, chunks: usize) -> Option<ErrorCode> {
        let body = sent.body().broken_after(chunks, ErrorCode::Truncated);
        code(&match self {
            Self::Stateless => {
                let request = StatelessRequest::Transfer(Some(transfer_id()), sent.upload());
                world.ask(shared::wire::Request::Stateless(request), body, &mut world.peer()).await
            }
            Self::Stateful(client) => client.send_as(world, 1, sent, body).await,
        })
    }

    pub(super) async fn partial(&mut self, world: &World) -> Option<Partial> {
        match self {
            Self::Stateless => match world.stateless(StatelessRequest::Status(transfer_id())).await {
                Ok(answer) => {
                    let partial = answer.reply.partial;
                    let status = if partial.is_some() { Status::SessionStatus } else { Status::Stored };
                    assert_eq!(answer.reply.status, status);
                    assert!(partial.is_none_or(|partial| partial.sequence.is_none()));
                    partial
                }
                Err(error) => {
                    assert_eq!(error.code, ErrorCode::FileUnknown);
                    None
                }
            },
            Self::Stateful(client) => {
                let partial = client.ask(world, SessionRequest::Status).await.unwrap().reply.partial;
                assert!(partial.is_none_or(|partial| partial.sequence == Some(sequence(1))));
                partial
            }
        }
    }

    /// The same user after its connection was lost; what the server told it then.
    pub(super) fn again(self, world: &World) -> (Self, Option<Partial>) {
        match self {
            Self::Stateless => (Self::Stateless, None),
            Self::Stateful(client) => {
                let (id, token) = (client.id, client.token.clone());
                drop(client);
                let mut peer = world.peer();
                let request = shared::wire::StatefulRequest::Continue(id, shared::wire::Proof::Token(token.clone()));
                let answer = finish(world.stateful(request, &mut peer)).unwrap();
                (Self::Stateful(Client { id, token, peer }), answer.reply.partial)
            }
        }
    }
}
