//! What can be made to fail, and how.

/// What can be made to fail.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Operation {
    /// [`FileStorage::create`], and [`Claim::sink`].
    Create,
    /// [`FileStorage::claim`].
    Claim,
    /// [`FileStorage::kept`].
    Kept,
    /// [`FileStorage::prefix_digest`].
    PrefixDigest,
    /// [`FileStorage::forget`].
    Forget,
    /// [`Sink::write`].
    Write,
    /// [`Sink::seal`].
    Seal,
    /// [`crate::files::Part::reveal`].
    Reveal,
    /// [`FileStorage::inspect`].
    Inspect,
    /// [`FileStorage::size`].
    Size,
    /// [`FileStorage::make_durable`].
    MakeDurable,
    /// [`FileStorage::set_aside`].
    SetAside,
    /// [`FileStorage::remove`].
    Remove,
    /// [`FileStorage::open`].
    Open,
    /// [`Source::next`].
    Next,
    /// [`FileStorage::list`].
    List,
    /// [`FileStorage::sweep`].
    Sweep,
}

/// How an operation fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// [`StorageError::Full`], and nothing is done.
    Full,
    /// [`StorageError::Io`], and nothing is done.
    Io,
    /// [`StorageError::Io`] from a reveal that could not take the file back, so that it is visible all the same.
    /// Anywhere else the same as [`Fault::Io`].
    IoButVisible,
}

/// How an operation will end that was let to begin.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Begun {
    Whole,
    FailsAtTheEnd,
}
