//! What only a storage in memory must do.

use std::pin::pin;
use std::task::{Context, Waker};

use bytes::Bytes;

use super::*;
use crate::files::RevealError;

/// Polls by hand, with no runtime, at most `polls` times.
fn run<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..polls).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    })
}

fn name() -> ObjectName {
    ObjectName::received(1, Extension::UNKNOWN)
}

async fn upload(storage: &MemoryStorage, ack: Ack) -> Result<(), RevealError> {
    let mut sink = storage.create(None, Some(DigestKind::Blake3)).await?;
    sink.write(Bytes::from_static(b"abc")).await?;
    sink.seal(ack).await?.reveal(&name(), ack).await
}

#[test]
fn an_upload_can_be_cut_at_every_await_and_leaves_all_or_nothing() {
    for polls in 0.. {
        let storage = MemoryStorage::new();
        let ended = run(polls, upload(&storage, Ack::Durable));
        assert_eq!(storage.partial(), 0);
        assert!(storage.bytes(&name()).is_none_or(|bytes| bytes == "abc"));
        if let Some(result) = ended {
            result.unwrap();
            // create, write, seal and two of reveal, and the last poll.
            assert_eq!(polls, 6);
            assert_eq!(storage.names(), [name()]);
            break;
        }
    }
}

#[test]
fn operations_fail_when_they_are_told_to() {
    for (operation, fault) in
        [(Operation::Create, Fault::Full), (Operation::Write, Fault::Io), (Operation::Seal, Fault::IoButVisible)]
    {
        let storage = MemoryStorage::new();
        storage.fail(operation, 2, fault);
        run(9, upload(&storage, Ack::Written)).unwrap().unwrap();
        assert!(run(9, storage.remove(&name(), Ack::Written)).unwrap().unwrap());
        let failed = run(9, upload(&storage, Ack::Written)).unwrap();
        assert!(matches!(failed, Err(RevealError::Failed(_))), "{operation:?}");
        assert!(storage.names().is_empty() && storage.partial() == 0);
        assert_eq!(storage.calls(operation), 2);
    }
}

#[test]
fn a_reveal_can_fail_and_leave_the_file() {
    let storage = MemoryStorage::new();
    storage.fail(Operation::Reveal, 1, Fault::IoButVisible);
    assert!(run(9, upload(&storage, Ack::Durable)).unwrap().is_err());
    assert_eq!(storage.names(), [name()]);
    assert!(!storage.is_durable(&name()));
}

#[test]
fn a_power_cut_takes_what_is_not_durable() {
    for (ack, make_durable, stays) in
        [(Ack::Written, false, false), (Ack::Written, true, true), (Ack::Durable, false, true)]
    {
        let storage = MemoryStorage::new();
        run(9, upload(&storage, ack)).unwrap().unwrap();
        if make_durable {
            assert!(run(9, storage.make_durable(&name())).unwrap().unwrap());
        }
        storage.cut_power();
        assert_eq!(storage.bytes(&name()).is_some(), stays);
    }
}

#[test]
fn what_was_set_aside_goes_after_a_day() {
    let storage = MemoryStorage::new();
    storage.set_now(Timestamp::from_millis(5));
    run(9, upload(&storage, Ack::Written)).unwrap().unwrap();
    assert!(run(9, storage.set_aside(&name())).unwrap().unwrap());
    assert_eq!(storage.aside(), ["abc"]);
    for (age_ms, removed) in [(ASIDE_KEPT_MS, 0), (ASIDE_KEPT_MS + 1, 1), (ASIDE_KEPT_MS + 1, 0)] {
        let now = Timestamp::from_millis(5 + age_ms);
        assert_eq!(run(9, storage.sweep(now, 10)).unwrap().unwrap(), removed);
    }
}
