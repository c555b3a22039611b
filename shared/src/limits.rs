//! Every bound of the protocol in one struct, each with its default and its reason (PROTOCOL.md section 11).
//! Knows nothing of configuration files; a server fills it from one.

/// Bytes of session data a header may announce (PROTOCOL.md section 2). Part of the wire, no setting.
pub const SESSION_DATA_BYTES_MAX: u64 = 64 * 1024;

/// Bytes of a ticket (PROTOCOL.md section 7). Part of the wire, no setting.
pub const TICKET_BYTES_MAX: usize = 4 * 1024;

/// What one server allows. Names carry their unit; every count is per server unless it says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a header line, replies and trailers too, without the LF. A line is held in memory whole.
    pub header_bytes_max: usize,
    /// From a header's first byte to its LF. Ends a peer that sends a byte now and then.
    pub header_timeout_ms: u64,
    /// To a frame's first byte on a connection without a session.
    pub request_timeout_ms: u64,
    /// Silence of a connection with a session, counted in missed heartbeats.
    pub heartbeats_missed_max: u64,
    /// How often a quiet client with a session should speak.
    pub heartbeat_interval_ms: u64,
    /// Bytes per second a payload, or a reply's reader, must make over any [`Limits::progress_window_ms`].
    pub progress_bytes_per_s_min: u64,
    /// The time over which progress is judged.
    pub progress_window_ms: u64,
    /// Bytes read and dropped after a refused frame, so that the connection can go on.
    pub drop_bytes_max: u64,
    /// Bytes dropped after the last reply, so that the peer can read it before the close.
    pub closing_drop_bytes_max: u64,
    /// Time for the same.
    pub closing_drop_timeout_ms: u64,
    /// Connections in all.
    pub connections_max: usize,
    /// Connections from one address. Loopback is exempt while this is the default.
    pub connections_per_address_max: usize,
    /// New connections a second from one address. Loopback is exempt while this is the default.
    pub connections_per_address_per_s: u64,
    /// Connections one address may open at once after a quiet time.
    pub connections_per_address_burst: u64,
    /// Live sessions in all.
    pub sessions_max: usize,
    /// Live sessions of one address. Loopback is exempt while this is the default.
    pub sessions_per_address_max: usize,
    /// New sessions a second from one address. Loopback is exempt while this is the default.
    pub sessions_per_address_per_s: u64,
    /// Sessions one address may open at once after a quiet time.
    pub sessions_per_address_burst: u64,
    /// Wrong tokens of one address in a minute; after that comes a pause. Loopback is exempt while this is the default.
    pub wrong_tokens_per_min: u64,
    /// The longest pause after wrong tokens; each is twice the one before.
    pub wrong_token_pause_max_ms: u64,
    /// Silence after which a session is expired.
    pub session_timeout_ms: u64,
    /// The same for a session that never stored anything.
    pub pending_timeout_ms: u64,
    /// How long the reason of a session's end is remembered.
    pub tombstone_ms: u64,
    /// Bytes of one stateless upload.
    pub stateless_request_bytes_max: u64,
    /// Bytes of one Week 01 upload. Such a client hears no refusal, so it is generous.
    pub week01_request_bytes_max: u64,
    /// Bytes of one stateful upload.
    pub stateful_request_bytes_max: u64,
    /// Replies kept per session for requests that are repeated.
    pub receipts_per_session_max: usize,
    /// Frames a client should have unanswered at most; the server tells it and reads one at a time.
    pub in_flight_max: usize,
    /// Bytes of all payload buffers; then reading pauses.
    pub buffer_bytes_max: usize,
    /// Entries of one answer to `list`.
    pub list_entries_max: usize,
    /// How long a part of a cut upload is kept after its last byte came or its length was last told. Days, because
    /// a machine that was switched off for a weekend goes on afterwards.
    pub part_kept_ms: u64,
    /// What all kept parts may hold together; beyond it the longest untouched goes first. As much as the largest
    /// upload, so that one that is cut can always go on.
    pub parts_bytes_max: u64,
    /// Time for frames under way when the server is told to stop.
    pub drain_timeout_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        const KIB: u64 = 1024;
        const MIB: u64 = 1024 * KIB;
        const GIB: u64 = 1024 * MIB;
        Self {
            header_bytes_max: 8 * 1024,
            header_timeout_ms: 10_000,
            request_timeout_ms: 30_000,
            heartbeats_missed_max: 4,
            heartbeat_interval_ms: 30_000,
            progress_bytes_per_s_min: 4 * KIB,
            progress_window_ms: 20_000,
            drop_bytes_max: MIB,
            closing_drop_bytes_max: 4 * MIB,
            closing_drop_timeout_ms: 2_000,
            connections_max: 4_096,
            connections_per_address_max: 512,
            connections_per_address_per_s: 200,
            connections_per_address_burst: 400,
            sessions_max: 10_000,
            sessions_per_address_max: 512,
            sessions_per_address_per_s: 20,
            sessions_per_address_burst: 100,
            wrong_tokens_per_min: 5,
            wrong_token_pause_max_ms: 600_000,
            session_timeout_ms: 300_000,
            pending_timeout_ms: 60_000,
            tombstone_ms: 3_600_000,
            stateless_request_bytes_max: 10 * MIB,
            week01_request_bytes_max: GIB,
            stateful_request_bytes_max: 10 * GIB,
            receipts_per_session_max: 64,
            in_flight_max: 32,
            buffer_bytes_max: 256 * 1024 * 1024,
            list_entries_max: 1_000,
            part_kept_ms: 7 * 86_400_000,
            parts_bytes_max: 10 * GIB,
            drain_timeout_ms: 30_000,
        }
    }
}

impl Limits {
    /// Silence that ends a connection with a session, in milliseconds.
    #[must_use]
    pub fn session_silence_ms(&self) -> u64 {
        self.heartbeat_interval_ms.saturating_mul(self.heartbeats_missed_max)
    }

    /// How often a session is renewed while its connection is busy, in milliseconds: often enough that what is
    /// left afterwards is most of its timeout.
    #[must_use]
    pub fn renewal_ms(&self) -> u64 {
        (self.session_timeout_ms.min(self.pending_timeout_ms) / 4).max(1)
    }
}
