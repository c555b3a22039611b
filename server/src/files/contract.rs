//! What every storage must do, whatever it keeps files in: each test is run against each storage.

use std::collections::BTreeSet;
use std::path::Path;

use bytes::Bytes;
use shared::digest::{Digest, DigestKind};
use shared::id::{Sequence, SessionId, Timestamp, TokenHash};
use shared::wire::Ack;

use super::mime::Extension;
use super::{
    FileStorage, Keeping, LocalStorage, MemoryStorage, ObjectName, Part, RevealError, SOURCE_CHUNK_BYTES_MAX, Shelf,
    Stored,
};

const MIB: usize = 1024 * 1024;

/// How many files are hidden: those under way, and those set aside.
type Hidden<'world> = &'world (dyn Fn() -> (usize, usize) + Sync);

macro_rules! contract {
    ($($test:ident)*) => {
        mod local {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let folder = tempfile::tempdir().unwrap();
                let storage = super::LocalStorage::open(folder.path(), super::Keeping::default()).unwrap();
                let hidden = || (super::staged(folder.path(), "part"), super::staged(folder.path(), "bad"));
                super::$test(&storage, &hidden).await;
            })*
        }
        mod memory {
            $(#[tokio::test]
            async fn $test() {
                let storage = super::MemoryStorage::new();
                super::$test(&storage, &|| (storage.partial(), storage.aside().len())).await;
            })*
        }
    };
}

mod parts;

contract! {
    a_dropped_sink_leaves_nothing
    a_dropped_part_leaves_nothing
    what_is_revealed_is_what_was_written
    chunks_of_any_size_make_the_same_file
    an_occupied_name_gives_the_part_back_and_keeps_the_old_file
    of_many_that_want_one_name_one_gets_it
    a_file_set_aside_is_out_of_sight_for_a_day
    a_removed_file_is_gone_and_its_name_is_free
    nothing_is_found_under_a_name_that_is_free
    a_source_begins_where_it_is_told
    a_source_tells_the_digest_of_what_it_gave
    a_session_s_files_are_listed_in_order_and_in_pages
    simply_named_files_are_found_by_their_session
    two_files_of_one_sequence_stay_on_one_page
}

fn staged(folder: &Path, end: &str) -> usize {
    let entries = std::fs::read_dir(folder.join(".staging")).unwrap();
    entries.filter(|entry| entry.as_ref().unwrap().path().extension().unwrap() == end).count()
}

/// Bytes that repeat nowhere near a buffer's length.
fn content(length: usize) -> Bytes {
    (0..length).map(|i| u8::try_from((i % 251) ^ (i / 251 % 256)).unwrap()).collect()
}

fn digest(bytes: &[u8], kind: DigestKind) -> Digest {
    let mut hasher = kind.hasher();
    hasher.update(bytes);
    hasher.finish()
}

fn name(bits: u128) -> ObjectName {
    ObjectName::received(bits, Extension::UNKNOWN)
}

fn session() -> SessionId {
    SessionId::from_random([5; 16])
}

fn secret(byte: u8) -> TokenHash {
    TokenHash::from_bytes([byte; 32])
}

fn sequence(number: u64) -> Sequence {
    Sequence::new(number).unwrap()
}

fn in_folder(number: u64, extension: &str) -> ObjectName {
    let created = Timestamp::from_millis(1_700_000_000_000);
    ObjectName::session(session(), sequence(number), created, Extension::known(extension).unwrap())
}

async fn part(storage: &dyn FileStorage, bytes: &Bytes, chunk: usize, size: Option<u64>) -> Box<dyn Part> {
    let mut sink = storage.create(size, Some(DigestKind::Blake3)).await.unwrap();
    let mut rest = bytes.clone();
    while !rest.is_empty() {
        sink.write(rest.split_to(chunk.min(rest.len()))).await.unwrap();
    }
    sink.seal(Ack::Durable).await.unwrap()
}

async fn put(storage: &dyn FileStorage, name: &ObjectName, bytes: &Bytes) {
    part(storage, bytes, MIB, None).await.reveal(name, Ack::Durable).await.unwrap();
}

/// All bytes from `offset`, and the size of the whole.
async fn get(storage: &dyn FileStorage, name: &ObjectName, offset: u64) -> Option<(Bytes, u64)> {
    let mut source = storage.open(name, offset).await.unwrap()?;
    let mut bytes = Vec::new();
    while let Some(chunk) = source.next().await.unwrap() {
        assert!((1..=SOURCE_CHUNK_BYTES_MAX).contains(&chunk.len()));
        bytes.extend_from_slice(&chunk);
    }
    assert!(source.next().await.unwrap().is_none());
    Some((bytes.into(), source.size()))
}

async fn a_dropped_sink_leaves_nothing(storage: &dyn FileStorage, hidden: Hidden<'_>) {
    for (size, written) in [(None, 0), (None, 10), (Some(10), 10), (Some(4 << 20), 0), (None, 4 * MIB)] {
        let mut sink = storage.create(size, Some(DigestKind::Blake3)).await.unwrap();
        sink.write(content(written)).await.unwrap();
        sink.write(Bytes::new()).await.unwrap();
        let sealed = sink.seal(Ack::Written).await.unwrap();
        assert_eq!(hidden(), (1, 0));
        drop(sealed);
        assert_eq!(hidden(), (0, 0), "{size:?} {written}");

        let sink = storage.create(size, Some(DigestKind::Blake3)).await.unwrap();
        drop(sink);
        assert_eq!(hidden(), (0, 0), "{size:?}");
    }
}

async fn a_dropped_part_leaves_nothing(storage: &dyn FileStorage, hidden: Hidden<'_>) {
    let part = part(storage, &content(10), 3, None).await;
    assert_eq!(hidden(), (1, 0));
    drop(part);
    assert_eq!(hidden(), (0, 0));
    assert_eq!(storage.size(&name(1)).await.unwrap(), None);
}

async fn what_is_revealed_is_what_was_written(storage: &dyn FileStorage, hidden: Hidden<'_>) {
    let sizes = [0, 1, SOURCE_CHUNK_BYTES_MAX, MIB / 2, MIB - 1, MIB, MIB + 1, 2 * MIB, 5 * MIB + 7];
    for (bits, length) in (0..).zip(sizes) {
        for (more, known) in [false, true].into_iter().enumerate() {
            let (name, bytes) = (name(bits * 2 + u128::try_from(more).unwrap()), content(length));
            let size = known.then_some(u64::try_from(length).unwrap());
            let part = part(storage, &bytes, 100_000, size).await;
            let stored =
                Stored { size: bytes.len().try_into().unwrap(), digest: Some(digest(&bytes, DigestKind::Blake3)) };
            assert_eq!(part.stored(), stored);
            assert_eq!(storage.size(&name).await.unwrap(), None, "nothing is visible before it is revealed");
            part.reveal(&name, Ack::Durable).await.unwrap();
            assert_eq!(hidden(), (0, 0));
            assert_eq!(storage.size(&name).await.unwrap(), Some(stored.size));
            assert_eq!(storage.inspect(&name, DigestKind::Blake3).await.unwrap(), Some(stored));
            let sha256 = storage.inspect(&name, DigestKind::Sha256).await.unwrap().unwrap();
            assert_eq!(sha256.digest, Some(digest(&bytes, DigestKind::Sha256)));
            assert!(get(storage, &name, 0).await.unwrap() == (bytes, stored.size), "{length}");
        }
    }
}

async fn chunks_of_any_size_make_the_same_file(storage: &dyn FileStorage, _: Hidden<'_>) {
    let bytes = content(3 * MIB + 5);
    for (bits, chunk) in (0..).zip([701, 65_536, MIB / 2 - 1, MIB, MIB + 1, 3 * MIB, 4 * MIB]) {
        // More, less and nothing reserved.
        for (more, size) in (0..).zip([None, Some(1), Some(2 << 20), Some(9 << 20)]) {
            let name = name(bits * 4 + more);
            part(storage, &bytes, chunk, size).await.reveal(&name, Ack::Written).await.unwrap();
            assert!(get(storage, &name, 0).await.unwrap().0 == bytes, "{chunk} {size:?}");
        }
    }
}

async fn an_occupied_name_gives_the_part_back_and_keeps_the_old_file(storage: &dyn FileStorage, hidden: Hidden<'_>) {
    for name in [name(1), in_folder(1, "png")] {
        put(storage, &name, &content(100)).await;
        let newer = part(storage, &content(2 * MIB), MIB, None).await;
        let Err(RevealError::Occupied(part)) = newer.reveal(&name, Ack::Durable).await else {
            panic!("the name is taken");
        };
        assert_eq!(hidden().0, 1);
        assert_eq!(get(storage, &name, 0).await.unwrap().0, content(100));
        assert!(storage.set_aside(&name).await.unwrap());
        part.reveal(&name, Ack::Durable).await.unwrap();
        assert!(get(storage, &name, 0).await.unwrap().0 == content(2 * MIB));
        assert_eq!(hidden().0, 0);
    }
    assert_eq!(hidden(), (0, 2));
}

async fn of_many_that_want_one_name_one_gets_it(storage: &dyn FileStorage, hidden: Hidden<'_>) {
    for name in [name(1), in_folder(1, "png")] {
        let mut tasks = tokio::task::JoinSet::new();
        for length in 1..=16 {
            let part = part(storage, &content(length), MIB, None).await;
            tasks.spawn(async move { part.reveal(&name, Ack::Written).await.ok().map(|()| length) });
        }
        let winners: Vec<usize> = tasks.join_all().await.into_iter().flatten().collect();
        assert_eq!(winners.len(), 1);
        assert_eq!(get(storage, &name, 0).await.unwrap().0, content(winners[0]));
        assert_eq!(hidden(), (0, 0));
    }
}

async fn a_file_set_aside_is_out_of_sight_for_a_day(storage: &dyn FileStorage, hidden: Hidden<'_>) {
    assert!(!storage.set_aside(&name(1)).await.unwrap());
    assert!(!storage.set_aside(&in_folder(1, "png")).await.unwrap());
    for bits in 0..3 {
        put(storage, &name(bits), &content(5)).await;
        assert!(storage.set_aside(&name(bits)).await.unwrap());
        assert!(!storage.set_aside(&name(bits)).await.unwrap());
        assert_eq!(storage.size(&name(bits)).await.unwrap(), None);
    }
    assert_eq!(hidden(), (0, 3));
    assert_eq!(storage.sweep(Timestamp::from_millis(0), 10).await.unwrap(), 0);
    let far = Timestamp::from_millis(u64::MAX / 2);
    assert_eq!(storage.sweep(far, 2).await.unwrap(), 2);
    assert_eq!(storage.sweep(far, 2).await.unwrap(), 1);
    assert_eq!(hidden(), (0, 0));
}

async fn a_removed_file_is_gone_and_its_name_is_free(storage: &dyn FileStorage, _: Hidden<'_>) {
    for name in [name(1), in_folder(1, "png")] {
        for ack in Ack::ALL {
            assert!(!storage.remove(&name, ack).await.unwrap());
            put(storage, &name, &content(5)).await;
            assert!(storage.remove(&name, ack).await.unwrap());
            assert!(get(storage, &name, 0).await.is_none());
        }
    }
}

async fn nothing_is_found_under_a_name_that_is_free(storage: &dyn FileStorage, _: Hidden<'_>) {
    put(storage, &name(1), &content(1)).await;
    for free in [name(2), name(1).with_extension(Extension::known("png").unwrap()), in_folder(1, "png")] {
        assert_eq!(storage.inspect(&free, DigestKind::Blake3).await.unwrap(), None);
        assert_eq!(storage.size(&free).await.unwrap(), None);
        assert!(!storage.make_durable(&free).await.unwrap());
        assert!(storage.open(&free, 0).await.unwrap().is_none());
    }
    assert!(storage.make_durable(&name(1)).await.unwrap());
    put(storage, &in_folder(1, "png"), &content(1)).await;
    assert!(storage.make_durable(&in_folder(1, "png")).await.unwrap());
    assert_eq!(storage.size(&in_folder(2, "png")).await.unwrap(), None);
}

async fn a_source_begins_where_it_is_told(storage: &dyn FileStorage, _: Hidden<'_>) {
    let bytes = content(MIB + 1);
    let size = u64::try_from(bytes.len()).unwrap();
    put(storage, &name(1), &bytes).await;
    for offset in [0, 1, 1_000, size - 1, size, size + 1, u64::MAX] {
        let begin = usize::try_from(offset.min(size)).unwrap();
        assert!(get(storage, &name(1), offset).await.unwrap() == (bytes.slice(begin..), size), "{offset}");
    }
}

async fn a_source_tells_the_digest_of_what_it_gave(storage: &dyn FileStorage, _: Hidden<'_>) {
    let bytes = content(2 * SOURCE_CHUNK_BYTES_MAX + 1);
    put(storage, &name(1), &bytes).await;
    for begin in [0, 1, bytes.len()] {
        let mut source = storage.open(&name(1), u64::try_from(begin).unwrap()).await.unwrap().unwrap();
        let mut given = begin;
        loop {
            let digest = digest(&bytes[begin..given], DigestKind::Blake3);
            assert_eq!(source.digest().unwrap(), digest);
            let Some(chunk) = source.next().await.unwrap() else { break };
            given += chunk.len();
        }
        assert_eq!(given, bytes.len());
    }
}

async fn a_session_s_files_are_listed_in_order_and_in_pages(storage: &dyn FileStorage, _: Hidden<'_>) {
    let shelf = Shelf::Folder(session());
    assert!(storage.list(shelf, Sequence::FIRST, 10).await.unwrap().entries.is_empty());
    for number in [10, 2, 9, 1, 100] {
        put(storage, &in_folder(number, "png"), &content(usize::try_from(number).unwrap())).await;
    }
    put(storage, &name(1), &content(1)).await;
    let other = SessionId::from_random([6; 16]);
    put(storage, &ObjectName::session(other, sequence(3), Timestamp::from_millis(0), Extension::UNKNOWN), &content(1))
        .await;

    for (from, at_most, expected, next) in [
        (1, 10, &[1, 2, 9, 10, 100][..], None),
        (1, 5, &[1, 2, 9, 10, 100], None),
        (1, 4, &[1, 2, 9, 10], Some(100)),
        (2, 1, &[2], Some(9)),
        (3, 0, &[9], Some(10)),
        (100, 1, &[100], None),
        (101, 1, &[], None),
    ] {
        let page = storage.list(shelf, sequence(from), at_most).await.unwrap();
        assert!(page.entries.iter().all(|entry| entry.size == entry.sequence.get()));
        assert!(page.entries.iter().all(|entry| entry.name == in_folder(entry.sequence.get(), "png")));
        let sequences: Vec<u64> = page.entries.iter().map(|entry| entry.sequence.get()).collect();
        assert_eq!((&sequences[..], page.next.map(Sequence::get)), (expected, next), "{from} {at_most}");
    }
}

async fn simply_named_files_are_found_by_their_session(storage: &dyn FileStorage, _: Hidden<'_>) {
    let png = Extension::known("png").unwrap();
    put(storage, &ObjectName::simple(&secret(2), Sequence::FIRST, png), &content(1)).await;
    let stored: BTreeSet<u64> = [1, 2, 5, 260].into();
    for number in &stored {
        put(storage, &ObjectName::simple(&secret(1), sequence(*number), png), &content(7)).await;
    }
    let shelf = Shelf::Simple { secret: secret(1), last: sequence(300) };
    for at_most in [1, 2, 10] {
        let (mut found, mut from) = (Vec::new(), Some(Sequence::FIRST));
        while let Some(begin) = from {
            let page = storage.list(shelf, begin, at_most).await.unwrap();
            assert!(page.entries.len() <= at_most);
            assert!(page.entries.iter().all(|entry| entry.size == 7 && entry.name.extension() == png));
            assert!(page.next.is_none_or(|next| next > begin));
            found.extend(page.entries.into_iter().map(|entry| entry.sequence.get()));
            from = page.next;
        }
        assert!(found.iter().eq(&stored), "{found:?}");
    }
}

async fn two_files_of_one_sequence_stay_on_one_page(storage: &dyn FileStorage, _: Hidden<'_>) {
    let simple =
        |number, extension| ObjectName::simple(&secret(1), sequence(number), Extension::known(extension).unwrap());
    for (number, extension) in [(1, "txt"), (1, "png"), (2, "gif")] {
        put(storage, &in_folder(number, extension), &content(1)).await;
        put(storage, &simple(number, extension), &content(1)).await;
    }
    for shelf in [Shelf::Folder(session()), Shelf::Simple { secret: secret(1), last: sequence(2) }] {
        let page = storage.list(shelf, Sequence::FIRST, 1).await.unwrap();
        let extensions: Vec<&str> = page.entries.iter().map(|entry| entry.name.extension().as_str()).collect();
        assert_eq!(extensions, ["png", "txt"]);
        assert_eq!(page.next, Sequence::new(2));
    }
}
