//! Bytes to events and back: the same however the network cuts them, and every byte looked at once.
//!
//! Method: the streams of `corpus/wire/` are fed to a decoder in one piece, in all pieces of two and three,
//! and byte by byte; what it says must be the trace of the table each time.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::mem::{Discriminant, discriminant};

use bytes::Bytes;
use harness::corpus::{self, WireCase, escape};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use shared::codec::{Decoder, Event, Framing, Payload};
use shared::error::ErrorCode;
use shared::limits::Limits;
use shared::wire::{Dialect, Frame, Incoming, read_header};

mod frames;
mod headers;
mod hostile;
mod reference;

/// Header lines longer than this are shown by their length.
const SHOWN_BYTES_MAX: usize = 512;

/// Bytes fed for the pairs of cuts of one stream. Enough for all pairs of a stream of 200 bytes; of a longer
/// one only some are tried, evenly spread.
const PAIR_BYTES_MAX: usize = 200 * 200 * 201 / 2;

fn table() -> Vec<WireCase> {
    let themes = [
        include_str!("../../corpus/wire/uploads.txt"),
        include_str!("../../corpus/wire/chunks.txt"),
        include_str!("../../corpus/wire/sessions.txt"),
        include_str!("../../corpus/wire/lines.txt"),
        include_str!("../../corpus/wire/week01.txt"),
    ];
    themes.into_iter().flat_map(|theme| corpus::wire_cases(theme).unwrap()).collect()
}

/// What a header leads to.
enum Reading {
    Follow(Framing),
    Week01(Framing),
    Refused(ErrorCode, Framing),
    End(&'static str),
}

/// Feeds a decoder and writes down what it says.
struct Tracer {
    decoder: Decoder,
    dialect: Dialect,
    fed: usize,
    /// Bytes of lines, their ends included.
    opaque: usize,
    text: String,
    payload: Vec<u8>,
    over: bool,
}

/// Keeps what headers lead to, because the same header is read thousands of times.
#[derive(Default)]
struct Tracing {
    readings: HashMap<(Bytes, Discriminant<Dialect>), (String, Reading)>,
}

impl Tracing {
    /// The trace of a stream that arrives in these pieces.
    fn trace<'a>(&mut self, pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
        let mut tracer = Tracer {
            decoder: Decoder::new(Limits::default().header_bytes_max),
            dialect: Dialect::Unsettled,
            fed: 0,
            opaque: 0,
            text: String::new(),
            payload: Vec::new(),
            over: false,
        };
        for piece in pieces {
            tracer.decoder.buffer_mut().extend_from_slice(piece);
            tracer.fed += piece.len();
            while !tracer.over && self.step(&mut tracer) {}
        }
        tracer.finish()
    }

    /// Takes one event; `false` when more bytes are needed.
    fn step(&mut self, tracer: &mut Tracer) -> bool {
        match tracer.decoder.next_event() {
            Ok(None) => return false,
            Ok(Some(Event::Payload(bytes))) => {
                tracer.opaque += bytes.len();
                tracer.payload.extend_from_slice(&bytes);
            }
            Ok(Some(Event::SessionData(bytes))) => {
                tracer.opaque += bytes.len();
                tracer.say(&format!("S[{}]", escape(&bytes)));
            }
            Ok(Some(Event::End(None))) => tracer.say("E"),
            Ok(Some(Event::End(Some(line)))) => tracer.say(&format!("E[{}]", escape(&line))),
            Ok(Some(Event::Header(line))) => {
                let dialect = tracer.dialect;
                let key = (line, discriminant(&dialect));
                if !self.readings.contains_key(&key) {
                    let known = (show(&key.0), read(&key.0, dialect));
                    self.readings.insert(key.clone(), known);
                }
                let (shown, reading) = &self.readings[&key];
                tracer.say(shown);
                tracer.obey(reading);
            }
            Err(fault) => tracer.stop(fault.kind.code().as_str()),
        }
        true
    }
}

/// Dice that fall the same way in every run, so that a failure comes back.
fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

fn long(count: usize) -> u64 {
    count.try_into().unwrap()
}

fn show(line: &[u8]) -> String {
    if line.len() > SHOWN_BYTES_MAX { format!("H[{} bytes]", line.len()) } else { format!("H[{}]", escape(line)) }
}

fn read(line: &[u8], dialect: Dialect) -> Reading {
    let refused = |refusal: shared::wire::Refusal| match refusal.framing {
        Some(framing) if !refusal.code.always_closes() => Reading::Refused(refusal.code, framing),
        _ => Reading::End(refusal.code.as_str()),
    };
    match read_header(line, dialect) {
        Ok(Incoming::Week01(upload)) => {
            Reading::Week01(Framing { payload: Payload::Sized(upload.size), ..Framing::NONE })
        }
        Ok(Incoming::InvalidWeek01) => Reading::End("week01"),
        Ok(Incoming::Frame(raw)) => match Frame::try_from(*raw) {
            Ok(frame) => Reading::Follow(frame.framing),
            Err(refusal) => refused(refusal),
        },
        Err(refusal) => refused(refusal),
    }
}

impl Tracer {
    fn say(&mut self, event: &str) {
        if !self.payload.is_empty() {
            let payload = std::mem::take(&mut self.payload);
            write!(self.text, "P[{}] ", escape(&payload)).unwrap();
        }
        self.text.push_str(event);
        self.text.push(' ');
    }

    fn obey(&mut self, reading: &Reading) {
        match reading {
            Reading::End(code) => self.stop(code),
            Reading::Refused(code, framing) => {
                self.dialect = Dialect::V2;
                self.say(&format!("({code})"));
                self.decoder.follow(*framing);
            }
            Reading::Week01(framing) => {
                self.dialect = Dialect::Week01;
                self.decoder.follow(*framing);
            }
            Reading::Follow(framing) => {
                self.dialect = Dialect::V2;
                self.decoder.follow(*framing);
            }
        }
    }

    fn stop(&mut self, code: &str) {
        let taken = self.fed - self.decoder.unfinished().len();
        self.say(&format!("!{code}@{taken}"));
        self.over = true;
    }

    /// The whole trace, once it is sure that payload was not looked at.
    fn finish(mut self) -> String {
        let lines = self.fed - self.opaque;
        assert!(
            self.decoder.examined() <= long(lines),
            "looked at {} of {lines}: {}",
            self.decoder.examined(),
            self.text
        );
        if !self.over {
            let boundary = self.decoder.at_boundary();
            self.say(&format!("eof={boundary}"));
        }
        self.text.trim_end().to_owned()
    }
}

#[test]
fn every_stream_gives_the_trace_of_its_table() {
    let mut tracing = Tracing::default();
    for case in table() {
        assert_eq!(tracing.trace([&case.input[..]]), case.trace, "{}", case.name);
    }
}

#[test]
fn every_stream_gives_the_same_trace_cut_in_two_anywhere() {
    let mut tracing = Tracing::default();
    for case in table() {
        for at in 0..=case.input.len() {
            let (first, second) = case.input.split_at(at);
            assert_eq!(tracing.trace([first, second]), case.trace, "{}, cut at {at}", case.name);
        }
    }
}

#[test]
fn every_stream_gives_the_same_trace_cut_in_three_anywhere() {
    let mut tracing = Tracing::default();
    let mut number: usize = 0;
    for case in table() {
        let length = case.input.len();
        let pairs = (length + 1) * (length + 2) / 2;
        let step = (pairs * length).div_ceil(PAIR_BYTES_MAX).max(1);
        for one in 0..=length {
            for two in one..=length {
                number += 1;
                if number.is_multiple_of(step) {
                    let pieces = [&case.input[..one], &case.input[one..two], &case.input[two..]];
                    assert_eq!(tracing.trace(pieces), case.trace, "{}, cut at {one} and {two}", case.name);
                }
            }
        }
    }
}

#[test]
fn every_stream_gives_the_same_trace_byte_by_byte() {
    let mut tracing = Tracing::default();
    for case in table() {
        for piece in [1, 2, 3, 7] {
            assert_eq!(tracing.trace(case.input.chunks(piece)), case.trace, "{}, in pieces of {piece}", case.name);
        }
    }
}

#[test]
fn a_frame_behind_another_gives_what_it_gives_alone() {
    // Whatever a decoder remembers of one frame, the next must not see it.
    let mut tracing = Tracing::default();
    let frame = "{\"version\":\"2.0\",\"mime_type\":\"a/b\",\"size\":null}\n2\nhi0\n{}\n";
    for case in table().into_iter().filter(|case| case.trace.contains("2.0") && case.trace.ends_with("eof=true")) {
        let twice = [&case.input[..], frame.as_bytes(), &case.input[..]].concat();
        let alone = case.trace.trim_end_matches("eof=true");
        let expected = format!("{alone}H[{}] P[hi] E[{{}}] {}", frame.lines().next().unwrap(), case.trace);
        assert_eq!(tracing.trace(twice.chunks(5)), expected, "{}", case.name);
    }
}

#[test]
fn a_header_that_drips_is_examined_once() {
    // One byte a time, against a decoder that looks again at all it has: 64 KiB would be 2 billion looks.
    for limit in [8 * 1024, 64 * 1024] {
        let mut decoder = Decoder::new(limit);
        let mut fault = None;
        for byte in std::iter::once(b'{').chain(std::iter::repeat(b'x')).take(64 * 1024 + 1) {
            decoder.buffer_mut().extend_from_slice(&[byte]);
            if let Err(found) = decoder.next_event() {
                fault = Some(found.kind.code());
                break;
            }
        }
        assert_eq!(fault, Some(ErrorCode::HeaderTooLarge));
        assert!(decoder.examined() <= long(limit) + 1, "{} of {limit}", decoder.examined());
    }
}

#[test]
fn a_payload_is_passed_on_unseen() {
    let header = b"{\"version\":\"2.0\",\"mime_type\":\"a/b\",\"size\":1048576}\n";
    let mut decoder = Decoder::new(8 * 1024);
    decoder.buffer_mut().extend_from_slice(header);
    assert!(matches!(decoder.next_event(), Ok(Some(Event::Header(_)))));
    decoder.follow(Framing { payload: Payload::Sized(1 << 20), ..Framing::NONE });
    for piece in vec![b'\n'; 1 << 20].chunks(1_000) {
        decoder.buffer_mut().extend_from_slice(piece);
        assert!(matches!(decoder.next_event(), Ok(Some(Event::Payload(bytes))) if bytes.len() == piece.len()));
    }
    assert_eq!(decoder.next_event(), Ok(Some(Event::End(None))));
    assert_eq!(decoder.examined(), long(header.len()));
}
