//! Asking again when the connection is lost, for commands that change nothing: they may ask as often as they like.
//! Does not know what is asked.

use std::time::Duration;

use shared::error::Retry;

use super::Context;
use super::sending::Reached;
use crate::failure::Failure;
use crate::reconnect::{Insistence, Reconnect};

/// The tries of one command.
pub(super) struct Again<'a> {
    context: &'a Context,
    tries: Reconnect,
    reached: Reached,
}

impl<'a> Again<'a> {
    pub(super) fn new(context: &'a Context) -> Self {
        Self { context, tries: Reconnect::new(context.bounds), reached: Reached::NotYet }
    }

    /// Asks until there is an answer, or no sense in asking.
    pub(super) async fn ask<T>(&mut self, mut question: impl AsyncFnMut() -> Result<T, Failure>) -> Result<T, Failure> {
        loop {
            match question().await {
                Ok(answer) => {
                    self.progress();
                    return Ok(answer);
                }
                Err(failure) => self.after(failure).await?,
            }
        }
    }

    /// Something was achieved: what comes next is a new trouble.
    pub(super) fn progress(&mut self) {
        self.reached = Reached::Yes;
        self.tries.progress();
    }

    /// Waits until another try may be made. A failure after which there is none comes back.
    pub(super) async fn after(&mut self, failure: Failure) -> Result<(), Failure> {
        let advised = match &failure {
            Failure::Unreachable { .. } => None,
            Failure::Lost(_) => {
                self.reached = Reached::Yes;
                None
            }
            Failure::Refused(body) if matches!(body.code.retry(), Retry::Later | Retry::Resume) => {
                self.reached = Reached::Yes;
                body.retry_after_ms.map(Duration::from_millis)
            }
            Failure::Refused(_)
            | Failure::Usage(_)
            | Failure::Configuration(_)
            | Failure::Local { .. }
            | Failure::Unknown(_)
            | Failure::Integrity { .. }
            | Failure::Broken(_)
            | Failure::Version(_)
            | Failure::NoSession(_)
            | Failure::Unclosed { .. }
            | Failure::Interrupted => return Err(failure),
        };
        if self.reached == Reached::NotYet && self.context.insistence == Insistence::None {
            return Err(failure);
        }
        match self.context.wait_for_try(&mut self.tries, failure.to_string(), advised).await {
            Some(()) => Ok(()),
            None => Err(failure),
        }
    }
}
