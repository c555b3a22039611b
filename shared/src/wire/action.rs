//! What a frame may ask for: the table of actions (PROTOCOL.md section 3), one row each.

use serde::{Deserialize, Serialize};

use super::Mode;

/// An action of the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// What the server can do; creates no state.
    Hello,
    /// Opens or continues a session.
    Connect,
    /// Stores one file.
    Transfer,
    /// What the server knows of a session or a transfer.
    Status,
    /// Keeps a session alive.
    Heartbeat,
    /// The files of a session.
    List,
    /// One file's bytes.
    Fetch,
    /// Removes one file of a session.
    Remove,
    /// Ends a session; its files stay.
    Disconnect,
}

impl Action {
    /// Every action, in the order of the table.
    pub const ALL: [Self; 9] = [
        Self::Hello,
        Self::Connect,
        Self::Transfer,
        Self::Status,
        Self::Heartbeat,
        Self::List,
        Self::Fetch,
        Self::Remove,
        Self::Disconnect,
    ];

    /// The wire's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Connect => "connect",
            Self::Transfer => "transfer",
            Self::Status => "status",
            Self::Heartbeat => "heartbeat",
            Self::List => "list",
            Self::Fetch => "fetch",
            Self::Remove => "remove",
            Self::Disconnect => "disconnect",
        }
    }

    /// All of them in words, for a message to people.
    pub(super) fn names() -> String {
        let [others @ .., last] = Self::ALL.map(Self::as_str);
        format!("{} or {last}", others.join(", "))
    }

    /// Reads the wire's spelling; anything else is `None`.
    #[must_use]
    pub fn from_wire(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == text)
    }

    /// Whether the action exists in `mode`.
    #[must_use]
    pub fn exists_in(self, mode: Mode) -> bool {
        match self {
            Self::Hello | Self::Transfer | Self::Status | Self::Fetch => true,
            Self::Connect | Self::Heartbeat | Self::List | Self::Remove | Self::Disconnect => mode == Mode::Stateful,
        }
    }

    /// Whether its request may bring a payload.
    #[must_use]
    pub fn takes_payload(self) -> bool {
        self == Self::Transfer
    }

    /// Whether its reply brings a payload.
    #[must_use]
    pub fn answers_payload(self) -> bool {
        matches!(self, Self::List | Self::Fetch)
    }

    /// Whether it takes a sequence in stateful mode: it does when it changes something.
    #[must_use]
    pub fn takes_sequence(self) -> bool {
        matches!(self, Self::Transfer | Self::Remove | Self::Disconnect)
    }
}

impl std::fmt::Display for Action {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.as_str())
    }
}
