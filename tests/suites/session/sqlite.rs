//! The database of sessions as a file: what survives, what is refused, and what is left as it was.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use harness::stores::contract::{ROOM, at, session, stored};
use harness::stores::{AlarmClock, on_runtime, together};
use harness::{Options, Server, Session};
use rusqlite::Connection;
use server::config::Persistence;
use server::env::{Clock, SystemClock};
use server::sessions::{SessionStore as _, SqliteError, SqliteStore, StoreError};
use shared::id::{SessionId, Token};
use shared::limits::Limits;
use tempfile::TempDir;

fn database() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("private").join("sessions.db");
    (folder, path)
}

fn open(path: &Path) -> Result<SqliteStore, SqliteError> {
    SqliteStore::open(path, Arc::new(SystemClock::start()), 10_000)
}

/// A closed database with a session in it.
fn with_a_session(path: &Path) {
    let store = open(path).unwrap();
    on_runtime(async {
        let seen = store.insert(session(1, 1), at(5), ROOM).await.unwrap();
        let next = stored(&seen.session, 5, at(1), &Limits::default());
        store.replace(seen.revision, next, at(9)).await.unwrap();
    });
}

#[test]
fn what_was_answered_is_there_after_a_restart() {
    let (_folder, path) = database();
    with_a_session(&path);
    let store = open(&path).unwrap();
    on_runtime(async {
        let seen = store.load(session(1, 1).id()).await.unwrap().unwrap();
        assert_eq!((seen.session.files_transferred(), seen.session.total_bytes()), (1, 5));
        assert_eq!(seen.session.last_receipt().unwrap().sequence.get(), 1);
        assert_eq!(store.stats().await.unwrap().live, 1);
        store.replace(seen.revision, seen.session.heard(at(2)), at(9)).await.unwrap();
    });
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_the_database() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_folder, path) = database();
    let store = open(&path).unwrap();
    on_runtime(store.insert(session(1, 1), at(5), ROOM)).unwrap();
    for entry in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
    assert_eq!(path.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_damaged_database_is_reported_with_its_path_and_left_byte_for_byte() {
    let (_folder, path) = database();
    with_a_session(&path);
    let whole = std::fs::read(&path).unwrap();
    let middle = |from: usize| {
        let mut bytes = whole.clone();
        bytes[from..from + 2_048].fill(0xa5);
        bytes
    };
    for damaged in
        [b"this is no database, and never was one".to_vec(), middle(0), middle(4_096), whole[..5_000].to_vec()]
    {
        std::fs::write(&path, &damaged).unwrap();
        let error = open(&path).unwrap_err();
        assert!(matches!(error, SqliteError::Damaged { .. }), "{error:?}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        assert!(std::fs::read(&path).unwrap() == damaged);
        let server = Options::with(|config| {
            config.persistence = Persistence::Sqlite;
            config.sqlite_path = path.clone();
        });
        let told = Server::try_start(server).unwrap_err();
        assert!(told.contains("is damaged") && told.contains("move it away"), "{told}");
        assert!(std::fs::read(&path).unwrap() == damaged);
    }
}

#[test]
fn a_database_of_a_newer_server_or_of_another_program_is_left_as_it_is() {
    let (_folder, path) = database();
    with_a_session(&path);
    let newer = Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(open(&path).unwrap_err(), SqliteError::Newer { found: 99, .. }));
    assert!(std::fs::read(&path).unwrap() == before);

    let (_folder, path) = database();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let foreign = Connection::open(&path).unwrap();
    foreign.execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
    drop(foreign);
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(open(&path).unwrap_err(), SqliteError::Foreign { .. }));
    assert!(std::fs::read(&path).unwrap() == before);
}

#[test]
fn a_record_that_cannot_be_read_hurts_nobody_else() {
    let (_folder, path) = database();
    let store = open(&path).unwrap();
    on_runtime(async {
        for number in 1..=3 {
            store.insert(session(number, number), at(number.into()), ROOM).await.unwrap();
        }
        let other = Connection::open(&path).unwrap();
        let bent = other
            .execute("UPDATE sessions SET revision = 9, head = X'00' WHERE id = ?1", [session(1, 1).id().as_bytes()]);
        assert_eq!(bent.unwrap(), 1);
        assert!(matches!(store.load(session(1, 1).id()).await, Err(StoreError::Damaged(_))));
        assert!(store.load(session(2, 2).id()).await.unwrap().is_some());
        // It is due first, and holds up nobody; then it is out of the way, and kept for whoever wants to know.
        let due = store.due_at(at(9), 2).await.unwrap();
        assert_eq!(due.len(), 1);
        assert_eq!(store.due_at(at(9), 9).await.unwrap().len(), 2);
        assert_eq!(store.stats().await.unwrap().live, 2);
        assert!(store.load(session(1, 1).id()).await.unwrap().is_none());
        let kept: i64 = other.query_row("SELECT count(*) FROM damaged", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, 1);
    });
}

/// Two servers on one file: each sees what the other did, and of two changes one comes first.
#[test]
fn two_stores_on_one_file_agree() {
    let (_folder, path) = database();
    let (one, other) = (open(&path).unwrap(), open(&path).unwrap());
    on_runtime(async {
        let first = one.insert(session(1, 1), at(5), ROOM).await.unwrap();
        let seen = other.load(session(1, 1).id()).await.unwrap().unwrap();
        assert_eq!(seen.revision, first.revision);
        other.replace(seen.revision, seen.session.heard(at(2)), at(6)).await.unwrap();
        let late = one.replace(first.revision, first.session.heard(at(3)), at(7)).await;
        assert!(matches!(late, Err(StoreError::Conflict)));
        let seen = one.load(session(1, 1).id()).await.unwrap().unwrap();
        assert_eq!(seen.session.last_activity(), at(2));
        let full = server::sessions::Room { sessions_max: 1, per_address_max: None };
        assert!(matches!(other.insert(session(2, 2), at(5), full).await, Err(StoreError::Full)));
    });
}

#[test]
fn a_locked_database_is_unavailable_until_it_is_free() {
    let (_folder, path) = database();
    let store = open(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    on_runtime(async {
        let seen = store.insert(session(1, 1), at(5), ROOM).await.unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let blocked = store.replace(seen.revision, seen.session.heard(at(1)), at(5)).await;
        assert!(matches!(blocked, Err(StoreError::Unavailable(_))), "{blocked:?}");
        assert!(store.load(session(1, 1).id()).await.unwrap().is_some(), "reading goes on");
        other.execute_batch("COMMIT").unwrap();
        store.replace(seen.revision, seen.session.heard(at(1)), at(5)).await.unwrap();
    });
}

/// The clock is the test's: the answer is given up at its millisecond, not before.
#[test]
fn an_answer_is_waited_for_two_seconds() {
    for (passed, given_up) in [(1_999, false), (2_000, true), (2_001, true)] {
        let (_folder, path) = database();
        let clock = Arc::new(AlarmClock::default());
        let waited: Arc<dyn Clock> = clock.clone();
        let store = SqliteStore::open(&path, waited, 9).unwrap();
        let other = Connection::open(&path).unwrap();
        on_runtime(async {
            let seen = store.insert(session(1, 1), at(5), ROOM).await.unwrap();
            other.execute_batch("BEGIN IMMEDIATE").unwrap();
            let change = store.replace(seen.revision, seen.session.heard(at(1)), at(5));
            tokio::pin!(change);
            assert!(harness::stores::poll_once(&mut change).await.is_none());
            clock.pass(passed);
            let answer = harness::stores::poll_once(&mut change).await;
            assert_eq!(matches!(answer, Some(Err(StoreError::Unavailable(_)))), given_up, "{passed}");
            other.execute_batch("COMMIT").unwrap();
            if answer.is_none() {
                change.await.unwrap();
            }
        });
    }
}

/// Dropped at any moment, a change is made or it is not.
#[test]
fn a_change_nobody_waits_for_leaves_no_half() {
    let (_folder, path) = database();
    let store = open(&path).unwrap();
    let limits = Limits::default();
    on_runtime(async {
        let mut seen = store.insert(session(1, 1), at(5), ROOM).await.unwrap();
        for polls in 0..200 {
            let next = stored(&seen.session, 5, at(1), &limits);
            let change = store.replace(seen.revision, next, at(9));
            tokio::pin!(change);
            for _ in 0..polls % 5 {
                if harness::stores::poll_once(&mut change).await.is_some() {
                    break;
                }
            }
            seen = store.load(session(1, 1).id()).await.unwrap().unwrap();
            let done = seen.session.files_transferred();
            assert_eq!(seen.session.next_sequence().get(), done + 1);
            assert_eq!(seen.session.last_receipt().map_or(0, |receipt| receipt.sequence.get()), done);
        }
    });
}

/// Through the wire: the same server folder, another server, the session goes on where it was.
#[test]
fn a_session_outlives_its_server() {
    let folder = tempfile::tempdir().unwrap();
    let storage = folder.path().join("storage");
    let options = || Options::with(|config| config.persistence = Persistence::Sqlite).over(&storage);
    let mut server = Server::start(options());
    let (mut client, session) = server.open_session();
    let first = session.store(&mut client, 1, b"hello");
    drop(client);
    server.stop();

    let mut server = Server::start(options());
    let mut client = server.connect();
    let resumed = client.ask(&session.resume(), b"").is("session_resumed");
    assert_eq!(resumed["session"]["next_sequence"], 2);
    let again = client.ask(&session.upload(1, "text/plain", 5), b"hello").is("stored");
    assert_eq!((again["replayed"].as_bool(), again.stored_as()), (Some(true), first.stored_as()));
    session.store(&mut client, 2, b"world");
    client.ask(&session.numbered("disconnect", 3), b"").is("session_closed");
    drop(client);
    server.stop();

    let server = Server::start(options());
    let mut client = server.connect();
    client.ask(&session.resume(), b"").is("session_closed");
    let fresh = Session::open(&mut client);
    fresh.store(&mut client, 1, b"hello");
}

/// More sessions than can be ended one by one before it is asked to stop, all due since long ago.
#[test]
fn a_server_that_ends_old_sessions_stops_without_ending_them_all() {
    let folder = tempfile::tempdir().unwrap();
    let storage = folder.path().join("storage");
    let database = storage.join(".sessions/sessions.db");
    let old = |number: u128| {
        let id = SessionId::from_random(number.to_be_bytes());
        shared::session::Session::open(id, &Token::from_random([1; 32]), [10, 0, 0, 1].into(), at(0))
    };
    let store = open(&database).unwrap();
    let insert = async |number| drop(store.insert(old(number), at(0), ROOM).await.unwrap());
    on_runtime(together((0..25_000).map(insert)));
    drop(store);

    let options = Options::with(|config| config.persistence = Persistence::Sqlite).over(&storage);
    let mut server = Server::start(options);
    let store = open(&database).unwrap();
    let counted = || on_runtime(store.stats()).unwrap();
    server.until(|| counted().tombstones > 0);
    server.stop();
    assert!(counted().live > 0, "{:?}", counted());
}
