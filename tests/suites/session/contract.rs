//! The contract of a store, fulfilled by those that need nothing but this machine.

mod memory {
    use std::sync::Arc;

    use harness::stores::{Test, on_runtime};
    use server::sessions::MemoryStore;

    fn run(test: Test) {
        on_runtime(test(Arc::new(MemoryStore::default())));
    }

    harness::store_contract! { run }
}

/// As long as a connection holds what is in it.
mod ticket {
    use std::sync::Arc;

    use harness::stores::{Test, on_runtime};
    use server::env::SystemDice;
    use server::sessions::{TicketKeys, TicketStore, Tickets};

    fn run(test: Test) {
        let tickets = Tickets::new(TicketKeys::generate(&SystemDice).unwrap(), Arc::new(SystemDice), "2.0");
        on_runtime(test(Arc::new(TicketStore::new(tickets, 10_000))));
    }

    harness::store_contract! { run }
}

mod sqlite {
    use std::sync::Arc;

    use harness::stores::{Test, on_runtime};
    use server::env::SystemClock;
    use server::sessions::SqliteStore;

    fn run(test: Test) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions.db");
        let store = SqliteStore::open(&path, Arc::new(SystemClock::start()), 10_000).unwrap();
        on_runtime(test(Arc::new(store)));
    }

    harness::store_contract! { run }
}
