//! What each store costs with ten thousand sessions: `cargo bench -p benches --bench stores`. Sessions are created,
//! loaded, advanced and ended, many at once as connections do it; and their bytes are counted where they lie.
#![expect(clippy::expect_used, reason = "a bench that fails says where, and ends")]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use engines::redis::Redis;
use harness::stores::contract::{ROOM, at, stored};
use harness::stores::together;
use server::env::SystemClock;
use server::sessions::{MemoryStore, RedisStore, SessionStore, SqliteStore, Versioned};
use shared::id::{SessionId, Token};
use shared::limits::Limits;
use shared::session::Session;
use tokio::runtime::Runtime;

/// Sessions in the store.
const SESSIONS: u64 = 10_000;

/// Operations under way at once.
const AT_ONCE: usize = 64;

/// Operations between two looks at the clock.
const ROUND: u64 = 512;

fn session(number: u64) -> Session {
    let id = SessionId::from_random(
        u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes(),
    );
    let address = std::net::Ipv4Addr::from(u32::try_from(number % 1_000).unwrap_or_default());
    Session::open(id, &Token::from_random([7; 32]), address.into(), at(1))
}

async fn create(store: &dyn SessionStore, number: u64) -> Versioned {
    let session = session(number);
    let due = session.due(&Limits::default());
    store.insert(session, due, ROOM).await.expect("room for a session")
}

async fn load(store: &dyn SessionStore, number: u64) -> Versioned {
    store.load(session(number).id()).await.expect("an answer").expect("a session")
}

async fn advance(store: &dyn SessionStore, number: u64) {
    let limits = Limits::default();
    let seen = load(store, number).await;
    let next = stored(&seen.session, 4_096, at(2), &limits);
    let due = next.due(&limits);
    store.replace(seen.revision, next, due).await.expect("nobody else changes it");
}

/// What the janitor does: a tombstone takes its place, and is forgotten.
async fn expire(store: &dyn SessionStore, number: u64) {
    let seen = load(store, number).await;
    let ended = seen.session.expired(at(3));
    let due = ended.due(&Limits::default());
    let seen = store.replace(seen.revision, ended, due).await.expect("nobody else changes it");
    store.remove(seen.session.id(), seen.revision).await.expect("nobody else changes it");
}

/// Does something to many sessions, so many at once.
async fn side_by_side<F: Future<Output = ()>>(numbers: std::ops::Range<u64>, each: impl Fn(u64) -> F) {
    let all: Vec<u64> = numbers.collect();
    for some in all.chunks(AT_ONCE) {
        together(some.iter().map(|number| each(*number))).await;
    }
}

fn bench(
    criterion: &mut Criterion,
    runtime: &Runtime,
    name: &str,
    store: &Arc<dyn SessionStore>,
    bytes: impl Fn() -> u64,
) {
    let store = store.as_ref();
    let before = bytes();
    runtime.block_on(side_by_side(0..SESSIONS, |number| async move {
        create(store, number).await;
    }));
    let fresh = bytes().saturating_sub(before) / SESSIONS;

    let mut group = criterion.benchmark_group(name);
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    group.throughput(Throughput::Elements(ROUND));
    // Every round takes other sessions, as the clients of a busy server do.
    let mut from = 0;
    let mut next = |step: u64| {
        from = (from + step) % (SESSIONS - step);
        from..from + step
    };
    group.bench_function("load", |bench| {
        bench.iter(|| {
            runtime.block_on(side_by_side(next(ROUND), |number| async move {
                black_box(load(store, number).await);
            }));
        });
    });
    group.bench_function("load and advance", |bench| {
        bench.iter(|| runtime.block_on(side_by_side(next(ROUND), |number| advance(store, number))));
    });
    // Those made here are beyond the others, and gone again.
    let beyond = SESSIONS..SESSIONS + ROUND;
    let make = || {
        runtime.block_on(side_by_side(beyond.clone(), |number| async move {
            create(store, number).await;
        }));
    };
    let end = || runtime.block_on(side_by_side(beyond.clone(), |number| expire(store, number)));
    group.bench_function("create", |bench| {
        bench.iter_batched(
            || (),
            |()| {
                make();
                Ended(&end)
            },
            criterion::BatchSize::PerIteration,
        );
    });
    group.bench_function("expire and forget", |bench| {
        bench.iter_batched(make, |()| end(), criterion::BatchSize::PerIteration);
    });
    group.finish();

    // Those above have kept as many replies as there was time for, so these are others.
    let replies = Limits::default().receipts_per_session_max;
    let full = beyond.end..beyond.end + SESSIONS / 10;
    let before = bytes();
    runtime.block_on(async {
        side_by_side(full.clone(), |number| async move {
            create(store, number).await;
        })
        .await;
        for _ in 0..replies {
            side_by_side(full.clone(), |number| advance(store, number)).await;
        }
    });
    let used = bytes().saturating_sub(before) / (SESSIONS / 10);
    println!("{name}: {fresh} bytes for a fresh session, about {used} with {replies} kept replies");
}

/// Criterion drops what a round returns outside of its time.
struct Ended<'a>(&'a dyn Fn());

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn database_bytes(path: &Path) -> u64 {
    // What is still in the log counts too: it will be in the file.
    ["", "-wal"]
        .iter()
        .filter_map(|end| std::fs::metadata(format!("{}{end}", path.display())).ok())
        .map(|file| file.len())
        .sum()
}

fn memory(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let store: Arc<dyn SessionStore> = Arc::new(MemoryStore::default());
    bench(criterion, &runtime, "memory", &store, || {
        benches::Memory::of(std::process::id()).map_or(0, |memory| memory.resident_kib * 1_024)
    });
}

fn sqlite(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sessions.db");
    let store: Arc<dyn SessionStore> =
        Arc::new(SqliteStore::open(&path, Arc::new(SystemClock::start()), 10_000).expect("a database"));
    bench(criterion, &runtime, "sqlite", &store, || database_bytes(&path));
}

fn redis(criterion: &mut Criterion) {
    let server = match Redis::start(&[]) {
        Ok(server) => server,
        Err(error) => {
            println!("NOT MEASURED: the store in Redis. {error}");
            return;
        }
    };
    let runtime = Runtime::new().expect("a runtime");
    let _inside = runtime.enter();
    let store = RedisStore::new(&server.url(), Arc::new(SystemClock::start()), &Limits::default());
    let store: Arc<dyn SessionStore> = Arc::new(store.expect("an address"));
    let client = redis::Client::open(server.url()).expect("an address");
    let bytes = || {
        runtime.block_on(async {
            let mut connection = client.get_multiplexed_async_connection().await.expect("a connection");
            let info: String = redis::cmd("INFO").arg("memory").query_async(&mut connection).await.expect("an answer");
            let line = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
            line.and_then(|bytes| bytes.trim().parse().ok()).expect("a number")
        })
    };
    bench(criterion, &runtime, "redis", &store, bytes);
}

criterion_group!(benches, memory, sqlite, redis);
criterion_main!(benches);
