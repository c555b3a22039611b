//! What the requests of one connection came to, for the log. A peer may be refused as often as it likes, so only the
//! first refusals are told one by one; the rest are a number in the line at the end. Knows no socket.

use std::net::SocketAddr;

use shared::error::ErrorCode;
use tracing::Span;

/// Refusals of one connection that the log shows at its usual level. A client that does not learn from so many does
/// not learn from more.
const REFUSALS_SHOWN_MAX: u64 = 8;

/// Knows the connection by its number and client, counts what was stored and refused, and says so when dropped; or that
/// the connection was cut off.
#[derive(Debug)]
pub(super) struct Tally {
    number: u64,
    peer: SocketAddr,
    stored: u64,
    refused: u64,
    /// The connection came to its end, as those do not that are cut off when the server stops, or whose task panics.
    ended: bool,
}

/// What the log says of a connection in each line. Made when there may be one, since it takes memory.
pub(super) fn span(number: u64, peer: SocketAddr) -> Span {
    tracing::error_span!(parent: None, "connection", number, %peer)
}

impl Tally {
    /// The tally of a connection by its number, and its client's address as the log shows it.
    pub(super) fn new(number: u64, peer: SocketAddr) -> Self {
        Self { number, peer, stored: 0, refused: 0, ended: false }
    }

    pub(super) fn span(&self) -> Span {
        span(self.number, self.peer)
    }

    /// The connection has come to its end.
    pub(super) fn ended(&mut self) {
        self.ended = true;
    }

    /// A file was stored.
    pub(super) fn stored(&mut self) {
        self.stored = self.stored.saturating_add(1);
    }

    /// A request was refused, and the connection goes on.
    pub(super) fn refused(&mut self, code: ErrorCode, field: Option<&str>) {
        self.refused = self.refused.saturating_add(1);
        if self.refused <= REFUSALS_SHOWN_MAX {
            tracing::info!(%code, field, "refused");
        } else {
            tracing::debug!(%code, field, "refused");
        }
    }

    /// The connection ends with this refusal.
    pub(super) fn closing(&mut self, code: ErrorCode, field: Option<&str>) {
        self.refused = self.refused.saturating_add(1);
        tracing::info!(%code, field, "closing");
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        let (stored, refused) = (self.stored, self.refused);
        self.span().in_scope(|| {
            if !self.ended {
                tracing::info!(stored, refused, "cut off");
            } else if (stored, refused) != (0, 0) {
                tracing::info!(stored, refused, "served");
            }
            tracing::debug!("closed");
        });
    }
}
