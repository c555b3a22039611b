//! Stores against the model, sequence after sequence.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use harness::stores::agreement::agrees;
use harness::stores::model::TOMBSTONES_MAX;
use server::env::{SystemClock, SystemDice};
use server::sessions::{MemoryStore, SessionStore, SqliteStore, TicketKeys, TicketStore, Tickets};

/// Sequences of operations for each store.
const SEQUENCES: u32 = 20_000;

#[test]
fn the_store_in_memory_does_what_a_list_of_records_does() {
    agrees(SEQUENCES, 24, || vec![Arc::new(MemoryStore::new(TOMBSTONES_MAX))]);
}

/// While a connection holds what is in it, it is a store like the others.
#[test]
fn the_store_of_tickets_does_what_a_list_of_records_does() {
    agrees(SEQUENCES / 10, 24, || {
        let tickets = Tickets::new(TicketKeys::generate(&SystemDice).unwrap(), Arc::new(SystemDice), "2.0");
        vec![Arc::new(TicketStore::new(tickets, TOMBSTONES_MAX))]
    });
}

/// In memory where there is such a folder: a sync of the disk says nothing about what the rows mean.
#[test]
fn the_database_does_what_a_list_of_records_does() {
    let folder = if Path::new("/dev/shm").is_dir() { tempfile::tempdir_in("/dev/shm") } else { tempfile::tempdir() };
    let folder = folder.unwrap();
    let databases = AtomicU32::new(0);
    agrees(SEQUENCES, 8, move || {
        let path = folder.path().join(format!("{}.db", databases.fetch_add(1, Ordering::Relaxed)));
        let open = || -> Arc<dyn SessionStore> {
            Arc::new(SqliteStore::open(&path, Arc::new(SystemClock::start()), TOMBSTONES_MAX).unwrap())
        };
        vec![open(), open()]
    });
}
