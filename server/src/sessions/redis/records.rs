//! A session in Redis: one hash under one hash tag, changed by scripts that compare before they swap. It expires by
//! itself when everybody has forgotten it, so that what nobody looks after goes away.

use std::collections::HashMap;
use std::sync::Arc;

use redis::aio::ConnectionManager;
use redis::{Script, cmd};
use shared::id::{Sequence, SessionId, Timestamp};
use shared::session::Session;
use shared::session::record::{self, Record, RecordError};

use super::link::Failure;
use crate::sessions::{Revision, StoreError, Versioned};

/// What the record of a session says besides the session: enough to look after the indexes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) id: SessionId,
    pub(super) due: u64,
    pub(super) ended: Option<u64>,
    pub(super) address: String,
}

impl Facts {
    pub(super) fn of(session: &Session, due: Timestamp) -> Self {
        let ended = session.ended().map(|ended| ended.at.as_millis());
        Self { id: session.id(), due: due.as_millis(), ended, address: session.client_address().to_string() }
    }

    /// From the fields `due`, `ended` and `address`.
    pub(super) fn read(id: SessionId, fields: &[Option<String>]) -> Option<Self> {
        let [Some(due), ended, Some(address)] = fields else { return None };
        let ended = ended.as_deref().filter(|ended| !ended.is_empty()).map(str::parse).transpose().ok()?;
        Some(Self { id, due: due.parse().ok()?, ended, address: address.clone() })
    }
}

/// A session as fields of a hash.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) facts: Facts,
    record: Record,
    /// The first kept receipt, or the first that will be.
    first: u64,
    /// Milliseconds after which the record is gone if nobody touches it.
    lives_ms: u64,
}

impl Fields {
    /// `known` is the newest receipt that is there already; `remembered_ms` is how long an ended session is.
    pub(super) fn of(
        session: &Session,
        due: Timestamp,
        known: Option<Sequence>,
        remembered_ms: u64,
    ) -> Result<Self, RecordError> {
        let first = record::kept(session).map_or(session.next_sequence(), |(first, _)| first);
        let heard = session.ended().map_or(session.last_activity(), |ended| ended.at);
        Ok(Self {
            facts: Facts::of(session, due),
            record: Record::of(session, known)?,
            first: first.get(),
            // Redis has a clock of its own, so it is told how long and not until when.
            lives_ms: due.millis_since(heard).saturating_add(remembered_ms).min(LIVES_MS_MAX),
        })
    }

    /// The revision that these fields make of the one after `seen`.
    pub(super) fn revision(&self, seen: Option<Revision>) -> Revision {
        let count = seen.map_or(Revision::FIRST, Revision::next).count;
        let hash = blake3::hash(&self.record.head);
        let mark = hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        Revision { count, mark }
    }
}

/// A century. Redis counts milliseconds in what its scripts can count.
const LIVES_MS_MAX: u64 = 100 * 365 * 86_400_000;

/// What says that a field is a receipt; its sequence follows.
const RECEIPT: &str = "receipt ";

/// The record of a session. The braces are the hash tag: all keys of one session lie on one node of a cluster.
pub(super) fn key(id: SessionId) -> String {
    format!("dft:{{{}}}:session", id.to_wire())
}

fn shown(revision: Revision) -> String {
    format!("{}-{:016x}", revision.count, revision.mark)
}

fn read_revision(text: &str) -> Option<Revision> {
    let (count, mark) = text.split_once('-')?;
    Some(Revision { count: count.parse().ok()?, mark: u64::from_str_radix(mark, 16).ok()? })
}

/// Writes a record where there is none, or where the seen one is. Says what was there before.
///
/// ARGV: the revision seen ("" for none), how long the record lives, the first receipt kept, how many fields are to
/// be written, the fields, each as name and value.
const WRITE: &str = r"
local there = redis.call('HGET', KEYS[1], 'revision') or ''
if there ~= ARGV[1] then return {'0'} end
local before = redis.call('HMGET', KEYS[1], 'due', 'ended', 'address', 'first')
local last = 4 + 2 * tonumber(ARGV[4])
for at = 5, last, 2 do redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1]) end
local first = tonumber(before[4] or ARGV[3])
for gone = first, tonumber(ARGV[3]) - 1 do redis.call('HDEL', KEYS[1], 'receipt ' .. string.format('%.0f', gone)) end
redis.call('HSET', KEYS[1], 'first', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {'1', before[1] or '', before[2] or '', before[3] or ''}
";

const REMOVE: &str = r"
local there = redis.call('HGET', KEYS[1], 'revision') or ''
if there ~= ARGV[1] then return {'0'} end
local before = redis.call('HMGET', KEYS[1], 'due', 'ended', 'address')
redis.call('DEL', KEYS[1])
return {'1', before[1] or '', before[2] or '', before[3] or ''}
";

const FORGET: &str = r"
local ended = redis.call('HGET', KEYS[1], 'ended')
if ended and ended ~= '' then return redis.call('DEL', KEYS[1]) end
return 0
";

/// The scripts, hashed once.
#[derive(Debug)]
pub(super) struct Records {
    write: Script,
    remove: Script,
    forget: Script,
}

impl Default for Records {
    fn default() -> Self {
        Self { write: Script::new(WRITE), remove: Script::new(REMOVE), forget: Script::new(FORGET) }
    }
}

impl Records {
    /// Writes the fields if the record is the one that was seen, or if there is none. Returns what was there; `None`
    /// if it was something else.
    pub(super) async fn write(
        &self,
        link: &mut ConnectionManager,
        fields: &Fields,
        seen: Option<Revision>,
    ) -> Result<Option<Before>, Failure> {
        let mut call = self.write.key(key(fields.facts.id));
        call.arg(seen.map(shown).unwrap_or_default()).arg(fields.lives_ms).arg(fields.first);
        call.arg(5 + fields.record.receipts.len());
        call.arg("revision").arg(shown(fields.revision(seen)));
        call.arg("head").arg(&fields.record.head);
        call.arg("due").arg(fields.facts.due);
        call.arg("ended").arg(fields.facts.ended.map(|at| at.to_string()).unwrap_or_default());
        call.arg("address").arg(&fields.facts.address);
        for (sequence, receipt) in &fields.record.receipts {
            call.arg(format!("{RECEIPT}{sequence}")).arg(receipt);
        }
        let before: Vec<String> = call.invoke_async(link).await?;
        Ok(Before::read(fields.facts.id, &before))
    }

    pub(super) async fn remove(
        &self,
        link: &mut ConnectionManager,
        id: SessionId,
        seen: Revision,
    ) -> Result<Option<Before>, Failure> {
        let before: Vec<String> = self.remove.key(key(id)).arg(shown(seen)).invoke_async(link).await?;
        Ok(Before::read(id, &before))
    }

    /// Forgets an ended session; a live one stays.
    pub(super) async fn forget(&self, link: &mut ConnectionManager, id: SessionId) -> Result<(), Failure> {
        self.forget.key(key(id)).invoke_async::<()>(link).await.map_err(Failure::from)
    }
}

/// What a record was before a script changed it.
pub(super) struct Before {
    /// Its facts, if there was a record.
    pub(super) facts: Option<Facts>,
}

impl Before {
    fn read(id: SessionId, answer: &[String]) -> Option<Self> {
        let [done, due, ended, address] = answer else { return None };
        let fields = [due, ended, address].map(|field| Some(field.clone()).filter(|field| !field.is_empty()));
        (done == "1").then(|| Self { facts: Facts::read(id, &fields) })
    }
}

/// The session of this id. What was `known` of it is returned as it is, if it is still so.
pub(super) async fn load(
    link: &mut ConnectionManager,
    id: SessionId,
    known: Option<&Versioned>,
) -> Result<Option<Versioned>, Failure> {
    if let Some(known) = known {
        let found: Option<String> = cmd("HGET").arg(key(id)).arg("revision").query_async(link).await?;
        match found {
            None => return Ok(None),
            Some(found) if read_revision(&found) == Some(known.revision) => return Ok(Some(known.clone())),
            Some(_) => {}
        }
    }
    let fields: HashMap<String, Vec<u8>> = cmd("HGETALL").arg(key(id)).query_async(link).await?;
    if fields.is_empty() {
        return Ok(None);
    }
    Ok(Some(whole(fields).map_err(StoreError::Damaged)?))
}

fn whole(mut fields: HashMap<String, Vec<u8>>) -> Result<Versioned, RecordError> {
    let revision = fields.remove("revision").and_then(|text| String::from_utf8(text).ok());
    let revision = revision.and_then(|text| read_revision(&text)).ok_or(RecordError::Checksum)?;
    let head = fields.remove("head").unwrap_or_default();
    let numbered = |(name, bytes): (String, Vec<u8>)| {
        let sequence: u64 = name.strip_prefix(RECEIPT)?.parse().ok()?;
        Some((sequence, bytes))
    };
    let mut receipts: Vec<(u64, Vec<u8>)> = fields.into_iter().filter_map(numbered).collect();
    receipts.sort_unstable_by_key(|(sequence, _)| *sequence);
    let session = record::read(&head, receipts.iter().map(|(_, bytes)| bytes.as_slice()))?;
    Ok(Versioned { revision, session: Arc::new(session) })
}
