//! Courses that a session can take, and the first step at which it does something else than the model. Checks give a
//! course; the last one tries all there are, the short ones first, so what it finds is minimal.

use lab_kit::{Dice, Failure, Picture, Step, caught};

use crate::model::{self, FIRST};
use crate::talk::Talk;
use crate::{Connection, Event, Said, State, Subject};

type Outcome = Result<(), Box<Failure>>;

/// Events of the longest course.
const LENGTH_MAX: u32 = 6;
/// Steps that are shown one by one. All before them did what was due, and stand in one line, so that the whole course is
/// on the screen.
const STEPS_SHOWN: usize = 1;

/// What may happen next. The newest connection is the one that was accepted last; the older one came before it, and the
/// server may still take it for alive.
#[derive(Clone, Copy)]
enum Next {
    Connect,
    Transfer,
    OldTransfer,
    Disconnect,
    Lost,
    OldLost,
    Silence,
}

const ALL: [Next; 7] =
    [Next::Connect, Next::Transfer, Next::OldTransfer, Next::Disconnect, Next::Lost, Next::OldLost, Next::Silence];

/// Drives a session through this course.
pub(crate) fn driven(subject: &Subject, course: &[Event]) -> Outcome {
    // Where a panic comes from.
    let mut reached = 0;
    let outcome = caught(|| {
        let mut session = (subject.open)(FIRST);
        let due = model::state(&[]);
        if session.state() != due {
            return Some((0, Vec::new(), format!("{:?}", session.state())));
        }
        for (place, event) in course.iter().enumerate() {
            reached = place.saturating_add(1);
            let said = session.on(*event);
            let state = session.state();
            let (before, after) = (course.get(..place), course.get(..=place));
            let due = (model::said(before.unwrap_or_default(), *event), model::state(after.unwrap_or_default()));
            if (&said, state) != (&due.0, due.1) {
                let got = words(&said, state);
                return Some((place.saturating_add(1), said, got));
            }
        }
        None
    });
    match outcome {
        Ok(None) => Ok(()),
        Ok(Some((length, said, got))) => Err(told(course.get(..length).unwrap_or_default(), &said, &got)),
        Err(panicked) => {
            let got = format!("a panic at {}: {}", panicked.place, panicked.message);
            Err(told(course.get(..reached).unwrap_or_default(), &[], &got))
        }
    }
}

/// All courses of six events: those of five and less are their beginnings.
pub(crate) fn all(subject: &Subject, _: &mut Dice) -> Outcome {
    for length in 1..=LENGTH_MAX {
        for number in 0..7_usize.pow(length) {
            driven(subject, &course(number, length))?;
        }
    }
    Ok(())
}

/// The course of this number; what cannot happen in it is passed over.
fn course(number: usize, length: u32) -> Vec<Event> {
    let mut events = Vec::new();
    let (mut newest, mut rest) = (FIRST.0, number);
    for _ in 0..length {
        let next = ALL.into_iter().nth(rest % 7);
        rest /= 7;
        let from = match next {
            Some(Next::OldTransfer | Next::OldLost) => Connection(newest.saturating_sub(1)),
            Some(Next::Connect) => Connection(newest.saturating_add(1)),
            Some(Next::Transfer | Next::Disconnect | Next::Lost | Next::Silence) | None => Connection(newest),
        };
        let event = match next {
            Some(Next::Connect) => Event::Connect(from),
            Some(Next::Transfer | Next::OldTransfer) => Event::Transfer(from),
            Some(Next::Disconnect) => Event::Disconnect(from),
            Some(Next::Lost | Next::OldLost) => Event::Lost(from),
            Some(Next::Silence) | None => Event::Silence,
        };
        // A connection that never was or is lost says nothing.
        if event == Event::Silence || (from.0 > 0 && !events.contains(&Event::Lost(from))) {
            events.push(event);
        }
        if event == Event::Connect(from) {
            newest = from.0;
        }
    }
    events
}

/// A failure: the course up to the first step that differs.
fn told(course: &[Event], said: &[Said], got: &str) -> Box<Failure> {
    let mut talk = Talk::new();
    let opened = if course.is_empty() { got.to_owned() } else { format!("{:?}", model::state(&[])) };
    let mut steps = vec![Step { did: format!("open({})", FIRST.0), got: opened }];
    for (place, event) in course.iter().enumerate() {
        let before = course.get(..place).unwrap_or_default();
        let last = place.saturating_add(1) == course.len();
        let due = model::said(before, *event);
        talk.takes(*event, if last { said } else { &due });
        let due = words(&due, model::state(course.get(..=place).unwrap_or_default()));
        steps.push(Step { did: event.to_string(), got: if last { got.to_owned() } else { due } });
    }
    let expected = match course.split_last() {
        None => format!("{:?}", model::state(&[])),
        Some((last, before)) => words(&model::said(before, *last), model::state(course)),
    };
    Box::new(Failure {
        steps: joined(steps),
        expected,
        got: got.to_owned(),
        picture: Some(Picture::Wire(talk.recording)),
    })
}

/// The steps, with the first ones in one when there are many.
fn joined(mut steps: Vec<Step>) -> Vec<Step> {
    let behind = steps.split_off(steps.len().saturating_sub(STEPS_SHOWN));
    let did = steps.iter().map(|step| step.did.as_str()).collect::<Vec<_>>().join(", ");
    let first = steps.pop().map(|last| Step { did, got: last.got });
    first.into_iter().chain(behind).collect()
}

fn words(said: &[Said], state: State) -> String {
    let said = said.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    format!("{}; {state:?}", if said.is_empty() { "nothing is said" } else { &said })
}
