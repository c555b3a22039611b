//! Uploads of one connection that came close behind each other: each is received when its turn comes, and all are shown
//! and counted together when nothing more is at hand. Nothing is waited for to make a run longer.

use std::sync::Arc;

use shared::codec::Payload;
use shared::id::Sequence;
use shared::wire::{Action, Ext, Frame, Mode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::body::SMALL_BYTES_MAX;
use super::connection::{Connection, Ending};
use super::link::{Stream, now};
use crate::handler::{Answer, RUN_MAX, Received};

/// Uploads of all connections that may wait for the end of a run. Each has a file open.
pub(super) const FOLLOWING_MAX: usize = 256;

/// What is known of a request besides what is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) action: Action,
    pub(super) mode: Mode,
    pub(super) sequence: Option<Sequence>,
    pub(super) ext: Ext,
    pub(super) started: Instant,
}

/// What the client is told of a request.
#[derive(Debug)]
pub(super) enum Told {
    Answer(Answer),
    /// The connection closes behind this.
    LastWords(Answer),
}

/// Uploads that wait to be shown and counted, in their order.
#[derive(Debug, Default)]
pub(super) struct Run {
    heads: Vec<Head>,
    uploads: Vec<Received>,
    /// Of those behind the first.
    places: Vec<OwnedSemaphorePermit>,
}

impl Head {
    pub(super) fn of(frame: &Frame) -> Self {
        let (action, mode, sequence) = (frame.request.action(), frame.request.mode(), frame.request.sequence());
        Self { action, mode, sequence, ext: frame.ext, started: now() }
    }
}

impl Run {
    pub(super) fn is_empty(&self) -> bool {
        self.uploads.is_empty()
    }

    pub(super) fn last(&self) -> Option<&Received> {
        self.uploads.last()
    }

    pub(super) fn push(&mut self, head: Head, upload: Received) {
        self.heads.push(head);
        self.uploads.push(upload);
    }

    /// A place for one more, if there is one now.
    fn take_place(&mut self, following: &Arc<Semaphore>) -> bool {
        let place = Arc::clone(following).try_acquire_owned();
        place.map(|place| self.places.push(place)).is_ok()
    }
}

impl<S: Stream> Connection<S> {
    /// Whether a frame is the next upload of the run, small, and here whole. It has its place in the run then.
    pub(super) fn continues_run(&mut self, frame: &Frame) -> bool {
        let Some(last) = self.run.last() else { return false };
        let small = matches!(frame.framing.payload, Payload::Sized(size) if size <= SMALL_BYTES_MAX);
        small
            && self.run.uploads.len() < RUN_MAX
            && !frame.expects_continue
            && !self.context.stop.is_cancelled()
            && self.context.dispatch.follows(&frame.request, last.sequence(), &self.peer)
            && self.link.decoder.holds(frame.framing)
            && self.run.take_place(&self.context.following)
    }

    /// Ends the run: everything in it is shown, counted and answered.
    pub(super) async fn commit(&mut self) -> Result<(), Ending> {
        let Run { heads, uploads, places } = std::mem::take(&mut self.run);
        if uploads.is_empty() {
            return Ok(());
        }
        let outcomes = self.context.dispatch.commit(uploads, &mut self.peer).await;
        drop(places);
        for (head, outcome) in heads.into_iter().zip(outcomes) {
            match self.told(head, outcome) {
                Told::Answer(answer) => self.send(answer).await?,
                Told::LastWords(answer) => return Err(self.last_words(answer).await),
            }
        }
        Ok(())
    }
}
