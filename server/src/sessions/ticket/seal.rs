//! A session sealed for its client to carry: nobody else can read it, and nobody can change it. Knows neither
//! what the session means nor whether its time is up.

use std::sync::Arc;

use bytes::Bytes;
use chacha20poly1305::XNonce;
use chacha20poly1305::aead::{Aead as _, Payload};
use shared::limits::TICKET_BYTES_MAX;
use shared::session::Session;
use shared::session::record::{Record, RecordError, read};

use super::keys::{KeyId, TicketKeys};
use crate::env::{Dice, NoDice};

/// The first byte of a ticket. It grows with the meaning of what follows.
const LAYOUT: u8 = 1;

/// Bytes before the nonce: layout and name of the key.
const PREFIX_BYTES: usize = 1 + size_of::<KeyId>();

/// Bytes of a nonce: so many that random ones do not meet, however many tickets one key seals.
const NONCE_BYTES: usize = 24;

/// Between the pieces of the record, none of which holds it.
const BETWEEN: u8 = b'\n';

/// Why a session was not sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// There is no nonce.
    #[error(transparent)]
    Dice(#[from] NoDice),
    /// There is no record of it.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// It is more than a client carries.
    #[error("a ticket of {0} bytes is too long")]
    TooLong(usize),
    /// There is no key, or the cipher failed.
    #[error("the cipher failed")]
    Cipher,
}

/// Why bytes are no ticket of ours.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nothing of this form was ever sealed.
    #[error("the bytes have not the form of a ticket")]
    Form,
    /// None of our keys has this name.
    #[error("the ticket names a key that is not here")]
    Key,
    /// Something in it was changed, or it was made by somebody else.
    #[error("the seal is broken")]
    Seal,
    /// It was sealed by us and is no session.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Seals sessions and opens what was sealed.
#[derive(Debug)]
pub struct Tickets {
    keys: TicketKeys,
    dice: Arc<dyn Dice>,
    /// What the seals are valid for.
    protocol: &'static str,
}

impl Tickets {
    /// Tickets for this version of the protocol.
    #[must_use]
    pub fn new(keys: TicketKeys, dice: Arc<dyn Dice>, protocol: &'static str) -> Self {
        Self { keys, dice, protocol }
    }

    /// Whether a later process can have the same keys.
    #[must_use]
    pub fn are_lasting(&self) -> bool {
        self.keys.are_lasting()
    }

    /// The session as its client carries it: with the last receipt and no other.
    ///
    /// # Errors
    /// When the system gives no random bits, or the session is more than fits.
    pub fn seal(&self, session: &Session) -> Result<Bytes, SealError> {
        let Record { head, receipts } = Record::of(&session.with_last_receipt(), None)?;
        let receipts = receipts.iter().map(|(_, receipt)| receipt.as_slice());
        let pieces: Vec<&[u8]> = std::iter::once(head.as_slice()).chain(receipts).collect();
        let content = pieces.join(&BETWEEN);
        let key = self.keys.sealing().ok_or(SealError::Cipher)?;
        let mut nonce = [0; NONCE_BYTES];
        self.dice.fill(&mut nonce)?;
        let prefix = [&[LAYOUT], key.id.as_slice()].concat();
        let payload = Payload { msg: &content, aad: &self.bound_to(&prefix) };
        let sealed = key.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| SealError::Cipher)?;
        let ticket = [prefix.as_slice(), &nonce, &sealed].concat();
        if ticket.len() > TICKET_BYTES_MAX { Err(SealError::TooLong(ticket.len())) } else { Ok(ticket.into()) }
    }

    /// The session in a ticket.
    ///
    /// # Errors
    /// When it is none that was sealed with one of the keys for this protocol.
    pub fn open(&self, ticket: &[u8]) -> Result<Session, OpenError> {
        if ticket.len() > TICKET_BYTES_MAX {
            return Err(OpenError::Form);
        }
        let (prefix, rest) = ticket.split_at_checked(PREFIX_BYTES).ok_or(OpenError::Form)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(OpenError::Form)?;
        let id = prefix.strip_prefix(&[LAYOUT]).ok_or(OpenError::Form)?;
        let key = self.keys.called(id).ok_or(OpenError::Key)?;
        let payload = Payload { msg: sealed, aad: &self.bound_to(prefix) };
        let content = key.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| OpenError::Seal)?;
        let mut pieces = content.split(|byte| *byte == BETWEEN);
        Ok(read(pieces.next().unwrap_or_default(), pieces)?)
    }

    /// What a ticket shows and what it is for are sealed with it.
    fn bound_to(&self, prefix: &[u8]) -> Vec<u8> {
        [prefix, self.protocol.as_bytes()].concat()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use shared::codec::Payload as Length;
    use shared::digest::DigestKind;
    use shared::id::{Sequence, SessionId, Timestamp, Token};
    use shared::limits::Limits;
    use shared::session::{Fingerprint, Outcome, Receipt};
    use shared::wire::{Ack, FileInfo, FileName, MimeType, SessionRequest, Upload};

    use super::*;
    use crate::env::SystemDice;

    fn tickets() -> Tickets {
        Tickets::new(TicketKeys::generate(&SystemDice).unwrap(), Arc::new(SystemDice), "2.0")
    }

    /// The session after a file with the longest of everything.
    fn stored(session: &Session, name: &str) -> Session {
        let digest = DigestKind::Sha256.hasher().finish();
        let upload = Upload {
            mime_type: MimeType::from_wire(&format!("a/{}", "m".repeat(125))).unwrap(),
            name: Some(FileName::from_wire(name).unwrap()),
            payload: Length::Sized(9_007_199_254_740_991),
            offset: 0,
            digest: Some(digest),
            trailer: None,
            ack: None,
        };
        let sequence = session.next_sequence();
        let request = Fingerprint::of(&SessionRequest::Transfer(sequence, upload)).unwrap();
        let file = FileInfo { stored_as: "s".repeat(255), size: 9_007_199_254_740_991, digest: Some(digest) };
        let receipt = Receipt::new(sequence, request, Outcome::Stored(file, Ack::Durable));
        session.advanced(receipt, Timestamp::from_millis(u64::MAX), &Limits::default())
    }

    fn session() -> Session {
        let address = Ipv6Addr::from([0xfe; 16]).into();
        let token = Token::from_random([1; 32]);
        let opened = Session::open(SessionId::from_random([2; 16]), &token, address, Timestamp::from_millis(7));
        stored(&stored(&opened, "one"), "two")
    }

    #[test]
    fn what_was_sealed_is_opened_with_its_last_receipt_only() {
        let (tickets, session) = (tickets(), session());
        let opened = tickets.open(&tickets.seal(&session).unwrap()).unwrap();
        assert_eq!(format!("{opened:?}"), format!("{:?}", session.with_last_receipt()));
        let [first, second] = [1, 2].map(|number| Sequence::new(number).unwrap());
        assert!(opened.receipt(first).is_none() && opened.receipt(second).is_some());
    }

    #[test]
    fn a_ticket_shows_nothing_and_is_never_the_same_twice() {
        let (tickets, session) = (tickets(), session());
        let [one, two] = [(); 2].map(|()| tickets.seal(&session).unwrap());
        assert_eq!(one.len(), two.len());
        assert_eq!(one[..PREFIX_BYTES], two[..PREFIX_BYTES]);
        let alike = one.iter().zip(&two).skip(PREFIX_BYTES).filter(|(one, two)| one == two).count();
        assert!(alike < one.len() / 16, "{alike} of {} bytes are alike", one.len());
        assert!(!one.windows(3).any(|bytes| bytes == b"two"));
    }

    #[test]
    fn every_flipped_bit_breaks_the_seal() {
        let tickets = tickets();
        let ticket = tickets.seal(&session()).unwrap();
        for bit in 0..ticket.len() * 8 {
            let mut flipped = ticket.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(tickets.open(&flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn every_shorter_and_every_longer_ticket_is_refused() {
        let tickets = tickets();
        let ticket = tickets.seal(&session()).unwrap();
        for length in 0..ticket.len() {
            assert!(tickets.open(&ticket[..length]).is_err(), "{length}");
            assert!(tickets.open(&ticket[length + 1..]).is_err(), "{length}");
        }
        for more in 1..=TICKET_BYTES_MAX {
            assert!(tickets.open(&[&ticket[..], &vec![0; more]].concat()).is_err(), "{more}");
        }
        for garbage in [vec![0; 64], vec![0xff; 4_096], vec![LAYOUT; 4_097], b"{}".to_vec()] {
            assert!(tickets.open(&garbage).is_err());
        }
    }

    #[test]
    fn a_ticket_of_another_key_or_protocol_is_foreign() {
        let (ours, theirs) = (tickets(), tickets());
        let ticket = ours.seal(&session()).unwrap();
        assert!(matches!(theirs.open(&ticket), Err(OpenError::Key)));
        // Whoever gives it the name of our key has not sealed it with our key.
        let renamed = [&ticket[..PREFIX_BYTES], &theirs.seal(&session()).unwrap()[PREFIX_BYTES..]].concat();
        assert!(matches!(ours.open(&renamed), Err(OpenError::Seal)));
        let later = Tickets { protocol: "2.1", ..ours };
        assert!(matches!(later.open(&ticket), Err(OpenError::Seal)));
    }

    #[test]
    fn the_longest_session_fits_into_a_ticket() {
        // A quotation mark takes two bytes in the record.
        let segments = [255, 255, 255, 255].map(|length| "\"".repeat(length));
        let longest = segments.join("/");
        let mut session = session();
        session = session.not_before(serde_json::from_str("9007199254740991").unwrap());
        let tickets = tickets();
        let ticket = tickets.seal(&stored(&session, &longest)).unwrap();
        assert!(ticket.len() <= TICKET_BYTES_MAX, "{} bytes", ticket.len());
        assert!(tickets.open(&ticket).is_ok());
    }
}
