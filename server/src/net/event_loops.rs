//! The threads that serve connections. Each is an event loop of its own, and a connection stays on the one it was given
//! to: no other core is woken for what it does, and a loop that may hear of the next frame at any moment can look for it
//! instead of going to sleep.

use std::io;
use std::num::NonZero;
use std::sync::{Arc, mpsc};
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

/// Small files are written by the loops, and now and then the disk holds one up; so there are more of them than cores.
const LOOPS_PER_CORE: usize = 2;

/// Loops, however few cores there are.
const LOOPS_MIN: usize = 4;

/// Threads of a loop that may wait for the disk.
const BLOCKING_THREADS_MAX: usize = 128;

/// The event loops of a server. They end when this is dropped, with everything that runs on them.
#[derive(Debug)]
pub(super) struct EventLoops {
    first: EventLoop,
    others: Vec<EventLoop>,
    end: CancellationToken,
}

#[derive(Debug)]
struct EventLoop {
    runtime: Handle,
    /// Its clones are held by the connections on this loop.
    seat: Seat,
}

/// A connection's place on its loop, free again when dropped.
pub(super) type Seat = Arc<()>;

impl EventLoops {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system has no thread or no descriptor for one of them.
    pub(super) fn start() -> io::Result<Self> {
        let count = cores().saturating_mul(LOOPS_PER_CORE).max(LOOPS_MIN);
        let end = CancellationToken::new();
        let first = EventLoop::start(0, end.clone())?;
        let mut started = Self { first, others: Vec::new(), end };
        for number in 1..count {
            started.others.push(EventLoop::start(number, started.end.clone())?);
        }
        Ok(started)
    }

    /// How many connections may look for their next frame at the same time, instead of sleeping. A core that looks does
    /// nothing else, so there are others left for the clients and the disk.
    pub(super) fn lookers_max() -> usize {
        cores() / 2
    }

    /// A seat on the loop that has the fewest connections.
    pub(super) fn seat(&self) -> (&Handle, Seat) {
        let mut emptiest = &self.first;
        for other in &self.others {
            if other.connections() < emptiest.connections() {
                emptiest = other;
            }
        }
        (&emptiest.runtime, Arc::clone(&emptiest.seat))
    }
}

impl EventLoop {
    fn start(number: usize, end: CancellationToken) -> io::Result<Self> {
        let (made, making) = mpsc::channel();
        thread::Builder::new().name(format!("connections-{number}")).spawn(move || {
            // Made here, because one that finds no thread could not be dropped where the others are started.
            let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(BLOCKING_THREADS_MAX).build();
            let handle = runtime.as_ref().map(|runtime| runtime.handle().clone());
            let told = made.send(handle.map_err(|error| io::Error::new(error.kind(), error.to_string())));
            let (Ok(runtime), Ok(())) = (runtime, told) else { return };
            runtime.block_on(end.cancelled());
            // A thread may still wait for a disk that does not answer.
            runtime.shutdown_background();
        })?;
        let runtime = making.recv().map_err(|_| io::Error::other("an event loop ended at its start"))??;
        Ok(Self { runtime, seat: Seat::default() })
    }

    fn connections(&self) -> usize {
        Arc::strong_count(&self.seat).saturating_sub(1)
    }
}

impl Drop for EventLoops {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_spread_over_the_loops() {
        let loops = EventLoops::start().unwrap();
        let all: Vec<_> = [&loops.first].into_iter().chain(&loops.others).collect();
        let mut seats: Vec<_> = (0..3 * all.len()).map(|_| loops.seat().1).collect();
        assert!(all.iter().all(|event_loop| event_loop.connections() == 3));
        seats.retain(|seat| !Arc::ptr_eq(seat, &loops.others[0].seat));
        assert!(Arc::ptr_eq(&loops.seat().1, &loops.others[0].seat));
    }
}
