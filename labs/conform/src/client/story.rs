//! What is wanted of a client in one check, and what it did. Demands the outcome; the bytes were judged when they
//! came.

use super::Ground;
use super::host;
use super::memory::Store;
use super::request::Request;
use crate::bytes::brief;
use crate::check::{Checked, Need, failed};

/// How the client is told to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Stateless,
    Stateful,
    Week01,
}

impl Mode {
    /// As the placeholder says it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Stateless => "stateless",
            Self::Stateful => "stateful",
            Self::Week01 => "week01",
        }
    }
}

/// What the client is to send, and how often it is started until it says that it has.
pub(super) struct Task {
    pub(super) mode: Mode,
    pub(super) files: Vec<(&'static str, Vec<u8>)>,
    /// What continues a session.
    pub(super) store: Store,
    pub(super) runs: usize,
}

/// Something that the server in the kit may answer with something else than what is right.
pub(super) enum Event<'a> {
    /// A connection was opened.
    Connected,
    /// A header came; what is behind it is not read yet.
    Asked(&'a Request),
}

/// What it does about that.
pub(super) enum Deed {
    /// What a server does.
    Right,
    /// The same, with the reply line as this makes it.
    Retold(fn(serde_json::Value) -> String),
    /// The same, with the reply in pieces of one byte.
    Pieces,
    /// It does it, and closes without a word.
    Lose,
    /// It does it, says the first half of the reply, and closes.
    Half,
    /// It reads so many bytes of the payload, keeps them, and closes.
    Cut(usize),
    /// It refuses with this error.
    Refuse(serde_json::Value),
    /// It receives the file, says that its digest does not fit, and drops all that it had of it.
    Misfit,
    /// It refuses with this error and closes, whatever is still under way.
    Last(serde_json::Value),
    /// It says these bytes and closes.
    Say(Vec<u8>),
    /// It closes.
    Close,
}

/// What the client did.
pub(super) struct Story {
    /// Every request, in order.
    pub(super) requests: Vec<Request>,
    /// Files that were stored, in order.
    pub(super) stored: Vec<Vec<u8>>,
    /// The exit code of each run.
    pub(super) exits: Vec<i32>,
    /// What the last run said to its user.
    pub(super) said: String,
}

impl Task {
    /// One file in a mode, in one run.
    pub(super) fn of(mode: Mode, data: impl Into<Vec<u8>>) -> Self {
        Self { mode, files: vec![("file.txt", data.into())], store: Store::Memory, runs: 1 }
    }

    /// In whichever mode the client has.
    pub(super) fn any(ground: &Ground, data: impl Into<Vec<u8>>) -> Self {
        let mode = if ground.lacks.contains(&Need::Stateless) { Mode::Stateful } else { Mode::Stateless };
        Self::of(mode, data)
    }

    /// Several files, whose contents are their names.
    pub(super) fn several(mode: Mode, names: &[&'static str]) -> Self {
        Self {
            mode,
            files: names.iter().map(|name| (*name, name.as_bytes().to_vec())).collect(),
            store: Store::Memory,
            runs: 1,
        }
    }

    /// The same, run again while it does not succeed, for a client that leaves coming back to its user.
    pub(super) fn again(self) -> Self {
        Self { runs: 4, ..self }
    }

    /// At a server whose sessions are tickets.
    pub(super) fn with_tickets(self) -> Self {
        Self { store: Store::Ticket, ..self }
    }

    /// Has it done while the server does this.
    pub(super) fn with(&self, ground: &Ground, deed: &mut dyn FnMut(Event) -> Deed) -> Checked<Story> {
        host::serve(ground, self, deed)
    }

    /// Demands success, while everything is met by this.
    pub(super) fn goes_well(&self, ground: &Ground, deed: impl Fn() -> Deed) -> Checked {
        self.done(&self.with(ground, &mut |_| deed())?)
    }

    /// The end of it must be success: every file is stored once, as it is, and the client knows it.
    pub(super) fn done(&self, story: &Story) -> Checked {
        for (name, data) in &self.files {
            match story.stored.iter().filter(|stored| *stored == data).count() {
                1 => {}
                times => return Err(failed(format!("{name} to be stored once"), format!("stored {times} times"))),
            }
        }
        if let Some(other) = story.stored.iter().find(|stored| self.files.iter().all(|(_, data)| data != *stored)) {
            return Err(failed("nothing to be stored but the files", format!("a file with {}", brief(other))));
        }
        match story.exits.last() {
            Some(0) => Ok(()),
            code => Err(failed("the exit code 0, because all is stored", format!("{code:?}; it said: {}", story.said))),
        }
    }

    /// Success, if it is told, must be true: every file is stored, once or more often.
    pub(super) fn believed(&self, story: &Story) -> Checked {
        let missing = self.files.iter().find(|(_, data)| !story.stored.contains(data));
        match (story.exits.last(), missing) {
            (Some(0), Some((name, _))) => Err(failed(format!("{name} to be stored, or no success"), "the exit code 0")),
            (Some(_) | None, _) => Ok(()),
        }
    }
}

impl Story {
    /// No run may have taken it for success; and something must have been asked, or nobody has refused it.
    pub(super) fn no_success(&self, why: &str) -> Checked {
        if self.requests.is_empty() {
            return Err(failed("a request", "none"));
        }
        if self.exits.contains(&0) {
            return Err(failed(format!("an exit code other than 0, because {why}"), "the exit code 0"));
        }
        Ok(())
    }

    /// The requests with this action.
    pub(super) fn asked<'a>(&'a self, action: &'a str) -> impl Iterator<Item = &'a Request> {
        self.requests.iter().filter(move |request| request.action() == action)
    }

    /// So many requests had this action.
    pub(super) fn times(&self, action: &str, times: usize, expected: &str) -> Checked {
        let came = self.asked(action).count();
        if came == times { Ok(()) } else { Err(failed(expected, format!("{came} times {action}"))) }
    }
}
