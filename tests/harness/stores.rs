//! Stores of sessions side by side: the contract that each must fulfil, a model that each must agree with, and time
//! that passes when a test says so.

pub mod agreement;
mod alarm;
mod call;
pub mod contract;
pub mod model;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use server::sessions::SessionStore;

pub use alarm::AlarmClock;

/// A future that owns what it needs.
pub type Running = Pin<Box<dyn Future<Output = ()>>>;

/// Something to do with an empty store.
pub type Test = fn(Arc<dyn SessionStore>) -> Running;

/// Runs futures side by side until the last has ended.
pub async fn together<F: Future<Output = ()>>(futures: impl IntoIterator<Item = F>) {
    let mut running: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    poll_fn(move |context| {
        running.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if running.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Runs a future on a runtime of its own, whose time is that of the machine.
///
/// # Panics
/// When there is no runtime to be had.
pub fn on_runtime<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future)
}

/// Polls a future once; what it came to, if it ended.
pub async fn poll_once<T>(future: &mut Pin<&mut impl Future<Output = T>>) -> Option<T> {
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}
