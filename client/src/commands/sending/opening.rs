//! Connections: opened, lost, opened again after a wait, and bound to the session.

use std::time::Duration;

use super::{Reached, Sending};
use crate::conversation::{Conversation, Event as Happened, Held, Reach, Repeatable, Why};
use crate::event::{Event, Novelty};
use crate::failure::Failure;
use crate::header::Header;
use crate::reconnect::Insistence;
use crate::remembered::NO_PLACE;
use crate::secret::Secret;

impl Sending<'_> {
    pub(super) async fn open(&mut self) -> Happened {
        (self.connection, self.unasked) = (None, None);
        match self.context.connection().await {
            Ok(connection) => {
                self.connection = Some(connection);
                self.reached = Reached::Yes;
                Happened::Opened
            }
            Err(failure) => self.lose(failure, Reach::Nothing, Repeatable::Yes),
        }
    }

    /// Waits, as long as the bounds allow it, and opens another connection.
    pub(super) async fn reconnect(&mut self, why: Why) -> Happened {
        self.connection = None;
        let advised = match &why {
            Why::Refused(body) => body.retry_after_ms.map(Duration::from_millis),
            Why::Lost | Why::Gone(_) => None,
        };
        match why {
            Why::Lost => {}
            Why::Refused(body) | Why::Gone(body) => self.lost = Some(Failure::Refused(body)),
        }
        if self.reached == Reached::NotYet && self.context.insistence == Insistence::None {
            return Happened::Exhausted;
        }
        let reason = self.lost.as_ref().map_or_else(String::new, ToString::to_string);
        if self.context.wait_for_try(&mut self.tries, reason, advised).await.is_none() {
            return Happened::Exhausted;
        }
        self.open().await
    }

    pub(super) async fn join(&mut self, session: Option<Held>) -> Happened {
        let header = match (&session, &self.access_key) {
            (Some(held), _) => Header::resume(held.id, &held.secret),
            (None, Some(key)) => Header::open_with(key),
            (None, None) => Header::open(),
        };
        let novelty = if session.is_some() { Novelty::Continued } else { Novelty::Opened };
        let happened = self.ask(&header).await;
        if let Happened::Reply(reply, ..) = &happened
            && let (Some(info), None) = (&reply.session, &reply.error)
        {
            self.expires_in_s = Some(info.expires_in_s);
            self.context.report.event(&Event::Session {
                session: info.id,
                new: novelty,
                server: self.context.server.to_string(),
                next_sequence: info.next_sequence,
                expires_in_s: info.expires_in_s,
            });
            if reply.replaced {
                self.context.report.event(&Event::Replaced { session: info.id });
            }
            if let (Some(secret), Novelty::Opened) = (Secret::of(info), novelty) {
                if !self.context.remembered.has_place() {
                    self.context.report.warn(&format!("the session will not be remembered: {NO_PLACE}"));
                }
                // Before the first file: a client that dies in the middle can still find its session.
                let held = Held { id: info.id, secret, next: info.next_sequence };
                self.context.note(self.context.remembered.keep(&self.context.server, &held).await);
            }
            if let Some(mut held) = session.filter(|held| held.secret.changes() && held.id == info.id) {
                held.hear(Some(info));
                held.next = held.next.max(info.next_sequence);
                self.context.note(self.context.remembered.advance(&self.context.server, &held).await);
            }
        }
        happened
    }

    /// Keeps the newest ticket for the next command: an older one would lead back to what was before.
    pub(super) async fn keep_ticket(&self) {
        let held = self.conversation.as_ref().and_then(Conversation::session);
        if let Some(held) = held.filter(|held| held.secret.changes()) {
            self.context.note(self.context.remembered.advance(&self.context.server, held).await);
        }
    }

    pub(super) async fn ask(&mut self, header: &Header) -> Happened {
        if let Some(last_word) = self.unasked.take() {
            return Happened::Reply(last_word, Repeatable::Yes);
        }
        let Some(connection) = &mut self.connection else {
            return Happened::Lost(Reach::Nothing, Repeatable::Yes);
        };
        match connection.ask(header).await {
            Ok(reply) => Happened::Reply(Box::new(reply), Repeatable::Yes),
            Err(failure) => self.lose(failure, Reach::Nothing, Repeatable::Yes),
        }
    }

    /// The connection is gone. What is no loss but nonsense would be the same on another one.
    pub(super) fn lose(&mut self, failure: Failure, reach: Reach, repeatable: Repeatable) -> Happened {
        self.connection = None;
        let lost = matches!(failure, Failure::Lost(_) | Failure::Unreachable { .. });
        self.lost = Some(failure);
        if lost { Happened::Lost(reach, repeatable) } else { Happened::Nonsense }
    }

    /// Forgets a session that can serve no request any more, and says so.
    pub(super) async fn shed(&mut self) {
        let Some(session) = self.conversation.as_mut().and_then(Conversation::take_shed) else { return };
        self.expires_in_s = None;
        let reason = "the server does not have it any more, or lost what it had answered".to_owned();
        self.context.report.event(&Event::Gone { session, reason });
        self.context.note(self.context.remembered.forget(&self.context.server, session).await);
    }
}
