//! What continues a session: its token, or, at a server that remembers nothing, the newest ticket. Never printed.

use std::fmt;

use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use shared::id::Token;
use shared::wire::SessionInfo;

/// What the text of a ticket begins with; a token's has no colon.
const TICKET: &str = "ticket:";

/// The secret that continues a session.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Secret {
    /// Told once, and the same as long as the session lives.
    Token(Token),
    /// Another one with every reply. Nobody but the server can look inside.
    Ticket(Bytes),
}

impl Secret {
    /// The secret that a reply brings, if it brings one.
    pub(crate) fn of(info: &SessionInfo) -> Option<Self> {
        let ticket = (!info.ticket.is_empty()).then(|| Self::Ticket(info.ticket.clone()));
        info.token.as_deref().and_then(Token::from_wire).map(Self::Token).or(ticket)
    }

    /// As a file that only the user can read keeps it.
    pub(crate) fn to_text(&self) -> String {
        match self {
            Self::Token(token) => token.to_wire(),
            Self::Ticket(ticket) => format!("{TICKET}{}", BASE64URL_NOPAD.encode(ticket)),
        }
    }

    /// Reads what [`Self::to_text`] wrote; anything else is `None`.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        match text.strip_prefix(TICKET) {
            Some(ticket) => BASE64URL_NOPAD.decode(ticket.as_bytes()).ok().map(|ticket| Self::Ticket(ticket.into())),
            None => Token::from_wire(text).map(Self::Token),
        }
    }

    /// Whether every reply brings another one, so that the newest must be written down.
    pub(crate) fn changes(&self) -> bool {
        matches!(self, Self::Ticket(_))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Token(_) => "Token(..)",
            Self::Ticket(_) => "Ticket(..)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_written_down_and_read_again_and_never_printed() {
        let ticket: Vec<u8> = (0..=255).collect();
        for secret in [Secret::Token(Token::from_random([7; 32])), Secret::Ticket(ticket.into())] {
            assert_eq!(Secret::from_text(&secret.to_text()), Some(secret.clone()));
            assert!(format!("{secret:?}").ends_with("(..)"));
        }
        for wrong in ["", "ticket", "ticket:=", "ticket:a", "short"] {
            assert_eq!(Secret::from_text(wrong), None, "{wrong}");
        }
    }
}
