//! What it costs to show a file, alone and beside others: `cargo bench -p benches --bench commit`. Small files are
//! written and shown many at once as connections do it, all in one folder or each in its session's.
#![expect(clippy::expect_used, reason = "a bench that fails says where, and ends")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use benches::FILE;
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use harness::noise;
use server::files::mime::Extension;
use server::files::{FileStorage, Keeping, LocalStorage, ObjectName, SharedSyncs};
use shared::digest::DigestKind;
use shared::id::{Sequence, SessionId, Timestamp};
use shared::wire::Ack;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// Files that each of those at once shows between two looks at the clock.
const FILES: u64 = 8;

#[derive(Clone, Copy)]
enum Folders {
    One,
    OneEach,
}

impl Folders {
    fn name(self, who: u64, number: u64) -> ObjectName {
        match self {
            Self::One => ObjectName::received(number.into(), Extension::UNKNOWN),
            Self::OneEach => {
                let session = SessionId::from_random(u128::from(who).to_be_bytes());
                let sequence = Sequence::new(number).expect("a number above nothing");
                ObjectName::session(session, sequence, Timestamp::from_millis(1), Extension::UNKNOWN)
            }
        }
    }
}

async fn commit(storage: &dyn FileStorage, name: &ObjectName, bytes: Bytes, ack: Ack) {
    let mut sink =
        storage.create(Some(FILE.try_into().expect("a size")), Some(DigestKind::Blake3)).await.expect("a place");
    sink.write(bytes).await.expect("room");
    let part = sink.seal(ack).await.expect("a whole file");
    part.reveal(name, ack).await.expect("a free name");
}

async fn round(storage: &Arc<LocalStorage>, bytes: &Bytes, ack: Ack, folders: Folders, at_once: u64, next: &AtomicU64) {
    let mut tasks = JoinSet::new();
    for who in 0..at_once {
        let (storage, bytes) = (Arc::clone(storage), bytes.clone());
        let first = next.fetch_add(FILES, Ordering::Relaxed);
        tasks.spawn(async move {
            for number in first..first.saturating_add(FILES) {
                commit(storage.as_ref(), &folders.name(who, number), bytes.clone(), ack).await;
            }
        });
    }
    tasks.join_all().await;
}

fn commits(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let bytes = Bytes::from(noise(1, FILE));
    let next = AtomicU64::new(1);
    // Where many files were just removed, ext4 makes new ones slowly. So each folder stays to the end.
    let mut used = Vec::new();
    for (folders, place) in [(Folders::One, "one folder"), (Folders::OneEach, "a folder each")] {
        for ack in Ack::ALL {
            let mut group = criterion.benchmark_group(format!("commit {}, {place}", ack.as_str()));
            for at_once in [1, 2, 8, 32, 100] {
                // The disk that the build is on is a real one.
                let folder = tempfile::tempdir_in(Path::new(env!("CARGO_TARGET_TMPDIR"))).expect("a fresh folder");
                let storage = LocalStorage::open(folder.path(), Keeping::default()).expect("a storage");
                let storage = Arc::new(storage);
                group.throughput(Throughput::Elements(at_once * FILES));
                group.bench_function(format!("{at_once} at once"), |bencher| {
                    bencher.iter(|| runtime.block_on(round(&storage, &bytes, ack, folders, at_once, &next)));
                });
                let SharedSyncs { files, groups } = storage.shared();
                if let Some(each) = (files * 10).checked_div(groups) {
                    println!("  {}.{} files shared their syncs on average", each / 10, each % 10);
                }
                used.push(folder);
            }
            group.finish();
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2));
    targets = commits
}
criterion_main!(benches);
