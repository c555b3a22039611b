//! Clients that begin at once, each in a thread of its own.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use crate::Clock;

/// What came of each, and how long it took from the first that began to the last that ended. The clients look at the
/// clock themselves: on a busy machine, whoever only waits for them begins late.
pub fn together<C: Send, T: Send>(clients: Vec<C>, run: impl Fn(C) -> T + Sync) -> (Vec<T>, Duration) {
    let barrier = Barrier::new(clients.len());
    let clock = Clock::start();
    let one = |client| {
        barrier.wait();
        let began = clock.elapsed();
        let result = run(client);
        (result, began, clock.elapsed())
    };
    let ended = thread::scope(|scope| {
        let one = &one;
        let running: Vec<_> = clients.into_iter().map(|client| scope.spawn(move || one(client))).collect();
        running.into_iter().map(|client| client.join().expect("a client that is served")).collect::<Vec<_>>()
    });
    let first = ended.iter().map(|(_, began, _)| *began).min().unwrap_or_default();
    let last = ended.iter().map(|(_, _, ended)| *ended).max().unwrap_or_default();
    (ended.into_iter().map(|(result, _, _)| result).collect(), last.saturating_sub(first))
}
