//! What this side makes everybody wait for: a pipe that is silent, a long file of which the beginning is read again.
//! Meanwhile heartbeats tell the server that this client is still there, so that it keeps connection and session. They
//! go out between frames: no frame can be put inside another.

use std::pin::pin;
use std::time::Duration;

use shared::id::SessionId;
use shared::limits::Limits;
use shared::wire::{Action, Reply};

use super::Sending;
use crate::conversation::{Conversation, Reach, Repeatable};
use crate::header::Header;
use crate::transport::Connection;

/// A wait up to this is no wait.
const UNNOTICED: Duration = Duration::from_secs(1);

impl Sending<'_> {
    /// Waits for something on this side.
    pub(super) async fn waiting_for<T>(&mut self, what: &str, local: impl Future<Output = T>) -> T {
        let (clock, report) = (&self.context.clock, &self.context.report);
        let mut local = pin!(local);
        tokio::select! {
            biased;
            done = &mut local => return done,
            () = clock.alarm(UNNOTICED) => {}
        }
        report.talk(&format!("waiting for {what}"));
        let interval = self.interval().await;
        while self.bound().is_some() {
            tokio::select! {
                biased;
                done = &mut local => return done,
                () = clock.alarm(interval) => {}
            }
            // What is waited for can wait for the answer: a frame behind an unanswered one would take it for its own.
            self.say(|id| Header::ask(Action::Heartbeat, id)).await;
        }
        local.await
    }

    /// How often the server wants to hear of a session.
    async fn interval(&mut self) -> Duration {
        let told = self.say(|_| Header::hello()).await.and_then(|reply| reply.hello);
        let told = told.map(|hello| Duration::from_secs(hello.limits.heartbeat_interval_s));
        told.unwrap_or(Duration::from_millis(Limits::default().heartbeat_interval_ms)).max(UNNOTICED)
    }

    /// The session that silence would end. Where an answer is due, the server is the one that is silent.
    fn bound(&self) -> Option<SessionId> {
        let quiet = self.unasked.is_none() && self.connection.as_ref().is_some_and(Connection::owes_nothing);
        let held = self.conversation.as_ref().and_then(Conversation::bound_session);
        held.filter(|_| quiet).map(|held| held.id)
    }

    /// Says something that is no part of the conversation, and hears the answer to it. Of one that ends the connection
    /// the conversation hears as the answer to its next frame.
    async fn say(&mut self, header: impl FnOnce(SessionId) -> Header) -> Option<Reply> {
        let header = header(self.bound()?);
        let reply = match self.connection.as_mut()?.ask(&header).await {
            Ok(reply) => reply,
            Err(failure) => {
                self.lose(failure, Reach::Nothing, Repeatable::Yes);
                return None;
            }
        };
        if let Some(conversation) = &mut self.conversation {
            conversation.hear(&reply);
        }
        self.keep_ticket().await;
        if reply.closing {
            self.unasked = Some(Box::new(reply));
            return None;
        }
        Some(reply)
    }
}
