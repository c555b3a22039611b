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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chosen::Whose;

    fn of_lab_01(check: Option<&str>, level: usize) -> Result<String, String> {
        hint(&Chosen::find("1", Whose::Learner).unwrap(), check, level)
    }

    #[test]
    fn each_level_says_something_else_and_names_the_next() {
        let [one, two, three] = [1, 2, 3].map(|level| of_lab_01(Some("a_frame_of_size_zero"), level).unwrap());
        assert!(one.ends_with("\n\nmore: cargo lab hint 01 a_frame_of_size_zero --level 2\n"), "{one}");
        assert!(two.ends_with("--level 3\n") && one.lines().next() != two.lines().next(), "{two}");
        assert!(!three.contains("--level"), "{three}");
    }

    #[test]
    fn what_is_not_there_is_told_with_what_there_is() {
        assert!(of_lab_01(None, 1).unwrap().contains("\n  a_frame_of_size_zero\n"));
        let told = of_lab_01(Some("nonsense"), 1).unwrap_err();
        assert!(told.starts_with("no check is named nonsense; there are\n  a_"), "{told}");
        for level in [0, 4] {
            assert_eq!(of_lab_01(Some("a_frame_of_size_zero"), level).unwrap_err(), "there are hints of level 1 to 3");
        }
        let told = Chosen::find("99", Whose::Learner).unwrap_err();
        assert_eq!(told, "there is no lab 99; cargo lab list shows what there is");
    }
}
