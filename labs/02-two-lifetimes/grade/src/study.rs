//! What a learner predicts: what becomes of a client that never reads under three ways to acknowledge, measured on this
//! machine, and where a session is behind a few events.

use std::fmt::Write as _;
use std::time::Duration;

use lab_kit::{Dice, Picture, Question, Study};

use crate::model::{self, FIRST};
use crate::outcome::{Outcome, Setting};
use crate::week01::{LARGE_BYTES, pause, sized};
use crate::wire::served_by;
use crate::{Arrival, Connection, Event, Link, OK, Reply};

/// A way to acknowledge.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ack {
    Immediate,
    Deferred,
    Silent,
}

impl Ack {
    fn name(self) -> &'static str {
        match self {
            Self::Immediate => "immediate",
            Self::Deferred => "deferred",
            Self::Silent => "silent",
        }
    }
}

pub(crate) fn study(dice: &mut Dice) -> Study {
    let large = LARGE_BYTES / 1024;
    let small = dice.below(4).saturating_add(2);
    let behind = dice.below(3).saturating_add(1);
    let all = small.saturating_add(behind).saturating_add(1);
    let mut asked = format!(
        "A Week 01 client sends {small} files of 1,000 bytes, with a tenth of a second behind each, then one of {large} KiB,\n\
         then {behind} more of 1,000 bytes. Its system takes all of it, the client closes its socket without ever having\n\
         read, and exits with 0. \"immediate\" says OK behind each file, \"deferred\" says all OKs when the client has\n\
         ended, \"silent\" says nothing.\n"
    );
    let outcomes = [Ack::Immediate, Ack::Deferred, Ack::Silent].map(|ack| (ack, client(ack, small, behind)));
    let mut answered = format!("{asked}\n");
    for (ack, outcome) in &outcomes {
        let (stored, died) = (outcome.stored.len(), outcome.died);
        // Writing into a string cannot fail.
        let _ = writeln!(answered, "  {:<10} {stored} of {all} files stored, {died} bytes died on the way", ack.name());
    }
    let events = events(dice);
    let course = events.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let course = format!("\nConnection 1 opens a session. Then: {course}, and then Connect(9).\n");
    asked.push_str(&course);
    answered.push_str(&course);
    let [immediate, deferred, _] = outcomes.map(|(_, outcome)| outcome);
    let mut questions = of_client(&immediate, &deferred, all);
    questions.extend(of_session(&events));
    Study { asked, answered, picture: Some(Picture::Wire(immediate.recording)), questions }
}

fn client(ack: Ack, small: usize, behind: usize) -> Outcome {
    let mut script: Vec<_> = (0..small).flat_map(|_| [sized(1000), pause(100)]).collect();
    script.push(sized(LARGE_BYTES));
    script.extend((0..behind).map(|_| sized(1000)));
    let serve = |link: &mut dyn Link| {
        let mut owed = 0;
        while let Arrival::File { mime_type, bytes } = link.next(Duration::from_secs(10)) {
            if link.store(&mime_type, &bytes).is_ok() {
                owed += 1;
            }
            if ack == Ack::Immediate {
                // That nobody hears it is what this is about.
                let _ = link.say(OK);
            }
        }
        if ack == Ack::Deferred {
            let _ = link.say(&OK.repeat(owed));
        }
    };
    served_by(&serve, script, Setting::default())
}

/// Up to six events, none of which ends the session.
fn events(dice: &mut Dice) -> Vec<Event> {
    let mut newest = FIRST;
    let mut events = vec![Event::Transfer(newest)];
    for _ in 0..dice.below(3).saturating_add(3) {
        let event = match dice.below(3) {
            0 if newest.0 < 8 => Event::Connect(Connection(newest.0.saturating_add(1))),
            1 if newest != FIRST => Event::Transfer(Connection(newest.0.saturating_sub(1))),
            _ => Event::Transfer(newest),
        };
        if let Event::Connect(from) = event {
            newest = from;
        }
        events.push(event);
    }
    events
}

fn of_client(immediate: &Outcome, deferred: &Outcome, all: usize) -> Vec<Question> {
    vec![
        Question {
            name: "survivors_immediate",
            answer: immediate.stored.len().to_string(),
            because: "it closed with OKs that it had not read, its system sent RST, and what was on the way died"
                .to_owned(),
        },
        Question {
            name: "survivors_deferred",
            answer: deferred.stored.len().to_string(),
            because: "nothing came back before all had arrived".to_owned(),
        },
        Question {
            name: "client_believes",
            answer: all.to_string(),
            because: "a write that worked says that the system has the bytes, and nothing about the server".to_owned(),
        },
    ]
}

fn of_session(events: &[Event]) -> Vec<Question> {
    let said = model::said(events, Event::Connect(Connection(9)));
    let resumed = said.iter().find_map(|said| match said.reply {
        Reply::Resumed { epoch, next_sequence } => Some((epoch, next_sequence)),
        Reply::Stored { .. } | Reply::Closed | Reply::Moved | Reply::Gone(_) => None,
    });
    let (epoch, next) = resumed.unwrap_or_default();
    vec![
        Question {
            name: "epoch",
            answer: epoch.to_string(),
            because: "each connection that takes the session counts, the first and this one too".to_owned(),
        },
        Question {
            name: "next_sequence",
            answer: next.to_string(),
            because: "files count when they came from the connection that held the session, whichever that was"
                .to_owned(),
        },
    ]
}
