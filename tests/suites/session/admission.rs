//! What a session says to a sequence, against a model that keeps everything that was ever applied.

use std::net::Ipv4Addr;

use proptest::prelude::*;
use shared::codec::Payload;
use shared::error::ErrorCode;
use shared::id::{SessionId, Timestamp, Token};
use shared::limits::Limits;
use shared::session::{Admission, Fingerprint, Outcome, Receipt, Session};
use shared::wire::{Ack, FileInfo, MimeType, SessionRequest, Upload};

use harness::world::sequence;

/// A request: its sequence counted from the one that is due, and what it asks for. Few kinds, so that they repeat.
#[derive(Clone, Copy, Debug)]
struct Asked {
    from_next: i64,
    kind: u8,
}

/// The answers there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Proceed,
    Replay,
    Refused(ErrorCode),
}

fn asked() -> impl Strategy<Value = Asked> {
    (-7..3_i64, 0..4_u8).prop_map(|(from_next, kind)| Asked { from_next, kind })
}

fn request(number: u64, kind: u8) -> SessionRequest {
    let sequence = sequence(number);
    if kind == 3 {
        return SessionRequest::Remove(sequence, "file".to_owned());
    }
    let upload = Upload {
        mime_type: MimeType::octet_stream(),
        name: None,
        payload: Payload::Sized(u64::from(kind)),
        offset: 0,
        digest: None,
        trailer: None,
        ack: None,
    };
    SessionRequest::Transfer(sequence, upload)
}

fn said(session: &Session, number: u64, kind: u8) -> Said {
    let fingerprint = Fingerprint::of(&request(number, kind)).unwrap();
    match session.admit(sequence(number), &fingerprint) {
        Ok(Admission::Proceed) => Said::Proceed,
        Ok(Admission::Replay(receipt)) => {
            assert_eq!(receipt.sequence, sequence(number));
            Said::Replay
        }
        Err(code) => Said::Refused(code),
    }
}

/// The rules of PROTOCOL.md section 5, from all there ever was.
fn expected(applied: &[u8], kept: usize, number: u64, kind: u8) -> Said {
    let position = usize::try_from(number).unwrap() - 1;
    match applied.get(position) {
        None if position == applied.len() => Said::Proceed,
        None => Said::Refused(ErrorCode::SequenceGap),
        Some(_) if position + kept < applied.len() => Said::Refused(ErrorCode::SequenceTooOld),
        Some(earlier) if *earlier == kind => Said::Replay,
        Some(_) => Said::Refused(ErrorCode::SequenceReused),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_session_admits_what_the_rules_say(
        requests in prop::collection::vec(asked(), 0..80),
        kept in 1..6_usize,
    ) {
        let limits = Limits { receipts_per_session_max: kept, ..Limits::default() };
        let now = Timestamp::from_millis(0);
        let token = Token::from_random([1; 32]);
        let mut session = Session::open(SessionId::from_random([2; 16]), &token, Ipv4Addr::LOCALHOST.into(), now);
        let mut applied: Vec<u8> = Vec::new();
        for Asked { from_next, kind } in requests {
            let next = session.next_sequence().get();
            prop_assert_eq!(next, u64::try_from(applied.len()).unwrap() + 1);
            let number = next.saturating_add_signed(from_next).max(1);
            let answer = said(&session, number, kind);
            prop_assert_eq!(answer, expected(&applied, kept, number, kind));
            if answer == Said::Proceed {
                let file = FileInfo { stored_as: number.to_string(), size: u64::from(kind), digest: None };
                let outcome =
                    if kind == 3 { Outcome::Removed("file".to_owned()) } else { Outcome::Stored(file, Ack::Durable) };
                let fingerprint = Fingerprint::of(&request(number, kind)).unwrap();
                session = session.advanced(Receipt::new(sequence(number), fingerprint, outcome), now, &limits);
                applied.push(kind);
            }
        }
        let files = applied.iter().filter(|kind| **kind != 3).count();
        prop_assert_eq!(session.files_transferred(), u64::try_from(files).unwrap());
        let bytes: u64 = applied.iter().filter(|kind| **kind != 3).map(|kind| u64::from(*kind)).sum();
        prop_assert_eq!(session.total_bytes(), bytes);
    }
}
