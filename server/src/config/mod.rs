//! The configuration: what the program may rely on ([`Config`]), made in one place ([`resolve`]) from flags,
//! environment, file and defaults, the first that speaks winning. Reads no disk and no environment itself.
//!
//! A key `section.name` of the file is the environment variable `DFT_SECTION_NAME`: `DFT_`, the section
//! and the name in capitals, joined by `_`. `table.rs` has one row for every key.

mod choice;
mod document;
mod error;
mod example;
mod key;
mod layer;
mod redis_url;
mod report;
mod store_place;
mod suggest;
mod table;
#[cfg(test)]
mod tests;
mod written;

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;

use shared::congestion::Congestion;
use shared::limits::Limits;
use shared::wire::Ack;

pub use choice::{Exclusive, LogFormat, LogLevel, Naming, Persistence, ServerMode, Week01Ack};
pub use error::ConfigErrors;
pub use example::example;
pub use redis_url::RedisUrl;
pub use report::Effective;
pub use store_place::StorePlace;

/// What the server relies on. Every value is in its range.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// The address or name to listen on.
    pub host: String,
    /// The port to listen on; 0 is any free one.
    pub port: u16,
    /// Which requests are served.
    pub mode: ServerMode,
    /// The promise made to a client that asks for none.
    pub ack: Ack,
    /// Where files are stored.
    pub storage: PathBuf,
    /// How stored files are named.
    pub naming: Naming,
    /// Where sessions are remembered.
    pub persistence: Persistence,
    /// What a second session of the same access key means.
    pub exclusive: Exclusive,
    /// The keys that seal tickets; empty for one made at the start.
    pub ticket_key_file: PathBuf,
    /// The database of sessions; empty when it is in the storage folder.
    pub sqlite_path: PathBuf,
    /// The Redis server that remembers sessions.
    pub redis_url: RedisUrl,
    /// With which congestion control files are sent.
    pub congestion: Congestion,
    /// When Week 01 clients are answered.
    pub week01_ack: Week01Ack,
    /// What is logged.
    pub log: LogConfig,
    /// Where what connections carry is written; empty for nowhere.
    pub trace_file: PathBuf,
    /// How long that file may become.
    pub trace_bytes_max: u64,
    /// Every bound.
    pub limits: Limits,
}

impl Config {
    /// Where the database of sessions is.
    #[must_use]
    pub fn session_database(&self) -> PathBuf {
        let configured = &self.sqlite_path;
        let own = || self.storage.join(".sessions").join("sessions.db");
        if configured.as_os_str().is_empty() { own() } else { configured.clone() }
    }
}

/// What is logged, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogConfig {
    /// The shape of a line.
    pub format: LogFormat,
    /// The least important message that is still logged.
    pub level: LogLevel,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 65_432,
            mode: ServerMode::Dual,
            ack: Ack::Durable,
            storage: PathBuf::from("./storage"),
            naming: Naming::SessionAware,
            persistence: Persistence::Memory,
            exclusive: Exclusive::None,
            ticket_key_file: PathBuf::new(),
            sqlite_path: PathBuf::new(),
            redis_url: RedisUrl::default(),
            congestion: Congestion::Auto,
            week01_ack: Week01Ack::Deferred,
            log: LogConfig { format: LogFormat::Human, level: LogLevel::Info },
            trace_file: PathBuf::new(),
            trace_bytes_max: 1 << 30,
            limits: Limits::default(),
        }
    }
}

/// What may be laid over the defaults.
#[derive(Debug, Default)]
pub struct Layers {
    /// The configuration file, if there is one.
    pub file: Option<ConfigFile>,
    /// The environment, names and values; those of other programs too.
    pub variables: Vec<(OsString, OsString)>,
    /// The flags that were given.
    pub flags: Vec<Flag>,
    /// How many `-v` were given.
    pub verbosity: u8,
}

/// A file, read or not. That it cannot be read is one of the errors to report.
#[derive(Debug)]
pub struct ConfigFile {
    /// The path as the user wrote it.
    pub path: PathBuf,
    /// What reading it gave.
    pub content: io::Result<Vec<u8>>,
}

/// A flag that sets a key.
#[derive(Clone, Debug)]
pub struct Flag {
    /// The flag with its dashes.
    pub name: &'static str,
    /// The key it sets, `section.name`.
    pub key: &'static str,
    /// The value it was given.
    pub value: OsString,
}

/// Makes the configuration out of its layers, or says everything that is wrong with them.
pub fn resolve(layers: &Layers) -> Result<Effective, ConfigErrors> {
    let (path, text, unreadable) = read(layers.file.as_ref());
    let mut layered = layer::Layered::new(path.clone(), text);
    match unreadable {
        Some(error) => layered.errors.add(|| error),
        None => layered.file(),
    }
    layered.variables(&layers.variables);
    layered.flags(&layers.flags, layers.verbosity);
    layered.contradictions();
    layered.errors.none_or_err()?;
    Ok(Effective::new(layered.config, &path, text, &layered.sources))
}

/// Whether `value` may be given for the key `path`; else what was expected, in words.
pub(crate) fn accepts(path: &str, value: &OsStr) -> Result<(), String> {
    let Some(key) = path.split_once('.').and_then(|(section, name)| table::key(section, name)) else {
        return Err(format!("there is no key `{path}`"));
    };
    let expected = || format!("expected {}", key.expected());
    key.assign(&mut Config::default(), key::Given::Text(value)).map_err(|wrong| match wrong {
        key::Wrong::NoSuch(Some(help)) => format!("{}; {help}", expected()),
        key::Wrong::NoSuch(None) => expected(),
        key::Wrong::NotYet => format!("not available yet; {}", expected()),
    })
}

/// The words that may be given for the key `path`; none when it is not a choice.
pub(crate) fn words(path: &str) -> Vec<&'static str> {
    match path.split_once('.').and_then(|(section, name)| table::key(section, name)).map(|key| &key.kind) {
        Some(key::Kind::Choice { words, .. }) => words(),
        Some(
            key::Kind::Count { .. }
            | key::Kind::Host { .. }
            | key::Kind::Folder { .. }
            | key::Kind::File { .. }
            | key::Kind::Redis { .. },
        )
        | None => Vec::new(),
    }
}

/// Path and text of the file, and what makes it unreadable; then the text is what came before that.
fn read(file: Option<&ConfigFile>) -> (String, &str, Option<error::ConfigError>) {
    let Some(file) = file else { return (String::new(), "", None) };
    let path = file.path.display().to_string();
    match &file.content {
        Err(cause) => {
            let title = format!("the configuration file {path} cannot be read: {cause}");
            (path, "", Some(error::ConfigError::new(title, error::At::Elsewhere)))
        }
        Ok(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => (path, text, None),
            Err(cause) => {
                let valid = bytes.get(..cause.valid_up_to()).unwrap_or_default();
                let text = std::str::from_utf8(valid).unwrap_or_default();
                let at = error::At::Span(text.len()..text.len(), "expected UTF-8 from here on".to_owned());
                (path, text, Some(error::ConfigError::new("the file is not UTF-8".to_owned(), at)))
            }
        },
    }
}
