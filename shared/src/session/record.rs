//! A session as bytes, for stores that outlive a process: a head, and its receipts apart from it, because a change
//! adds one receipt and replaces only the head. Each piece carries its version and a checksum, and damage is an
//! error: a session that is not whole is none.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{EndReason, Ended, Fingerprint, Outcome, Receipt, Session};
use crate::digest::Digest;
use crate::id::{Epoch, Holder, Sequence, SessionId, Timestamp, TokenHash};
use crate::wire::{Ack, Action, FileInfo, FileName, MimeType};

/// What is written in front of every piece. It grows with the meaning of what follows.
const VERSION: &str = "1";

/// Why bytes are no session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// They were written by another version.
    Version(String),
    /// They are not those that were written.
    Checksum,
    /// They say what no session says.
    Content(String),
    /// A receipt is missing, or one too many is there.
    Receipts,
}

impl fmt::Display for RecordError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(out, "the record has version {version:?}, not {VERSION}"),
            Self::Checksum => out.write_str("the record's checksum is wrong"),
            Self::Content(what) => write!(out, "the record makes no sense: {what}"),
            Self::Receipts => out.write_str("the receipts are not those the record speaks of"),
        }
    }
}

impl std::error::Error for RecordError {}

/// A session as a store that writes keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Everything but the receipts.
    pub head: Vec<u8>,
    /// The sequences of the kept receipts, each with its bytes, the oldest first.
    pub receipts: Vec<(Sequence, Vec<u8>)>,
}

impl Record {
    /// A session as bytes, with the receipts after `known` only: a store that has the older ones keeps them.
    ///
    /// # Errors
    /// When the session cannot be written, which none that exists can cause.
    pub fn of(session: &Session, known: Option<Sequence>) -> Result<Self, RecordError> {
        let receipts = session.receipts.iter().filter(|receipt| known.is_none_or(|known| receipt.sequence > known));
        let receipts = receipts.map(|receipt| Ok((receipt.sequence, seal(&ReceiptRow::of(receipt))?)));
        Ok(Self { head: seal(&HeadRow::of(session)?)?, receipts: receipts.collect::<Result<_, _>>()? })
    }
}

/// The session that a head and its receipts are, the oldest first.
///
/// # Errors
/// When they were damaged, written by another version, or do not belong together.
pub fn read<'a>(head: &[u8], receipts: impl IntoIterator<Item = &'a [u8]>) -> Result<Session, RecordError> {
    let head: HeadRow = open(head)?;
    let receipts: Arc<[Arc<Receipt>]> = receipts
        .into_iter()
        .map(|bytes| open::<ReceiptRow>(bytes)?.receipt().map(Arc::new))
        .collect::<Result<_, RecordError>>()?;
    head.session(receipts)
}

/// The sequences of the receipts that a session keeps: the oldest and the newest.
#[must_use]
pub fn kept(session: &Session) -> Option<(Sequence, Sequence)> {
    Some((session.receipts.first()?.sequence, session.receipts.last()?.sequence))
}

/// Version, checksum and content, with a blank between them.
fn seal(row: &impl Serialize) -> Result<Vec<u8>, RecordError> {
    let content = serde_json::to_vec(row).map_err(|error| RecordError::Content(error.to_string()))?;
    Ok([VERSION.as_bytes(), b" ", checksum(&content).as_bytes(), b" ", &content].concat())
}

fn open<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RecordError> {
    let mut parts = bytes.splitn(3, |byte| *byte == b' ');
    let version = parts.next().unwrap_or_default();
    if version != VERSION.as_bytes() {
        let shown = version.get(..version.len().min(8)).unwrap_or_default();
        return Err(RecordError::Version(String::from_utf8_lossy(shown).into_owned()));
    }
    let (Some(sum), Some(content)) = (parts.next(), parts.next()) else { return Err(RecordError::Checksum) };
    if checksum(content).as_bytes() != sum {
        return Err(RecordError::Checksum);
    }
    serde_json::from_slice(content).map_err(|error| RecordError::Content(error.to_string()))
}

/// Against bits that flip, not against people: who may write the store may write anything.
fn checksum(content: &[u8]) -> String {
    let hash = blake3::hash(content);
    HEXLOWER.encode(hash.as_bytes().get(..8).unwrap_or_default())
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadRow {
    id: SessionId,
    token: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    holder: Option<String>,
    epoch: Epoch,
    created: Timestamp,
    last_activity: Timestamp,
    client_address: IpAddr,
    next_sequence: Sequence,
    /// How many receipts belong to it.
    receipts: usize,
    message_count: u64,
    total_bytes: u64,
    files_transferred: u64,
    ended: Option<EndedRow>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EndedRow {
    reason: String,
    at: Timestamp,
}

impl HeadRow {
    fn of(session: &Session) -> Result<Self, RecordError> {
        // Every member by its name: a new one does not compile until it is written too.
        let Session {
            id,
            token,
            holder,
            epoch,
            created,
            last_activity,
            client_address,
            next_sequence,
            receipts,
            message_count,
            total_bytes,
            files_transferred,
            ended,
        } = session;
        let row = Self {
            id: *id,
            token: HEXLOWER.encode(token.as_bytes()),
            holder: holder.map(|holder| HEXLOWER.encode(holder.as_bytes())),
            epoch: *epoch,
            created: *created,
            last_activity: *last_activity,
            client_address: *client_address,
            next_sequence: *next_sequence,
            receipts: receipts.len(),
            message_count: *message_count,
            total_bytes: *total_bytes,
            files_transferred: *files_transferred,
            ended: ended.map(|Ended { reason, at }| EndedRow { reason: reason.as_str().to_owned(), at }),
        };
        // What could not be read again is not written.
        if row.owns(session.receipts.iter()) { Ok(row) } else { Err(RecordError::Receipts) }
    }

    /// Whether these are its receipts: as many as it says, of the sequences just before the next one.
    fn owns<'a>(&self, receipts: impl ExactSizeIterator<Item = &'a Arc<Receipt>> + DoubleEndedIterator) -> bool {
        let mut next = self.next_sequence.get();
        receipts.len() == self.receipts
            && receipts.rev().all(|receipt| {
                next = next.saturating_sub(1);
                receipt.sequence.get() == next
            })
    }

    fn session(self, receipts: Arc<[Arc<Receipt>]>) -> Result<Session, RecordError> {
        if !self.owns(receipts.iter()) {
            return Err(RecordError::Receipts);
        }
        let hash = |text: &str| HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        let token = hash(&self.token);
        let holder = self.holder.map(|holder| hash(&holder).ok_or_else(|| no_such("holder", "of this length")));
        let ended = self.ended.map(|EndedRow { reason, at }| {
            let reason = EndReason::from_word(&reason).ok_or_else(|| no_such("reason", &reason))?;
            Ok(Ended { reason, at })
        });
        Ok(Session {
            id: self.id,
            token: TokenHash::from_bytes(token.ok_or_else(|| no_such("token", "of this length"))?),
            holder: holder.transpose()?.map(Holder::from_bytes),
            epoch: self.epoch,
            created: self.created,
            last_activity: self.last_activity,
            client_address: self.client_address,
            next_sequence: self.next_sequence,
            receipts,
            message_count: self.message_count,
            total_bytes: self.total_bytes,
            files_transferred: self.files_transferred,
            ended: ended.transpose()?,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReceiptRow {
    sequence: Sequence,
    request: RequestRow,
    outcome: OutcomeRow,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestRow {
    action: Action,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mime_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<Digest>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum OutcomeRow {
    Stored { file: FileInfo, ack: Ack },
    Removed { file: String },
    Closed,
}

impl ReceiptRow {
    fn of(receipt: &Receipt) -> Self {
        let Receipt { sequence, outcome, request } = receipt;
        let Fingerprint { action, mime_type, name, file, total, digest } = request;
        let request = RequestRow {
            action: *action,
            mime_type: mime_type.as_ref().map(|mime_type| mime_type.as_str().to_owned()),
            name: name.as_ref().map(|name| name.as_str().to_owned()),
            file: file.clone(),
            total: *total,
            digest: *digest,
        };
        let outcome = match outcome {
            Outcome::Stored(file, ack) => OutcomeRow::Stored { file: file.clone(), ack: *ack },
            Outcome::Removed(file) => OutcomeRow::Removed { file: file.clone() },
            Outcome::Closed => OutcomeRow::Closed,
        };
        Self { sequence: *sequence, request, outcome }
    }

    fn receipt(self) -> Result<Receipt, RecordError> {
        let RequestRow { action, mime_type, name, file, total, digest } = self.request;
        let mime_type = mime_type.map(|text| MimeType::from_wire(&text).ok_or_else(|| no_such("MIME type", &text)));
        let name = name.map(|text| FileName::from_wire(&text).ok_or_else(|| no_such("name", &text)));
        let (mime_type, name) = (mime_type.transpose()?, name.transpose()?);
        let outcome = match self.outcome {
            OutcomeRow::Stored { file, ack } => Outcome::Stored(file, ack),
            OutcomeRow::Removed { file } => Outcome::Removed(file),
            OutcomeRow::Closed => Outcome::Closed,
        };
        let request = Fingerprint { action, mime_type, name, file, total, digest };
        Ok(Receipt { sequence: self.sequence, outcome, request })
    }
}

fn no_such(what: &str, text: &str) -> RecordError {
    RecordError::Content(format!("no {what} {text}"))
}
