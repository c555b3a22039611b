//! Stores against the model, sequence after sequence.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use harness::stores::model::{calls, run};
use harness::stores::on_runtime;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use server::env::SystemClock;
use server::sessions::{MemoryStore, SessionStore, SqliteStore};

/// Sequences of operations for each store.
const SEQUENCES: u32 = 20_000;

fn agrees(store: &Arc<dyn SessionStore>, calls_max: usize) {
    let config = ProptestConfig { cases: SEQUENCES, failure_persistence: None, ..ProptestConfig::default() };
    let salt = AtomicU64::new(0);
    on_runtime(async {
        // One runtime and one store for all: each sequence leaves the store empty.
        let handle = tokio::runtime::Handle::current();
        let store = Arc::clone(store);
        tokio::task::spawn_blocking(move || {
            let mut runner = TestRunner::new(config);
            let tried = runner.run(&calls(calls_max), |calls| {
                handle.block_on(run(&store, salt.fetch_add(1, Ordering::Relaxed), &calls));
                Ok(())
            });
            tried.unwrap_or_else(|error| panic!("{error}"));
        })
        .await
        .unwrap();
    });
}

#[test]
fn the_store_in_memory_does_what_a_list_of_records_does() {
    let store: Arc<dyn SessionStore> = Arc::new(MemoryStore::default());
    agrees(&store, 40);
}

/// In memory where there is such a folder: a sync of the disk says nothing about what the rows mean.
#[test]
fn the_database_does_what_a_list_of_records_does() {
    let folder = if Path::new("/dev/shm").is_dir() { tempfile::tempdir_in("/dev/shm") } else { tempfile::tempdir() };
    let folder = folder.unwrap();
    let path = folder.path().join("sessions.db");
    let store: Arc<dyn SessionStore> =
        Arc::new(SqliteStore::open(&path, Arc::new(SystemClock::start()), 10_000).unwrap());
    agrees(&store, 10);
}
