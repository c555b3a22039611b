//! What happened around a gate as bytes on connections, as the server sees them, with a ledger of what was stored as
//! notes between them.

use std::time::Duration;

use lab_kit::{Recording, Side};

use crate::world::{Answer, Line, Moment, What};
use crate::{Admission, Sequence, Upload, Welcome, wire};

/// The ladder of these moments, a millisecond each.
pub(crate) fn painted(moments: &[Moment]) -> Recording {
    let mut painter =
        Painter { recording: Recording::default(), at: Duration::ZERO, next: Sequence::FIRST, stored: Vec::new() };
    for moment in moments {
        painter.at = painter.at.saturating_add(Duration::from_millis(1));
        painter.paint(moment);
    }
    painter.recording
}

struct Painter<'moments> {
    recording: Recording,
    at: Duration,
    /// The number behind all that were used.
    next: Sequence,
    stored: Vec<&'moments Upload>,
}

impl<'moments> Painter<'moments> {
    fn paint(&mut self, moment: &'moments Moment) {
        let line = moment.line;
        match &moment.what {
            What::Connects => {
                let opens = line.number == 1;
                self.recording.open(self.at, line.number);
                self.says(line, Side::Client, wire::connect(opens).as_bytes());
                if let Answer::Welcome(welcome) = moment.answer {
                    self.says(line, Side::Server, wire::welcome(opens, welcome).as_bytes());
                }
            }
            What::Begins(sequence, upload) => {
                self.says(line, Side::Client, wire::transfer(*sequence, &upload.request).as_bytes());
                if moment.answer == Answer::Admission(Ok(Admission::Proceed)) {
                    // What more comes of it comes with its end.
                    self.says(line, Side::Client, halves(upload).0);
                } else {
                    self.says(line, Side::Client, upload.payload());
                    self.answers(line, *sequence, &moment.answer);
                }
            }
            What::Ends(sequence, upload, receipt) => {
                self.says(line, Side::Client, halves(upload).1);
                if moment.stored().is_some() {
                    let again = self.stored.iter().any(|stored| *stored == &**upload);
                    let again = if again { "  <- A SECOND TIME" } else { "" };
                    let name = &upload.request.name;
                    self.note(format!("ledger: {sequence} {name} is {}{again}", receipt.stored_as));
                    self.stored.push(upload);
                    self.next = self.next.max(sequence.next());
                    let holds = Welcome { epoch: line.epoch, next_sequence: self.next };
                    self.says(line, Side::Server, wire::stored(*sequence, holds, receipt, false).as_bytes());
                } else {
                    self.answers(line, *sequence, &moment.answer);
                }
            }
            What::Fails(sequence, upload) => {
                self.says(line, Side::Client, halves(upload).1);
                self.says(line, Side::Server, wire::refused(*sequence, "digest_mismatch", "same", "").as_bytes());
            }
            What::Breaks => {
                self.note(format!("{} lost connection {}; the server does not know", line.who, line.number));
            }
        }
    }

    fn answers(&mut self, line: Line, sequence: Sequence, answer: &Answer) {
        match answer {
            Answer::Admission(Ok(Admission::Replay(receipt))) => {
                let holds = Welcome { epoch: line.epoch, next_sequence: self.next };
                self.says(line, Side::Server, wire::stored(sequence, holds, receipt, true).as_bytes());
                self.note(format!("ledger: nothing new; {sequence} again"));
            }
            Answer::Admission(Err(refusal)) | Answer::Commit(Err(refusal)) => {
                self.says(line, Side::Server, wire::refusal(sequence, *refusal, self.next).as_bytes());
            }
            Answer::Admission(Ok(Admission::Proceed))
            | Answer::Commit(Ok(()))
            | Answer::Welcome(_)
            | Answer::Panic(_)
            | Answer::Nothing => {}
        }
    }

    fn says(&mut self, line: Line, from: Side, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.recording.bytes(self.at, line.number, from, bytes);
        }
    }

    fn note(&mut self, text: String) {
        self.recording.note(self.at, text);
    }
}

/// The payload in two pieces, so that a ladder shows what came between them.
fn halves(upload: &Upload) -> (&[u8], &[u8]) {
    let payload = upload.payload();
    payload.split_at(payload.len() / 2)
}
