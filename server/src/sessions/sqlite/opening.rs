//! Opening the database: that it is one, that it is ours, that it is whole, and what it lacks of this version. What
//! is not as it should be is reported and left as it is.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::private;

/// The first version without a defect that could damage a database of two writers.
const LIBRARY_MIN: i32 = 3_051_003;

/// Written into the database, so that nobody's else is taken for ours: `dfts` as four bytes.
const APPLICATION_ID: i32 = 0x6466_7473;

/// What made each version of the tables out of the one before. A line is added, never changed.
const MIGRATIONS: &[&str] = &[include_str!("version_1.sql")];

/// How long the database waits for a lock of another process.
const BUSY_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Why a database of sessions is not opened. For the operator, so it names paths.
#[derive(Debug, thiserror::Error)]
pub enum SqliteError {
    /// The library is too old.
    #[error("SQLite {found} is too old for sessions that must not be lost; it must be 3.51.3 or newer")]
    Library {
        /// What was linked.
        found: &'static str,
    },
    /// A path is wrong, or the system says no.
    #[error("the session database {} cannot be used", path.display())]
    Unusable {
        /// The database.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The database does not answer as it should.
    #[error("the session database {} cannot be opened", path.display())]
    Closed {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// It is damaged.
    #[error(
        "the session database {} is damaged ({what}) and was left as it is; bring back a copy of it, or move it away \
         to begin without sessions",
        path.display()
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// It is somebody else's.
    #[error("{} is a database of another program and was left as it is; name another file", path.display())]
    Foreign {
        /// The database.
        path: PathBuf,
    },
    /// It was written by a later version of the server.
    #[error(
        "the session database {} has version {found}, this server knows {known} at most; start the newer server, or \
         move the file away to begin without sessions",
        path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The latest version known here.
        known: usize,
    },
}

/// Which connection is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Read,
    Write,
}

/// Opens the database, makes it if there is none, and brings it to this version.
pub(super) fn open(path: &Path) -> Result<Connection, SqliteError> {
    if rusqlite::version_number() < LIBRARY_MIN {
        return Err(SqliteError::Library { found: rusqlite::version() });
    }
    // Before SQLite would make it for everybody. What SQLite puts beside the file has the file's rights.
    private::make_file(path).map_err(|source| SqliteError::Unusable { path: path.into(), source })?;
    let told = |source| explained(path, source);
    let mut connection = connect(path).map_err(told)?;
    check(&connection, path)?;
    set_up(&connection, Purpose::Write).map_err(told)?;
    migrate(&mut connection, path)?;
    Ok(connection)
}

/// Another connection to a database that was opened.
pub(super) fn open_another(path: &Path) -> Result<Connection, SqliteError> {
    let told = |source| explained(path, source);
    let connection = connect(path).map_err(told)?;
    set_up(&connection, Purpose::Read).map_err(told)?;
    Ok(connection)
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    // The file is there already; a path is a path and no URI.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// Whether it is a whole database, and ours. Changes nothing.
fn check(connection: &Connection, path: &Path) -> Result<(), SqliteError> {
    let told = |source| explained(path, source);
    let version = version(connection).map_err(told)?;
    let application: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(told)?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(told)?;
    if application != i64::from(APPLICATION_ID) {
        return if (version, application, tables) == (0, 0, 0) {
            Ok(())
        } else {
            Err(SqliteError::Foreign { path: path.into() })
        };
    }
    if usize::try_from(version).map_or(true, |version| version > MIGRATIONS.len()) {
        return Err(SqliteError::Newer { path: path.into(), found: version, known: MIGRATIONS.len() });
    }
    let what: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(told)?;
    if what == "ok" { Ok(()) } else { Err(SqliteError::Damaged { path: path.into(), what }) }
}

fn set_up(connection: &Connection, purpose: Purpose) -> rusqlite::Result<()> {
    match purpose {
        Purpose::Read => connection.pragma_update(None, "query_only", true)?,
        Purpose::Write => {
            // The name of the mode it is in now comes back; one that cannot be had is an error at the first write.
            connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
            connection.pragma_update(None, "synchronous", "full")?;
            connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
        }
    }
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), SqliteError> {
    let told = |source| explained(path, source);
    // Of two servers that begin together, one migrates and the other finds it done.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(told)?;
    let done = usize::try_from(version(&transaction).map_err(told)?).unwrap_or(usize::MAX);
    for (index, script) in MIGRATIONS.iter().enumerate().skip(done) {
        transaction.execute_batch(script).map_err(told)?;
        let reached = i64::try_from(index + 1).unwrap_or(i64::MAX);
        transaction.pragma_update(None, "user_version", reached).map_err(told)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(told)?;
    }
    transaction.commit().map_err(told)
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn explained(path: &Path, source: rusqlite::Error) -> SqliteError {
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            SqliteError::Damaged { path: path.into(), what: source.to_string() }
        }
        _ => SqliteError::Closed { path: path.into(), source },
    }
}
