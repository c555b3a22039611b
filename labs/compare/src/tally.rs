//! Numbers from the story of a run, as the client's end of its connections saw it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use trace::{Frame, Happening, Side, Story};

use crate::Outcome;

/// What the client's end of its connections tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// How often the client heard the answer to all that it had sent: nothing was under way, and it had to wait.
    pub(crate) round_trips: u64,
    pub(crate) requests: u64,
    /// Of the client's requests.
    pub(crate) header_bytes: u64,
    /// Of the server's replies, with tickets.
    pub(crate) reply_bytes: u64,
    /// Payloads that the client sent, again or not.
    pub(crate) payload_bytes: u64,
    /// Payloads that the client had sent before.
    pub(crate) sent_again_bytes: u64,
    pub(crate) latencies: Latencies,
    /// From the kill of the server to the next stored file.
    pub(crate) recovery_ms: Option<f64>,
}

/// How long files took from their first byte to the answer that they are stored, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "a reader of the JSON has to know the unit")]
pub(crate) struct Latencies {
    pub(crate) p50_ms: f64,
    pub(crate) p90_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

/// Counts while a story is read.
#[derive(Debug, Default)]
struct Counting {
    tally: Tally,
    talks: HashMap<usize, Talk>,
    files: HashMap<String, Sent>,
    took: Vec<Duration>,
    answered: HashSet<String>,
}

/// One connection.
#[derive(Debug, Default)]
struct Talk {
    opened: Duration,
    /// The files of requests that were not answered yet; none of those that are about no file.
    asked: VecDeque<Option<String>>,
}

/// What of a file was sent.
#[derive(Clone, Copy, Debug)]
struct Sent {
    since: Duration,
    /// Behind the last byte that was sent.
    end: u64,
}

/// What the story tells, and which files were answered as stored. `killed`: when the server was.
pub(crate) fn of(story: &Story, killed: Option<Duration>) -> Outcome<(Tally, HashSet<String>)> {
    if story.left_out() > 0 {
        return Err("there is more to tell than a story holds; the numbers would be too small".into());
    }
    let mut counting = Counting::default();
    for row in story.rows() {
        match &row.what {
            Happening::Opened => {
                counting.talks.insert(row.connection, Talk { opened: row.at, ..Talk::default() });
            }
            Happening::Said(frame) => match frame.from {
                Side::Client => counting.request(row.connection, row.at, frame),
                Side::Server => counting.reply(row.connection, row.at, frame, killed),
            },
            Happening::Ended(..) | Happening::Noted(_) => {}
        }
    }
    counting.tally.latencies = latencies(counting.took);
    Ok((counting.tally, counting.answered))
}

impl Counting {
    fn request(&mut self, connection: usize, at: Duration, frame: &Frame) {
        self.tally.requests += 1;
        self.tally.header_bytes += frame.header;
        let upload = upload_of(&frame.words);
        if let Some((file, offset)) = &upload {
            let sent = self.files.entry(file.clone()).or_insert(Sent { since: at, end: 0 });
            let end = offset + frame.body;
            self.tally.payload_bytes += frame.body;
            self.tally.sent_again_bytes += sent.end.min(end).saturating_sub(*offset);
            sent.end = sent.end.max(end);
        }
        self.talks.entry(connection).or_default().asked.push_back(upload.map(|(file, _)| file));
    }

    fn reply(&mut self, connection: usize, at: Duration, frame: &Frame, killed: Option<Duration>) {
        self.tally.reply_bytes += frame.header + frame.body;
        let talk = self.talks.entry(connection).or_default();
        self.tally.round_trips += u64::from(talk.asked.len() == 1);
        if frame.words == "continue" {
            return;
        }
        let Some(file) = talk.asked.pop_front().flatten().filter(|_| frame.words.starts_with("stored")) else { return };
        if let Some(sent) = self.files.get(&file).filter(|_| !self.answered.contains(&file)) {
            self.took.push(at.saturating_sub(sent.since));
        }
        self.answered.insert(file);
        // What the killed server said may still be on its way; only a newer connection shows that another one serves.
        if let Some(since) = killed.filter(|killed| talk.opened > *killed) {
            self.tally.recovery_ms.get_or_insert(in_ms(at.saturating_sub(since)));
        }
    }
}

/// The file that a request uploads, and where in it the upload begins.
fn upload_of(words: &str) -> Option<(String, u64)> {
    let mut words = words.strip_prefix("transfer")?.split(' ').map(|word| word.trim_end_matches(','));
    let file = words.find(|word| word.starts_with("file-"))?.to_owned();
    let offset = words.skip_while(|word| *word != "from").nth(1).and_then(|offset| offset.parse().ok());
    Some((file, offset.unwrap_or(0)))
}

fn latencies(mut took: Vec<Duration>) -> Latencies {
    took.sort_unstable();
    // The nearest rank, so that each is one that was measured.
    let at = |per_mille: usize| {
        let rank = (took.len() * per_mille).div_ceil(1_000).max(1);
        took.get(rank - 1).copied().map_or(0.0, in_ms)
    };
    Latencies { p50_ms: at(500), p90_ms: at(900), p99_ms: at(990), max_ms: at(1_000) }
}

/// To the microsecond: more digits than that say nothing.
fn in_ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use trace::{Ends, Event, What};

    use super::*;

    /// A story of these lines, a connection each, and a millisecond each.
    fn told(connections: &[&[(Side, &str)]], killed: Option<Duration>) -> (Tally, HashSet<String>) {
        let mut story = Story::default();
        let mut at = Duration::ZERO;
        for (port, lines) in (40_000..).zip(connections) {
            let ends = Ends::new(([127, 0, 0, 1], port).into(), ([127, 0, 0, 1], 1).into());
            let mut offsets = [0, 0];
            story.take(&Event { at, ends, what: What::Opened });
            for (from, line) in *lines {
                at += Duration::from_millis(1);
                let (own, other) = if *from == Side::Client { (0, 1) } else { (1, 0) };
                let bytes = bytes::Bytes::copy_from_slice(line.as_bytes());
                let (offset, heard) = (offsets[own], offsets[other]);
                offsets[own] += u64::try_from(bytes.len()).unwrap();
                story.take(&Event { at, ends, what: What::Bytes { from: *from, offset, heard, bytes } });
            }
        }
        of(&story, killed).unwrap()
    }

    const ONE: (Side, &str) =
        (Side::Client, "{\"version\":\"2.0\",\"mime_type\":\"a/b\",\"name\":\"file-1.bin\",\"size\":4}\nabcd");
    const TWO: (Side, &str) =
        (Side::Client, "{\"version\":\"2.0\",\"mime_type\":\"a/b\",\"name\":\"file-2.bin\",\"size\":4}\nefgh");
    const CUT: (Side, &str) =
        (Side::Client, "{\"version\":\"2.0\",\"mime_type\":\"a/b\",\"name\":\"file-1.bin\",\"size\":4}\nabc");
    const REST: (Side, &str) = (
        Side::Client,
        "{\"version\":\"2.0\",\"mime_type\":\"a/b\",\"name\":\"file-1.bin\",\"offset\":2,\"size\":2}\ncd",
    );
    const STORED: (Side, &str) =
        (Side::Server, "{\"version\":\"2.0\",\"status\":\"stored\",\"mime_type\":\"application/json\",\"size\":0}\n");

    #[test]
    fn a_client_that_sends_ahead_waits_once_for_all_of_it() {
        assert_eq!(told(&[&[ONE, STORED, TWO, STORED]], None).0.round_trips, 2);
        assert_eq!(told(&[&[ONE, TWO, STORED, STORED]], None).0.round_trips, 1);
    }

    #[test]
    fn only_what_was_sent_before_is_sent_again() {
        let (anew, _) = told(&[&[CUT], &[ONE, STORED]], None);
        assert_eq!((anew.payload_bytes, anew.sent_again_bytes), (7, 3));
        let (behind, _) = told(&[&[CUT], &[REST, STORED]], None);
        assert_eq!((behind.payload_bytes, behind.sent_again_bytes), (5, 1));
    }

    #[test]
    fn a_file_takes_from_its_first_try_to_its_answer() {
        let (tally, answered) = told(&[&[CUT], &[ONE, STORED, TWO]], None);
        assert_eq!((tally.latencies.p50_ms, tally.requests), (2.0, 3));
        assert_eq!(answered, HashSet::from(["file-1.bin".to_owned()]));
    }

    #[test]
    fn a_late_answer_of_the_killed_server_is_no_recovery() {
        let killed = Some(Duration::from_micros(1_500));
        let (tally, _) = told(&[&[ONE, STORED, TWO], &[TWO, STORED]], killed);
        assert_eq!(tally.recovery_ms, Some(3.5));
        assert_eq!(told(&[&[ONE, STORED]], killed).0.recovery_ms, None);
    }

    #[test]
    fn a_percentile_is_one_that_was_measured() {
        let took = (1..=10).map(Duration::from_millis).collect();
        let expected = Latencies { p50_ms: 5.0, p90_ms: 9.0, p99_ms: 10.0, max_ms: 10.0 };
        assert_eq!(latencies(took), expected);
        assert_eq!(latencies(Vec::new()), Latencies::default());
    }

    #[test]
    fn only_uploads_are_about_a_file() {
        assert_eq!(upload_of("transfer #3 file-002.bin from 100, waits"), Some(("file-002.bin".to_owned(), 100)));
        assert_eq!(upload_of("transfer file-002.bin, waits"), Some(("file-002.bin".to_owned(), 0)));
        assert_eq!(upload_of("heartbeat"), None);
        assert_eq!(upload_of("fetch file-002.bin"), None);
    }
}
