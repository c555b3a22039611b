//! What can be made to fail, and how.

/// What can be made to fail.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Operation {
    /// [`crate::files::FileStorage::create`], and [`crate::files::Claim::sink`].
    Create,
    /// [`crate::files::FileStorage::claim`].
    Claim,
    /// [`crate::files::FileStorage::kept`].
    Kept,
    /// [`crate::files::FileStorage::prefix_digest`].
    PrefixDigest,
    /// [`crate::files::FileStorage::forget`].
    Forget,
    /// [`crate::files::Sink::write`].
    Write,
    /// [`crate::files::Sink::seal`].
    Seal,
    /// [`crate::files::Part::reveal`].
    Reveal,
    /// [`crate::files::FileStorage::inspect`].
    Inspect,
    /// [`crate::files::FileStorage::size`].
    Size,
    /// [`crate::files::FileStorage::make_durable`].
    MakeDurable,
    /// [`crate::files::FileStorage::set_aside`].
    SetAside,
    /// [`crate::files::FileStorage::remove`].
    Remove,
    /// [`crate::files::FileStorage::open`].
    Open,
    /// [`crate::files::Source::next`].
    Next,
    /// [`crate::files::FileStorage::list`].
    List,
    /// [`crate::files::FileStorage::sweep`].
    Sweep,
}

/// How an operation fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// [`crate::files::StorageError::Full`], and nothing is done.
    Full,
    /// [`crate::files::StorageError::Io`], and nothing is done.
    Io,
    /// [`crate::files::StorageError::Io`] from a reveal that could not take the file back, so that it is visible all the same.
    /// Anywhere else the same as [`Fault::Io`].
    IoButVisible,
    /// Nothing is done, and no answer ever comes.
    Never,
}

/// How an operation will end that was let to begin.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Begun {
    Whole,
    FailsAtTheEnd,
}
