//! Lab 06, Pull the Plug: the disk, the record and the promise that both sides name, and the checks. Knows no keeper.

mod checks;
mod layout;
mod matrix;
pub mod program;
mod real;
mod simulated;
mod story;
mod study;

use std::fmt;

use lab_kit::Lab;

pub use layout::checksum;

/// The file of the records.
pub const JOURNAL: &str = "journal";

/// Ends the name of a file that is not whole yet. No reader opens such a file.
pub const PART: &str = ".part";

/// Bytes of the longest receipt.
pub const RECEIPT_BYTES_MAX: usize = 4096;

/// The name under which readers find the file of this sequence.
#[must_use]
pub fn file_name(sequence: u64) -> String {
    format!("file_{sequence}")
}

/// What is remembered of an upload: that it was counted, and what the client was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The number of the upload in its session: 1, 2, 3 and so on.
    pub sequence: u64,
    /// The reply. A client that asks again gets these bytes again. At most [`RECEIPT_BYTES_MAX`].
    pub receipt: Vec<u8>,
}

/// Keeps uploads. `Ok` is what the client is told, and must hold whatever comes.
pub trait Keep {
    /// Called once, before everything else, on whatever a crash has left. Returns the last record that counts.
    fn recover(&mut self, disk: &mut dyn Disk) -> Result<Option<Record>, DiskError>;

    /// Writes a record behind the last one.
    fn append(&mut self, disk: &mut dyn Disk, record: &Record) -> Result<(), DiskError>;

    /// Stores a file, then appends its record. The sequence is the next one; after an error it may be asked for again.
    fn store(&mut self, disk: &mut dyn Disk, record: &Record, payload: &[u8]) -> Result<(), DiskError>;
}

/// One folder. A crash loses what was not synced: bytes, names, both or nothing of it, and of a write any part.
pub trait Disk {
    /// All bytes of a file, as this process sees them; `None` if there is no such file.
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, DiskError>;

    /// The names in the folder.
    fn names(&self) -> Result<Vec<String>, DiskError>;

    /// Makes an empty file. One of this name is emptied.
    fn create(&mut self, name: &str) -> Result<(), DiskError>;

    /// Writes behind the end of a file, and makes the file if there is none. After an error some of the bytes are there.
    fn append(&mut self, name: &str, bytes: &[u8]) -> Result<(), DiskError>;

    /// Cuts a file to its first `length` bytes. A shorter file stays as it is.
    fn truncate(&mut self, name: &str, length: usize) -> Result<(), DiskError>;

    /// Makes the bytes of a file durable, but not its name.
    fn sync(&mut self, name: &str) -> Result<(), DiskError>;

    /// Gives a file another name, in one step. A file that had it is gone.
    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError>;

    /// Removes a file.
    fn remove(&mut self, name: &str) -> Result<(), DiskError>;

    /// Makes the names of the folder durable, but not the bytes of the files.
    fn sync_folder(&mut self) -> Result<(), DiskError>;
}

/// Why a disk did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskError {
    /// There is no room for all the bytes.
    Full,
    /// There is no such file.
    Missing,
    /// Something failed. After a sync nobody knows what of the bytes is on the disk, and the system has forgotten that
    /// they were to be written: a second sync says `Ok` and writes nothing.
    Io,
    /// The plug is out. Nothing that happens now is ever seen.
    Off,
}

impl fmt::Display for DiskError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Full => "no room on the disk",
            Self::Missing => "no such file",
            Self::Io => "the disk failed",
            Self::Off => "the power is off",
        })
    }
}

impl std::error::Error for DiskError {}

/// Whoever is checked.
pub struct Subject {
    /// Makes a keeper that knows nothing yet, as every start of a program does.
    pub fresh: Box<dyn Fn() -> Box<dyn Keep> + Send + Sync>,
    /// Arguments with which this very program serves as the one that is killed.
    pub program: Vec<String>,
}

/// This lab.
#[must_use]
pub fn lab() -> Lab<Subject> {
    Lab { number: "06", title: "Pull the Plug", checks: checks::all(), study: study::study }
}
