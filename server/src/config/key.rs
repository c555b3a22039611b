//! One key of the configuration: how it is called, what it may be, and where its value lives in `Config`.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::document::Node;
use super::redis_url::masked;
use super::suggest::nearest;
use super::{Config, RedisUrl};

/// A row of the table.
pub(crate) struct Key {
    pub(crate) section: &'static str,
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// One or two sentences for `config.example.yaml`.
    pub(crate) about: &'static str,
}

/// What a value may be, and the way into [`Config`] and out of it.
pub(crate) enum Kind {
    /// An integer with its unit.
    Count { unit: &'static str, min: u64, max: u64, get: fn(&Config) -> u64, set: fn(&mut Config, u64) },
    /// A word out of a few; `later` are words that are known and do not work yet. `set` says whether it knew it.
    Choice {
        words: fn() -> Vec<&'static str>,
        later: &'static [&'static str],
        get: fn(&Config) -> &'static str,
        set: fn(&mut Config, &str) -> bool,
    },
    /// An address to listen on, without the port.
    Host { get: fn(&Config) -> &str, set: fn(&mut Config, String) },
    /// A folder.
    Folder { get: fn(&Config) -> &Path, set: fn(&mut Config, PathBuf) },
    /// A file; nothing for the place it has by itself.
    File { get: fn(&Config) -> &Path, set: fn(&mut Config, PathBuf) },
    /// The address of a Redis server. What was given may hold a password, and is not repeated.
    Redis { get: fn(&Config) -> &RedisUrl, set: fn(&mut Config, RedisUrl) },
}

/// A value before it is understood.
#[derive(Clone, Copy)]
pub(crate) enum Given<'a> {
    /// From the file, where a number and a text are two things.
    Node(&'a Node),
    /// From a variable or a flag, where everything is text.
    Text(&'a OsStr),
}

/// Why a value was not taken.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Wrong {
    /// It will be one in a later version.
    NotYet,
    /// It is none. Sometimes there is more to say than what was expected.
    NoSuch(Option<String>),
}

impl Key {
    /// `section.name`.
    pub(crate) fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// The environment variable: `DFT_`, section and name in capitals, joined by `_`.
    pub(crate) fn variable(&self) -> String {
        format!("{}{}", variable_prefix(self.section), self.name.to_ascii_uppercase())
    }

    /// What a value must be, to stand after "expected".
    pub(crate) fn expected(&self) -> String {
        match &self.kind {
            Kind::Count { unit, min, max, .. } => {
                let unit = if unit.is_empty() { String::new() } else { format!(" ({unit})") };
                format!("an integer from {min} to {max}{unit}")
            }
            Kind::Choice { words, .. } => one_of(&words()),
            Kind::Host { .. } => "an IP address or a host name, without a port".to_owned(),
            Kind::Folder { .. } => "the path of a folder".to_owned(),
            Kind::File { .. } => "the path of a file, or nothing".to_owned(),
            Kind::Redis { .. } => "an address like redis://host:port/number, or rediss:// for TLS".to_owned(),
        }
    }

    /// The unit, empty when it has none.
    pub(crate) fn unit(&self) -> &'static str {
        match self.kind {
            Kind::Count { unit, .. } => unit,
            Kind::Choice { .. } | Kind::Host { .. } | Kind::Folder { .. } | Kind::File { .. } | Kind::Redis { .. } => {
                ""
            }
        }
    }

    /// Whether a value may hold a secret, and so is never shown as it was given.
    pub(crate) fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Redis { .. })
    }

    /// What was given, as an error may show it.
    pub(crate) fn repeated(&self, given: &str) -> String {
        if self.is_secret() { masked(given) } else { given.to_owned() }
    }

    /// The value in `config`, if it is a number.
    pub(crate) fn number(&self, config: &Config) -> Option<u64> {
        match self.kind {
            Kind::Count { get, .. } => Some(get(config)),
            Kind::Choice { .. } | Kind::Host { .. } | Kind::Folder { .. } | Kind::File { .. } | Kind::Redis { .. } => {
                None
            }
        }
    }

    /// The value in `config`, as YAML.
    pub(crate) fn shown(&self, config: &Config) -> String {
        let text = match &self.kind {
            Kind::Count { get, .. } => return get(config).to_string(),
            Kind::Choice { get, .. } => get(config).to_owned(),
            Kind::Host { get, .. } => get(config).to_owned(),
            Kind::Folder { get, .. } => get(config).to_string_lossy().into_owned(),
            Kind::File { get, .. } => get(config).to_string_lossy().into_owned(),
            Kind::Redis { get, .. } => get(config).to_string(),
        };
        // A JSON string is a YAML string, whatever is in it.
        serde_json::Value::from(text).to_string()
    }

    /// Puts a value into `config`, or leaves `config` as it was.
    pub(crate) fn assign(&self, config: &mut Config, given: Given<'_>) -> Result<(), Wrong> {
        match &self.kind {
            Kind::Count { min, max, set, .. } => {
                let within = |number: &u64| (min..=max).contains(&number);
                let number = match given {
                    Given::Node(Node::Integer(number)) => u64::try_from(*number).ok(),
                    Given::Node(Node::Text(text)) => {
                        let quoted = text.parse().ok().filter(within).map(|_: u64| "write it without the quotes");
                        return Err(Wrong::NoSuch(quoted.map(str::to_owned)));
                    }
                    Given::Node(_) => None,
                    Given::Text(text) => text.to_str().and_then(|text| text.parse().ok()),
                };
                set(config, number.filter(within).ok_or(Wrong::NoSuch(None))?);
            }
            Kind::Choice { words, later, set, .. } => {
                let word = text_of(given).map_err(|_| Wrong::NoSuch(None))?;
                if !set(config, word) {
                    let similar = || nearest(word, words()).map(|near| format!("did you mean `{near}`?"));
                    return Err(if later.contains(&word) { Wrong::NotYet } else { Wrong::NoSuch(similar()) });
                }
            }
            Kind::Host { set, .. } => set(config, host(text_of(given)?)?.to_owned()),
            Kind::Folder { set, .. } => set(config, usable(path_of(given)?)?),
            Kind::File { set, .. } => {
                let file = path_of(given)?;
                set(config, if file.as_os_str().is_empty() { file } else { usable(file)? });
            }
            Kind::Redis { set, .. } => set(config, RedisUrl::parse(text_of(given)?).ok_or(Wrong::NoSuch(None))?),
        }
        Ok(())
    }
}

/// What the variables of a section begin with.
pub(crate) fn variable_prefix(section: &str) -> String {
    format!("DFT_{}_", section.to_ascii_uppercase())
}

/// `a`, `b` or `c`.
pub(crate) fn one_of<S: AsRef<str>>(words: &[S]) -> String {
    let mut text = String::new();
    for (index, word) in words.iter().enumerate() {
        let joint = match index {
            0 => "",
            _ if index + 1 == words.len() => " or ",
            _ => ", ",
        };
        // Writing to a string cannot fail.
        let _ = write!(text, "{joint}`{}`", word.as_ref());
    }
    text
}

fn text_of(given: Given<'_>) -> Result<&str, Wrong> {
    match given {
        Given::Node(Node::Text(text)) => Ok(text),
        Given::Text(text) => text.to_str().ok_or(Wrong::NoSuch(None)),
        Given::Node(Node::Bool | Node::Integer(_) | Node::Float) => {
            Err(Wrong::NoSuch(Some("if it is meant as text, put it in quotes".to_owned())))
        }
        Given::Node(Node::Null | Node::List | Node::Mapping(_)) => Err(Wrong::NoSuch(None)),
    }
}

/// A path need not be UTF-8.
fn path_of(given: Given<'_>) -> Result<PathBuf, Wrong> {
    match given {
        Given::Text(text) => Ok(PathBuf::from(text)),
        Given::Node(_) => Ok(PathBuf::from(text_of(given)?)),
    }
}

/// Catches what can never be resolved, so that the mistake is reported with its line and not at the bind.
fn host(text: &str) -> Result<&str, Wrong> {
    let is_address = text.parse::<IpAddr>().is_ok();
    let is_name = text.split('.').all(is_label) && text.bytes().any(|byte| byte.is_ascii_alphabetic());
    if is_address || is_name {
        return Ok(text);
    }
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let help = match (inner, text.rsplit_once(':')) {
        (Some(address), _) if address.parse::<IpAddr>().is_ok() => Some("write it without the brackets"),
        (_, Some((_, port))) if port.parse::<u16>().is_ok() => Some("the port has a key of its own, `server.port`"),
        _ => None,
    };
    Err(Wrong::NoSuch(help.map(str::to_owned)))
}

/// A part of a host name between two dots; underscores occur in container networks.
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn usable(folder: PathBuf) -> Result<PathBuf, Wrong> {
    if folder.as_os_str().is_empty() || folder.as_os_str().as_encoded_bytes().contains(&0) {
        return Err(Wrong::NoSuch(None));
    }
    // Only a shell knows the home folder; here it would become a folder called `~`.
    if folder.starts_with("~") {
        return Err(Wrong::NoSuch(Some("`~` is not expanded here; write the path out".to_owned())));
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_an_address_or_a_name_without_a_port() {
        for good in ["127.0.0.1", "0.0.0.0", "::1", "::", "localhost", "files.example.org", "my_host", "3com.com"] {
            assert_eq!(host(good), Ok(good));
        }
        let long = "a".repeat(64);
        for bad in ["", " ", "a b", "a..b", ".", "-a", "a-", "127.0.0.256", "127.1", "ü", "a/b", &long] {
            assert_eq!(host(bad), Err(Wrong::NoSuch(None)), "{bad:?}");
        }
        for hinted in ["127.0.0.1:65432", "localhost:80", "[::1]:80", "[::1]"] {
            assert!(matches!(host(hinted), Err(Wrong::NoSuch(Some(_)))), "{hinted:?}");
        }
    }

    #[test]
    fn words_are_listed_as_one_says_them() {
        assert_eq!(one_of(&["a"]), "`a`");
        assert_eq!(one_of(&["a", "b"]), "`a` or `b`");
        assert_eq!(one_of(&["a", "b", "c"]), "`a`, `b` or `c`");
    }
}
