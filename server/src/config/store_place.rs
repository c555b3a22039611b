//! A store as it is named on the command line: a kind, or a place.

use std::path::PathBuf;
use std::str::FromStr;

use super::RedisUrl;

/// Where sessions are, for a command that moves them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StorePlace {
    /// The configured database.
    Sqlite,
    /// The database at this path.
    SqliteAt(PathBuf),
    /// The configured Redis server.
    Redis,
    /// The Redis server at this address.
    RedisAt(RedisUrl),
}

impl FromStr for StorePlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("sqlite:")) {
            ("sqlite", _) => Ok(Self::Sqlite),
            ("redis", _) => Ok(Self::Redis),
            ("ticket", _) => Err("tickets are with their clients; there is nothing to move".to_owned()),
            ("memory", _) => Err("sessions in memory end with their server; there is nothing to move".to_owned()),
            (_, Some(path)) if !path.is_empty() => Ok(Self::SqliteAt(path.into())),
            _ => RedisUrl::parse(text).map(Self::RedisAt).ok_or_else(|| {
                "expected `sqlite`, `sqlite:PATH`, `redis`, redis://host:port/number or rediss://".to_owned()
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_named_by_its_kind_or_its_place() {
        for (text, place) in [
            ("sqlite", StorePlace::Sqlite),
            ("sqlite:a b/c.db", StorePlace::SqliteAt("a b/c.db".into())),
            ("redis", StorePlace::Redis),
            ("redis://127.0.0.1:6379/0", StorePlace::RedisAt(RedisUrl::default())),
        ] {
            assert_eq!(text.parse(), Ok(place));
        }
        for text in ["", "memory", "sqlite:", "ticket", "http://localhost", "some/path.db"] {
            assert!(text.parse::<StorePlace>().is_err(), "{text}");
        }
    }
}
