//! Hints, one level at a time.

use std::fmt::Write as _;

use lab_kit::folder::Hints;

use crate::chosen::Chosen;

/// The hint of this level; without a check, which checks have hints.
pub(crate) fn hint(lab: &Chosen, check: Option<&str>, level: usize) -> Result<String, String> {
    let Hints(hints) = Hints::read(&lab.folder)?;
    let names = || hints.keys().fold(String::new(), |names, name| names + "  " + name + "\n");
    let Some(check) = check else {
        return Ok(format!("cargo lab hint {} CHECK, with one of\n{}", lab.number, names()));
    };
    let levels = hints.get(check).ok_or_else(|| format!("no check is named {check}; there are\n{}", names()))?;
    let hint = level.checked_sub(1).and_then(|index| levels.get(index));
    let mut text = hint.ok_or_else(|| format!("there are hints of level 1 to {}", levels.len()))?.trim().to_owned();
    text.push('\n');
    if level < levels.len() {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "\nmore: cargo lab hint {} {check} --level {}", lab.number, level.saturating_add(1));
    }
    Ok(text)
}
