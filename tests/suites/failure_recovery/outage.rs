//! A running server that may not write any more, or whose store may not, and then may again.

use std::path::Path;

use harness::outage::{holds_two_files, outlived};
use harness::{ServerProcess, Session, frame};
use rusqlite::Connection;

use crate::SERVER;

/// `ulimit -f` of whoever started the server. Linux sends a signal too, which ends whoever does not expect it.
#[cfg(target_os = "linux")]
#[test]
fn a_file_longer_than_the_system_allows_is_a_full_storage_and_not_the_end_of_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let process = ServerProcess::start(SERVER, folder.path(), &[]);
    process.limit_files(Some(100_000));
    let mut client = process.connect();
    client.ask(&frame::upload("text/plain", 100_001), &vec![b'a'; 100_001]).refuses("storage_full");
    client.ask(&frame::upload("text/plain", 100_000), &vec![b'a'; 100_000]).is("stored");
    let chunks = frame::chunks(&vec![b'a'; 100_001], 7_000, &serde_json::json!({}));
    client.ask(&frame::chunked("text/plain"), &chunks).refuses("storage_full");
    process.limit_files(None);
    client.ask(&frame::upload("text/plain", 100_001), &vec![b'a'; 100_001]).is("stored");
    assert_eq!(harness::names(folder.path()).len(), 2);
}

const DATABASE: &str = ".sessions/sessions.db";

/// Has a store in SQLite live through an outage, and then the death of its server.
fn database_outlives(begin: impl FnOnce(&ServerProcess, &Path), end: impl FnOnce(&ServerProcess, &Path)) {
    let folder = tempfile::tempdir().unwrap();
    let storage = folder.path().join("storage");
    let mut process = ServerProcess::start(SERVER, &storage, &["--persistence", "sqlite"]);
    let database = storage.join(DATABASE);
    let session = outlived(process.address, &storage, || begin(&process, &database), || end(&process, &database));
    let ended = process.kill();
    assert!(ended.log.contains("session store"), "the operator is told: {}", ended.log);
    assert_goes_on(&storage, &session);
}

fn assert_goes_on(storage: &Path, session: &Session) {
    let process = ServerProcess::start(SERVER, storage, &["--persistence", "sqlite"]);
    let mut client = process.connect();
    let resumed = client.ask(&session.resume(), b"").is("session_resumed");
    assert_eq!(resumed.number("session.next_sequence"), 3);
    holds_two_files(&client.ask(&session.frame("list"), b"").is("files"));
    session.store(&mut client, 3, b"later");
}

/// The system lets no file grow beyond what the log of the database has now. Small uploads fit.
#[cfg(target_os = "linux")]
#[test]
fn a_database_that_cannot_grow_costs_no_file_and_no_session() {
    let log = |database: &Path| database.with_extension("db-wal").metadata().unwrap().len();
    database_outlives(
        |process, database| process.limit_files(Some(log(database))),
        |process, _| process.limit_files(None),
    );
}

#[test]
fn a_database_that_forbids_every_change_costs_no_file_and_no_session() {
    let other = |database: &Path| Connection::open(database).unwrap();
    let (forbid, allow) = (
        "CREATE TRIGGER no_new BEFORE INSERT ON sessions BEGIN SELECT RAISE(ABORT, 'forbidden'); END;
         CREATE TRIGGER no_change BEFORE UPDATE ON sessions BEGIN SELECT RAISE(ABORT, 'forbidden'); END;",
        "DROP TRIGGER no_new; DROP TRIGGER no_change;",
    );
    database_outlives(
        |_, database| other(database).execute_batch(forbid).unwrap(),
        |_, database| other(database).execute_batch(allow).unwrap(),
    );
}
