//! What every storage must do with the parts of cut uploads.

use bytes::Bytes;
use shared::digest::DigestKind;
use shared::id::{Timestamp, TransferId};
use shared::wire::Ack;

use super::{
    FileStorage, Hidden, Keeping, LocalStorage, MIB, MemoryStorage, RevealError, Stored, content, digest, get, name,
    put, staged,
};
use crate::files::{Claim, Claimant, Part, PartKey, Sink, StorageError};

contract! {
    a_cut_upload_goes_on_wherever_it_was_cut_and_ends_as_the_file
    what_was_received_is_told_while_its_writer_goes_on
    an_older_writer_changes_nothing_any_more
    an_older_whole_part_is_not_shown
    a_claim_that_comes_too_late_disturbs_nobody
    a_request_that_brings_nothing_takes_nothing_away
    a_request_that_begins_lower_replaces_what_is_behind
    the_digest_is_that_of_the_bytes_that_are_there
    a_part_that_is_discarded_is_gone
    a_whole_part_that_is_dropped_is_kept
    a_part_that_is_in_the_way_can_still_be_shown
    a_part_nobody_comes_back_for_goes_in_its_time
    a_forgotten_part_is_gone_and_a_written_one_stays
}

/// Every claim is made by the same connection.
const BY: Claimant = Claimant::Connection(1);

fn key(number: u8) -> PartKey {
    PartKey::of_transfer(TransferId::from_random([number; 16]))
}

fn length(bytes: &[u8]) -> u64 {
    bytes.len().try_into().unwrap()
}

async fn claim(storage: &dyn FileStorage, number: u8) -> Box<dyn Claim> {
    storage.claim(key(number), BY).await.unwrap()
}

/// A sink for the rest of a file of `total` bytes.
async fn sink(storage: &dyn FileStorage, number: u8, offset: usize, total: usize) -> Box<dyn Sink> {
    let (offset, total) = (offset.try_into().unwrap(), total.try_into().unwrap());
    claim(storage, number).await.sink(offset, total, DigestKind::Blake3).await.unwrap()
}

/// An upload of `bytes` that begins at `from` and is cut at `to`.
async fn cut(storage: &dyn FileStorage, number: u8, bytes: &Bytes, from: usize, to: usize) {
    let mut sink = sink(storage, number, from, bytes.len()).await;
    let mut rest = bytes.slice(from..to);
    while !rest.is_empty() {
        sink.write(rest.split_to(rest.len().min(100_000))).await.unwrap();
    }
}

async fn whole(storage: &dyn FileStorage, number: u8, bytes: &Bytes, from: usize) -> Box<dyn Part> {
    let mut sink = sink(storage, number, from, bytes.len()).await;
    sink.write(bytes.slice(from..)).await.unwrap();
    sink.seal(Ack::Durable).await.unwrap()
}

async fn a_cut_upload_goes_on_wherever_it_was_cut_and_ends_as_the_file(storage: &dyn FileStorage, hidden: Hidden<'_>) {
    // Small ones are collected in memory, and a cut lies before, at and behind every bound of a buffer.
    let courses: [(usize, &[usize]); 5] = [
        (10, &[1, 9]),
        (10, &[10]),
        (MIB, &[1, 300_000, MIB - 1, MIB]),
        (3 * MIB + 7, &[1, MIB / 4, MIB / 4 + 1, MIB, 2 * MIB + 1, 3 * MIB]),
        (3 * MIB + 7, &[3 * MIB + 7]),
    ];
    for (number, (size, cuts)) in (0..).zip(courses) {
        let (bytes, name) = (content(size), name(u128::from(number)));
        let mut from = 0;
        for to in cuts {
            cut(storage, number, &bytes, from, *to).await;
            // Nothing of what was received is lost, however soon the next one comes.
            assert_eq!(claim(storage, number).await.length(), length(&bytes[..*to]), "{size}");
            assert_eq!(storage.kept(key(number)).await.unwrap(), Some(length(&bytes[..*to])));
            assert_eq!(storage.size(&name).await.unwrap(), None);
            from = *to;
        }
        let part = whole(storage, number, &bytes, from).await;
        let stored = Stored { size: length(&bytes), digest: Some(digest(&bytes, DigestKind::Blake3)) };
        assert_eq!(part.stored(), stored);
        part.reveal(&name, Ack::Durable).await.unwrap();
        assert!(get(storage, &name, 0).await.unwrap().0 == bytes, "{size}");
        assert_eq!(storage.kept(key(number)).await.unwrap(), None);
        assert_eq!(claim(storage, number).await.length(), 0);
    }
    assert_eq!(hidden(), (0, 0));
}

async fn what_was_received_is_told_while_its_writer_goes_on(storage: &dyn FileStorage, _: Hidden<'_>) {
    let bytes = content(3 * MIB);
    let mut sink = sink(storage, 1, 0, bytes.len()).await;
    assert_eq!(storage.kept(key(1)).await.unwrap(), None);
    for (from, to) in [(0, 5), (5, MIB / 2), (MIB / 2, 2 * MIB + 1), (2 * MIB + 1, 3 * MIB)] {
        sink.write(bytes.slice(from..to)).await.unwrap();
        let told = length(&bytes[..to]);
        assert_eq!(storage.kept(key(1)).await.unwrap(), Some(told));
        let prefix = storage.prefix_digest(key(1), told).await.unwrap();
        assert_eq!(prefix, Some(digest(&bytes[..to], DigestKind::Blake3)));
        assert_eq!(storage.prefix_digest(key(1), told + 1).await.unwrap(), None);
    }
    let part = sink.seal(Ack::Written).await.unwrap();
    part.reveal(&name(1), Ack::Written).await.unwrap();
    assert!(get(storage, &name(1), 0).await.unwrap().0 == bytes);
    assert_eq!(storage.prefix_digest(key(1), 1).await.unwrap(), None);
}

async fn an_older_writer_changes_nothing_any_more(storage: &dyn FileStorage, hidden: Hidden<'_>) {
    let (old, new) = (content(3 * MIB), Bytes::from(vec![9; 3 * MIB]));
    for (number, total, sent) in [(1, 3 * MIB, MIB + 5), (2, 1_000, 10)] {
        for (bits, from) in [(0, 0), (1, sent)] {
            let older = claim(storage, number).await;
            let overtaken = older.overtaken();
            let mut older = older.sink(0, total.try_into().unwrap(), DigestKind::Blake3).await.unwrap();
            older.write(old.slice(..sent)).await.unwrap();
            assert!(!overtaken.is_cancelled());
            let claim = claim(storage, number).await;
            assert!(overtaken.is_cancelled());
            // Of a small file that is not cut yet, nothing is there.
            let from = from.min(usize::try_from(claim.length()).unwrap());
            let total_bytes = total.try_into().unwrap();
            let mut newer = claim.sink(from.try_into().unwrap(), total_bytes, DigestKind::Blake3).await.unwrap();
            let mut refused = 0;
            while older.write(old.slice(..MIB.min(total))).await.is_ok() {
                refused += 1;
                // A small file is collected, and refused at its end.
                if total < MIB || refused > 8 {
                    break;
                }
            }
            newer.write(new.slice(from..total)).await.unwrap();
            assert!(older.seal(Ack::Written).await.is_err() || total < MIB);
            let part = newer.seal(Ack::Written).await.unwrap();
            let expected = [&old[..from], &new[from..total]].concat();
            assert_eq!(part.stored().digest, Some(digest(&expected, DigestKind::Blake3)), "{number} {from}");
            let name = name(u128::from(number) * 100 + bits);
            part.reveal(&name, Ack::Written).await.unwrap();
            assert!(get(storage, &name, 0).await.unwrap().0 == expected);
        }
    }
    assert_eq!(hidden(), (0, 0));
}

async fn an_older_whole_part_is_not_shown(storage: &dyn FileStorage, hidden: Hidden<'_>) {
    for (number, size) in [(1, 10), (2, 2 * MIB)] {
        let bytes = content(size);
        let older = whole(storage, number, &bytes, 0).await;
        let newer = claim(storage, number).await;
        let refused = older.reveal(&name(1), Ack::Written).await;
        assert!(matches!(refused, Err(RevealError::Failed(StorageError::Overtaken))), "{refused:?}");
        let from = usize::try_from(newer.length()).unwrap();
        drop(newer);
        whole(storage, number, &bytes, from).await.reveal(&name(number.into()), Ack::Written).await.unwrap();
        assert!(get(storage, &name(number.into()), 0).await.unwrap().0 == bytes);
    }
    assert_eq!(hidden(), (0, 0));
}

async fn a_claim_that_comes_too_late_disturbs_nobody(storage: &dyn FileStorage, _: Hidden<'_>) {
    let newer = storage.claim(key(1), Claimant::Connection(7)).await.unwrap();
    let late = storage.claim(key(1), Claimant::Connection(6)).await;
    assert!(matches!(late, Err(StorageError::Overtaken)));
    assert!(!newer.overtaken().is_cancelled());
    drop(newer);
}

async fn a_request_that_brings_nothing_takes_nothing_away(storage: &dyn FileStorage, _: Hidden<'_>) {
    for (number, size) in [(1, 1_000), (2, 2 * MIB)] {
        let bytes = content(size);
        cut(storage, number, &bytes, 0, size / 2).await;
        let told = storage.kept(key(number)).await.unwrap();
        for from in [0, 1, size / 2] {
            cut(storage, number, &bytes, from, from).await;
            assert_eq!(claim(storage, number).await.length(), length(&bytes[..size / 2]), "{from}");
            assert_eq!(storage.kept(key(number)).await.unwrap(), told, "{from}");
        }
    }
}

async fn a_request_that_begins_lower_replaces_what_is_behind(storage: &dyn FileStorage, _: Hidden<'_>) {
    for (number, size) in [(1, 1_000), (2, 2 * MIB)] {
        let (old, new) = (content(size), Bytes::from(vec![9; size]));
        for from in [0, 1, size / 4] {
            cut(storage, number, &old, 0, size / 2).await;
            cut(storage, number, &new, from, from + 1).await;
            let told = length(&old[..=from]);
            assert_eq!(claim(storage, number).await.length(), told);
            let expected = [&old[..from], &new[..1]].concat();
            let prefix = storage.prefix_digest(key(number), told).await.unwrap();
            assert_eq!(prefix, Some(digest(&expected, DigestKind::Blake3)), "{from}");
        }
        // A file may also end where the request begins.
        cut(storage, number, &old, 0, size / 2).await;
        let part = whole(storage, number, &old.slice(..size / 4), size / 4).await;
        assert_eq!(part.stored().digest, Some(digest(&old[..size / 4], DigestKind::Blake3)));
        part.discard().await;
    }
}

async fn the_digest_is_that_of_the_bytes_that_are_there(storage: &dyn FileStorage, _: Hidden<'_>) {
    let (old, new) = (content(2 * MIB), Bytes::from(vec![9; 2 * MIB]));
    for kind in DigestKind::ALL {
        cut(storage, 1, &old, 0, MIB + 1).await;
        let total = length(&new);
        let mut sink = claim(storage, 1).await.sink(length(&old[..=MIB]), total, kind).await.unwrap();
        sink.write(new.slice(MIB + 1..)).await.unwrap();
        let part = sink.seal(Ack::Written).await.unwrap();
        let mixture = [&old[..=MIB], &new[MIB + 1..]].concat();
        assert_eq!(part.stored().digest, Some(digest(&mixture, kind)));
        part.discard().await;
    }
}

async fn a_part_that_is_discarded_is_gone(storage: &dyn FileStorage, hidden: Hidden<'_>) {
    for (number, size) in [(1, 10), (2, 2 * MIB)] {
        let bytes = content(size);
        for from in [0, 5] {
            cut(storage, number, &bytes, 0, from).await;
            whole(storage, number, &bytes, from).await.discard().await;
            assert_eq!(storage.kept(key(number)).await.unwrap(), None);
            assert_eq!(claim(storage, number).await.length(), 0);
        }
    }
    super::part(storage, &content(10), 3, None).await.discard().await;
    assert_eq!(hidden(), (0, 0));
}

async fn a_whole_part_that_is_dropped_is_kept(storage: &dyn FileStorage, hidden: Hidden<'_>) {
    for (number, size) in [(1, 10), (2, 2 * MIB)] {
        let bytes = content(size);
        drop(whole(storage, number, &bytes, 0).await);
        assert_eq!(storage.kept(key(number)).await.unwrap(), Some(length(&bytes)));
        let name = name(number.into());
        whole(storage, number, &bytes, size).await.reveal(&name, Ack::Written).await.unwrap();
        assert!(get(storage, &name, 0).await.unwrap().0 == bytes);
    }
    assert_eq!(hidden(), (0, 0));
}

async fn a_part_that_is_in_the_way_can_still_be_shown(storage: &dyn FileStorage, _: Hidden<'_>) {
    let bytes = content(2 * MIB);
    put(storage, &name(1), &content(5)).await;
    cut(storage, 1, &bytes, 0, MIB).await;
    let Err(RevealError::Occupied(part)) = whole(storage, 1, &bytes, MIB).await.reveal(&name(1), Ack::Durable).await
    else {
        panic!("the name is taken")
    };
    assert_eq!(get(storage, &name(1), 0).await.unwrap().0, content(5));
    part.reveal(&name(2), Ack::Durable).await.unwrap();
    assert!(get(storage, &name(2), 0).await.unwrap().0 == bytes);
}

async fn a_part_nobody_comes_back_for_goes_in_its_time(storage: &dyn FileStorage, hidden: Hidden<'_>) {
    let bytes = content(100);
    for number in 0..3 {
        cut(storage, number, &bytes, 0, 50).await;
        assert_eq!(claim(storage, number).await.length(), 50);
    }
    let writing = sink(storage, 2, 50, 100).await;
    assert_eq!(storage.sweep(Timestamp::from_millis(0), 10).await.unwrap(), 0);
    let far = Timestamp::from_millis(u64::MAX / 2);
    assert_eq!(storage.sweep(far, 1).await.unwrap(), 1);
    assert_eq!(storage.sweep(far, 10).await.unwrap(), 1);
    assert_eq!(storage.kept(key(2)).await.unwrap(), Some(50), "somebody is writing it");
    drop(writing);
    assert_eq!(claim(storage, 2).await.length(), 50);
    assert_eq!(storage.sweep(far, 10).await.unwrap(), 1);
    for number in 0..3 {
        assert_eq!(storage.kept(key(number)).await.unwrap(), None);
    }
    assert_eq!(hidden(), (0, 0));
}

async fn a_forgotten_part_is_gone_and_a_written_one_stays(storage: &dyn FileStorage, hidden: Hidden<'_>) {
    let bytes = content(100);
    storage.forget(key(1)).await.unwrap();
    cut(storage, 1, &bytes, 0, 50).await;
    let writing = claim(storage, 1).await;
    storage.forget(key(1)).await.unwrap();
    assert_eq!(writing.length(), 50);
    drop(writing);
    assert_eq!(storage.kept(key(1)).await.unwrap(), Some(50));
    storage.forget(key(1)).await.unwrap();
    assert_eq!(storage.kept(key(1)).await.unwrap(), None);
    assert_eq!(hidden(), (0, 0));
}
