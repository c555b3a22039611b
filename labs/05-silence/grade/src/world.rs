//! A host for a keeper, in virtual time: tells it what happens, fires its timers, and compares what it says with what
//! is due. Knows no rule of silence.

use std::time::Duration;

use lab_kit::{Failure, Picture, Step, caught};

use crate::wire::Wire;
use crate::words::listed;
use crate::{Connection, Event, Keeper, Output, Refusal, Reply, SessionId, Subject, Timeouts, Timestamp};

/// What came of a check, or of a part of it.
pub(crate) type Outcome<T = ()> = Result<T, Box<Failure>>;

/// How near a deadline things are tried.
pub(crate) const NEAR: Duration = Duration::from_millis(1);
/// Timers that may fire before something else happens.
const TIMERS_MAX: usize = 10_000;

pub(crate) struct World {
    keeper: Box<dyn Keeper>,
    now: Duration,
    steps: Vec<Step>,
    wire: Wire,
}

/// Something that silence must bring about, and when.
pub(crate) struct Due {
    pub(crate) at: Duration,
    pub(crate) outputs: Vec<Output>,
}

impl World {
    pub(crate) fn new(subject: &Subject, timeouts: Timeouts) -> Outcome<Self> {
        let keeper = caught(|| subject(timeouts)).map_err(|panicked| Failure::panic(&panicked))?;
        Ok(Self { keeper, now: Duration::ZERO, steps: Vec::new(), wire: Wire::new(timeouts.session) })
    }

    /// A connection opens a session.
    pub(crate) fn open(&mut self, on: u16, id: SessionId) -> Outcome {
        self.answers(on, Event::Open(id), &[Output::Reply(Connection(on), Reply::SessionCreated)])
    }

    /// Something happens on a connection, and one reply is due there and nothing else.
    pub(crate) fn replies(&mut self, on: u16, event: Event, reply: Reply) -> Outcome {
        self.answers(on, event, &[Output::Reply(Connection(on), reply)])
    }

    /// Something happens on a connection, and one reply is due that says that the session is no more.
    pub(crate) fn refuses(&mut self, on: u16, event: Event) -> Outcome {
        let got = without_expiry(self.tell(on, event)?);
        let refused = [Refusal::SessionExpired, Refusal::SessionUnknown];
        if refused.iter().any(|refusal| got == [Output::Reply(Connection(on), Reply::Error(*refusal))]) {
            return Ok(());
        }
        let [expired, unknown] = refused;
        Err(self.failed(format!("{expired}, or at least {unknown}"), listed(&got)))
    }

    /// Something happens on a connection, and this is due. In which order different connections hear of it, and whether
    /// a session is said to have expired now or was before, is the keeper's own affair.
    pub(crate) fn answers(&mut self, on: u16, event: Event, due: &[Output]) -> Outcome {
        let told = self.tell(on, event);
        let got = without_expiry(told.map_err(|failure| Box::new(Failure { expected: listed(due), ..*failure }))?);
        if by_connection(&got) == by_connection(due) { Ok(()) } else { Err(self.failed(listed(due), listed(&got))) }
    }

    /// Something happens on a connection; returns what the keeper says.
    fn tell(&mut self, on: u16, event: Event) -> Outcome<Vec<Output>> {
        let (now, from) = (self.now, Connection(on));
        self.wire.event(now, from, &event);
        let did = format!("{from}: {event}");
        self.ask(&did, move |keeper| keeper.on(Timestamp::at(now), from, event))
    }

    /// The host sleeps, and no timer fires: a machine that was too busy.
    pub(crate) fn sleep_through(&mut self, until: Duration) {
        self.now = until;
        self.wire.note(until, "no timer has fired".to_owned());
        self.steps
            .push(Step { did: format!("{}, no timer has fired until now", at(until)), got: "nothing".to_owned() });
    }

    /// The host was away, and fires one timer before it tells what else has happened.
    pub(crate) fn wake_at(&mut self, until: Duration) -> Outcome {
        self.now = until;
        self.ask("a timer fires", |keeper| keeper.on_timeout(Timestamp::at(until))).map(drop)
    }

    /// A timer fires that nobody has set.
    pub(crate) fn stray_timer(&mut self) -> Outcome {
        let now = self.now;
        let got = self.ask("a timer fires early", |keeper| keeper.on_timeout(Timestamp::at(now)))?;
        if got.is_empty() { Ok(()) } else { Err(self.failed("nothing", listed(&got))) }
    }

    /// Time passes in silence, and nothing must come of it.
    pub(crate) fn quiet_until(&mut self, until: Duration) -> Outcome {
        self.silence_until(until, &[])
    }

    /// Time passes in silence; timers fire when the keeper asked for them. All that is due, and nothing else, must come,
    /// each within the millisecond before its moment and the one after it.
    pub(crate) fn silence_until(&mut self, until: Duration, due: &[Due]) -> Outcome {
        let mut due = due.iter();
        let mut next = due.next();
        let mut last = None;
        for _ in 0..TIMERS_MAX {
            let timer = caught(|| self.keeper.poll_timeout()).map_err(|panicked| self.panicked(&panicked))?;
            let late = next.map_or(until, |due| due.at.saturating_add(NEAR).min(until));
            let Some(fires) = timer.map(|timer| timer.since_start().max(self.now)).filter(|fires| *fires <= late)
            else {
                let Some(missed) = next.filter(|due| due.at.saturating_add(NEAR) <= until) else {
                    self.now = until;
                    return Ok(());
                };
                self.now = late;
                let asked = timer.map_or("none is asked for".to_owned(), |timer| {
                    format!("the next is asked for at {}", at(timer.since_start()))
                });
                return Err(self.failed(
                    format!("{} at {}", listed(&missed.outputs), at(missed.at)),
                    format!("no timer that brings it; {asked}"),
                ));
            };
            // One that asks for the same moment again gets the next one, as from a real timer.
            let fires = if last == Some(fires) { fires.saturating_add(NEAR) } else { fires };
            (self.now, last) = (fires, Some(fires));
            let got = self.ask("a timer fires", |keeper| keeper.on_timeout(Timestamp::at(fires)))?;
            if got.is_empty() {
                self.steps.pop();
                continue;
            }
            match next {
                Some(due)
                    if by_connection(&got) == by_connection(&due.outputs) && fires.saturating_add(NEAR) >= due.at => {}
                Some(due) => {
                    return Err(self.failed(format!("{} at {}", listed(&due.outputs), at(due.at)), listed(&got)));
                }
                None => return Err(self.failed(format!("nothing before {}", at(until)), listed(&got))),
            }
            next = due.next();
        }
        Err(self.failed(
            "timers that have something to do",
            format!("{TIMERS_MAX} timers in a row; the last at {}", at(self.now)),
        ))
    }

    /// Asks the keeper, and writes down what it says.
    fn ask(&mut self, did: &str, work: impl FnOnce(&mut dyn Keeper) -> Vec<Output>) -> Outcome<Vec<Output>> {
        let did = format!("{}, {did}", at(self.now));
        match caught(|| work(&mut *self.keeper)) {
            Ok(outputs) => {
                for output in &outputs {
                    self.wire.output(self.now, output);
                }
                self.steps.push(Step { did, got: listed(&outputs) });
                Ok(outputs)
            }
            Err(panicked) => {
                self.steps.push(Step { did, got: "a panic".to_owned() });
                Err(self.panicked(&panicked))
            }
        }
    }

    fn panicked(&self, panicked: &lab_kit::Panicked) -> Box<Failure> {
        self.failed("an answer", format!("a panic at {}: {}", panicked.place, panicked.message))
    }

    fn failed(&self, expected: impl Into<String>, got: impl Into<String>) -> Box<Failure> {
        let picture = Some(Picture::Wire(self.wire.recording().clone()));
        Box::new(Failure { steps: self.steps.clone(), expected: expected.into(), got: got.into(), picture })
    }
}

/// Just before this moment.
pub(crate) fn before(moment: Duration) -> Duration {
    moment.saturating_sub(NEAR)
}

/// A moment as transcripts write it.
pub(crate) fn at(moment: Duration) -> String {
    format!("{:.3} s", moment.as_secs_f64())
}

fn without_expiry(outputs: Vec<Output>) -> Vec<Output> {
    outputs.into_iter().filter(|output| !matches!(output, Output::Expired(_))).collect()
}

/// Outputs in an order that does not depend on which connection hears first.
fn by_connection(outputs: &[Output]) -> Vec<&Output> {
    let mut sorted: Vec<_> = outputs.iter().collect();
    sorted.sort_by_key(|output| match output {
        Output::Reply(on, _) | Output::Close(on) => Some(*on),
        Output::Expired(_) => None,
    });
    sorted
}
