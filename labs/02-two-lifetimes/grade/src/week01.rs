//! What is checked of a server of Week 01 clients. Each check is one client with a script, and what must have come of it.

use std::time::Duration;

use lab_kit::{Dice, Ending, Failure, Picture, shown};

use crate::client::Act;
use crate::frames::file;
use crate::outcome::{Outcome, Setting};
use crate::wire::served;
use crate::{DRAIN_BYTES_MAX, DRAIN_TIME, FAILED, INVALID, OK, Subject};

type Checked = Result<(), Box<Failure>>;

/// More than the receiver's system holds, so that a part of it waits in the sender's.
pub(crate) const LARGE_BYTES: usize = 300 * 1024;
/// What a server may drop beyond the bound: the read that reaches it.
const ONE_READ_BYTES: usize = 64 * 1024;
/// Steps of a server before it begins to drop what comes.
const FIRST_STEPS: usize = 3;

/// A file of so many bytes as a client sends it.
pub(crate) fn sized(bytes: usize) -> Act {
    Act::Send(file("text/plain", &vec![b'x'; bytes]))
}

fn text(text: &str) -> Act {
    Act::Send(file("text/plain", text.as_bytes()))
}

pub(crate) fn pause(ms: u64) -> Act {
    Act::Pause(Duration::from_millis(ms))
}

fn wrong(outcome: Outcome, expected: impl Into<String>, got: impl Into<String>) -> Checked {
    let Outcome { steps, recording, .. } = outcome;
    let (expected, got) = (expected.into(), got.into());
    Err(Box::new(Failure { steps, expected, got, picture: Some(Picture::Wire(recording)) }))
}

/// Files of these lengths were stored, and no others.
fn stored(outcome: Outcome, lengths: &[usize]) -> Result<Outcome, Box<Failure>> {
    let got: Vec<_> = outcome.stored.iter().map(Vec::len).collect();
    if outcome.panic.is_none() && got == lengths {
        return Ok(outcome);
    }
    let words = outcome.panic.clone().unwrap_or_else(|| format!("{} stored", files(got.len())));
    wrong(outcome, format!("{} stored", files(lengths.len())), words).map(|()| Outcome::default())
}

/// The same of a client that never reads. That a word was said too early is wrong even where a system forgave it.
fn kept(outcome: Outcome, lengths: &[usize]) -> Checked {
    if !outcome.early || outcome.panic.is_some() {
        return stored(outcome, lengths).map(drop);
    }
    let mut got = format!("{} stored, a word said while the client was not done", files(outcome.stored.len()));
    if outcome.stored.len() < lengths.len() {
        got.push_str(", a reset, and the rest died");
    }
    wrong(outcome, format!("{} stored, and nothing said before", files(lengths.len())), got)
}

/// The client read exactly this, and then an orderly end.
fn heard(outcome: Outcome, line: &[u8]) -> Result<Outcome, Box<Failure>> {
    let expected = format!("the client reads \"{}\" and the end", shown(line, 60));
    // A reset behind the line destroys it only where the client had not read it yet; that is luck.
    if outcome.heard == line && outcome.heard_end == Some(Ending::Finished) && !outcome.reset {
        return Ok(outcome);
    }
    let got = match outcome.heard_end {
        _ if outcome.reset => {
            "a close with bytes unread: a reset, which takes with it what the client has not read yet".to_owned()
        }
        // What it had not read yet is gone on some systems, so nothing is said of it.
        Some(Ending::Reset) => "a reset, which takes with it what the client has not read yet".to_owned(),
        Some(Ending::Finished) => format!("\"{}\" and the end", shown(&outcome.heard, 60)),
        None => format!("\"{}\", and it waits in vain", shown(&outcome.heard, 60)),
    };
    wrong(outcome, expected, got).map(|()| Outcome::default())
}

fn files(count: usize) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

pub(crate) fn acknowledged(subject: &Subject, _: &mut Dice) -> Checked {
    let outcome = served(subject, vec![text("hello"), Act::HearAll], Setting::default());
    heard(stored(outcome, &[5])?, OK).map(drop)
}

pub(crate) fn never_reads(subject: &Subject, _: &mut Dice) -> Checked {
    let script = vec![sized(1000), sized(LARGE_BYTES), sized(1000)];
    kept(served(subject, script, Setting::default()), &[1000, LARGE_BYTES, 1000])
}

pub(crate) fn pauses(subject: &Subject, _: &mut Dice) -> Checked {
    let script = vec![sized(1000), pause(300), sized(1000), pause(900), sized(LARGE_BYTES)];
    kept(served(subject, script, Setting::default()), &[1000, 1000, LARGE_BYTES])
}

pub(crate) fn waits(subject: &Subject, _: &mut Dice) -> Checked {
    let script =
        vec![text("one"), Act::Hear(OK.len()), text("two"), Act::Hear(OK.len().saturating_mul(2)), Act::HearAll];
    let outcome = served(subject, script, Setting::default());
    if outcome.gave_up {
        return wrong(outcome, "OK within 10 s", "silence, until the client gave up");
    }
    heard(stored(outcome, &[3, 3])?, &OK.repeat(2)).map(drop)
}

pub(crate) fn unsaid(subject: &Subject, _: &mut Dice) -> Checked {
    let script = vec![sized(1000), pause(1500), sized(2000), pause(1500), sized(3000)];
    let setting = Setting { deaf: true, ..Setting::default() };
    stored(served(subject, script, setting), &[1000, 2000, 3000]).map(drop)
}

pub(crate) fn faults(subject: &Subject, _: &mut Dice) -> Checked {
    let said = |stored: usize, line: &[u8]| [&OK.repeat(stored), line].concat();
    let invalid = Act::Send(b"{\"mime_type\": \"text/plain\", \"size\": -1}\n".to_vec());
    let outcome = served(subject, vec![text("one"), text("two"), invalid, Act::HearAll], Setting::default());
    heard(stored(outcome, &[3, 3])?, &said(2, INVALID))?;
    let full = Setting { room: Some(1), ..Setting::default() };
    let outcome = served(subject, vec![text("one"), text("two"), Act::HearAll], full);
    heard(stored(outcome, &[3])?, &said(1, FAILED)).map(drop)
}

pub(crate) fn last_word(subject: &Subject, _: &mut Dice) -> Checked {
    // The second client reads a little later, when the server is long done with it.
    for (behind, later) in [(0, 0), (100 * 1024, 100)] {
        let bytes = [b"PING\n".as_slice(), &vec![b'x'; behind]].concat();
        let outcome = served(subject, vec![Act::Send(bytes), pause(later), Act::HearEnd], Setting::default());
        let outcome = heard(stored(outcome, &[])?, INVALID)?;
        if outcome.heard_at > Duration::from_millis(later) {
            let got = format!(
                "the end after {:?}: the client waited for it, and the server for the client",
                outcome.heard_at
            );
            return wrong(outcome, "the end right behind the line", got);
        }
    }
    Ok(())
}

pub(crate) fn bounds(subject: &Subject, _: &mut Dice) -> Checked {
    let bytes = [b"PING\n".as_slice(), &vec![b'x'; DRAIN_BYTES_MAX.saturating_add(DRAIN_BYTES_MAX / 2)]].concat();
    let mut outcome = stored(served(subject, vec![Act::Send(bytes), Act::HearEnd], Setting::default()), &[])?;
    if outcome.dropped > DRAIN_BYTES_MAX.saturating_add(ONE_READ_BYTES) {
        // How many reads it took is the system's business.
        outcome.steps.truncate(FIRST_STEPS);
        return wrong(outcome, format!("at most {DRAIN_BYTES_MAX} bytes dropped, and a close"), "more of them");
    }
    let drops = (0..20).flat_map(|_| [pause(1500), Act::Send(b"x".to_vec())]);
    let script = [Act::Send(b"PING\n".to_vec())].into_iter().chain(drops).collect();
    let outcome = stored(served(subject, script, Setting::default()), &[])?;
    if outcome.closed_at > DRAIN_TIME {
        let got = format!("a close after {:?}", outcome.closed_at);
        return wrong(outcome, format!("a close after at most {DRAIN_TIME:?}, whatever still comes"), got);
    }
    Ok(())
}

pub(crate) fn probes(subject: &Subject, _: &mut Dice) -> Checked {
    let cut = |bytes: &[u8]| Act::Send(bytes.to_vec());
    for (sent, lengths, line) in [
        (vec![], &[][..], &b""[..]),
        (vec![cut(b"{\"mime_type\": \"te")], &[], b""),
        (vec![text("one"), cut(b"{\"mime_type\": \"text/plain\", \"size\": 5}\nhell")], &[3], OK),
    ] {
        let script = sent.into_iter().chain([Act::HearAll]).collect();
        heard(stored(served(subject, script, Setting::default()), lengths)?, line)?;
    }
    Ok(())
}

pub(crate) fn any_client(subject: &Subject, dice: &mut Dice) -> Checked {
    for _ in 0..3 {
        let mut script = Vec::new();
        let mut lengths = Vec::new();
        for _ in 0..9_usize.saturating_add(dice.below(8)) {
            let length = dice.below(3000);
            script.push(sized(length));
            lengths.push(length);
            if dice.below(3) == 0 {
                script.push(pause(u64::try_from(dice.below(950)).unwrap_or(0)));
            }
        }
        script.push(sized(LARGE_BYTES));
        lengths.push(LARGE_BYTES);
        kept(served(subject, script, Setting::default()), &lengths)?;

        let mut script = Vec::new();
        let mut lengths = Vec::new();
        for _ in 0..=dice.below(4) {
            // One batch, and its answers.
            let batch = dice.below(4).saturating_add(1);
            for _ in 0..batch {
                let length = dice.below(3000);
                script.push(sized(length));
                lengths.push(length);
            }
            script.push(Act::Hear(OK.len().saturating_mul(lengths.len())));
        }
        script.push(Act::HearAll);
        let outcome = stored(served(subject, script, Setting::default()), &lengths)?;
        heard(outcome, &OK.repeat(lengths.len()))?;
    }
    Ok(())
}
