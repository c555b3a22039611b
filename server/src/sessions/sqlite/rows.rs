//! The statements: sessions, receipts and counts as rows. Every function runs inside a transaction of its caller,
//! and looks before it writes, so that a refusal has written nothing.

use std::net::IpAddr;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, params};
use shared::id::{Sequence, SessionId, Timestamp};
use shared::session::Session;
use shared::session::record::{self, Record, RecordError};

use super::worker::Failure;
use crate::sessions::{Revision, Room, Stats, StoreError, Versioned};

/// Damaged records that are kept for whoever wants to know; the oldest go first.
const DAMAGED_MAX: i64 = 1_000;

/// Rows of `counts` beside those of addresses.
const LIVE: &str = "live";
const ENDED: &str = "ended";

/// A session as columns.
#[derive(Clone, Debug)]
pub(super) struct Row {
    id: SessionId,
    due: i64,
    ended: Option<i64>,
    address: String,
    holder: Option<[u8; 32]>,
    /// The oldest and the newest kept receipt; 0 when there is none.
    kept: (i64, i64),
    record: Record,
}

impl Row {
    /// The columns of a session, with the receipts after `known` only.
    pub(super) fn of(session: &Session, due: Timestamp, known: Option<Sequence>) -> Result<Self, RecordError> {
        let kept = record::kept(session).map(|(first, last)| (number(first.get()), number(last.get())));
        Ok(Self {
            id: session.id(),
            due: number(due.as_millis()),
            ended: session.ended().map(|ended| number(ended.at.as_millis())),
            address: place(session.client_address()),
            holder: session.holder().map(|holder| *holder.as_bytes()),
            kept: kept.unwrap_or((0, 0)),
            record: Record::of(session, known)?,
        })
    }
}

/// What a change has to know of the row it changes.
struct Before {
    revision: i64,
    ended: bool,
    address: String,
    kept: (i64, i64),
}

/// SQLite's integers are signed. What lies beyond them lies beyond all time.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn revision(count: i64) -> Revision {
    Revision::of(u64::try_from(count).unwrap_or_default())
}

fn place(address: IpAddr) -> String {
    format!("of {address}")
}

pub(super) fn insert(
    connection: &Connection,
    row: &Row,
    room: Room,
    tombstones_max: usize,
) -> Result<Revision, Failure> {
    if before(connection, row.id)?.is_some() {
        return Err(StoreError::Exists.into());
    }
    if row.ended.is_none() {
        admit(connection, row, room)?;
    }
    connection
        .prepare_cached(
            "INSERT INTO sessions (id, revision, due, ended, address, first_receipt, last_receipt, head, holder)
             VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            row.id.as_bytes(),
            row.due,
            row.ended,
            row.address,
            row.kept.0,
            row.kept.1,
            row.record.head,
            row.holder,
        ])?;
    add_receipts(connection, row, 0)?;
    counted(connection, row.ended.is_some(), &row.address, 1)?;
    forget_oldest(connection, tombstones_max)?;
    Ok(Revision::FIRST)
}

/// Whether there is room for a live session, and none of its holder.
fn admit(connection: &Connection, row: &Row, room: Room) -> Result<(), Failure> {
    if let Some(other) = held(connection, row)? {
        return Err(StoreError::Held(other).into());
    }
    let beside = count(connection, &row.address)?;
    if count(connection, LIVE)? >= room.sessions_max || room.per_address_max.is_some_and(|max| beside >= max) {
        return Err(StoreError::Full.into());
    }
    Ok(())
}

/// The live session of the row's holder.
fn held(connection: &Connection, row: &Row) -> Result<Option<SessionId>, Failure> {
    let Some(holder) = row.holder else { return Ok(None) };
    let other: Option<[u8; 16]> = connection
        .prepare_cached("SELECT id FROM sessions WHERE holder = ?1 AND ended IS NULL")?
        .query_row([holder], |found| found.get(0))
        .optional()?;
    Ok(other.map(SessionId::from_bytes))
}

pub(super) fn replace(
    connection: &Connection,
    row: &Row,
    seen: Revision,
    tombstones_max: usize,
) -> Result<Revision, Failure> {
    let before = seen_before(connection, row.id, seen)?;
    connection
        .prepare_cached(
            "UPDATE sessions SET revision = revision + 1, due = ?2, ended = ?3, address = ?4,
             first_receipt = ?5, last_receipt = ?6, head = ?7 WHERE id = ?1",
        )?
        .execute(params![
            row.id.as_bytes(),
            row.due,
            row.ended,
            row.address,
            row.kept.0,
            row.kept.1,
            row.record.head
        ])?;
    add_receipts(connection, row, before.kept.1)?;
    if before.kept.0 != row.kept.0 && before.kept.0 != 0 {
        let first = if row.kept.0 == 0 { i64::MAX } else { row.kept.0 };
        connection
            .prepare_cached("DELETE FROM receipts WHERE session = ?1 AND sequence < ?2")?
            .execute(params![row.id.as_bytes(), first])?;
    }
    if before.ended != row.ended.is_some() || before.address != row.address {
        counted(connection, before.ended, &before.address, -1)?;
        counted(connection, row.ended.is_some(), &row.address, 1)?;
        forget_oldest(connection, tombstones_max)?;
    }
    Ok(seen.next())
}

pub(super) fn remove(connection: &Connection, id: SessionId, seen: Revision) -> Result<(), Failure> {
    let before = seen_before(connection, id, seen)?;
    Ok(delete(connection, id.as_bytes(), before.ended, &before.address)?)
}

/// The session of this id. What was `known` of it is returned as it is, if it is still so.
pub(super) fn load(
    connection: &Connection,
    id: SessionId,
    known: Option<&Versioned>,
) -> Result<Option<Versioned>, Failure> {
    if let Some(known) = known {
        let found: Option<i64> = connection
            .prepare_cached("SELECT revision FROM sessions WHERE id = ?1")?
            .query_row([id.as_bytes()], |row| row.get(0))
            .optional()?;
        match found {
            None => return Ok(None),
            Some(found) if revision(found) == known.revision => return Ok(Some(known.clone())),
            Some(_) => {}
        }
    }
    let found: Option<(i64, Vec<u8>)> = connection
        .prepare_cached("SELECT revision, head FROM sessions WHERE id = ?1")?
        .query_row([id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((found, head)) = found else { return Ok(None) };
    let session = whole(connection, id.as_bytes(), &head)?;
    Ok(Some(Versioned { revision: revision(found), session: Arc::new(session) }))
}

pub(super) fn due_at(connection: &Connection, moment: Timestamp, at_most: usize) -> Result<Vec<Versioned>, Failure> {
    let at_most = i64::try_from(at_most).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(
        "SELECT id, revision, ended, address, head FROM sessions WHERE due <= ?1 ORDER BY due, id LIMIT ?2",
    )?;
    let rows = statement.query_map(params![number(moment.as_millis()), at_most], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
    })?;
    let mut due = Vec::new();
    let mut damaged = Vec::new();
    for row in rows {
        let (id, found, ended, address, head): ([u8; 16], i64, Option<i64>, String, Vec<u8>) = row?;
        match whole(connection, &id, &head) {
            Ok(session) => due.push(Versioned { revision: revision(found), session: Arc::new(session) }),
            Err(Failure::Refused(error)) => {
                tracing::error!(%error, "a damaged record of a session is set aside");
                damaged.push((id, ended.is_some(), address));
            }
            Err(error @ Failure::Sql(_)) => return Err(error),
        }
    }
    for (id, ended, address) in damaged {
        set_aside(connection, &id, ended, &address)?;
    }
    Ok(due)
}

pub(super) fn stats(connection: &Connection) -> Result<Stats, Failure> {
    Ok(Stats { live: count(connection, LIVE)?, tombstones: count(connection, ENDED)? })
}

fn whole(connection: &Connection, id: &[u8; 16], head: &[u8]) -> Result<Session, Failure> {
    let mut statement =
        connection.prepare_cached("SELECT receipt FROM receipts WHERE session = ?1 ORDER BY sequence")?;
    let receipts = statement.query_map([id], |row| row.get(0))?.collect::<rusqlite::Result<Vec<Vec<u8>>>>()?;
    Ok(record::read(head, receipts.iter().map(Vec::as_slice)).map_err(StoreError::Damaged)?)
}

fn before(connection: &Connection, id: SessionId) -> rusqlite::Result<Option<Before>> {
    connection
        .prepare_cached(
            "SELECT revision, ended IS NOT NULL, address, first_receipt, last_receipt FROM sessions WHERE id = ?1",
        )?
        .query_row([id.as_bytes()], |row| {
            let kept = (row.get(3)?, row.get(4)?);
            Ok(Before { revision: row.get(0)?, ended: row.get(1)?, address: row.get(2)?, kept })
        })
        .optional()
}

fn seen_before(connection: &Connection, id: SessionId, seen: Revision) -> Result<Before, Failure> {
    let before = before(connection, id)?.filter(|before| revision(before.revision) == seen);
    before.ok_or_else(|| StoreError::Conflict.into())
}

/// Writes the receipts that are newer than the newest one there.
fn add_receipts(connection: &Connection, row: &Row, newest: i64) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare_cached("INSERT INTO receipts (session, sequence, receipt) VALUES (?1, ?2, ?3)")?;
    for (sequence, receipt) in &row.record.receipts {
        let sequence = number(sequence.get());
        if sequence > newest {
            statement.execute(params![row.id.as_bytes(), sequence, receipt])?;
        }
    }
    Ok(())
}

fn count(connection: &Connection, what: &str) -> rusqlite::Result<usize> {
    let count: Option<i64> = connection
        .prepare_cached("SELECT sessions FROM counts WHERE what = ?1")?
        .query_row([what], |row| row.get(0))
        .optional()?;
    Ok(count.and_then(|count| usize::try_from(count).ok()).unwrap_or(0))
}

/// One more or one less of the ended ones, or of the live ones, in all and of their address.
fn counted(connection: &Connection, ended: bool, address: &str, change: i64) -> rusqlite::Result<()> {
    let counts: &[&str] = if ended { &[ENDED] } else { &[LIVE, address] };
    for what in counts {
        connection
            .prepare_cached(
                "INSERT INTO counts (what, sessions) VALUES (?1, ?2)
                 ON CONFLICT (what) DO UPDATE SET sessions = sessions + ?2",
            )?
            .execute(params![what, change])?;
    }
    if change < 0 && !ended {
        // As many addresses as there are sessions, not as many as there ever were.
        connection.prepare_cached("DELETE FROM counts WHERE what = ?1 AND sessions <= 0")?.execute([address])?;
    }
    Ok(())
}

/// Every change adds one ended session at most, so one at most is too many.
fn forget_oldest(connection: &Connection, tombstones_max: usize) -> rusqlite::Result<()> {
    if count(connection, ENDED)? <= tombstones_max {
        return Ok(());
    }
    let oldest: Option<([u8; 16], String)> = connection
        .prepare_cached("SELECT id, address FROM sessions WHERE ended IS NOT NULL ORDER BY ended, id LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match oldest {
        Some((id, address)) => delete(connection, &id, true, &address),
        None => Ok(()),
    }
}

fn set_aside(connection: &Connection, id: &[u8; 16], ended: bool, address: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO damaged (session, due, head) SELECT id, due, head FROM sessions WHERE id = ?1",
        )?
        .execute([id])?;
    connection
        .prepare_cached(
            "DELETE FROM damaged WHERE session IN (SELECT session FROM damaged ORDER BY due DESC LIMIT -1 OFFSET ?1)",
        )?
        .execute([DAMAGED_MAX])?;
    delete(connection, id, ended, address)
}

fn delete(connection: &Connection, id: &[u8; 16], ended: bool, address: &str) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM receipts WHERE session = ?1")?.execute([id])?;
    connection.prepare_cached("DELETE FROM sessions WHERE id = ?1")?.execute([id])?;
    counted(connection, ended, address, -1)
}
