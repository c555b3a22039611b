//! Sessions that move from one store to another: all of them, once, however often it is begun.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use harness::stores::contract::{ROOM, at, closed, session, stored};
use harness::stores::on_runtime;
use harness::{ServerProcess, Session};
use server::env::SystemClock;
use server::sessions::{MemoryStore, MigrateError, Migrated, SessionStore, SqliteStore, StoreError, migrate};
use shared::id::Holder;
use shared::limits::Limits;

use crate::SERVER;

/// Three live sessions and an ended one.
async fn filled(store: &dyn SessionStore) {
    let limits = Limits::default();
    for number in 1..=4 {
        let seen = store.insert(session(number, number), at(5), ROOM).await.unwrap();
        let next = stored(&seen.session, number.into(), at(1), &limits);
        let seen = store.replace(seen.revision, next.clone(), next.due(&limits)).await.unwrap();
        if number == 4 {
            let ended = closed(&seen.session, at(2), &limits);
            store.replace(seen.revision, ended.clone(), ended.due(&limits)).await.unwrap();
        }
    }
}

#[test]
fn every_session_is_moved_once_and_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let to = SqliteStore::open(&path, Arc::new(SystemClock::start()), 10_000).unwrap();
    let from = MemoryStore::default();
    let limits = Limits::default();
    on_runtime(async {
        filled(&from).await;
        // An earlier attempt brought one of them and was cut; another one was changed there since.
        let first = from.load(session(1, 1).id()).await.unwrap().unwrap().session;
        to.insert(first.as_ref().clone(), first.due(&limits), ROOM).await.unwrap();
        let second = from.load(session(2, 2).id()).await.unwrap().unwrap().session;
        to.insert(second.heard(at(9)), at(99), ROOM).await.unwrap();

        let migrated = migrate(&from, &to, &limits).await.unwrap();
        assert_eq!(migrated, Migrated { live: 2, tombstones: 1, there_already: 1, differing: 1 });
        let left = from.due_at(at(u64::MAX), 9).await.unwrap();
        assert_eq!(left.iter().map(|seen| seen.session.id()).collect::<Vec<_>>(), [session(2, 2).id()]);
        let third = to.load(session(3, 3).id()).await.unwrap().unwrap().session;
        assert_eq!((third.total_bytes(), third.next_sequence().get()), (3, 2));
        assert!(third.last_receipt().is_some());
        let due = to.due_at(third.due(&limits), 9).await.unwrap();
        assert!(due.iter().any(|seen| seen.session.id() == third.id()));
        let stats = to.stats().await.unwrap();
        assert_eq!((stats.live, stats.tombstones), (3, 1));

        from.remove(left[0].session.id(), left[0].revision).await.unwrap();
        assert_eq!(migrate(&from, &to, &limits).await.unwrap(), Migrated::default());
    });
}

/// Two names of one store: the sessions stay.
#[test]
fn a_store_is_not_moved_into_itself() {
    let store = MemoryStore::default();
    on_runtime(async {
        filled(&store).await;
        let before = store.stats().await.unwrap();
        let outcome = migrate(&store, &store, &Limits::default()).await;
        assert!(matches!(outcome, Err(MigrateError::SameStore)), "{outcome:?}");
        assert_eq!(store.stats().await.unwrap(), before);
    });
}

/// The live one is due first, so it comes first, and the one it replaced comes after it.
#[test]
fn sessions_of_one_holder_are_moved_with_the_one_that_lives() {
    let folder = tempfile::tempdir().unwrap();
    let to = SqliteStore::open(&folder.path().join("sessions.db"), Arc::new(SystemClock::start()), 10_000).unwrap();
    let from = MemoryStore::default();
    let limits = Limits::default();
    let holder = Holder::of_key("a-key-of-somebody");
    on_runtime(async {
        let first = from.insert(session(1, 1).held_by(holder), at(5), ROOM).await.unwrap();
        let ended = first.session.replaced(at(1));
        from.replace(first.revision, ended.clone(), ended.due(&limits)).await.unwrap();
        from.insert(session(2, 1).held_by(holder), at(5), ROOM).await.unwrap();
        let migrated = migrate(&from, &to, &limits).await.unwrap();
        assert_eq!(migrated, Migrated { live: 1, tombstones: 1, ..Migrated::default() });
        let again = to.insert(session(3, 1).held_by(holder), at(5), ROOM).await;
        assert!(matches!(again, Err(StoreError::Held(held)) if held == session(2, 1).id()), "{again:?}");
    });
}

fn command(storage: &Path, arguments: &[&str]) -> Output {
    Command::new(SERVER).args(["--storage"]).arg(storage).args(arguments).current_dir(storage).output().unwrap()
}

#[test]
fn the_command_moves_a_session_that_then_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let storage = folder.path().join("storage");
    let mut process = ServerProcess::start(SERVER, &storage, &["--persistence", "sqlite"]);
    let mut client = process.connect();
    let session = Session::open(&mut client);
    session.store(&mut client, 1, b"hello");
    let elsewhere = format!("sqlite:{}", folder.path().join("elsewhere.db").display());
    let migrate = ["sessions", "migrate", "--from", "sqlite", "--to", &elsewhere];

    let refused = command(&storage, &migrate);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("in use by another server"), "{refused:?}");
    drop(client);
    process.kill();

    for (direction, moved) in
        [(migrate, 1), (migrate, 0), ([migrate[0], migrate[1], "--from", &elsewhere, "--to", "sqlite"], 1)]
    {
        let done = command(&storage, &direction);
        assert_eq!(done.status.code(), Some(0), "{done:?}");
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(said.starts_with(&format!("moved {moved} live and 0 ended sessions")), "{said}");
    }
    let process = ServerProcess::start(SERVER, &storage, &["--persistence", "sqlite"]);
    let mut client = process.connect();
    client.ask(&session.resume(), b"").is("session_resumed");
    session.store(&mut client, 2, b"world");
}
