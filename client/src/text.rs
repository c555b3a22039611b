//! Texts of others made harmless, and quantities made readable. Prints nothing.

use std::fmt::Write as _;

/// The text without anything a terminal would act on: control characters and the marks that turn the
/// direction of writing are shown as escapes.
pub(crate) fn neutral(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if is_mark(c) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c if c.is_control() => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

/// A line of JSON that says the same without anything a terminal would act on. What is not ASCII stands in
/// strings only, where an escape means the same.
pub(crate) fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if is_mark(c) || c.is_control() {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// Marks that show nothing and change how their neighbours look.
fn is_mark(c: char) -> bool {
    matches!(
        c,
        '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}'
    )
}

/// A word as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=,@%+~".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 file`, `2 files`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

/// `512 B`, `1.2 MB`: powers of a thousand.
pub(crate) fn size(bytes: u64) -> String {
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut unit = 1000_u64;
    let mut name = "kB";
    for next in ["MB", "GB", "TB", "PB"] {
        // One place behind the point: 999,950 and above would read as 1000.0.
        if bytes.saturating_add(unit / 20) < unit.saturating_mul(1000) {
            break;
        }
        unit = unit.saturating_mul(1000);
        name = next;
    }
    let tenths = bytes.saturating_add(unit / 20) / (unit / 10);
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// `12 ms`, `3.4 s`, `5 m`, `5 m 06 s`, `2 h 05 m`.
pub(crate) fn span(millis: u64) -> String {
    let seconds = millis / 1000;
    match millis {
        0..1000 => format!("{millis} ms"),
        1000..60_000 => format!("{}.{} s", seconds, millis % 1000 / 100),
        60_000..3_600_000 if seconds.is_multiple_of(60) => format!("{} m", seconds / 60),
        60_000..3_600_000 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        3_600_000.. => format!("{} h {:02} m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Thousandths of a megabyte per second; 0 when no time passed.
pub(crate) fn kilobytes_per_second(bytes: u64, millis: u64) -> u64 {
    bytes.checked_div(millis).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_finds_nothing_to_act_on() {
        assert_eq!(neutral("\u{1b}[2Jx\r\n\u{9b}31m"), "\\u{1b}[2Jx\\r\\n\\u{9b}31m");
        assert_eq!(neutral("a\u{202e}gpj.exe"), "a\\u{202e}gpj.exe");
        assert_eq!(neutral("Grüße, 東京.txt"), "Grüße, 東京.txt");
    }

    #[test]
    fn json_says_the_same_without_it() {
        let value = "\u{9b}31m\u{7f}\u{202e}Grüße, 東京\u{1b}";
        let line = escaped(&serde_json::to_string(value).unwrap());
        assert_eq!(line, "\"\\u009b31m\\u007f\\u202eGrüße, 東京\\u001b\"");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), value);
    }

    #[test]
    fn a_shell_takes_a_quoted_word_for_what_it_is() {
        for (word, text) in
            [("a/b-1.txt", "a/b-1.txt"), ("", "''"), ("a b", "'a b'"), ("it's", "'it'\\''s'"), ("*", "'*'")]
        {
            assert_eq!(quoted(word), text);
        }
    }

    #[test]
    fn quantities_read_well() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1_234_567, "1.2 MB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (2_147_483_648, "2.1 GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
        for (millis, text) in
            [(0, "0 ms"), (1_250, "1.2 s"), (65_000, "1 m 05 s"), (3_600_000, "1 h 00 m"), (7_500_000, "2 h 05 m")]
        {
            assert_eq!(span(millis), text);
        }
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(123), "123");
        assert_eq!(counted(1, "file"), "1 file");
    }
}
