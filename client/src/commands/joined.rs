//! A connection that goes on with a remembered session, for the commands that look into one.

use shared::error::ErrorCode;
use shared::id::SessionId;
use shared::wire::{Reply, SessionInfo, Status};

use super::Context;
use crate::conversation::{Held, gone};
use crate::failure::Failure;
use crate::header::Header;
use crate::transport::Connection;

/// A connection bound to a session.
pub(super) struct Joined {
    pub(super) connection: Connection,
    pub(super) id: SessionId,
    pub(super) held: Held,
}

impl Joined {
    /// Connects and continues the session `wanted` names, else that of the last `send`.
    pub(super) async fn open(context: &Context, wanted: Option<&str>) -> Result<Self, Failure> {
        Self::join(context, context.remembered.find(&context.server, wanted)?).await
    }

    /// Asks for a change. When the answer is lost, nobody knows whether it was made, so the very same request is
    /// repeated, once: the server makes the change of a sequence once, and keeps the answer.
    pub(super) async fn change(&mut self, context: &Context, header: &Header) -> Result<Reply, Failure> {
        let answered = match self.connection.ask(header).await {
            Err(Failure::Lost(_)) => {
                *self = Self::join(context, self.held.clone()).await?;
                self.connection.ask(header).await
            }
            answered => answered,
        };
        if let Ok(reply) = &answered {
            self.held.hear(reply.session.as_ref());
        }
        answered
    }

    async fn join(context: &Context, held: Held) -> Result<Self, Failure> {
        let mut connection = context.connection().await?;
        let reply = connection.ask(&Header::resume(held.id, &held.secret)).await?;
        let id = held.id;
        match resumed(reply, held) {
            Ok(held) => {
                if held.secret.changes() {
                    context.note(context.remembered.advance(&context.server, &held).await);
                }
                Ok(Self { connection, id, held })
            }
            Err(failure) => {
                forget_if_gone(context, id, &failure).await;
                Err(failure)
            }
        }
    }
}

/// The session where the server is in it.
fn resumed(reply: Reply, mut held: Held) -> Result<Held, Failure> {
    // Its end was asked for before, and whoever asked did not hear the answer.
    if reply.status == Status::SessionClosed {
        return Err(Failure::Refused(gone("closed")));
    }
    let info = session(expect(reply, Status::SessionResumed)?)?;
    if info.id != held.id {
        return Err(Failure::Broken("another session than the one asked for".to_owned()));
    }
    held.hear(Some(&info));
    held.caught_up(info.next_sequence).map_err(Failure::Refused)
}

/// A session that has ended is not offered to the next command.
pub(super) async fn forget_if_gone(context: &Context, id: SessionId, failure: &Failure) {
    if let Failure::Refused(body) = failure
        && matches!(body.code, ErrorCode::SessionGone | ErrorCode::SessionUnknown)
    {
        context.note(context.remembered.forget(&context.server, id).await);
    }
}

/// The reply, if it has the status that answers the request.
pub(super) fn expect(reply: Reply, status: Status) -> Result<Reply, Failure> {
    match reply.error {
        Some(body) if reply.status == Status::Error => Err(Failure::Refused(Box::new(body))),
        _ if reply.status == status => Ok(reply),
        _ => Err(Failure::Broken("the reply does not answer the request".to_owned())),
    }
}

/// What the reply says of the session.
pub(super) fn session(reply: Reply) -> Result<SessionInfo, Failure> {
    reply.session.ok_or_else(|| Failure::Broken("a session's reply that does not speak of it".to_owned()))
}
