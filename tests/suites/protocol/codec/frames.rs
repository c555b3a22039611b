//! Random frames, encoded and decoded again. The dice fall the same way in every run, so a failure comes back.

use bytes::Bytes;
use proptest::prelude::*;
use shared::codec::{Decoder, Event, Framing, Payload, encode_chunk_length, encode_line};

use super::{long, runner};

/// A frame as its parts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Parts {
    header: Vec<u8>,
    session_data: Vec<u8>,
    payload: Vec<u8>,
    trailer: Option<Vec<u8>>,
}

/// Parts, and the lengths of the chunks if it goes out in chunks.
#[derive(Debug, Clone)]
struct Sent {
    parts: Parts,
    chunks: Option<Vec<usize>>,
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::btree_map("[a-z{}\":,\\\\é]{0,6}", "[ -~é]{0,12}", 0..4)
        .prop_map(|members| serde_json::to_vec(&members).unwrap())
}

fn sent() -> impl Strategy<Value = Sent> {
    let payload = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        proptest::collection::vec(proptest::sample::select(&b"\n\r{}05"[..]), 0..40),
        line(),
    ];
    let session_data = proptest::collection::vec(any::<u8>(), 0..8);
    let chunks = proptest::option::of(proptest::collection::vec(1_usize..12, 1..6));
    (line(), session_data, payload, proptest::option::of(line()), chunks).prop_map(
        |(header, session_data, payload, trailer, chunks)| {
            let trailer = if chunks.is_some() { Some(trailer.unwrap_or(b"{}".to_vec())) } else { trailer };
            Sent { parts: Parts { header, session_data, payload, trailer }, chunks }
        },
    )
}

impl Sent {
    fn framing(&self) -> Framing {
        let payload = match self.chunks {
            Some(_) => Payload::Chunked,
            None => Payload::Sized(long(self.parts.payload.len())),
        };
        Framing { session_data: long(self.parts.session_data.len()), payload, trailer: self.parts.trailer.is_some() }
    }

    /// The bytes of the frame, and how many of them stand in lines.
    fn encode(&self, wire: &mut Vec<u8>) -> usize {
        let before = wire.len();
        let line = |line: &[u8]| {
            let value: serde_json::Value = serde_json::from_slice(line).unwrap();
            encode_line(&value).unwrap()
        };
        wire.extend(line(&self.parts.header));
        wire.extend(&self.parts.session_data);
        match &self.chunks {
            None => wire.extend(&self.parts.payload),
            Some(lengths) => {
                let mut rest = &self.parts.payload[..];
                for length in lengths.iter().cycle() {
                    let (chunk, behind) = rest.split_at((*length).min(rest.len()));
                    rest = behind;
                    wire.extend(encode_chunk_length(long(chunk.len())));
                    wire.extend(chunk);
                    if chunk.is_empty() {
                        break;
                    }
                }
            }
        }
        wire.extend(self.parts.trailer.iter().flat_map(|trailer| line(trailer)));
        wire.len() - before - self.parts.session_data.len() - self.parts.payload.len()
    }
}

#[test]
fn what_is_encoded_is_decoded_however_it_is_cut() {
    let frames = proptest::collection::vec(sent(), 1..5);
    let cuts = proptest::collection::vec(1_usize..30, 1..8);
    runner(3_000)
        .run(&(frames, cuts), |(frames, cuts)| {
            let mut wire = Vec::new();
            let lines: usize = frames.iter().map(|frame| frame.encode(&mut wire)).sum();
            let mut decoder = Decoder::new(1_000);
            let mut decoded: Vec<Parts> = Vec::new();
            let mut ended = 0;
            let (mut rest, mut cuts) = (&wire[..], cuts.iter().cycle());
            while !rest.is_empty() {
                let (piece, behind) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                rest = behind;
                decoder.buffer_mut().extend_from_slice(piece);
                while let Some(event) = decoder.next_event().unwrap() {
                    match event {
                        Event::Header(header) => {
                            decoder.follow(frames[decoded.len()].framing());
                            decoded.push(Parts { header: header.to_vec(), ..Parts::default() });
                        }
                        Event::SessionData(bytes) => decoded.last_mut().unwrap().session_data = bytes.to_vec(),
                        Event::Payload(bytes) => decoded.last_mut().unwrap().payload.extend(bytes),
                        Event::End(trailer) => {
                            decoded.last_mut().unwrap().trailer = trailer.map(|line: Bytes| line.to_vec());
                            ended += 1;
                        }
                    }
                }
            }
            prop_assert_eq!(ended, frames.len());
            prop_assert!(decoder.at_boundary());
            prop_assert_eq!(decoder.examined(), long(lines));
            let parts: Vec<_> = frames.into_iter().map(|frame| frame.parts).collect();
            prop_assert_eq!(decoded, parts);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_frame_is_held_from_its_last_byte_on_and_not_before() {
    runner(1_000)
        .run(&(sent(), sent()), |(frame, next)| {
            let mut wire = Vec::new();
            frame.encode(&mut wire);
            let whole = wire.len();
            next.encode(&mut wire);
            let body = wire.iter().position(|byte| *byte == b'\n').unwrap() + 1;
            for end in body..=wire.len() {
                let mut decoder = Decoder::new(1_000);
                decoder.buffer_mut().extend_from_slice(&wire[..end]);
                prop_assert!(matches!(decoder.next_event(), Ok(Some(Event::Header(_)))));
                let held = decoder.holds(frame.framing());
                prop_assert_eq!(held, frame.chunks.is_none() && end >= whole, "{} of {}", end, whole);
            }
            Ok(())
        })
        .unwrap();
}
