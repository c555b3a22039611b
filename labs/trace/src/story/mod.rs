//! What a trace tells: which connections there were, what was said on each, and what became of sessions. Made of
//! events as they come, within a bound; draws nothing.

mod frame;
mod talk;
mod words;

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use shared::id::SessionId;

pub use frame::{Change, Frame, Tone};
use talk::Talk;

use crate::pcapng::{ReadError, Reader};
use crate::{Ending, Ends, Event, Listener, Side, What};

/// Rows of the longest story. Nobody reads further, and every frame of a trace is in Wireshark.
pub const ROWS_MAX: usize = 5_000;

/// A trace, told.
#[derive(Debug, Default)]
pub struct Story {
    connections: Vec<(Ends, Talk)>,
    /// The newest connection between two ends.
    newest: HashMap<Ends, usize>,
    page: Page,
}

/// What was told so far.
#[derive(Debug, Default)]
struct Page {
    rows: Vec<Row>,
    left_out: u64,
    sessions: Vec<SessionId>,
}

/// One thing that happened, in its place in time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// When, since 1970.
    pub at: Duration,
    /// On which connection, counted from 0. What no connection shows stands with the newest one.
    pub connection: usize,
    /// What.
    pub what: Happening,
}

/// What can happen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Happening {
    /// The connection is there.
    Opened,
    /// A side said something.
    Said(Frame),
    /// A side sends no more.
    Ended(Side, Ending),
    /// Something that no connection shows, told by whoever did it.
    Noted(String),
}

impl Story {
    /// The story of a trace that was written to a file.
    pub fn of_trace(input: impl Read) -> Result<Self, ReadError> {
        let mut reader = Reader::new(input)?;
        let mut story = Self::default();
        while let Some(event) = reader.next_event()? {
            story.take(&event);
        }
        Ok(story)
    }

    /// Goes on with what happened next.
    pub fn take(&mut self, event: &Event) {
        let Event { at, ends, what } = event;
        if *what == What::Opened {
            let connection = self.connections.len();
            // A connection of which nothing will be told is not followed either.
            if self.page.add(Row { at: *at, connection, what: Happening::Opened }).is_some() {
                self.newest.insert(*ends, connection);
                self.connections.push((*ends, Talk::default()));
            }
            return;
        }
        let Some(connection) = self.newest.get(ends).copied() else { return };
        let Some((_, talk)) = self.connections.get_mut(connection) else { return };
        match what {
            What::Opened => {}
            What::Bytes { from, offset, bytes, .. } => {
                talk.take(*from, *offset, bytes, &mut Place { at: *at, connection, page: &mut self.page });
            }
            What::Ended { by, how, .. } => {
                self.page.add(Row { at: *at, connection, what: Happening::Ended(*by, *how) });
            }
        }
    }

    /// Goes on with something that no connection shows.
    pub fn note(&mut self, at: Duration, words: impl Into<String>) {
        let connection = self.connections.len().saturating_sub(1);
        self.page.add(Row { at, connection, what: Happening::Noted(words.into()) });
    }

    /// All that happened, in order.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.page.rows
    }

    /// What more happened and has no row.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.page.left_out
    }

    /// The ends of a connection.
    #[must_use]
    pub fn ends(&self, connection: usize) -> Option<Ends> {
        self.connections.get(connection).map(|(ends, _)| *ends)
    }

    /// The sessions, in the order in which they were first heard of.
    #[must_use]
    pub fn sessions(&self) -> &[SessionId] {
        &self.page.sessions
    }

    /// The story of one session and of all connections that spoke in it; its id, or the beginning of it, names it.
    /// Nothing when there is none of this name, or more than one.
    #[must_use]
    pub fn of_session(self, id: &str) -> Option<Self> {
        let mut named = (0..).zip(&self.page.sessions).filter(|(_, session)| session.to_wire().starts_with(id));
        let (session, _): (usize, _) = named.next()?;
        if named.next().is_some() {
            return None;
        }
        let speaks = |row: &Row| match &row.what {
            Happening::Said(frame) => frame.session == Some(session),
            Happening::Opened | Happening::Ended(..) | Happening::Noted(_) => false,
        };
        let among: Vec<usize> = self.page.rows.iter().filter(|row| speaks(row)).map(|row| row.connection).collect();
        let rows = self.page.rows.into_iter().filter(|row| among.contains(&row.connection)).collect();
        Some(Self { page: Page { rows, ..self.page }, ..self })
    }
}

impl Listener for Mutex<Story> {
    fn hear(&self, event: Event) {
        self.lock().unwrap_or_else(PoisonError::into_inner).take(&event);
    }
}

impl Page {
    /// The place of a new row, if there is room for it.
    fn add(&mut self, row: Row) -> Option<usize> {
        if self.rows.len() == ROWS_MAX {
            self.left_out = self.left_out.saturating_add(1);
            return None;
        }
        self.rows.push(row);
        self.rows.len().checked_sub(1)
    }

    /// The number of a session.
    fn session(&mut self, id: SessionId) -> usize {
        let known = self.sessions.iter().position(|session| *session == id);
        known.unwrap_or_else(|| {
            self.sessions.push(id);
            self.sessions.len().saturating_sub(1)
        })
    }
}

/// Where in the story something is said.
struct Place<'a> {
    at: Duration,
    connection: usize,
    page: &'a mut Page,
}

impl Place<'_> {
    fn say(&mut self, frame: Frame) -> Option<usize> {
        self.page.add(Row { at: self.at, connection: self.connection, what: Happening::Said(frame) })
    }

    /// The frame of a row that was said before.
    fn said(&mut self, row: Option<usize>) -> Option<&mut Frame> {
        match &mut self.page.rows.get_mut(row?)?.what {
            Happening::Said(frame) => Some(frame),
            Happening::Opened | Happening::Ended(..) | Happening::Noted(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
