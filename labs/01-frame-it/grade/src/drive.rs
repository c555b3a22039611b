//! Gives a stream to a decoder in pieces, and finds the first place where it says something else than it must.

use lab_kit::{Failure, Picture, Ruler, Step, caught, shown};

use crate::stream::Stream;
use crate::{Event, Fault, Subject};

/// How soon an event must be told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// At the latest with the last piece.
    InTheEnd,
    /// With the piece that completes it; payload with the piece that brings it.
    AtOnce,
}

/// What a push came to.
struct Push {
    end: usize,
    /// What was found, or nothing because of a panic.
    events: Option<Vec<Event>>,
}

/// Where a decoder goes wrong.
struct Wrong {
    at: usize,
    why: &'static str,
    expected: String,
    got: String,
}

/// Gives `stream` to a fresh decoder, cut at `cuts`.
pub(crate) fn drive(fresh: &Subject, stream: &Stream, cuts: &[usize], when: When) -> Result<(), Box<Failure>> {
    let mut pushes: Vec<Push> = Vec::new();
    let mut wrong = None;
    let mut decoder = match caught(fresh) {
        Ok(decoder) => decoder,
        Err(panicked) => return Err(Failure::panic(&panicked)),
    };
    let mut found = Found::default();
    let mut start = 0;
    for end in cuts.iter().copied().chain([stream.bytes.len()]) {
        let piece = stream.bytes.get(start..end).unwrap_or_default();
        match caught(|| decoder.push(piece)) {
            Ok(events) => {
                wrong = events.iter().find_map(|event| found.take(stream, event, end));
                pushes.push(Push { end, events: Some(events) });
            }
            Err(panicked) => {
                let got = format!("a panic at {}: {}", panicked.place, panicked.message);
                wrong = Some(found.missing(stream, "here it panicked", got));
                pushes.push(Push { end, events: None });
            }
        }
        if wrong.is_none() && when == When::AtOnce && found.late(stream, end) {
            wrong = Some(found.missing(stream, "this has come, and nothing was said of it", "nothing yet".to_owned()));
        }
        if wrong.is_some() {
            break;
        }
        start = end;
    }
    if wrong.is_none() && found.late(stream, stream.bytes.len()) {
        wrong = Some(found.missing(stream, "this has come, and nothing was said of it", "nothing".to_owned()));
    }
    wrong.map_or(Ok(()), |wrong| Err(Box::new(told(stream, &pushes, wrong))))
}

/// How far a decoder is in what is due.
#[derive(Default)]
struct Found {
    /// Events that were found whole.
    events: usize,
    /// Bytes of the next one, if it is a payload.
    payload: usize,
}

impl Found {
    /// Compares the decoder's next event with what is due when `come` bytes of the stream have come.
    fn take(&mut self, stream: &Stream, event: &Event, come: usize) -> Option<Wrong> {
        let Some(due) = stream.due.get(self.events) else {
            let why = "all before this was found already";
            return Some(Wrong { at: come, why, expected: "nothing more".to_owned(), got: event.to_string() });
        };
        if let (Event::Payload(wanted), Event::Payload(bytes)) = (&due.event, event) {
            let rest = wanted.get(self.payload..).unwrap_or_default();
            let same = rest.iter().zip(bytes).take_while(|(wanted, byte)| wanted == byte).count();
            let at = due.from.saturating_add(self.payload).saturating_add(same);
            if same < bytes.len() {
                let after = bytes.get(same..).unwrap_or_default();
                let (expected, why) = match rest.get(same..) {
                    None | Some([]) => ("the end of the payload".to_owned(), "the payload ends before this byte"),
                    Some(rest) => (format!("payload \"{}\"", shown(rest, 40)), "the first wrong byte"),
                };
                return Some(Wrong { at, why, expected, got: format!("payload \"{}\"", shown(after, 40)) });
            }
            if bytes.is_empty() {
                let why = "a piece of a payload is never empty";
                return Some(Wrong { at, why, expected: due.event.to_string(), got: event.to_string() });
            }
            self.payload = self.payload.saturating_add(same);
            if self.payload == wanted.len() {
                (self.events, self.payload) = (self.events.saturating_add(1), 0);
            }
            return None;
        }
        let early = due.by > come;
        if due.event != *event {
            let (at, why) = match (&due.event, early) {
                (Event::Payload(_), _) => (due.from.saturating_add(self.payload), "the payload goes on here"),
                (_, true) => (come, "this had not come yet"),
                (Event::Fault(Fault::HeaderTooLarge), false) => (due.by.saturating_sub(1), "one byte too many"),
                (_, false) => (due.from, "here they part"),
            };
            return Some(Wrong { at, why, expected: due.event.to_string(), got: event.to_string() });
        }
        self.events = self.events.saturating_add(1);
        // A fault may be seen before its line ends.
        (early && !matches!(event, Event::Fault(_))).then(|| Wrong {
            at: come,
            why: "this had not come yet",
            expected: "nothing yet".to_owned(),
            got: event.to_string(),
        })
    }

    /// Whether something is missing that could be known when `come` bytes have come.
    fn late(&self, stream: &Stream, come: usize) -> bool {
        stream.due.get(self.events).is_some_and(|due| {
            let partial = matches!(due.event, Event::Payload(_)) && due.from.saturating_add(self.payload) < come;
            due.by <= come || partial
        })
    }

    /// What is due next was not found.
    fn missing(&self, stream: &Stream, why: &'static str, got: String) -> Wrong {
        let due = stream.due.get(self.events);
        let at = due.map_or(stream.bytes.len(), |due| due.from.saturating_add(self.payload));
        Wrong { at, why, expected: due.map_or_else(|| "nothing".to_owned(), |due| due.event.to_string()), got }
    }
}

fn told(stream: &Stream, pushes: &[Push], wrong: Wrong) -> Failure {
    let mut steps = Vec::new();
    let mut start = 0;
    let mut reads = Vec::new();
    for push in pushes {
        let piece = stream.bytes.get(start..push.end).unwrap_or_default();
        let got = match &push.events {
            None => "a panic".to_owned(),
            Some(events) if events.is_empty() => "nothing".to_owned(),
            Some(events) => events.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        };
        steps.push(Step { did: format!("push {} bytes: {}", piece.len(), shown(piece, 60)), got });
        reads.push(start);
        start = push.end;
    }
    let caret = Some((wrong.at, wrong.why.to_owned()));
    let ruler = Ruler { bytes: stream.bytes.clone(), reads, parts: stream.parts(), caret };
    Failure { steps, expected: wrong.expected, got: wrong.got, picture: Some(Picture::Bytes(ruler)) }
}
