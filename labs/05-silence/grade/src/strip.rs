//! A strip of time: what happened and what was waited for, all to one scale, so that silence is as long as it was.

use std::fmt;
use std::time::Duration;

/// Columns of the time that is shown.
const COLUMNS: u32 = 64;

/// What happens further right.
pub(crate) const BEYOND: char = '>';

/// The strip.
#[derive(Debug)]
pub(crate) struct Strip {
    pub(crate) until: Duration,
    pub(crate) lanes: Vec<Lane>,
}

/// One line of it.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) name: String,
    /// What happened, a letter each.
    pub(crate) marks: Vec<(Duration, char)>,
    /// What was waited for: from when, until when.
    pub(crate) wait: Option<(Duration, Duration)>,
}

impl Lane {
    pub(crate) fn marks(name: &str, marks: Vec<(Duration, char)>) -> Self {
        Self { name: name.to_owned(), marks, wait: None }
    }

    /// A deadline: it is put off at each of these moments, and comes behind the last.
    pub(crate) fn deadline(name: &str, heard: &[Duration], patience: Duration) -> Self {
        let wait = heard.first().zip(heard.last()).map(|(first, last)| (*first, last.saturating_add(patience)));
        let marks = heard.iter().map(|at| (*at, '|')).collect();
        Self { name: name.to_owned(), marks, wait }
    }
}

impl Strip {
    fn column(&self, at: Duration) -> usize {
        let millis = at.min(self.until).as_millis().saturating_mul(u128::from(COLUMNS - 1));
        usize::try_from(millis.checked_div(self.until.as_millis()).unwrap_or(0)).unwrap_or(0)
    }
}

impl fmt::Display for Strip {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for lane in &self.lanes {
            let mut cells = vec![' '; usize::try_from(COLUMNS).unwrap_or(0)];
            if let Some((from, until)) = &lane.wait {
                let (from, end) = (self.column(*from), self.column(*until));
                for cell in cells.iter_mut().take(end).skip(from) {
                    *cell = '-';
                }
                if let Some(cell) = cells.get_mut(end) {
                    *cell = 'x';
                }
            }
            for (at, letter) in &lane.marks {
                if let Some(cell) = cells.get_mut(self.column(*at)) {
                    *cell = if *at > self.until { BEYOND } else { *letter };
                }
            }
            let line: String = cells.into_iter().collect();
            writeln!(out, "  {:<13}{}", lane.name, line.trim_end())?;
        }
        let end = format!("{} s", self.until.as_secs());
        let width = usize::try_from(COLUMNS).unwrap_or(0).saturating_sub(3);
        writeln!(out, "  {:<13}0 s{end:>width$}", "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_as_long_as_it_was() {
        let seconds = Duration::from_secs;
        let strip = Strip {
            until: seconds(63),
            lanes: vec![
                Lane::marks("frames", vec![(seconds(0), 'c'), (seconds(10), 'h')]),
                Lane::deadline("session", &[seconds(0), seconds(10)], seconds(20)),
            ],
        };
        let text = strip.to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "  frames       c         h");
        assert_eq!(lines[1], "  session      |---------|-------------------x");
        assert!(lines[2].ends_with("63 s") && lines[2].len() == 79, "{text}");
    }
}
