//! How a failed check tells what happened: the steps that led there, the bytes, and where they part from what was due.

use std::fmt;

use crate::{Panicked, Picture};

/// Lines of a failure, so that with the report around it it fits on a screen.
const LINES_MAX: usize = 14;
/// Steps of a transcript that are printed if there is room; those before are counted.
const STEPS_MAX: usize = 4;
/// The same in a file, where there is more room.
const STEPS_KEPT: usize = 500;
/// Columns of a step's answer, and of what was expected.
const COLUMNS: usize = 96;

/// What was done, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What was done.
    pub did: String,
    /// What came of it.
    pub got: String,
}

/// A check that did not pass.
#[derive(Clone, Debug, Default)]
pub struct Failure {
    /// What was done, in order; the last step is where it went wrong.
    pub steps: Vec<Step>,
    /// What was due at the first place that differs.
    pub expected: String,
    /// What was there instead.
    pub got: String,
    /// The bytes or what connections carried, with a caret at the first wrong byte.
    pub picture: Option<Picture>,
}

impl Failure {
    /// A failure that two lines tell.
    #[must_use]
    pub fn plain(expected: impl Into<String>, got: impl Into<String>) -> Box<Self> {
        Box::new(Self { expected: expected.into(), got: got.into(), ..Self::default() })
    }

    /// A panic where an answer was due.
    #[must_use]
    pub fn panic(panicked: &Panicked) -> Box<Self> {
        Self::plain("an answer", format!("a panic at {}: {}", panicked.place, panicked.message))
    }

    /// All that is told in words: what stands beside the picture, where that is drawn whole.
    pub(crate) fn words(&self) -> String {
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = self.write(&mut text, STEPS_KEPT);
        text
    }

    /// Writes the last steps, what was due and what came.
    fn write(&self, out: &mut impl fmt::Write, steps: usize) -> fmt::Result {
        let hidden = self.steps.len().saturating_sub(steps);
        if hidden > 0 {
            writeln!(out, "  ({hidden} more before)")?;
        }
        for (number, step) in self.steps.iter().enumerate().skip(hidden) {
            writeln!(out, "  {:>4}  {}", number.saturating_add(1), cut(&step.did))?;
            writeln!(out, "        -> {}", cut(&step.got))?;
        }
        writeln!(out, "  expected  {}", cut(&self.expected))?;
        writeln!(out, "  got       {}", cut(&self.got))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let picture = self.picture.as_ref().map_or_else(String::new, ToString::to_string);
        // What was expected, what came, and how many steps are hidden.
        let room = LINES_MAX.saturating_sub(picture.lines().count()).saturating_sub(3);
        self.write(out, STEPS_MAX.min(room / 2))?;
        out.write_str(&picture)
    }
}

/// One line of bounded length.
fn cut(text: &str) -> String {
    let line = text.replace('\n', " ");
    match line.char_indices().nth(COLUMNS) {
        Some((end, _)) => format!("{}...", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_steps_and_long_answers_stay_within_the_screen() {
        let step = |number: usize| Step { did: format!("push {number}"), got: "long ".repeat(100) };
        let failure = Failure { steps: (0..100).map(step).collect(), ..Failure::default() };
        let text = failure.to_string();
        assert!(text.starts_with("  (96 more before)\n    97  push 96\n"), "{text}");
        assert!(text.lines().count() <= 11 && text.lines().all(|line| line.len() < 120), "{text}");
        assert!(failure.words().starts_with("     1  push 0\n"), "a file has all steps");
    }
}
