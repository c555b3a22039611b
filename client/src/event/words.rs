//! Events in words, for a person.

use std::fmt::Write as _;

use shared::id::Timestamp;
use shared::wire::{FileEntry, Hello, Record};

use super::{Event, Failed, Layout, Line, Novelty, Resumed, Stored, Summary};
use crate::text::{counted, grouped, kilobytes_per_second, neutral, size, span};

impl Event<'_> {
    /// The event in words.
    pub(crate) fn words(&self, layout: Layout) -> Line {
        match self {
            Self::Session { session, new, server, next_sequence, expires_in_s } => {
                let verb = match new {
                    Novelty::Opened => "opened",
                    Novelty::Continued => "continued",
                };
                let silence = span(expires_in_s.saturating_mul(1000));
                Line::Talk(format!(
                    "session {} {verb} at {server}; next sequence {next_sequence}, survives {silence} of silence",
                    session.to_wire()
                ))
            }
            Self::Degraded { reason, .. } => Line::Talk(format!("going on stateless, without a session: {reason}")),
            Self::Replaced { .. } => Line::Talk(
                "another session with this access key was ended, and the device that had it disconnected".to_owned(),
            ),
            Self::Waiting { reason, wait_ms, attempt, attempts_max } => {
                Line::Talk(format!("{reason}; trying again in {} ({attempt} of {attempts_max})", span(*wait_ms)))
            }
            Self::Gone { session, reason } => {
                Line::Talk(format!("session {} cannot go on: {reason}", session.to_wire()))
            }
            Self::Resumed(resumed) => Line::Talk(resumed.words()),
            Self::Skipped { path, why } => Line::Talk(format!("warning: {} skipped: {why}", neutral(path))),
            Self::Stored(stored) => Line::Data(stored.words(layout)),
            Self::Already(stored) => Line::Data(stored.words(layout) + "  (stored by the run that was cut)"),
            Self::Fetched { stored_as, path, size: bytes, digest, ms } => Line::Talk(format!(
                "{} -> {}  {}  {}  {}",
                neutral(stored_as),
                neutral(path),
                size(*bytes),
                digest.to_wire(),
                span(*ms)
            )),
            Self::File(entry) => Line::Data(entry_words(entry)),
            Self::Status { session, state, epoch, next_sequence, expires_in_s, server_time_ms, record } => {
                let mut text = format!(
                    "session        {}\nstate          {}\nconnection     number {epoch} of this session\n\
                     next sequence  {next_sequence}\nsilence        survives {}",
                    session.to_wire(),
                    neutral(state),
                    span(expires_in_s.saturating_mul(1000))
                );
                if let Some(record) = record {
                    text.push_str(&record_words(record, server_time_ms.unwrap_or(record.last_activity)));
                }
                Line::Data(text)
            }
            Self::Removed { stored_as, sequence, .. } => {
                Line::Data(format!("removed {}  stateful #{sequence}", neutral(stored_as)))
            }
            Self::Remembered(kept) => {
                let (id, next) = (kept.session.to_wire(), kept.next_sequence);
                Line::Data(format!("{id}  {}  next sequence {next}", neutral(&kept.server)))
            }
            Self::Forgotten { session } => Line::Talk(format!("session {} forgotten", session.to_wire())),
            Self::Closed { session } => Line::Talk(format!("session {} closed; its files stay", session.to_wire())),
            Self::Hello { server, hello, connect_us, round_trip_us } => {
                Line::Data(hello_words(server, hello, *connect_us, *round_trip_us))
            }
            Self::Failed(failed) => Line::Talk(failed.words()),
            Self::Summary(summary) => Line::Talk(summary.words()),
        }
    }
}

impl Stored {
    fn words(&self, layout: Layout) -> String {
        let between = if layout == Layout::Broken { "\n    " } else { "  " };
        let mut text = format!("{} -> {}{between}", neutral(&self.path), neutral(&self.place));
        let _ = write!(text, "{}  {}  {}", size(self.size), self.digest.to_wire(), self.mode);
        if let Some(sequence) = self.sequence {
            let _ = write!(text, " #{sequence}");
        }
        if let Some(ack) = self.ack {
            let _ = write!(text, "  {}", ack.as_str());
        }
        let _ = write!(text, "  {}", span(self.ms));
        if let Some(mode) = self.degraded_from {
            let _ = write!(text, "  (degraded from {mode})");
        }
        if self.replayed {
            text.push_str("  (was stored before; the server repeated its answer)");
        }
        text
    }
}

impl Resumed {
    fn words(&self) -> String {
        let percent = self.offset.saturating_mul(100).checked_div(self.size).unwrap_or(100);
        let mut text = format!("resuming {} at {percent} %", neutral(&self.path));
        if let Some(session) = self.session {
            let _ = write!(text, ", session {}", session.to_wire());
        }
        if let Some(seconds) = self.expires_in_s {
            let _ = write!(text, ", expires in {}", span(seconds.saturating_mul(1000)));
        }
        if self.sent_again > 0 {
            let _ = write!(text, "; {} sent again", size(self.sent_again));
        }
        text
    }
}

impl Failed {
    fn words(&self) -> String {
        let mut text = match &self.what {
            Some(what) => format!("error: {}: {}", neutral(what), self.error),
            None => format!("error: {}", self.error),
        };
        if let Some(advice) = &self.advice {
            let _ = write!(text, "\n  -> {advice}");
        }
        text
    }
}

impl Summary {
    fn words(&self) -> String {
        let mut text = format!("{} {}, {}", counted(self.files, "file"), self.done, size(self.bytes));
        let _ = write!(text, " in {}", span(self.ms));
        let kilobytes = kilobytes_per_second(self.bytes, self.ms);
        if self.bytes > 0 && kilobytes > 0 {
            let _ = write!(text, ", {}.{} MB/s", grouped(kilobytes / 1000), kilobytes % 1000 / 100);
        }
        if self.already > 0 {
            let _ = write!(text, "; {} already stored", counted(self.already, "file"));
        }
        if self.sent_again > 0 {
            let _ = write!(text, "; {} sent again", size(self.sent_again));
        }
        if self.failed > 0 {
            let _ = write!(text, "; {} failed", grouped(self.failed));
        }
        text
    }
}

fn entry_words(entry: &FileEntry) -> String {
    let mut text = format!("#{:<4} {:>9}  {}", entry.sequence.get(), size(entry.size), neutral(&entry.stored_as));
    if let Some(name) = &entry.name {
        let _ = write!(text, "  {}", neutral(name));
    }
    if let Some(digest) = &entry.digest {
        let _ = write!(text, "  {}", digest.to_wire());
    }
    text
}

fn record_words(record: &Record, now: Timestamp) -> String {
    format!(
        "\nremembered     {}, {}, {}, {} of state\naddress        {}\nage            {}, last heard of {} ago",
        counted(record.message_count, "request"),
        counted(record.files_transferred, "file"),
        size(record.total_bytes),
        size(record.state_bytes),
        neutral(&record.client_address),
        span(now.millis_since(record.created_at)),
        span(now.millis_since(record.last_activity)),
    )
}

fn hello_words(server: &str, hello: &Hello, connect_us: u64, round_trip_us: u64) -> String {
    let joined = |items: Vec<&str>| neutral(&items.join(", "));
    let limits = &hello.limits;
    format!(
        "server         {server}\n\
         round trip     {}, behind {} to connect\n\
         versions       {}\n\
         modes          {}\n\
         actions        {}\n\
         digests        {}\n\
         promises       {}\n\
         sessions in    {}\n\
         one upload     stateless {}, stateful {}\n\
         header         {} bytes at most\n\
         unanswered     {} at most\n\
         silence        a session survives {}; heartbeat every {}",
        micros(round_trip_us),
        micros(connect_us),
        joined(hello.versions.iter().map(String::as_str).collect()),
        joined(hello.modes.iter().map(|mode| mode.as_str()).collect()),
        joined(hello.actions.iter().map(String::as_str).collect()),
        joined(hello.digests.iter().map(|kind| kind.as_str()).collect()),
        joined(hello.acks.iter().map(|ack| ack.as_str()).collect()),
        hello.store.as_deref().map_or_else(|| "no store".to_owned(), neutral),
        size(limits.stateless_request_bytes_max),
        size(limits.stateful_request_bytes_max),
        grouped(limits.header_bytes_max),
        counted(limits.in_flight_max, "frame"),
        span(limits.session_timeout_s.saturating_mul(1000)),
        span(limits.heartbeat_interval_s.saturating_mul(1000)),
    )
}

/// `0.123 ms`.
fn micros(micros: u64) -> String {
    format!("{}.{:03} ms", micros / 1000, micros % 1000)
}
