//! What a session hears of, and what it says to whom. The words are those of PROTOCOL.md section 6.

use std::fmt;

/// A TCP connection, counted from 1 as the server accepts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Connection(pub u16);

/// A conversation with one client. It outlives its connections and is held by at most one of them.
pub trait Session {
    /// Something happens. Returns what is said, in order.
    fn on(&mut self, event: Event) -> Vec<Said>;

    /// What it is doing.
    fn state(&self) -> State;
}

/// What happens to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A new connection brings the session's id and token.
    Connect(Connection),
    /// A connection brings a file, whole; it has the next sequence.
    Transfer(Connection),
    /// A connection says goodbye for the session.
    Disconnect(Connection),
    /// The server notices that a connection is gone, be it by FIN or by RST.
    Lost(Connection),
    /// The session's timeout passes without a word.
    Silence,
}

/// A reply and its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// Who hears it.
    pub to: Connection,
    /// What is said.
    pub reply: Reply,
}

/// A reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// `session_resumed`: this connection holds the session now.
    Resumed {
        /// How often the session was held, this time included.
        epoch: u64,
        /// Which file comes next.
        next_sequence: u64,
    },
    /// `stored`: the file has this sequence.
    Stored {
        /// Counted from 1.
        sequence: u64,
    },
    /// `session_closed`: the goodbye, also when it is asked for again.
    Closed,
    /// `session_moved`: another connection holds the session now. The server closes behind it.
    Moved,
    /// `session_gone`: the session has ended.
    Gone(Reason),
}

/// Why a session has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// By a goodbye.
    Closed,
    /// By silence.
    Expired,
}

/// What a session is doing. Of those whose condition holds, the first is its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It was ended by a goodbye.
    Terminated,
    /// It was ended by silence.
    Expired,
    /// It has stored nothing yet.
    Pending,
    /// No connection holds it.
    Suspended,
    /// Otherwise.
    Active,
}

impl fmt::Display for Event {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(Connection(number)) => write!(out, "Connect({number})"),
            Self::Transfer(Connection(number)) => write!(out, "Transfer({number})"),
            Self::Disconnect(Connection(number)) => write!(out, "Disconnect({number})"),
            Self::Lost(Connection(number)) => write!(out, "Lost({number})"),
            Self::Silence => out.write_str("Silence"),
        }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reply {
            Reply::Resumed { epoch, next_sequence } => write!(out, "Resumed(epoch {epoch}, next {next_sequence})")?,
            Reply::Stored { sequence } => write!(out, "Stored({sequence})")?,
            Reply::Closed => out.write_str("Closed")?,
            Reply::Moved => out.write_str("Moved")?,
            Reply::Gone(reason) => write!(out, "Gone({reason:?})")?,
        }
        write!(out, " to {}", self.to.0)
    }
}
