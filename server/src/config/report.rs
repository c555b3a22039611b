//! The configuration in force, as `server check-config` prints it.

use std::fmt;

use super::Config;
use super::layer::Source;
use super::table::TABLE;

/// A configuration that was accepted, and where each of its values came from. Prints as YAML.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Effective {
    /// The configuration.
    pub config: Config,
    /// One for each row of the table, in words.
    sources: Vec<String>,
}

impl Effective {
    /// Puts the sources into words while the text that they point into is at hand.
    pub(crate) fn new(config: Config, path: &str, text: &str, sources: &[Source]) -> Self {
        let line_of = |offset| text.get(..offset).unwrap_or_default().matches('\n').count() + 1;
        let word = |source: &Source| match source {
            Source::Default => "default".to_owned(),
            Source::File(bytes) => format!("{path}:{}", line_of(bytes.start)),
            Source::Variable(name) => format!("environment variable {name}"),
            Source::Flag(name) => format!("flag {name}"),
        };
        Self { config, sources: sources.iter().map(word).collect() }
    }
}

impl fmt::Display for Effective {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = TABLE.iter().map(|key| format!("  {}: {}", key.name, key.shown(&self.config))).collect();
        // A long path may stick out; the other comments stay in one column.
        let width = lines.iter().map(|line| line.chars().count()).filter(|width| *width <= 50).max().unwrap_or(0);
        let mut section = "";
        for ((key, line), source) in TABLE.iter().zip(&lines).zip(&self.sources) {
            if key.section != section {
                section = key.section;
                writeln!(out, "{section}:")?;
            }
            writeln!(out, "{line:width$}  # {source}")?;
        }
        Ok(())
    }
}
