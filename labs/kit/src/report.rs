//! What a learner reads after a run: how far it is, and the first thing to mend. It fits on a screen.

use std::fmt;

use crate::folder::Predictions;
use crate::{Check, Lab, Question, Verdict};

/// What came of a run.
pub struct Report<'run, S: ?Sized> {
    /// Of which lab.
    pub lab: &'run Lab<S>,
    /// With which seed.
    pub seed: u64,
    /// The verdicts, in the order of the checks.
    pub verdicts: &'run [(&'run Check<S>, Verdict)],
    /// In which files the failure is drawn.
    pub drawn: Option<&'run str>,
}

impl<S: ?Sized> fmt::Debug for Report<'_, S> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Report").finish_non_exhaustive()
    }
}

impl<S: ?Sized> fmt::Display for Report<'_, S> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Lab { number, title, .. } = self.lab;
        let count = |wanted: fn(&Verdict) -> bool| self.verdicts.iter().filter(|(_, verdict)| wanted(verdict)).count();
        let passed = count(|verdict| matches!(verdict, Verdict::Passed));
        let waiting = count(|verdict| matches!(verdict, Verdict::Waits(_)));
        let failed = count(|verdict| matches!(verdict, Verdict::Failed(_)));
        let first = self.verdicts.iter().find_map(|(check, verdict)| match verdict {
            Verdict::Failed(failure) => Some((check, failure)),
            Verdict::Passed | Verdict::Waits(_) => None,
        });
        writeln!(out, "lab {number}, {title}, seed {}: {passed} passed, {failed} failed, {waiting} wait", self.seed)?;
        let Some((check, failure)) = first else { return Ok(()) };
        writeln!(out, "\nFAILED  {}\n        {}\n", check.name, check.promise)?;
        write!(out, "{failure}")?;
        writeln!(out)?;
        if let Some(drawn) = self.drawn {
            writeln!(out, "  drawn   {drawn}")?;
        }
        writeln!(out, "  again   cargo lab replay {number} {} {}", self.seed, check.name)?;
        writeln!(out, "  hint    cargo lab hint {number} {}", check.name)
    }
}

/// The predictions beside what was right.
pub(crate) fn predicted(predictions: &Predictions, questions: &[Question]) -> String {
    let lines = questions.iter().map(|question| {
        let Question { name, answer, because } = question;
        if predictions.right(question) {
            format!("  {name}: {answer} is right; {because}\n")
        } else {
            format!("  {name}: you said {}, it is {answer}; {because}\n", predictions.answer(name))
        }
    });
    "predictions\n".to_owned() + &lines.collect::<String>()
}
