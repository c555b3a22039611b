//! Who is compared: ways to send files that differ only in what is remembered, and where.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use engines::redis::Redis;
use serde::{Deserialize, Serialize};

use crate::Outcome;

/// A rung of the ladder of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Rung {
    /// Stateless uploads without a `transfer_id`, sent anew whenever the answer is missing
    Naive,
    /// Stateless uploads with a `transfer_id`: the state is in the stored file's name
    Stateless,
    /// A session that the client carries, sealed
    Ticket,
    /// A session in the server's memory
    Memory,
    /// A session in a SQLite database
    Sqlite,
    /// A session in a Redis server
    Redis,
}

/// A rung with everything that its servers and clients need.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) rung: Rung,
    /// Of its own.
    pub(crate) folder: PathBuf,
    pub(crate) flags: Vec<String>,
    pub(crate) variables: Vec<(&'static str, OsString)>,
}

impl Rung {
    pub(crate) const ALL: [Self; 6] =
        [Self::Naive, Self::Stateless, Self::Ticket, Self::Memory, Self::Sqlite, Self::Redis];

    /// As table and charts have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Naive => "stateless, no id",
            Self::Stateless => "stateless, id",
            Self::Ticket => "ticket",
            Self::Memory => "memory",
            Self::Sqlite => "SQLite",
            Self::Redis => "Redis",
        }
    }

    /// Whether there are sessions on it.
    pub(crate) fn is_stateful(self) -> bool {
        match self {
            Self::Naive | Self::Stateless => false,
            Self::Ticket | Self::Memory | Self::Sqlite | Self::Redis => true,
        }
    }

    /// What it takes; or why that is not to be had.
    pub(crate) fn place(self, above: &Path, redis: Result<&Redis, &String>) -> Result<Place, String> {
        let folder = above.join(self.to_string());
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let persistence = |word: &str| vec!["--persistence".to_owned(), word.to_owned()];
        let (flags, variables) = match self {
            Self::Naive | Self::Stateless | Self::Memory => (persistence("memory"), Vec::new()),
            Self::Sqlite => (persistence("sqlite"), Vec::new()),
            Self::Ticket => {
                let file = folder.join("keys");
                write_key(&file).map_err(|error| error.to_string())?;
                (persistence("ticket"), vec![("DFT_STATEFUL_TICKET_KEY_FILE", file.into())])
            }
            Self::Redis => {
                let redis = redis.map_err(Clone::clone)?;
                (persistence("redis"), vec![("DFT_STATEFUL_REDIS_URL", redis.url().into())])
            }
        };
        Ok(Place { rung: self, folder, flags, variables })
    }
}

impl fmt::Display for Rung {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        out.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// A key that protects nothing: what is sealed with it goes with the comparison.
fn write_key(file: &Path) -> Outcome<()> {
    fs::write(file, "5a".repeat(32))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(file, fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}
