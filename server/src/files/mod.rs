//! Where files are kept. A file is written out of sight and becomes visible whole, or never. Knows nothing
//! of sessions beyond the names that are made from them, and nothing of the wire.
//!
//! The way of a file (PROTOCOL.md section 10): [`FileStorage::create`] reserves a place, [`Sink::write`] takes
//! the bytes, [`Sink::seal`] makes a [`Part`] of them, [`Part::reveal`] shows it under its final name. Whatever
//! is dropped before that was never there.
//!
//! An upload that has a name of its own ([`PartKey`]) can be continued: [`FileStorage::claim`] makes the caller the
//! only writer of its part, [`Claim::sink`] goes on where that part ends or before, and what is dropped on the way is
//! kept for the next claim. [`FileStorage::kept`] says how much there is.

use std::fmt::Debug;
use std::io;

use async_trait::async_trait;
use bytes::Bytes;
use shared::digest::{Digest, DigestKind};
use shared::id::{Sequence, SessionId, Timestamp, TokenHash};
use shared::wire::Ack;
use tokio_util::sync::CancellationToken;

pub use keeping::{Claimant, Keeping, PartKey};
pub use local::{LocalStorage, OpenError, SharedSyncs};
pub use memory::MemoryStorage;
pub use naming::{Form, ObjectName};

#[cfg(test)]
mod contract;
mod keeping;
mod local;
pub mod memory;
pub mod mime;
pub mod naming;
mod paging;
mod platform;

/// How long a file that was set aside is kept.
pub const ASIDE_KEPT_MS: u64 = 24 * 60 * 60 * 1_000;

/// Bytes of the longest chunk a [`Source`] gives.
pub const SOURCE_CHUNK_BYTES_MAX: usize = 512 * 1024;

/// A place for files. It decides nothing: whether two files are the same, who may see one and what was
/// promised is for its callers to know.
#[async_trait]
pub trait FileStorage: Send + Sync + Debug {
    /// A place for one file of `size` bytes; `None`: nobody knows yet. Space is reserved here where the
    /// storage can, and otherwise missed in [`Sink::write`] or [`Sink::seal`]. `digest: None`: nobody will hear one,
    /// so none is computed.
    async fn create(&self, size: Option<u64>, digest: Option<DigestKind>) -> Result<Box<dyn Sink>, StorageError>;

    /// Makes the caller the one writer of a part. Whoever wrote it before is told ([`Claim::overtaken`]) and writes no
    /// byte of it once this returns; what it had taken is kept. A claimant that comes too late is told
    /// [`StorageError::Overtaken`], and nothing happens to the part.
    async fn claim(&self, key: PartKey, by: Claimant) -> Result<Box<dyn Claim>, StorageError>;

    /// How many bytes of a part there are; `None` when there is none. So many survive a power cut once this returns,
    /// and from here on the part is kept its whole time again. Its writer goes on.
    async fn kept(&self, key: PartKey) -> Result<Option<u64>, StorageError>;

    /// The digest of a part's first `length` bytes, read back; `None` when they are not there.
    async fn prefix_digest(&self, key: PartKey, length: u64) -> Result<Option<Digest>, StorageError>;

    /// Removes a part, unless it has a writer.
    async fn forget(&self, key: PartKey) -> Result<(), StorageError>;

    /// What is there under this name, read and hashed whole; `None` when nothing is.
    async fn inspect(&self, name: &ObjectName, digest: DigestKind) -> Result<Option<Stored>, StorageError>;

    /// The bytes of the file under this name; `None` when there is none.
    async fn size(&self, name: &ObjectName) -> Result<Option<u64>, StorageError>;

    /// `name`, or the name that differs from it only in its extension, if there is such a file. Costs a look for
    /// every extension there is, however many files there are.
    async fn find(&self, name: &ObjectName) -> Result<Option<ObjectName>, StorageError>;

    /// Makes a visible file durable, with its name. `false`: it was not there.
    async fn make_durable(&self, name: &ObjectName) -> Result<bool, StorageError>;

    /// Takes away a visible file that nobody was told of, and keeps it out of sight for [`ASIDE_KEPT_MS`].
    /// `false`: it was not there.
    async fn set_aside(&self, name: &ObjectName) -> Result<bool, StorageError>;

    /// Removes a file; with [`Ack::Durable`] it stays removed after a power cut, also when it was not there.
    /// `false`: it was not there.
    async fn remove(&self, name: &ObjectName, ack: Ack) -> Result<bool, StorageError>;

    /// The bytes of a file from `offset`, none when that is at its end or beyond; `None` when there is no file.
    async fn open(&self, name: &ObjectName, offset: u64) -> Result<Option<Box<dyn Source>>, StorageError>;

    /// The files of one session in order of their sequence, beginning with `from`: those of at most `at_most`
    /// sequences, and of at least one, so that every call gets on.
    async fn list(&self, among: Shelf, from: Sequence, at_most: usize) -> Result<Page, StorageError>;

    /// Housekeeping: removes at most `at_most` files that were set aside longer than [`ASIDE_KEPT_MS`] ago or are
    /// parts nobody came back for, and says how many. Fewer than `at_most`: there is no more to do.
    async fn sweep(&self, now: Timestamp, at_most: usize) -> Result<usize, StorageError>;
}

/// The right to write one part. Dropped, it leaves the part as it is.
#[async_trait]
pub trait Claim: Send + Debug {
    /// Bytes that are there.
    fn length(&self) -> u64;

    /// Cancelled when a newer claim took the part. From then on the sink, and the part it makes, say
    /// [`StorageError::Overtaken`].
    fn overtaken(&self) -> CancellationToken;

    /// Goes on at `offset`, which is at most [`Claim::length`], towards a file of `total` bytes. What is before it is
    /// read back, and belongs to the file and its digest. What is behind it goes when the first new byte comes or the
    /// file ends there: not earlier, so that a request that brings nothing takes nothing away.
    async fn sink(self: Box<Self>, offset: u64, total: u64, digest: DigestKind) -> Result<Box<dyn Sink>, StorageError>;
}

/// Takes one file's bytes. Dropped, it leaves nothing behind, or with a claim its part. After an error, or a call that was dropped before
/// it ended, it is good for nothing and says [`StorageError::GivenUp`].
#[async_trait]
pub trait Sink: Send + Debug {
    /// Takes the next bytes. An error may be that of earlier bytes.
    async fn write(&mut self, chunk: Bytes) -> Result<(), StorageError>;

    /// All bytes are in. `ack` is the most that will be promised when the part is revealed.
    async fn seal(self: Box<Self>, ack: Ack) -> Result<Box<dyn Part>, StorageError>;
}

/// A whole file that nobody can see yet. Dropped, it leaves nothing behind, or with a claim its part.
#[async_trait]
pub trait Part: Send + Debug {
    /// What was written.
    fn stored(&self) -> Stored;

    /// Leaves nothing behind, with a claim neither; nobody finds the part once this returns.
    async fn discard(self: Box<Self>);

    /// Shows the file under `name`, if nothing is there; with [`Ack::Durable`] name and bytes survive a power cut
    /// once this returns, if the part was sealed so. Nobody else sees the file before it is settled.
    /// Dropped before it returns, the file may be visible or not.
    async fn reveal(self: Box<Self>, name: &ObjectName, ack: Ack) -> Result<(), RevealError>;
}

/// Gives one file's bytes. After an error, or a call that was dropped before it ended, it is good for nothing and says
/// [`StorageError::GivenUp`].
#[async_trait]
pub trait Source: Send + Debug {
    /// The bytes of the whole file, wherever this source began.
    fn size(&self) -> u64;

    /// The next bytes, at most [`SOURCE_CHUNK_BYTES_MAX`]; `None` at the end. A file that has become shorter is an
    /// error.
    async fn next(&mut self) -> Result<Option<Bytes>, StorageError>;

    /// The digest, of the default kind, of all bytes it gave.
    fn digest(&self) -> Result<Digest, StorageError>;
}

/// What is kept of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stored {
    /// Bytes.
    pub size: u64,
    /// The digest over all of them, as they were written; `None` when none was asked for.
    pub digest: Option<Digest>,
}

/// Where the files of a session are looked for; it follows from the naming they were stored with.
#[derive(Clone, Copy, Debug)]
pub enum Shelf {
    /// In the session's folder ([`ObjectName::session`]).
    Folder(SessionId),
    /// Among all others ([`ObjectName::simple`]). Such a name does not tell its session, so every sequence up to
    /// `last` is looked for under every extension there is.
    Simple {
        /// That of the session whose files they are.
        secret: TokenHash,
        /// The highest sequence it has used.
        last: Sequence,
    },
}

/// A part of a list.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Page {
    /// In order of their sequence. Two files of one sequence are there when a crash left one that nobody was told
    /// of and its upload was repeated under another MIME type.
    pub entries: Vec<Listed>,
    /// Where the next page begins; `None` at the end. There may be a next page after an empty one.
    pub next: Option<Sequence>,
}

/// One file of a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Its name.
    pub name: ObjectName,
    /// Its place in the session.
    pub sequence: Sequence,
    /// Its bytes.
    pub size: u64,
}

/// Why a storage did not do what it was asked. Display is fit for peers; the source is for the log.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The disk, or what this user may have of it, is full.
    #[error("the storage is full")]
    Full,
    /// This file failed before; nothing done to it since counts.
    #[error("this file was given up after an earlier failure")]
    GivenUp,
    /// A newer claim has taken this part.
    #[error("a newer request took this file over")]
    Overtaken,
    /// The system says no.
    #[error("the storage failed")]
    Io(#[source] io::Error),
}

impl From<io::Error> for StorageError {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        if matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge) { Self::Full } else { Self::Io(error) }
    }
}

/// Why a part was not shown.
#[derive(Debug, thiserror::Error)]
pub enum RevealError {
    /// A file is there already; it is untouched, and this is the part.
    #[error("the name is taken")]
    Occupied(Box<dyn Part>),
    /// The part is gone, and was taken back if it had been visible.
    #[error(transparent)]
    Failed(#[from] StorageError),
}
