//! What every drawing of a ladder shows, line by line: what was said, and at this moment each connection and each
//! session. Knows no characters and no colours.

use std::collections::HashMap;
use std::time::Duration;

use crate::story::{Change, Frame, Happening, Row, Story, Tone};
use crate::{Ending, Ends, Side};

/// Connections that have a lane at the same time; more are told without one.
const CONNECTION_LANES_MAX: usize = 12;

/// Sessions that have a lane.
const SESSION_LANES_MAX: usize = 8;

/// Nothing said for so long is a line of its own.
const SILENCE_MIN: Duration = Duration::from_secs(1);

/// A ladder before it is drawn.
#[derive(Debug)]
pub(super) struct Picture {
    /// The connections, from 1 on.
    pub(super) connections: Vec<Ends>,
    /// Lanes for them.
    pub(super) lanes: usize,
    /// The sessions that have a lane, by the beginning of their ids.
    pub(super) sessions: Vec<String>,
    pub(super) lines: Vec<Line>,
    pub(super) left_out: u64,
}

/// One moment.
#[derive(Debug)]
pub(super) struct Line {
    /// Since the first one.
    pub(super) at: Duration,
    pub(super) what: Shown,
    pub(super) lanes: Vec<Cell>,
    pub(super) sessions: Vec<Cell>,
    /// What becomes of a session at this moment.
    pub(super) note: Option<Note>,
}

/// What a line is about.
#[derive(Debug)]
pub(super) enum Shown {
    /// A frame, on the connection of this number.
    Rung { connection: usize, from: Side, words: String, tone: Tone },
    /// Something about a connection, or about none.
    Event(String),
    /// Nobody said anything.
    Silence(String),
}

/// What becomes of a session.
#[derive(Debug)]
pub(super) struct Note {
    /// Its lane.
    pub(super) session: usize,
    pub(super) words: String,
}

/// A piece of a life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cell {
    Nothing,
    Begins,
    Lives,
    /// A session that no connection holds.
    Rests,
    /// Something happens to it.
    Turns,
    Ends,
    Breaks,
}

/// A connection that is drawn.
#[derive(Debug)]
struct Drawn {
    number: usize,
    lane: Option<usize>,
    over: [bool; 2],
}

/// Where a session is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Life {
    Unborn,
    /// By the connection of this number.
    Held(usize),
    Free,
    Over,
}

/// Draws line by line.
struct Pencil {
    connections: HashMap<usize, Drawn>,
    ends: Vec<Ends>,
    lanes: Vec<bool>,
    lives: Vec<Life>,
}

impl Picture {
    /// The picture of a story.
    pub(super) fn of(story: &Story) -> Self {
        let shown = shown_sessions(story);
        let mut pencil = Pencil {
            connections: HashMap::new(),
            ends: Vec::new(),
            lanes: Vec::new(),
            lives: vec![Life::Unborn; shown.len()],
        };
        let mut lines = Vec::new();
        let begun = story.rows().first().map(|row| row.at).unwrap_or_default();
        let mut before = begun;
        for row in story.rows() {
            let silence = row.at.saturating_sub(before);
            if silence >= SILENCE_MIN {
                let words = format!("{} s of silence", decimal(silence.as_millis(), 1_000));
                lines.push(pencil.line(before.saturating_sub(begun), Shown::Silence(words), None));
            }
            before = before.max(row.at);
            let at = row.at.saturating_sub(begun);
            if let Some(line) = pencil.row(at, row, story, &shown) {
                lines.push(line);
            }
        }
        let lanes = pencil.lanes.len();
        for line in &mut lines {
            line.lanes.resize(lanes, Cell::Nothing);
        }
        let sessions = shown.iter().filter_map(|session| story.sessions().get(*session)).map(ToString::to_string);
        Self { connections: pencil.ends, lanes, sessions: sessions.collect(), lines, left_out: story.left_out() }
    }

    /// A frame's words, with its connection's number where there are several.
    pub(super) fn said(&self, connection: usize, words: &str) -> String {
        if self.connections.len() > 1 { format!("{connection}: {words}") } else { words.to_owned() }
    }

    /// What becomes of a session at this line, with its letter where there are several.
    pub(super) fn note(&self, line: &Line) -> String {
        let Some(Note { session, words }) = &line.note else { return String::new() };
        if self.sessions.len() > 1 { format!("{}: {words}", letter(*session)) } else { words.clone() }
    }
}

/// What a session is called in a drawing.
pub(super) fn letter(session: usize) -> char {
    ('A'..='Z').nth(session).unwrap_or('?')
}

/// The sessions that something is said of, by their number in the story.
fn shown_sessions(story: &Story) -> Vec<usize> {
    let mut shown = Vec::new();
    for row in story.rows() {
        if let Happening::Said(Frame { session: Some(session), .. }) = row.what
            && !shown.contains(&session)
            && shown.len() < SESSION_LANES_MAX
        {
            shown.push(session);
        }
    }
    shown
}

impl Pencil {
    fn row(&mut self, at: Duration, row: &Row, story: &Story, shown: &[usize]) -> Option<Line> {
        match &row.what {
            Happening::Opened => {
                let ends = story.ends(row.connection)?;
                let lane = self.free_lane();
                self.ends.push(ends);
                let number = self.ends.len();
                self.connections.insert(row.connection, Drawn { number, lane, over: [false; 2] });
                let words = format!("connection {number} opens");
                let mut line = self.line(at, Shown::Event(words), None);
                put(&mut line.lanes, lane, Cell::Begins);
                Some(line)
            }
            Happening::Said(frame) => {
                let number = self.connections.get(&row.connection)?.number;
                let session = frame.session.and_then(|session| shown.iter().position(|lane| *lane == session));
                Some(self.said(at, number, frame, session))
            }
            Happening::Ended(side, how) => self.ended(at, row.connection, *side, *how),
            Happening::Noted(words) => Some(self.line(at, Shown::Event(words.clone()), None)),
        }
    }

    fn said(&mut self, at: Duration, number: usize, frame: &Frame, session: Option<usize>) -> Line {
        let cut = if frame.whole || frame.tone == Tone::Noise { "" } else { ", cut" };
        let words = format!("{}, {}{cut}", frame.words, size(frame.header.saturating_add(frame.body)));
        let rung = Shown::Rung { connection: number, from: frame.from, words, tone: frame.tone };
        let (Some(session), Some(change)) = (session, &frame.change) else { return self.line(at, rung, None) };
        let before = self.lives.get(session).copied().unwrap_or(Life::Unborn);
        let (cell, after, words) = match (change, before) {
            (Change::Opened, _) => (Cell::Begins, Life::Held(number), "opened".to_owned()),
            (Change::Resumed, Life::Held(older)) if older != number => {
                (Cell::Turns, Life::Held(number), format!("taken over from connection {older}"))
            }
            (Change::Resumed, Life::Held(_) | Life::Free) => {
                (Cell::Turns, Life::Held(number), format!("resumed on connection {number}"))
            }
            (Change::Resumed, Life::Unborn | Life::Over) => {
                (Cell::Begins, Life::Held(number), format!("resumed on connection {number}"))
            }
            (Change::Moved, before) => (Cell::Turns, before, format!("connection {number} has lost it")),
            (Change::Ended, _) => (Cell::Ends, Life::Over, "ended".to_owned()),
        };
        let mut line = self.line(at, rung, Some(Note { session, words }));
        put(&mut line.sessions, Some(session), cell);
        put(&mut self.lives, Some(session), after);
        line
    }

    fn ended(&mut self, at: Duration, connection: usize, side: Side, how: Ending) -> Option<Line> {
        let known = self.connections.get_mut(&connection)?;
        let (number, lane) = (known.number, known.lane);
        let index = usize::from(side == Side::Server);
        put(&mut known.over, Some(index), true);
        let closes = how == Ending::Reset || known.over == [true; 2];
        let who = match side {
            Side::Client => "client",
            Side::Server => "server",
        };
        let (words, cell) = match how {
            Ending::Finished => (format!("connection {number}: {who} ends"), Cell::Ends),
            Ending::Reset => (format!("connection {number}: reset by the {who}"), Cell::Breaks),
        };
        let freed = self.lives.iter().position(|life| closes && *life == Life::Held(number));
        let note = freed.map(|session| Note { session, words: "nobody holds it".to_owned() });
        let mut line = self.line(at, Shown::Event(words), note);
        put(&mut line.lanes, lane, if closes { cell } else { Cell::Turns });
        if closes {
            if let Some(lane) = lane {
                put(&mut self.lanes, Some(lane), false);
            }
            for life in self.lives.iter_mut().filter(|life| **life == Life::Held(number)) {
                *life = Life::Free;
            }
        }
        Some(line)
    }

    /// A line on which everything goes on as it was.
    fn line(&self, at: Duration, what: Shown, note: Option<Note>) -> Line {
        let lanes = self.lanes.iter().map(|taken| if *taken { Cell::Lives } else { Cell::Nothing });
        let sessions = self.lives.iter().map(|life| match life {
            Life::Unborn | Life::Over => Cell::Nothing,
            Life::Held(_) => Cell::Lives,
            Life::Free => Cell::Rests,
        });
        Line { at, what, lanes: lanes.collect(), sessions: sessions.collect(), note }
    }

    /// The first lane that no connection has, taken from now on.
    fn free_lane(&mut self) -> Option<usize> {
        let free = self.lanes.iter().position(|taken| !taken);
        if free.is_none() && self.lanes.len() < CONNECTION_LANES_MAX {
            self.lanes.push(true);
            return self.lanes.len().checked_sub(1);
        }
        put(&mut self.lanes, free, true);
        free
    }
}

fn put<T>(cells: &mut [T], at: Option<usize>, cell: T) {
    if let Some(place) = at.and_then(|at| cells.get_mut(at)) {
        *place = cell;
    }
}

/// `1.234`: so many of `per`, with as many places as that has zeros.
pub(super) fn decimal(number: u128, per: u128) -> String {
    let places = per.checked_ilog10().and_then(|places| usize::try_from(places).ok()).unwrap_or(0);
    format!("{}.{:0places$}", number / per, number % per)
}

/// `61 B`, `1.2 kB`.
fn size(bytes: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", bytes / unit, bytes % unit / (unit / 10));
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", tenths(1_000)),
        1_000_000..1_000_000_000 => format!("{} MB", tenths(1_000_000)),
        1_000_000_000.. => format!("{} GB", tenths(1_000_000_000)),
    }
}
