//! A session as a value: what is remembered of a conversation, and the rules by which it changes. Each
//! change is a new value; who stores it and where is not known here.

mod receipt;
pub mod record;
mod table;

use std::net::IpAddr;
use std::sync::Arc;

pub use receipt::{Fingerprint, Outcome, Receipt};
pub use table::{Phase, Step, step};

use crate::error::ErrorCode;
use crate::id::{Epoch, Holder, Sequence, SessionId, Timestamp, Token, TokenHash};
use crate::limits::Limits;

/// A conversation with one client.
#[derive(Clone, Debug)]
pub struct Session {
    id: SessionId,
    token: TokenHash,
    /// Whose only session it is.
    holder: Option<Holder>,
    epoch: Epoch,
    created: Timestamp,
    last_activity: Timestamp,
    client_address: IpAddr,
    next_sequence: Sequence,
    /// The newest last. Shared, because most changes make a new value with the same receipts.
    receipts: Arc<[Arc<Receipt>]>,
    message_count: u64,
    total_bytes: u64,
    files_transferred: u64,
    ended: Option<Ended>,
}

/// That a session was ended, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Why.
    pub reason: EndReason,
    /// When.
    pub at: Timestamp,
}

/// Why a session is gone; the `reason` of `session_gone`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// Silent for too long.
    Expired,
    /// The client said `disconnect`.
    Closed,
    /// Whoever has the same access key opened another one.
    Replaced,
}

impl EndReason {
    /// The wire's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Closed => "closed",
            Self::Replaced => "replaced",
        }
    }

    /// Reads the wire's spelling; anything else is `None`.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Expired, Self::Closed, Self::Replaced].into_iter().find(|reason| reason.as_str() == word)
    }
}

/// Whether a connection is bound to the session now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// There is one.
    Connected,
    /// There is one, whose goodbye is being carried out.
    Leaving,
    /// There is none.
    Away,
}

/// What the sequence says about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is the next one.
    Proceed,
    /// It was done already; this is what was answered.
    Replay(Arc<Receipt>),
}

impl Session {
    /// A session nobody has used yet.
    #[must_use]
    pub fn open(id: SessionId, token: &Token, client_address: IpAddr, now: Timestamp) -> Self {
        Self {
            id,
            token: token.hash(),
            holder: None,
            epoch: Epoch::FIRST,
            created: now,
            last_activity: now,
            client_address,
            next_sequence: Sequence::FIRST,
            receipts: Arc::default(),
            message_count: 1,
            total_bytes: 0,
            files_transferred: 0,
            ended: None,
        }
    }

    /// The same session, the only one of its holder.
    #[must_use]
    pub fn held_by(self, holder: Option<Holder>) -> Self {
        Self { holder, ..self }
    }

    /// Whether `token` continues this session.
    #[must_use]
    pub fn belongs_to(&self, token: &Token) -> bool {
        self.token.matches(token)
    }

    /// What nobody knows who knows only the session's id.
    #[must_use]
    pub fn secret(&self) -> &TokenHash {
        &self.token
    }

    /// What a request's sequence says (PROTOCOL.md section 5).
    ///
    /// # Errors
    /// `sequence_gap`, `sequence_reused` or `sequence_too_old`; nothing has changed.
    pub fn admit(&self, sequence: Sequence, request: &Fingerprint) -> Result<Admission, ErrorCode> {
        if sequence == self.next_sequence {
            return Ok(Admission::Proceed);
        }
        if sequence > self.next_sequence {
            return Err(ErrorCode::SequenceGap);
        }
        match self.receipts.iter().find(|receipt| receipt.sequence == sequence) {
            None => Err(ErrorCode::SequenceTooOld),
            Some(receipt) if receipt.answers(request) => Ok(Admission::Replay(Arc::clone(receipt))),
            Some(_) => Err(ErrorCode::SequenceReused),
        }
    }

    /// The session after a request was applied.
    #[must_use]
    pub fn advanced(&self, receipt: impl Into<Arc<Receipt>>, now: Timestamp, limits: &Limits) -> Self {
        let receipt = receipt.into();
        let mut next = self.heard(now);
        next.next_sequence = receipt.sequence.next();
        match &receipt.outcome {
            Outcome::Stored(file, _) => {
                next.total_bytes = next.total_bytes.saturating_add(file.size);
                next.files_transferred = next.files_transferred.saturating_add(1);
            }
            Outcome::Removed(_) => {}
            Outcome::Closed => next.ended = Some(Ended { reason: EndReason::Closed, at: now }),
        }
        // Of an ended session only the goodbye can be asked for again.
        let kept = if next.ended.is_some() { 1 } else { limits.receipts_per_session_max };
        let surplus = self.receipts.len().saturating_add(1).saturating_sub(kept);
        let before = self.receipts.get(surplus..).unwrap_or_default();
        next.receipts = before.iter().cloned().chain([receipt]).collect();
        next
    }

    /// The session after a request that changed nothing else.
    #[must_use]
    pub fn heard(&self, now: Timestamp) -> Self {
        let message_count = self.message_count.saturating_add(1);
        Self { message_count, ..self.renewed(now) }
    }

    /// The session while a long upload goes on: alive, although no request came.
    #[must_use]
    pub fn renewed(&self, now: Timestamp) -> Self {
        Self { last_activity: now, ..self.clone() }
    }

    /// The session after another connection continued it; the older ones hold it no more.
    #[must_use]
    pub fn taken_over(&self, client_address: IpAddr, now: Timestamp) -> Self {
        Self { epoch: self.epoch.next(), client_address, ..self.heard(now) }
    }

    /// The session with the newest of its receipts and no other, as its client carries it.
    #[must_use]
    pub fn with_last_receipt(&self) -> Self {
        let receipts = self.receipts.last().cloned().into_iter().collect();
        Self { receipts, ..self.clone() }
    }

    /// The session as it goes on where another state of it is known: in no earlier epoch than that one.
    #[must_use]
    pub fn not_before(&self, epoch: Epoch) -> Self {
        Self { epoch: self.epoch.max(epoch), ..self.clone() }
    }

    /// What stays of a session that was silent for too long.
    #[must_use]
    pub fn expired(&self, now: Timestamp) -> Self {
        self.ended_for(EndReason::Expired, now)
    }

    /// What stays of a session whose holder opened another one.
    #[must_use]
    pub fn replaced(&self, now: Timestamp) -> Self {
        self.ended_for(EndReason::Replaced, now)
    }

    fn ended_for(&self, reason: EndReason, now: Timestamp) -> Self {
        Self { ended: Some(Ended { reason, at: now }), receipts: Arc::default(), ..self.clone() }
    }

    /// What the session is doing; the first line that holds. One that can be asked is not damaged.
    #[must_use]
    pub fn phase(&self, now: Timestamp, presence: Presence, limits: &Limits) -> Phase {
        let silent_ms = now.millis_since(self.last_activity);
        match self.ended {
            Some(Ended { reason: EndReason::Closed | EndReason::Replaced, .. }) => Phase::Terminated,
            Some(Ended { reason: EndReason::Expired, .. }) => Phase::Expired,
            None if silent_ms >= self.timeout_ms(limits) => Phase::Expired,
            None if presence == Presence::Leaving => Phase::Closing,
            None if self.is_fresh() => Phase::Pending,
            None if presence == Presence::Away => Phase::Suspended,
            None if silent_ms >= limits.heartbeat_interval_ms.saturating_mul(2) => Phase::Suspended,
            None if silent_ms >= limits.heartbeat_interval_ms => Phase::Idle,
            None => Phase::Active,
        }
    }

    /// Milliseconds of silence after which it expires.
    #[must_use]
    pub fn timeout_ms(&self, limits: &Limits) -> u64 {
        if self.is_fresh() { limits.pending_timeout_ms } else { limits.session_timeout_ms }
    }

    /// When it is forgotten: a live session never, a tombstone after its hour.
    #[must_use]
    pub fn is_forgotten(&self, now: Timestamp, limits: &Limits) -> bool {
        self.ended.is_some_and(|ended| now.millis_since(ended.at) >= limits.tombstone_ms)
    }

    /// When somebody should look at it again: it may have expired then, or be forgotten.
    #[must_use]
    pub fn due(&self, limits: &Limits) -> Timestamp {
        match self.ended {
            None => self.last_activity.plus_millis(self.timeout_ms(limits)),
            Some(ended) => ended.at.plus_millis(limits.tombstone_ms),
        }
    }

    /// Why it is gone, if it is.
    #[must_use]
    pub fn end_reason(&self, now: Timestamp, limits: &Limits) -> Option<EndReason> {
        let silent = || self.phase(now, Presence::Connected, limits) == Phase::Expired;
        self.ended.map(|ended| ended.reason).or_else(|| silent().then_some(EndReason::Expired))
    }

    fn is_fresh(&self) -> bool {
        self.next_sequence == Sequence::FIRST
    }

    /// The kept answer to its last request.
    #[must_use]
    pub fn last_receipt(&self) -> Option<&Arc<Receipt>> {
        self.receipts.last()
    }

    /// The kept answer to the request of this sequence.
    #[must_use]
    pub fn receipt(&self, sequence: Sequence) -> Option<&Arc<Receipt>> {
        self.receipts.iter().find(|receipt| receipt.sequence == sequence)
    }

    /// Bytes of memory it takes, about.
    #[must_use]
    pub fn state_bytes(&self) -> usize {
        let receipts: usize = self.receipts.iter().map(|receipt| receipt.state_bytes()).sum();
        size_of::<Self>() + size_of_val(&*self.receipts) + receipts
    }

    /// Names it.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// Whose only session it is, if it is anybody's.
    #[must_use]
    pub fn holder(&self) -> Option<Holder> {
        self.holder
    }

    /// Which of its connections holds it.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// When it was opened; part of its files' names.
    #[must_use]
    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// When it was last heard of.
    #[must_use]
    pub fn last_activity(&self) -> Timestamp {
        self.last_activity
    }

    /// Where its newest connection came from.
    #[must_use]
    pub fn client_address(&self) -> IpAddr {
        self.client_address
    }

    /// The sequence expected next.
    #[must_use]
    pub fn next_sequence(&self) -> Sequence {
        self.next_sequence
    }

    /// Requests inside it.
    #[must_use]
    pub fn message_count(&self) -> u64 {
        self.message_count
    }

    /// Bytes of the files stored.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// Files stored.
    #[must_use]
    pub fn files_transferred(&self) -> u64 {
        self.files_transferred
    }

    /// Whether and why it was ended. Silence alone ends nothing until the janitor has come.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        self.ended
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::codec::Payload;
    use crate::wire::{Ack, FileInfo, MimeType, SessionRequest, Upload};

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn session() -> Session {
        let token = Token::from_random([1; 32]);
        Session::open(SessionId::from_random([2; 16]), &token, Ipv4Addr::LOCALHOST.into(), at(0))
    }

    fn transfer(number: u64, size: u64) -> SessionRequest {
        let upload = Upload {
            mime_type: MimeType::octet_stream(),
            name: None,
            payload: Payload::Sized(size),
            offset: 0,
            digest: None,
            trailer: None,
            ack: None,
        };
        SessionRequest::Transfer(Sequence::new(number).unwrap(), upload)
    }

    fn stored(session: &Session, number: u64, size: u64, now: u64) -> Session {
        let request = Fingerprint::of(&transfer(number, size)).unwrap();
        let file = FileInfo { stored_as: format!("f{number}"), size, digest: None };
        let receipt = Receipt::new(Sequence::new(number).unwrap(), request, Outcome::Stored(file, Ack::Durable));
        session.advanced(receipt, at(now), &Limits::default())
    }

    fn admit(session: &Session, number: u64, size: u64) -> Result<&'static str, ErrorCode> {
        let request = transfer(number, size);
        session.admit(Sequence::new(number).unwrap(), &Fingerprint::of(&request).unwrap()).map(|admission| {
            match admission {
                Admission::Proceed => "proceed",
                Admission::Replay(_) => "replay",
            }
        })
    }

    #[test]
    fn only_the_next_sequence_is_applied() {
        let limits = Limits::default();
        let mut session = session();
        assert_eq!(admit(&session, 1, 5), Ok("proceed"));
        assert_eq!(admit(&session, 2, 5), Err(ErrorCode::SequenceGap));
        assert_eq!(limits.receipts_per_session_max, 64);
        for number in 1..=65 {
            session = stored(&session, number, 5, 0);
        }
        assert_eq!(admit(&session, 1, 5), Err(ErrorCode::SequenceTooOld));
        assert_eq!(admit(&session, 2, 5), Ok("replay"));
        assert_eq!(admit(&session, 2, 6), Err(ErrorCode::SequenceReused));
        assert_eq!(admit(&session, 65, 5), Ok("replay"));
        assert_eq!(admit(&session, 66, 5), Ok("proceed"));
        assert_eq!(admit(&session, 67, 5), Err(ErrorCode::SequenceGap));
    }

    #[test]
    fn phases_change_at_their_millisecond() {
        let limits = Limits::default();
        let fresh = session();
        let used = stored(&fresh, 1, 5, 1_000);
        for (session, silent, presence, phase) in [
            (&fresh, 0, Presence::Connected, Phase::Pending),
            (&fresh, 0, Presence::Leaving, Phase::Closing),
            (&fresh, 59_999, Presence::Away, Phase::Pending),
            (&fresh, 60_000, Presence::Connected, Phase::Expired),
            (&fresh, 60_001, Presence::Away, Phase::Expired),
            (&used, 0, Presence::Connected, Phase::Active),
            (&used, 0, Presence::Away, Phase::Suspended),
            (&used, 29_999, Presence::Connected, Phase::Active),
            (&used, 30_000, Presence::Connected, Phase::Idle),
            (&used, 30_001, Presence::Connected, Phase::Idle),
            (&used, 59_999, Presence::Connected, Phase::Idle),
            (&used, 60_000, Presence::Connected, Phase::Suspended),
            (&used, 60_001, Presence::Connected, Phase::Suspended),
            (&used, 299_999, Presence::Connected, Phase::Suspended),
            (&used, 299_999, Presence::Leaving, Phase::Closing),
            (&used, 300_000, Presence::Leaving, Phase::Expired),
            (&used, 300_000, Presence::Connected, Phase::Expired),
            (&used, 300_001, Presence::Connected, Phase::Expired),
        ] {
            let now = session.last_activity().plus_millis(silent);
            assert_eq!(session.phase(now, presence, &limits), phase, "{silent} ms silent, {presence:?}");
        }
    }

    #[test]
    fn a_tombstone_is_forgotten_after_its_hour() {
        let limits = Limits::default();
        let ended = session().expired(at(1_000));
        assert_eq!(ended.end_reason(at(1_000), &limits), Some(EndReason::Expired));
        assert!(!ended.is_forgotten(at(1_000 + limits.tombstone_ms - 1), &limits));
        assert!(ended.is_forgotten(at(1_000 + limits.tombstone_ms), &limits));
        assert!(!session().is_forgotten(at(u64::MAX), &limits));
    }

    #[test]
    fn a_takeover_changes_the_epoch_and_nothing_that_was_done() {
        let used = stored(&session(), 1, 5, 1_000);
        let taken = used.taken_over(Ipv4Addr::new(10, 0, 0, 1).into(), at(2_000));
        assert_eq!(taken.epoch(), used.epoch().next());
        assert_eq!(taken.next_sequence(), used.next_sequence());
        assert_eq!(admit(&taken, 1, 5), Ok("replay"));
    }
}
