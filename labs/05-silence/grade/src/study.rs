//! What a learner predicts: two clients whose network becomes a black hole, at moments of the learner's own seed. The
//! answers follow from the rules and from no keeper.

use std::time::Duration;

use lab_kit::{Dice, Picture, Question, Study};

use crate::ladder::{Ladder, Rung};
use crate::strip::{BEYOND, Lane, Strip};
use crate::wire::Wire;
use crate::{Connection, Digest, Event, Output, Refusal, Reply, SessionId, Timeouts};

const FIRST: SessionId = SessionId(0xa);
const SECOND: SessionId = SessionId(0xb);
const HEARTBEAT: Duration = Duration::from_secs(30);
/// Between two bytes of the second client.
const DRIP: Duration = Duration::from_secs(5);

/// When things happened.
struct Moments {
    timeouts: Timeouts,
    /// The first client was heard.
    heard: Vec<Duration>,
    last_heard: Duration,
    /// It comes back.
    back: Duration,
    /// The second client begins an upload.
    begun: Duration,
    drips: Vec<Duration>,
}

impl Moments {
    fn of(dice: &mut Dice) -> Self {
        let timeouts = Timeouts::default();
        let seconds = |number: usize| Duration::from_secs(u64::try_from(number).unwrap_or(0));
        let beats = 1 + u32::try_from(dice.below(4)).unwrap_or(0);
        let last_heard = HEARTBEAT * beats;
        let silent = match dice.below(3) {
            0 => seconds(130 + dice.below(160)),
            1 => seconds(310 + dice.below(500)),
            _ => timeouts.session + timeouts.tombstone + seconds(10 + dice.below(500)),
        };
        let begun = seconds(1 + dice.below(100));
        let drips = (1..4).map(|number| begun + DRIP * number).collect();
        let heard = (0..=beats).map(|beat| HEARTBEAT * beat).collect();
        Self { timeouts, heard, last_heard, back: last_heard + silent, begun, drips }
    }

    fn closed(&self) -> Duration {
        self.last_heard + self.timeouts.connection
    }

    fn expired(&self) -> Duration {
        self.last_heard + self.timeouts.session
    }

    fn forgotten(&self) -> Duration {
        self.expired() + self.timeouts.tombstone
    }

    fn given_up(&self) -> Duration {
        self.begun + self.timeouts.progress_window
    }

    /// What the first client hears when it comes back.
    fn answer(&self) -> (Reply, &'static str) {
        if self.back < self.expired() {
            (Reply::SessionResumed { partial: None }, "session_resumed")
        } else if self.back < self.forgotten() {
            (Reply::Error(Refusal::SessionExpired), "session_gone")
        } else {
            (Reply::Error(Refusal::SessionUnknown), "session_unknown")
        }
    }

    fn lanes(&self) -> Vec<Lane> {
        let letters = std::iter::once('c').chain(std::iter::repeat('h'));
        let mut first: Vec<_> = self.heard.iter().copied().zip(letters).collect();
        first.push((self.back, 'r'));
        let mut second = vec![(self.begun, 't')];
        second.extend(self.drips.iter().map(|at| (*at, '.')));
        vec![Lane::marks("client 1", first), Lane::marks("client 2", second)]
    }

    /// Long enough for the deadlines.
    fn strip(&self, deadlines: Vec<Lane>) -> Strip {
        Strip { until: self.expired() + HEARTBEAT, lanes: self.lanes().into_iter().chain(deadlines).collect() }
    }

    fn deadlines(&self) -> Vec<Lane> {
        vec![
            Lane::deadline("connection 1", &self.heard, self.timeouts.connection),
            Lane::deadline("session 1", &self.heard, self.timeouts.session),
            Lane::deadline("upload 2", &[self.begun], self.timeouts.progress_window),
        ]
    }

    /// What client 1 and the server came to.
    fn ladder(&self) -> Ladder {
        let words = std::iter::once("connect").chain(std::iter::repeat("heartbeat"));
        let said = self.heard.iter().zip(words).map(|(at, words)| (*at, Rung::Client(words.to_owned())));
        let mut rungs: Vec<_> = said.collect();
        rungs.push((self.closed(), Rung::Decided("connection closed".to_owned())));
        if self.expired() <= self.back {
            rungs.push((self.expired(), Rung::Decided("session expired".to_owned())));
        }
        if self.forgotten() <= self.back {
            rungs.push((self.forgotten(), Rung::Decided("session forgotten".to_owned())));
        }
        rungs.push((self.back, Rung::Client("connect".to_owned())));
        rungs.push((self.back, Rung::Server(self.answer().1.to_owned())));
        Ladder(rungs)
    }

    fn wire(&self) -> Wire {
        let mut told = Vec::new();
        for (number, at) in self.heard.iter().enumerate() {
            let (event, reply) = if number == 0 {
                (Event::Open(FIRST), Reply::SessionCreated)
            } else {
                (Event::Heartbeat, Reply::HeartbeatAck { expires_in: self.timeouts.session })
            };
            told.push((*at, 1, Some(event), vec![Output::Reply(Connection(1), reply)]));
        }
        told.push((self.closed(), 1, None, vec![Output::Close(Connection(1))]));
        if self.expired() <= self.back {
            told.push((self.expired(), 1, None, vec![Output::Expired(FIRST)]));
        }
        told.push((self.back, 3, Some(Event::Resume(FIRST)), vec![Output::Reply(Connection(3), self.answer().0)]));
        let opened = Output::Reply(Connection(2), Reply::SessionCreated);
        told.push((Duration::ZERO, 2, Some(Event::Open(SECOND)), vec![opened]));
        let transfer = Event::Transfer { offset: 0, size: 1000, digest: Digest::of(&[b'x'; 1000]) };
        told.push((self.begun, 2, Some(transfer), vec![Output::Reply(Connection(2), Reply::Continue)]));
        told.extend(self.drips.iter().map(|at| (*at, 2, Some(Event::Payload(b"x".to_vec())), Vec::new())));
        let timeout = Output::Reply(Connection(2), Reply::Error(Refusal::PayloadTimeout));
        told.push((self.given_up(), 2, None, vec![timeout, Output::Close(Connection(2))]));
        told.sort_by_key(|(at, ..)| *at);
        let mut wire = Wire::new(self.timeouts.session);
        for (at, on, event, outputs) in told {
            if let Some(event) = event {
                wire.event(at, Connection(on), &event);
            }
            for output in &outputs {
                wire.output(at, output);
            }
        }
        wire
    }
}

pub(crate) fn study(dice: &mut Dice) -> Study {
    let moments = Moments::of(dice);
    let told = format!(
        "  client 1 connects (c) at 0 s, sends a heartbeat (h) each {} s, the last at {} s; then its network is a black\n  \
         hole. It comes back on a new connection (r) at {} s.\n  \
         client 2 begins an upload of 1000 bytes (t) at {} s, and then sends one byte (.) each {} s; the rest never comes.\n  \
         What happens further right stands at the edge ({BEYOND}).\n\n",
        HEARTBEAT.as_secs(),
        moments.last_heard.as_secs(),
        moments.back.as_secs(),
        moments.begun.as_secs(),
        DRIP.as_secs(),
    );
    Study {
        asked: told.clone() + &moments.strip(Vec::new()).to_string(),
        answered: format!("{told}{}\n{}", moments.strip(moments.deadlines()), moments.ladder()),
        picture: Some(Picture::Wire(moments.wire().recording().clone())),
        questions: questions(&moments),
    }
}

fn questions(moments: &Moments) -> Vec<Question> {
    let question = |name, answer: String, because: String| Question { name, answer, because };
    let seconds = |at: Duration| at.as_secs().to_string();
    let Timeouts { session, connection, progress_window, .. } = moments.timeouts;
    vec![
        question(
            "connection_closed",
            seconds(moments.closed()),
            format!("{} s after the last frame; of a black hole there is no event", connection.as_secs()),
        ),
        question(
            "session_expired",
            seconds(moments.expired()),
            format!(
                "{} s after the last frame; that its connection was closed before changes nothing",
                session.as_secs()
            ),
        ),
        question(
            "answer",
            moments.answer().1.to_owned(),
            format!("it was silent for {} s", moments.back.saturating_sub(moments.last_heard).as_secs()),
        ),
        question(
            "upload_given_up",
            seconds(moments.given_up()),
            format!("{} s after it began; a byte now and then is no progress", progress_window.as_secs()),
        ),
    ]
}
