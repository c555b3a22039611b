//! The files of a lab's folder that a person fills in or reads. Knows no check.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

/// An answer that was not given yet.
const OPEN: &str = "?";

/// `predict.toml`: what a learner expects, written down before the first run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predictions {
    /// The learner's own number.
    pub seed: u64,
    /// The questions with their answers.
    pub question: BTreeMap<String, Prediction>,
}

/// One question with its answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prediction {
    /// The question.
    pub ask: String,
    /// The answer.
    pub answer: String,
}

impl Predictions {
    /// Reads them from the lab's folder.
    pub fn read(folder: &Path) -> Result<Self, String> {
        parse(&folder.join("predict.toml"))
    }

    /// How many questions have no answer yet.
    #[must_use]
    pub fn open(&self) -> usize {
        self.question.values().filter(|prediction| prediction.answer.trim() == OPEN).count()
    }

    /// What was answered to the question of this name.
    #[must_use]
    pub fn answer(&self, name: &str) -> &str {
        self.question.get(name).map_or(OPEN, |prediction| prediction.answer.trim())
    }
}

/// `hints.toml`: for each check, hints that say more and more.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Hints(pub BTreeMap<String, Vec<String>>);

impl Hints {
    /// Reads them from the lab's folder.
    pub fn read(folder: &Path) -> Result<Self, String> {
        parse(&folder.join("hints.toml"))
    }
}

fn parse<T: for<'text> Deserialize<'text>>(path: &Path) -> Result<T, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}
