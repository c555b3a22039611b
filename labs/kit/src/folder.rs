//! The files of a lab's folder that a person fills in or reads. Knows no check.

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use toml::Value;

use crate::Question;

/// An answer that was not given yet.
const OPEN: &str = "?";

/// What is said beside the words of TOML, which know nothing of answers.
const HOW: &str = "an answer is a number, or words in quotes: answer = \"3\"";

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
    /// The answer, in quotes or as a bare number.
    #[serde(deserialize_with = "written")]
    pub answer: String,
}

impl Predictions {
    /// Reads them from the lab's folder.
    pub fn read(folder: &Path) -> Result<Self, String> {
        parse(&folder.join("predict.toml")).map_err(|error| format!("{error}{HOW}"))
    }

    /// Whether it has the questions of the lab, and no others.
    ///
    /// # Errors
    /// The name that is missing, or too much.
    pub fn fit(&self, questions: &[Question]) -> Result<(), String> {
        if let Some(name) = self.question.keys().find(|name| questions.iter().all(|question| question.name != *name)) {
            return Err(format!("predict.toml: no question of this lab is named {name}"));
        }
        match questions.iter().find(|question| !self.question.contains_key(question.name)) {
            Some(question) => Err(format!("predict.toml: the question {} is missing", question.name)),
            None => Ok(()),
        }
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

    /// Whether this question was answered right, however its number was written.
    #[must_use]
    pub fn right(&self, question: &Question) -> bool {
        bare(self.answer(question.name)) == bare(&question.answer)
    }
}

/// An answer without what only makes it easier to read.
fn bare(answer: &str) -> String {
    answer.chars().filter(|letter| !matches!(letter, ',' | '_' | ' ')).flat_map(char::to_lowercase).collect()
}

/// Who types a bare number means it.
fn written<'text, D: Deserializer<'text>>(from: D) -> Result<String, D::Error> {
    match Value::deserialize(from)? {
        Value::String(text) => Ok(text),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        Value::Boolean(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_) => {
            Err(D::Error::custom("this is no answer"))
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn predictions(answer: &str) -> Result<Predictions, String> {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("seed = 1\n[question.reads]\nask = \"How many?\"\nanswer = {answer}\n");
        std::fs::write(folder.path().join("predict.toml"), text).unwrap();
        Predictions::read(folder.path())
    }

    fn question(name: &'static str, answer: &str) -> Question {
        Question { name, answer: answer.to_owned(), because: String::new() }
    }

    #[test]
    fn a_number_is_right_however_it_is_written() {
        for answer in ["\"3788280\"", "3788280", "3_788_280", "\" 3,788,280 \""] {
            assert!(predictions(answer).unwrap().right(&question("reads", "3788280")), "{answer}");
        }
        assert!(!predictions("37").unwrap().right(&question("reads", "3788280")));
    }

    #[test]
    fn what_is_no_answer_is_told_with_how_to_write_one() {
        for answer in ["three", "[3]"] {
            let told = predictions(answer).unwrap_err();
            assert!(told.contains("line 4") && told.ends_with("answer = \"3\""), "{told}");
        }
    }

    #[test]
    fn a_question_of_another_name_is_named() {
        let predictions = predictions("3").unwrap();
        assert_eq!(predictions.fit(&[question("reads", "3")]), Ok(()));
        let told = predictions.fit(&[question("writes", "3")]).unwrap_err();
        assert!(told.ends_with("is named reads"), "{told}");
        let told = predictions.fit(&[question("reads", "3"), question("writes", "3")]).unwrap_err();
        assert!(told.ends_with("the question writes is missing"), "{told}");
    }
}
