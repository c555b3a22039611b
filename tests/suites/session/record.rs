//! A session as bytes: it comes back whole, or not at all.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use harness::stores::contract::{at, transfer};
use proptest::prelude::*;
use shared::id::{SessionId, Token};
use shared::limits::Limits;
use shared::session::record::{Record, RecordError, read};
use shared::session::{Fingerprint, Outcome, Receipt, Session};
use shared::wire::{Ack, FileInfo, FileName, SessionRequest};

/// One change of a session.
#[derive(Clone, Debug)]
enum Change {
    Heard,
    Stored { size: u64, name: Option<String>, durable: bool, digest: Option<Vec<u8>> },
    Removed(String),
    Moved(u32),
    Expired,
    Closed,
}

fn change() -> impl Strategy<Value = Change> {
    let name = prop::option::of("[^/\\\\\\p{Cc}]{1,40}");
    let digest = prop::option::of(any::<Vec<u8>>());
    prop_oneof![
        2 => Just(Change::Heard),
        6 => (0..1_u64 << 53, name, any::<bool>(), digest)
            .prop_map(|(size, name, durable, digest)| Change::Stored { size, name, durable, digest }),
        2 => any::<String>().prop_map(Change::Removed),
        1 => any::<u32>().prop_map(Change::Moved),
        1 => Just(Change::Expired),
        1 => Just(Change::Closed),
    ]
}

fn changed(session: &Session, change: &Change, now: u64) -> Session {
    let limits = Limits { receipts_per_session_max: 4, ..Limits::default() };
    let sequence = session.next_sequence();
    let receipt = |request: &SessionRequest, outcome| {
        Receipt::new(sequence, Fingerprint::of(request).expect("a changing request"), outcome)
    };
    let now = at(now);
    match change {
        Change::Heard => session.heard(now),
        Change::Moved(address) => session.taken_over(Ipv4Addr::from(*address).into(), now),
        Change::Expired => session.expired(now),
        Change::Closed => {
            session.advanced(receipt(&SessionRequest::Disconnect(sequence), Outcome::Closed), now, &limits)
        }
        Change::Removed(file) => {
            let request = SessionRequest::Remove(sequence, file.clone());
            session.advanced(receipt(&request, Outcome::Removed(file.clone())), now, &limits)
        }
        Change::Stored { size, name, durable, digest } => {
            let SessionRequest::Transfer(sequence, mut upload) = transfer(sequence, *size) else { unreachable!() };
            upload.name = name.as_deref().and_then(FileName::from_wire);
            let ack = if *durable { Ack::Durable } else { Ack::Written };
            let digest = digest.as_ref().map(|bytes| {
                let mut hasher = shared::digest::DigestKind::Sha256.hasher();
                hasher.update(bytes);
                hasher.finish()
            });
            let file = FileInfo { stored_as: format!("file \"{sequence}\""), size: *size, digest };
            let request = SessionRequest::Transfer(sequence, upload);
            session.advanced(receipt(&request, Outcome::Stored(file, ack)), now, &limits)
        }
    }
}

fn again(record: &Record) -> Result<Session, RecordError> {
    read(&record.head, record.receipts.iter().map(|(_, bytes)| bytes.as_slice()))
}

fn session(address: IpAddr, changes: &[Change]) -> Session {
    let opened = Session::open(SessionId::from_random([7; 16]), &Token::from_random([9; 32]), address, at(1));
    changes.iter().zip(2..).fold(opened, |session, (change, now)| changed(&session, change, now))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_session_comes_back_as_it_was(address: u128, changes in prop::collection::vec(change(), 0..12)) {
        let session = session(Ipv6Addr::from(address).into(), &changes);
        let record = Record::of(&session, None).unwrap();
        let back = again(&record).unwrap();
        // Everything but the token shows itself.
        prop_assert_eq!(format!("{session:?}"), format!("{back:?}"));
        prop_assert!(back.belongs_to(&Token::from_random([9; 32])));
        prop_assert!(!back.belongs_to(&Token::from_random([8; 32])));
        prop_assert_eq!(&record, &Record::of(&back, None).unwrap());
        // A store that has the older receipts writes the newer ones only.
        if let Some((first, _)) = record.receipts.first() {
            let newer = Record::of(&session, Some(*first)).unwrap();
            prop_assert_eq!(&newer.head, &record.head);
            prop_assert_eq!(&newer.receipts, &record.receipts[1..]);
        }
    }

    #[test]
    fn a_record_that_was_touched_is_none(changes in prop::collection::vec(change(), 1..6), place: prop::sample::Index, bit in 0..8_u8) {
        let mut record = Record::of(&session(Ipv4Addr::LOCALHOST.into(), &changes), None).unwrap();
        let pieces = 1 + record.receipts.len();
        let piece = match place.index(pieces) {
            0 => &mut record.head,
            index => &mut record.receipts[index - 1].1,
        };
        let byte = place.index(piece.len());
        piece[byte] ^= 1 << bit;
        prop_assert!(again(&record).is_err());
    }
}

#[test]
fn a_record_of_another_version_or_with_other_receipts_is_refused_by_name() {
    let limits = Limits::default();
    let opened = session(Ipv4Addr::LOCALHOST.into(), &[]);
    let one = harness::stores::contract::stored(&opened, 5, at(1), &limits);
    let two = harness::stores::contract::stored(&one, 6, at(2), &limits);
    let record = Record::of(&two, None).unwrap();
    for (damaged, error) in [
        (Record { receipts: record.receipts[..1].to_vec(), ..record.clone() }, RecordError::Receipts),
        (Record { receipts: Vec::new(), ..record.clone() }, RecordError::Receipts),
        (Record { head: Record::of(&one, None).unwrap().head, ..record.clone() }, RecordError::Receipts),
        (Record { head: [b"2", &record.head[1..]].concat(), ..record.clone() }, RecordError::Version("2".to_owned())),
        (Record { head: Vec::new(), ..record.clone() }, RecordError::Version(String::new())),
        (Record { head: record.head[..40].to_vec(), ..record.clone() }, RecordError::Checksum),
        (Record { head: b"1".to_vec(), ..record.clone() }, RecordError::Checksum),
    ] {
        assert_eq!(again(&damaged).unwrap_err(), error);
    }
}
