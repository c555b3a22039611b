//! The threads that serve connections. Each is an event loop of its own, and a connection stays on the one it was given
//! to: no other core is woken for what it does, and a loop that may hear of the next frame at any moment can look for it
//! instead of going to sleep.

use std::io;
use std::num::NonZero;
use std::sync::Arc;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

/// Small files are written by the loops, and now and then the disk holds one up; so there are more of them than cores.
const LOOPS_PER_CORE: usize = 2;

/// Loops, however few cores there are.
const LOOPS_MIN: usize = 4;

/// Threads of all loops that may wait for the disk.
const BLOCKING_THREADS_MAX: usize = 512;

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
        let blocking_max = BLOCKING_THREADS_MAX.div_ceil(count);
        let end = CancellationToken::new();
        let first = EventLoop::start(0, blocking_max, end.clone())?;
        let mut started = Self { first, others: Vec::new(), end };
        for number in 1..count {
            started.others.push(EventLoop::start(number, blocking_max, started.end.clone())?);
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
    fn start(number: usize, blocking_max: usize, end: CancellationToken) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(blocking_max).build()?;
        let started = Self { runtime: runtime.handle().clone(), seat: Seat::default() };
        thread::Builder::new().name(format!("connections-{number}")).spawn(move || {
            runtime.block_on(end.cancelled());
            // A thread may still wait for a disk that does not answer.
            runtime.shutdown_background();
        })?;
        Ok(started)
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

    #[test]
    fn a_disk_that_does_not_answer_does_not_hold_up_the_end() {
        let loops = EventLoops::start().unwrap();
        let (runtime, _seat) = loops.seat();
        let (answer, disk) = std::sync::mpsc::channel::<()>();
        let (ended, end) = std::sync::mpsc::channel::<()>();
        runtime.spawn(async move {
            let waiting = tokio::task::spawn_blocking(move || disk.recv());
            let _ended = ended;
            waiting.await
        });
        drop(loops);
        let closed = end.recv_timeout(std::time::Duration::from_secs(10));
        assert_eq!(closed, Err(std::sync::mpsc::RecvTimeoutError::Disconnected), "the task was dropped");
        drop(answer);
    }
}
