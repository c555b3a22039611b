//! A ladder to scale: each row is as much time as every other, so a silent gap is as long as it was. Knows no rule of
//! silence.

use std::fmt;
use std::time::Duration;

/// Rows of the longest ladder, but for those where much happens at once.
const ROWS_MAX: u64 = 30;
/// The time of a row is a multiple of this.
const SECONDS: u64 = 10;
/// Columns between the two ends.
const COLUMNS: usize = 40;

/// What happened between a client and its server, in order of time.
#[derive(Debug, Default)]
pub(crate) struct Ladder(pub(crate) Vec<(Duration, Rung)>);

/// One thing that happened.
#[derive(Debug)]
pub(crate) enum Rung {
    /// The client said this.
    Client(String),
    /// The server said this.
    Server(String),
    /// The server came to this, and nobody heard of it.
    Decided(String),
}

impl Ladder {
    /// Seconds of a row.
    fn seconds(&self) -> u64 {
        let last = self.0.last().map_or(0, |(at, _)| at.as_secs());
        last.div_ceil(ROWS_MAX).div_ceil(SECONDS).max(1).saturating_mul(SECONDS)
    }
}

impl fmt::Display for Ladder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.seconds();
        writeln!(out, "  {:>8}  client{:>width$}   (a row is {seconds} s)", "", "server", width = COLUMNS - 4)?;
        let mut next = 0_u64;
        for (at, rung) in &self.0 {
            let row = at.as_secs().checked_div(seconds).unwrap_or(0);
            while next < row {
                writeln!(out, "  {:>8}  │{:COLUMNS$}│", "", "")?;
                next = next.saturating_add(1);
            }
            next = row.saturating_add(1);
            let time = format!("{} s", at.as_secs());
            match rung {
                Rung::Client(words) => {
                    let words = format!(" {words} ");
                    writeln!(out, "  {time:>8}  │{words:─^width$}> │", width = COLUMNS - 2)?;
                }
                Rung::Server(words) => {
                    let words = format!(" {words} ");
                    writeln!(out, "  {time:>8}  │ <{words:─^width$}│", width = COLUMNS - 2)?;
                }
                Rung::Decided(words) => writeln!(out, "  {time:>8}  │{:COLUMNS$}●  {words}", "")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_has_as_many_rows_as_it_took() {
        let at = Duration::from_secs;
        let ladder = Ladder(vec![
            (at(0), Rung::Client("connect".to_owned())),
            (at(30), Rung::Client("heartbeat".to_owned())),
            (at(150), Rung::Decided("connection closed".to_owned())),
            (at(200), Rung::Client("connect".to_owned())),
            (at(200), Rung::Server("session_resumed".to_owned())),
        ]);
        let text = ladder.to_string();
        let row = |words: &str| text.lines().position(|line| line.contains(words)).unwrap();
        assert_eq!(row("connection closed") - row("heartbeat"), 12, "{text}");
        assert_eq!(row("session_resumed") - row("connection closed"), 6, "{text}");
        assert!(
            text.lines()
                .all(|line| line.chars().filter(|sign| "│●".contains(*sign)).count() == 2 || line.contains("client")),
            "{text}"
        );
    }
}
