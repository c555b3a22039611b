//! Sessions between two frames: what silence does to them, and who hears of it. Uploads are elsewhere.

use std::time::Duration;

use lab_kit::Dice;

use crate::world::{Due, NEAR, Outcome, World, before};
use crate::{Connection, Event, Output, Refusal, Reply, SessionId, Subject, Timeouts};

const A: SessionId = SessionId(0xa);
const NEVER_WAS: SessionId = SessionId(0xb);

/// Between two heartbeats: a little less than a client may take.
const BEAT: Duration = Duration::from_secs(29);

const RESUMED: Reply = Reply::SessionResumed { partial: None };
const GONE: Reply = Reply::Error(Refusal::SessionExpired);
const UNKNOWN: Reply = Reply::Error(Refusal::SessionUnknown);

/// How silence ends a connection and then its session, if neither is heard of after `since`.
pub(crate) fn end(timeouts: &Timeouts, since: Duration, on: u16, id: SessionId) -> [Due; 2] {
    [
        Due { at: since + timeouts.connection, outputs: vec![Output::Close(Connection(on))] },
        Due { at: since + timeouts.session, outputs: vec![Output::Expired(id)] },
    ]
}

/// A session that a connection opened and left at once.
fn left(subject: &Subject) -> Outcome<World> {
    let mut world = World::new(subject, Timeouts::default())?;
    world.open(1, A)?;
    world.answers(1, Event::Reset, &[])?;
    Ok(world)
}

pub(crate) fn opened(subject: &Subject, _: &mut Dice) -> Outcome {
    World::new(subject, Timeouts::default())?.open(1, A)
}

pub(crate) fn ends_a_session(subject: &Subject, _: &mut Dice) -> Outcome {
    // Not all servers are as patient as the default.
    for session in [Timeouts::default().session, Duration::from_secs(7 * 24 * 3600)] {
        let left = || {
            let mut world = World::new(subject, Timeouts { session, ..Timeouts::default() })?;
            world.open(1, A)?;
            world.answers(1, Event::Reset, &[]).map(|()| world)
        };
        let mut world = left()?;
        world.sleep_through(before(session));
        world.replies(2, Event::Resume(A), RESUMED)?;
        let mut world = left()?;
        world.wake_at(session + NEAR)?;
        world.refuses(2, Event::Resume(A))?;
    }
    Ok(())
}

pub(crate) fn timer(subject: &Subject, _: &mut Dice) -> Outcome {
    let mut world = left(subject)?;
    let session = Timeouts::default().session;
    world.silence_until(session * 3, &[Due { at: session, outputs: vec![Output::Expired(A)] }])
}

pub(crate) fn late(subject: &Subject, _: &mut Dice) -> Outcome {
    let mut world = left(subject)?;
    world.sleep_through(Timeouts::default().session + NEAR);
    world.refuses(2, Event::Resume(A))?;
    // On a connection that is still there, a heartbeat is no better.
    let timeouts = Timeouts { session: Duration::from_secs(60), ..Timeouts::default() };
    let mut world = World::new(subject, timeouts)?;
    world.open(1, A)?;
    world.sleep_through(timeouts.session + NEAR);
    world.refuses(1, Event::Heartbeat)
}

pub(crate) fn early(subject: &Subject, _: &mut Dice) -> Outcome {
    let mut world = left(subject)?;
    let session = Timeouts::default().session;
    world.quiet_until(session / 2)?;
    world.stray_timer()?;
    world.quiet_until(before(session))?;
    world.stray_timer()?;
    world.replies(2, Event::Resume(A), RESUMED)
}

pub(crate) fn expired_and_unknown(subject: &Subject, _: &mut Dice) -> Outcome {
    let mut world = left(subject)?;
    world.wake_at(Timeouts::default().session + Duration::from_secs(60))?;
    world.replies(2, Event::Resume(NEVER_WAS), UNKNOWN)?;
    world.replies(3, Event::Resume(A), GONE)
}

pub(crate) fn tombstone(subject: &Subject, _: &mut Dice) -> Outcome {
    let Timeouts { session, tombstone, .. } = Timeouts::default();
    let expired = || {
        let mut world = left(subject)?;
        let due = Due { at: session, outputs: vec![Output::Expired(A)] };
        world.silence_until(session + NEAR, &[due]).map(|()| world)
    };
    let mut world = expired()?;
    world.sleep_through(before(session + tombstone));
    world.replies(2, Event::Resume(A), GONE)?;
    let mut world = expired()?;
    world.wake_at(session + tombstone + NEAR)?;
    world.replies(2, Event::Resume(A), UNKNOWN)
}

pub(crate) fn heartbeat(subject: &Subject, _: &mut Dice) -> Outcome {
    let timeouts = Timeouts::default();
    let mut world = World::new(subject, timeouts)?;
    world.open(1, A)?;
    let mut now = Duration::ZERO;
    for _ in 0..20 {
        now += BEAT;
        world.quiet_until(now)?;
        world.replies(1, Event::Heartbeat, Reply::HeartbeatAck { expires_in: timeouts.session })?;
    }
    Ok(())
}

pub(crate) fn fin(subject: &Subject, _: &mut Dice) -> Outcome {
    let mut world = World::new(subject, Timeouts::default())?;
    world.open(1, A)?;
    world.answers(1, Event::Finished, &[Output::Close(Connection(1))])?;
    world.replies(2, Event::Resume(A), RESUMED)
}

pub(crate) fn black_hole(subject: &Subject, _: &mut Dice) -> Outcome {
    let timeouts = Timeouts::default();
    let mut world = World::new(subject, timeouts)?;
    world.open(1, A)?;
    let until = before(timeouts.session);
    let [closed, _] = end(&timeouts, Duration::ZERO, 1, A);
    world.silence_until(until, &[closed])?;
    world.replies(2, Event::Resume(A), RESUMED)?;
    world.silence_until(until + timeouts.session * 2, &end(&timeouts, until, 2, A))
}

pub(crate) fn takeover(subject: &Subject, _: &mut Dice) -> Outcome {
    let timeouts = Timeouts::default();
    let mut world = World::new(subject, timeouts)?;
    world.open(1, A)?;
    let moved = timeouts.connection / 2;
    world.quiet_until(moved)?;
    let due = [
        Output::Reply(Connection(1), Reply::Error(Refusal::SessionMoved)),
        Output::Close(Connection(1)),
        Output::Reply(Connection(2), RESUMED),
    ];
    world.answers(2, Event::Resume(A), &due)?;
    // The older one's deadline is nobody's now.
    world.silence_until(moved + timeouts.session * 2, &end(&timeouts, moved, 2, A))
}
