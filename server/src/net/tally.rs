//! What the requests of one connection came to, for the log. A peer may be refused as often as it likes, so only the
//! first refusals are told one by one; the rest are a number in the line at the end. Knows no socket.

use shared::error::ErrorCode;

/// Refusals of one connection that the log shows at its usual level. A client that does not learn from so many does
/// not learn from more.
const REFUSALS_SHOWN_MAX: u64 = 8;

/// Counts what was stored and refused, and says so when dropped.
#[derive(Debug, Default)]
pub(super) struct Tally {
    stored: u64,
    refused: u64,
}

impl Tally {
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
        if (self.stored, self.refused) != (0, 0) {
            tracing::info!(stored = self.stored, refused = self.refused, "served");
        }
    }
}
