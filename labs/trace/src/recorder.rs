//! Turns what a stream does into events. Knows neither who listens nor what the bytes mean.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use crate::{Ending, Ends, Event, Side, What};

/// Hears of events, those of a connection in order, and never makes whoever tells them wait for long.
pub trait Listener: Send + Sync {
    /// Something happened.
    fn hear(&self, event: Event);
}

/// Records connections: what time it is, and who wants to know.
#[derive(Clone)]
pub struct Recorder {
    clock: Arc<dyn Fn() -> Duration + Send + Sync>,
    listener: Arc<dyn Listener>,
}

impl Recorder {
    /// A recorder for this listener. `clock` tells the time since 1970.
    #[must_use]
    pub fn new(clock: impl Fn() -> Duration + Send + Sync + 'static, listener: Arc<dyn Listener>) -> Self {
        Self { clock: Arc::new(clock), listener }
    }

    /// A connection that was just opened, recorded at the end `own`.
    #[must_use]
    pub fn connection(&self, ends: Ends, own: Side) -> Lane {
        let flows = Flows { recorder: self.clone(), ends, own, client: Flow::default(), server: Flow::default() };
        flows.tell(flows.now(), What::Opened);
        Lane(Arc::new(Mutex::new(flows)))
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Recorder").finish_non_exhaustive()
    }
}

/// One connection that is recorded. Its copies are for those who hold a part of it; when the last one goes, so does the
/// connection.
#[derive(Clone, Debug)]
pub struct Lane(Arc<Mutex<Flows>>);

/// What went both ways.
#[derive(Debug)]
struct Flows {
    recorder: Recorder,
    ends: Ends,
    own: Side,
    client: Flow,
    server: Flow,
}

/// What one side has sent so far.
#[derive(Clone, Copy, Debug, Default)]
struct Flow {
    bytes: u64,
    over: bool,
}

impl Lane {
    /// The time.
    pub(crate) fn now(&self) -> Duration {
        self.flows().now()
    }

    /// This end sent `bytes`, and began to do so at this time.
    pub(crate) fn sent(&self, at: Duration, bytes: &[u8]) {
        let mut flows = self.flows();
        let own = flows.own;
        flows.carried(at, own, bytes);
    }

    /// The other end sent `bytes`.
    pub(crate) fn received(&self, bytes: &[u8]) {
        let mut flows = self.flows();
        let (at, other) = (flows.now(), flows.own.other());
        flows.carried(at, other, bytes);
    }

    /// This end sends no more, from this time on.
    pub(crate) fn finished(&self, at: Duration) {
        let mut flows = self.flows();
        let own = flows.own;
        flows.ended(at, own, Ending::Finished);
    }

    /// The other end sends no more, in an orderly way or because the system says that it is gone.
    pub(crate) fn received_end(&self, how: Ending) {
        let mut flows = self.flows();
        let (at, other) = (flows.now(), flows.own.other());
        flows.ended(at, other, how);
    }

    fn flows(&self) -> MutexGuard<'_, Flows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Flows {
    /// Whoever lets a connection go ends it.
    fn drop(&mut self) {
        self.ended(self.now(), self.own, Ending::Finished);
    }
}

impl Flows {
    fn now(&self) -> Duration {
        (self.recorder.clock)()
    }

    fn carried(&mut self, at: Duration, from: Side, bytes: &[u8]) {
        for piece in bytes.chunks(Event::BYTES_MAX) {
            let (offset, heard) = self.offsets(from);
            self.tell(at, What::Bytes { from, offset, heard, bytes: Bytes::copy_from_slice(piece) });
            let flow = self.flow(from);
            flow.bytes = flow.bytes.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        }
    }

    fn ended(&mut self, at: Duration, by: Side, how: Ending) {
        if self.flow(by).over {
            return;
        }
        self.flow(by).over = true;
        if how == Ending::Reset {
            self.flow(by.other()).over = true;
        }
        let (offset, heard) = self.offsets(by);
        self.tell(at, What::Ended { by, how, offset, heard });
        // The end takes a number of its own, which the other side acknowledges.
        self.flow(by).bytes = offset.saturating_add(1);
    }

    /// How much a side has sent, and how much the other.
    fn offsets(&mut self, from: Side) -> (u64, u64) {
        (self.flow(from).bytes, self.flow(from.other()).bytes)
    }

    fn flow(&mut self, side: Side) -> &mut Flow {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    fn tell(&self, at: Duration, what: What) {
        self.recorder.listener.hear(Event { at, ends: self.ends, what });
    }
}
