//! Lays file, environment and flags over the defaults, and notes where each value came from.

use std::ffi::{OsStr, OsString};
use std::ops::Range;

use super::error::{At, ConfigError, ConfigErrors, Note};
use super::key::{Given, Key, Wrong, one_of, variable_prefix};
use super::suggest::nearest;
use super::table::{ORDERED, TABLE, sections};
use super::{Config, Exclusive, Flag, Persistence};

/// Keys of a section that a message names one by one.
const KEYS_NAMED_MAX: usize = 8;

/// Where a value came from. The later ones win.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    /// Nobody set it.
    Default,
    /// These bytes of the file.
    File(Range<usize>),
    /// The environment variable of this name.
    Variable(String),
    /// This flag.
    Flag(&'static str),
}

/// The layers so far.
pub(crate) struct Layered<'a> {
    pub(crate) config: Config,
    /// One for each row of the table.
    pub(crate) sources: Vec<Source>,
    pub(crate) errors: ConfigErrors,
    /// Rows that were given a value that was not taken; nothing can be said about those beyond that.
    refused: Vec<usize>,
    pub(crate) text: &'a str,
}

impl<'a> Layered<'a> {
    /// The defaults; `text` is the file that may follow.
    pub(crate) fn new(path: String, text: &'a str) -> Self {
        let sources = vec![Source::Default; TABLE.len()];
        let errors = ConfigErrors::about(path, text);
        Self { config: Config::default(), sources, errors, refused: Vec::new(), text }
    }

    /// Lays the environment over what there is. Variables of other programs are passed over; ours are told
    /// by their section, so that a slip in a name is an error here too.
    pub(crate) fn variables(&mut self, variables: &[(OsString, OsString)]) {
        // The environment has no order; the report has one.
        let mut variables: Vec<_> = variables.iter().collect();
        variables.sort();
        for (name, value) in variables {
            let Some(name) = name.to_str() else { continue };
            let Some(section) = sections().into_iter().find(|section| name.starts_with(&variable_prefix(section)))
            else {
                continue;
            };
            let Some(row) = TABLE.iter().position(|key| key.variable() == name) else {
                self.errors.add(|| unknown_variable(name, section));
                continue;
            };
            self.text_layer(row, value, &Source::Variable(name.to_owned()));
        }
    }

    /// Lays the flags over what there is.
    pub(crate) fn flags(&mut self, flags: &[Flag], verbosity: u8) {
        for flag in flags {
            if let Some(row) = TABLE.iter().position(|key| key.path() == flag.key) {
                self.text_layer(row, &flag.value, &Source::Flag(flag.name));
            }
        }
        if verbosity > 0 {
            self.config.log.level = self.config.log.level.raised(verbosity);
            let row = TABLE.iter().position(|key| key.path() == "log.level");
            if let Some(source) = row.and_then(|row| self.sources.get_mut(row)) {
                *source = Source::Flag("-v");
            }
        }
    }

    /// What no single value can say: two that contradict each other. Asked last, because layers may mix.
    pub(crate) fn contradictions(&mut self) {
        for (small, large, reason) in ORDERED {
            let (Some(small), Some(large)) = (self.number(small), self.number(large)) else { continue };
            if small.value <= large.value {
                continue;
            }
            // One of the two was set by somebody; the defaults are in order.
            let (blamed, expected) = match small.source {
                Source::Default => (&large.source, format!("expected at least {}", small.value)),
                Source::File(_) | Source::Variable(_) | Source::Flag(_) => {
                    (&small.source, format!("expected at most {}", large.value))
                }
            };
            let title = format!("`{}` is {}, but `{}` is {}", small.path, small.value, large.path, large.value);
            self.contradiction(title, blamed.clone(), &expected, reason);
        }
        self.nobody_to_end();
    }

    /// A server that remembers no session cannot know that a key holds one.
    fn nobody_to_end(&mut self) {
        let (exclusive, persistence) = (self.config.exclusive, self.config.persistence);
        if exclusive == Exclusive::None || persistence != Persistence::Ticket {
            return;
        }
        let row = TABLE.iter().position(|key| key.path() == "stateful.exclusive");
        let blamed = row.and_then(|row| self.sources.get(row)).cloned().unwrap_or(Source::Default);
        let word = exclusive.as_str();
        let title = format!("`stateful.exclusive` is {word}, but `stateful.persistence` is {}", persistence.as_str());
        let reason = "with tickets the clients carry their sessions, so the server knows of none that it could end";
        self.contradiction(title, blamed, "expected none", reason);
    }

    fn contradiction(&mut self, title: String, blamed: Source, expected: &str, reason: &str) {
        let (at, mut notes) = match blamed {
            Source::File(bytes) => (At::Span(bytes, expected.to_owned()), Vec::new()),
            Source::Variable(name) => (At::Elsewhere, vec![Note::Fact(format!("{expected} in {name}"))]),
            Source::Flag(name) => (At::Elsewhere, vec![Note::Fact(format!("{expected} for {name}"))]),
            Source::Default => (At::Elsewhere, vec![Note::Fact(expected.to_owned())]),
        };
        notes.push(Note::Fact(reason.to_owned()));
        self.errors.add(|| ConfigError { title, at, notes });
    }

    /// Takes a value, or reports why not. What describes source and error is asked only when needed.
    pub(crate) fn lay(
        &mut self,
        row: usize,
        given: Given<'_>,
        source: impl FnOnce() -> Source,
        error: impl FnOnce(&Key, Wrong) -> ConfigError,
    ) {
        let (Some(key), Some(slot)) = (TABLE.get(row), self.sources.get_mut(row)) else { return };
        match key.assign(&mut self.config, given) {
            Ok(()) => *slot = source(),
            Err(wrong) => {
                self.refused.push(row);
                self.errors.add(|| error(key, wrong));
            }
        }
    }

    /// A value from outside the file.
    fn text_layer(&mut self, row: usize, value: &OsStr, source: &Source) {
        self.lay(
            row,
            Given::Text(value),
            || source.clone(),
            |key, wrong| {
                let found = shortened(&key.repeated(&value.to_string_lossy()));
                let place = match source {
                    Source::Variable(name) => format!("environment variable {name}"),
                    Source::Flag(name) => format!("flag {name}"),
                    Source::Default | Source::File(_) => key.path(),
                };
                let title = match wrong {
                    Wrong::NotYet => format!("`{found}` in {place} is not available yet for `{}`", key.path()),
                    Wrong::NoSuch(_) => format!("wrong value for `{}` in {place}: `{found}`", key.path()),
                };
                let mut notes = vec![Note::Fact(format!("expected {}", key.expected()))];
                notes.extend(help(wrong));
                ConfigError { title, at: At::Elsewhere, notes }
            },
        );
    }

    fn number<'k>(&self, path: &'k str) -> Option<Number<'k>> {
        let row = TABLE.iter().position(|key| key.path() == path).filter(|row| !self.refused.contains(row))?;
        let value = TABLE.get(row)?.number(&self.config)?;
        Some(Number { path, value, source: self.sources.get(row)?.clone() })
    }
}

/// Its value is not repeated: under its right name it may be a secret.
fn unknown_variable(name: &str, section: &str) -> ConfigError {
    let near = nearest(name, TABLE.iter().map(Key::variable));
    let help = near.map(|near| Note::Help(format!("did you mean {near}?")));
    let expected = Note::Fact(keys_expected(section, Key::variable));
    let notes = [expected].into_iter().chain(help).collect();
    ConfigError { title: format!("environment variable {name} belongs to no key"), at: At::Elsewhere, notes }
}

/// What may stand where an unknown key of a section stood.
pub(crate) fn keys_expected<S: AsRef<str>>(section: &str, spelled: impl Fn(&Key) -> S) -> String {
    let here: Vec<_> = TABLE.iter().filter(|key| key.section == section).map(spelled).collect();
    // A long list helps nobody at the end of a line.
    if here.len() > KEYS_NAMED_MAX {
        format!("expected a key of `{section}`; config.example.yaml shows them all")
    } else {
        format!("expected {}", one_of(&here))
    }
}

/// A number of the configuration, for a comparison.
struct Number<'a> {
    path: &'a str,
    value: u64,
    source: Source,
}

/// What else there is to say about a value.
pub(crate) fn help(wrong: Wrong) -> Vec<Note> {
    match wrong {
        Wrong::NoSuch(Some(text)) => vec![Note::Help(text)],
        Wrong::NoSuch(None) | Wrong::NotYet => Vec::new(),
    }
}

/// A title stays a line, whatever somebody put into a value.
pub(crate) fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
