//! Bytes as text for people: on one line, what no terminal shows as an escape, with a caret under what matters.

use std::fmt::Write as _;
use std::ops::Range;

/// Columns that shown bytes may take.
const COLUMNS_MAX: usize = 96;

/// Columns kept before what matters, when not all can be shown.
const COLUMNS_BEFORE: usize = 48;

/// One line of shown bytes, and the line with the carets below it, if anything is marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) text: String,
    pub(crate) carets: Option<String>,
}

/// Shows `bytes`, of which `more` are not here, with carets under `mark`.
pub(crate) fn show(bytes: &[u8], more: usize, mark: Option<&Range<usize>>) -> Shown {
    let far = mark.filter(|mark| mark.end > COLUMNS_MAX);
    let from = far.map_or(0, |mark| mark.start.saturating_sub(COLUMNS_BEFORE));
    let mut shown = Shown { text: String::new(), carets: None };
    let mut carets = String::new();
    if from > 0 {
        shown.text.push('…');
        carets.push(' ');
    }
    let mut taken = 0;
    for (index, byte) in bytes.iter().enumerate().skip(from) {
        let token = escaped(*byte);
        if shown.text.chars().count() + token.len() > COLUMNS_MAX {
            break;
        }
        let under = if mark.is_some_and(|mark| mark.contains(&index)) { '^' } else { ' ' };
        carets.extend(std::iter::repeat_n(under, token.len()));
        shown.text.push_str(&token);
        taken += 1;
    }
    if from + taken < bytes.len() || more > 0 {
        let _ = write!(shown.text, "… ({} bytes)", bytes.len() + more);
    }
    shown.carets = carets.contains('^').then(|| carets.trim_end().to_owned());
    shown
}

/// Bytes as text, shortened like everything that is shown.
pub(crate) fn brief(bytes: &[u8]) -> String {
    show(bytes, 0, None).text
}

fn escaped(byte: u8) -> String {
    match byte {
        b'\n' => "\\n".to_owned(),
        b'\r' => "\\r".to_owned(),
        b'\t' => "\\t".to_owned(),
        b'\\' => "\\\\".to_owned(),
        0x20..0x7f => char::from(byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    }
}

/// Where `part` stands last in `whole`.
pub(crate) fn last_place(whole: &[u8], part: &[u8]) -> Option<Range<usize>> {
    if part.is_empty() {
        return None;
    }
    let start = whole.windows(part.len()).rposition(|window| window == part)?;
    Some(start..start + part.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_terminal_shows_is_escaped_and_the_caret_stands_below_it() {
        let shown = show(b"{\"size\":-1}\n\x00\\", 0, Some(&(8..10)));
        assert_eq!(shown.text, r#"{"size":-1}\n\x00\\"#);
        assert_eq!(shown.carets.as_deref(), Some("        ^^"));
        let shown = show(b"a\nb", 0, Some(&(1..2)));
        assert_eq!((shown.text.as_str(), shown.carets.as_deref()), (r"a\nb", Some(" ^^")));
    }

    #[test]
    fn long_bytes_are_cut_around_what_matters() {
        let shown = show(&[b'x'; 10_000], 5, Some(&(5_000..5_001)));
        assert!(shown.text.starts_with("…xxx") && shown.text.ends_with("… (10005 bytes)"), "{}", shown.text);
        assert_eq!(shown.carets.unwrap().chars().position(|c| c == '^'), Some(COLUMNS_BEFORE + 1));
    }

    #[test]
    fn the_last_place_is_found_and_nothing_is_nowhere() {
        assert_eq!(last_place(b"abcab", b"ab"), Some(3..5));
        assert_eq!(last_place(b"abc", b""), None);
        assert_eq!(last_place(b"a", b"abc"), None);
    }
}
