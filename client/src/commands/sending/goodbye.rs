//! The end of a `send`: the session is closed, or left to the next command.

use shared::wire::Action;

use super::left::leaves_open;
use super::{Sending, Tally};
use crate::commands::joined::forget_if_gone;
use crate::conversation::{Command, Conversation, Event as Happened};
use crate::event::Event;
use crate::failure::Failure;
use crate::header::Header;

impl Sending<'_> {
    /// Says goodbye, where that is wanted.
    pub(super) async fn end(&mut self) {
        let mut happened = Happened::NoMore;
        loop {
            happened = match self.step(happened) {
                Command::Open => self.open().await,
                Command::Reconnect(why) => self.reconnect(why).await,
                Command::Join(session) => self.join(session).await,
                Command::Leave(id, sequence) => {
                    let header = Header::change(Action::Disconnect, id, sequence);
                    self.ask(&header).await
                }
                Command::GiveUp(cause) => {
                    let failure = self.failure_of(cause, None);
                    if let Some(held) = self.conversation.as_ref().and_then(Conversation::session) {
                        forget_if_gone(self.context, held.id, &failure).await;
                    }
                    let failure = Failure::Unclosed { files: self.tally.files, cause: Box::new(failure) };
                    self.context.report.failed(None, &failure);
                    self.tally.unclosed = Some(failure);
                    return;
                }
                Command::Ask(_)
                | Command::Upload(..)
                | Command::Ahead(_)
                | Command::More
                | Command::Wait
                | Command::Degrade(_)
                | Command::Keep(_)
                | Command::Skip(_)
                | Command::Finish => return,
            };
        }
    }

    /// Leaves the session to the next command, or forgets the one that was closed; gives the tally.
    pub(in crate::commands) async fn finish(mut self) -> Tally {
        self.remember().await;
        if self.tally.untried == 0 && !self.tally.failures.iter().any(leaves_open) {
            self.journal.end_round();
        }
        self.tally
    }

    async fn remember(&self) {
        let Some(conversation) = &self.conversation else { return };
        let Some(held) = conversation.session() else { return };
        let (remembered, server) = (&self.context.remembered, &self.context.server);
        if conversation.is_closed() {
            self.context.note(remembered.close(server, held.id).await);
            self.context.report.event(&Event::Closed { session: held.id });
        } else if !conversation.is_gone() {
            self.context.note(remembered.keep(server, held).await);
        }
    }
}
