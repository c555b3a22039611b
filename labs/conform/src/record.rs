//! What went over the connections of one check, kept to be shown when the check fails.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::ops::Range;

use crate::bytes;

/// Bytes of one event that are kept; of the rest only the count.
const EVENT_BYTES_MAX: usize = 64 * 1024;

/// Events that are kept; the oldest go first.
const EVENTS_MAX: usize = 64;

/// Events that are shown, from the end.
const SHOWN_MAX: usize = 8;

/// Which way bytes went, as the kit sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The kit sent them.
    Sent,
    /// They came from what is graded.
    Came,
    /// No bytes: something that happened to the connection.
    Happened,
}

impl Way {
    /// As it is printed.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Came => "came",
            Self::Happened => "then",
        }
    }
}

/// Something on one of the connections.
#[derive(Debug, Clone)]
pub struct Event {
    /// Which connection of the check, from 1; 0 for what belongs to none.
    pub connection: usize,
    /// Which way.
    pub way: Way,
    bytes: Vec<u8>,
    more: usize,
    mark: Option<Range<usize>>,
}

impl Event {
    /// The bytes as text on one line.
    #[must_use]
    pub fn text(&self) -> String {
        match self.way {
            Way::Sent | Way::Came => bytes::show(&self.bytes, self.more, self.mark.as_ref()).text,
            Way::Happened => String::from_utf8_lossy(&self.bytes).into_owned(),
        }
    }

    /// The line with carets that belongs below the text, if something in it is what matters.
    #[must_use]
    pub fn carets(&self) -> Option<String> {
        bytes::show(&self.bytes, self.more, self.mark.as_ref()).carets
    }
}

/// The events of one check.
#[derive(Debug, Default)]
pub(crate) struct Record {
    events: RefCell<Vec<Event>>,
    connections: RefCell<usize>,
}

impl Record {
    /// The number of a new connection.
    pub(crate) fn connection(&self) -> usize {
        *self.connections.borrow_mut() += 1;
        *self.connections.borrow()
    }

    /// Notes bytes. What is sent in pieces is one event.
    pub(crate) fn note(&self, connection: usize, way: Way, bytes: &[u8]) {
        let mut events = self.events.borrow_mut();
        match events.last_mut() {
            Some(last) if way == Way::Sent && last.way == way && last.connection == connection => last.add(bytes),
            Some(_) | None => {
                let mut event = Event { connection, way, bytes: Vec::new(), more: 0, mark: None };
                event.add(bytes);
                events.push(event);
            }
        }
        let over = events.len().saturating_sub(EVENTS_MAX);
        events.drain(..over);
    }

    /// Marks `part` where it stands last in the newest event of this way.
    pub(crate) fn mark(&self, way: Way, part: &[u8]) {
        let mut events = self.events.borrow_mut();
        if let Some(event) = events.iter_mut().rev().find(|event| event.way == way) {
            event.mark = bytes::last_place(&event.bytes, part);
        }
    }

    /// Marks so many bytes from a place in the newest event of this way that begins with `line`.
    pub(crate) fn mark_from(&self, way: Way, line: &[u8], from: usize, count: usize) {
        let mut events = self.events.borrow_mut();
        if let Some(event) = events.iter_mut().rev().find(|event| event.way == way && event.bytes.starts_with(line)) {
            event.mark = Some(from..from + count);
        }
    }

    /// The last events, to be shown.
    pub(crate) fn last(&self) -> Vec<Event> {
        let events = self.events.borrow();
        events.iter().skip(events.len().saturating_sub(SHOWN_MAX)).cloned().collect()
    }
}

impl Event {
    fn add(&mut self, bytes: &[u8]) {
        let room = EVENT_BYTES_MAX.saturating_sub(self.bytes.len()).min(bytes.len());
        let (kept, rest) = bytes.split_at(room);
        self.bytes.extend_from_slice(kept);
        self.more += rest.len();
    }
}

/// The events as lines, each behind `indent`. Connections are numbered where there are several.
pub(crate) fn lines(events: &[Event], indent: &str) -> String {
    let several = events.iter().any(|event| event.connection > 1);
    let mut text = String::new();
    for event in events {
        let number = match (several, event.connection) {
            (false, _) => String::new(),
            (true, 0) => "   ".to_owned(),
            (true, number) => format!("#{number} "),
        };
        let lead = format!("{indent}{number}{}      ", event.way.word());
        let _ = writeln!(text, "{lead}{}", event.text());
        if let Some(carets) = event.carets() {
            let _ = writeln!(text, "{}{carets}", " ".repeat(lead.chars().count()));
        }
    }
    text
}
