//! Uploads that are cut, that die without a word, and that go on where they were. Between frames is elsewhere.

use std::time::Duration;

use lab_kit::Dice;

use crate::silence::end;
use crate::world::{Due, Outcome, World, before};
use crate::{Connection, Digest, Event, Output, Partial, Refusal, Reply, SessionId, Subject, Timeouts};

const A: SessionId = SessionId(0xa);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// How patient a server must be whose clients close the lid.
fn patient() -> Timeouts {
    Timeouts { session: DAY * 7, ..Timeouts::default() }
}

fn transfer(whole: &[u8], offset: usize) -> Event {
    let left = whole.len().saturating_sub(offset);
    Event::Transfer { offset: wide(offset), size: wide(left), digest: Digest::of(whole) }
}

fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn piece(whole: &[u8], from: usize, to: usize) -> Event {
    Event::Payload(whole.get(from..to).unwrap_or_default().to_vec())
}

/// A session on connection 1 that has sent so much of this file.
fn begun(subject: &Subject, timeouts: Timeouts, whole: &[u8], come: usize) -> Outcome<World> {
    let mut world = World::new(subject, timeouts)?;
    world.open(1, A)?;
    world.replies(1, transfer(whole, 0), Reply::Continue)?;
    if come > 0 {
        world.answers(1, piece(whole, 0, come), &[])?;
    }
    Ok(world)
}

pub(crate) fn end_inside(subject: &Subject, _: &mut Dice) -> Outcome {
    let truncated = [Output::Reply(Connection(1), Reply::Error(Refusal::Truncated)), Output::Close(Connection(1))];
    for (event, due) in [(Event::Finished, truncated.as_slice()), (Event::Reset, &[][..])] {
        begun(subject, Timeouts::default(), b"hello world", 5)?.answers(1, event, due)?;
    }
    Ok(())
}

pub(crate) fn long(subject: &Subject, _: &mut Dice) -> Outcome {
    let timeouts = Timeouts::default();
    let window = usize::try_from(timeouts.progress_bytes).unwrap_or(usize::MAX);
    let windows = 32;
    let whole = vec![b'x'; window * windows];
    let mut world = begun(subject, timeouts, &whole, 0)?;
    let mut now = Duration::ZERO;
    for number in 0..windows {
        // Just before the window ends it brings what is asked for.
        now += before(timeouts.progress_window);
        world.quiet_until(now)?;
        let event = piece(&whole, number * window, (number + 1) * window);
        let last = number + 1 == windows;
        let stored = Output::Reply(Connection(1), Reply::Stored);
        world.answers(1, event, if last { std::slice::from_ref(&stored) } else { &[] })?;
    }
    // Its silence begins with the reply.
    world.silence_until(now + timeouts.session * 2, &end(&timeouts, now, 1, A))
}

/// What a black hole inside an upload brings about when the window ends at `at`.
fn given_up(at: Duration) -> Due {
    let outputs =
        vec![Output::Reply(Connection(1), Reply::Error(Refusal::PayloadTimeout)), Output::Close(Connection(1))];
    Due { at, outputs }
}

pub(crate) fn dead(subject: &Subject, _: &mut Dice) -> Outcome {
    let timeouts = Timeouts::default();
    let mut world = begun(subject, timeouts, &[b'x'; 1000], 100)?;
    let over = timeouts.progress_window;
    world.silence_until(over * 2, &[given_up(over)])
}

pub(crate) fn drip(subject: &Subject, _: &mut Dice) -> Outcome {
    let timeouts = Timeouts::default();
    let whole = [b'x'; 1000];
    let mut world = begun(subject, timeouts, &whole, 0)?;
    let half = timeouts.progress_window / 2;
    world.quiet_until(half)?;
    world.answers(1, piece(&whole, 0, 1), &[])?;
    world.quiet_until(before(timeouts.progress_window))?;
    world.answers(1, piece(&whole, 1, 2), &[])?;
    world.silence_until(timeouts.progress_window * 2, &[given_up(timeouts.progress_window)])
}

/// A file, how much of it has come when the lid is closed, and the world a day later.
fn suspended(subject: &Subject, dice: &mut Dice) -> Outcome<(World, Vec<u8>, usize)> {
    let mut whole = dice.bytes(2);
    let length = dice.below(3000);
    whole.extend(dice.bytes(length));
    let come = 1 + dice.below(whole.len() - 1);
    let mut world = begun(subject, patient(), &whole, come)?;
    world.answers(1, Event::Reset, &[])?;
    world.quiet_until(DAY)?;
    Ok((world, whole, come))
}

pub(crate) fn day(subject: &Subject, dice: &mut Dice) -> Outcome {
    let (mut world, whole, come) = suspended(subject, dice)?;
    world.replies(2, Event::Resume(A), Reply::SessionResumed { partial: Some(wide(come)) })?;
    let before = whole.get(..come).unwrap_or_default();
    let partial = Some(Partial { offset: wide(come), prefix_digest: Digest::of(before) });
    world.replies(2, Event::Status, Reply::SessionStatus { partial })?;
    world.replies(2, transfer(&whole, come), Reply::Continue)?;
    world.replies(2, piece(&whole, come, whole.len()), Reply::Stored)
}

pub(crate) fn half_open(subject: &Subject, _: &mut Dice) -> Outcome {
    let timeouts = Timeouts::default();
    let whole = [b'x'; 1000];
    let mut world = begun(subject, timeouts, &whole, 500)?;
    let moved = timeouts.progress_window / 2;
    world.quiet_until(moved)?;
    let due = [
        Output::Reply(Connection(1), Reply::Error(Refusal::SessionMoved)),
        Output::Close(Connection(1)),
        Output::Reply(Connection(2), Reply::SessionResumed { partial: Some(500) }),
    ];
    world.answers(2, Event::Resume(A), &due)?;
    // These were under way.
    world.answers(1, piece(&whole, 500, 600), &[])?;
    let partial = Some(Partial { offset: 500, prefix_digest: Digest::of(&[b'x'; 500]) });
    world.replies(2, Event::Status, Reply::SessionStatus { partial })?;
    world.silence_until(moved + timeouts.session * 2, &end(&timeouts, moved, 2, A))
}

pub(crate) fn mixture(subject: &Subject, dice: &mut Dice) -> Outcome {
    let (mut world, mut whole, come) = suspended(subject, dice)?;
    world.replies(2, Event::Resume(A), Reply::SessionResumed { partial: Some(wide(come)) })?;
    // The file has changed while the lid was closed, and this client does not compare.
    if let Some(first) = whole.first_mut() {
        *first = first.wrapping_add(1);
    }
    world.replies(2, transfer(&whole, come), Reply::Continue)?;
    world.replies(2, piece(&whole, come, whole.len()), Reply::Error(Refusal::DigestMismatch))?;
    world.replies(2, Event::Status, Reply::SessionStatus { partial: None })
}

pub(crate) fn beyond(subject: &Subject, dice: &mut Dice) -> Outcome {
    let (mut world, whole, come) = suspended(subject, dice)?;
    world.replies(2, Event::Resume(A), Reply::SessionResumed { partial: Some(wide(come)) })?;
    let event = Event::Transfer { offset: wide(come) + 1, size: wide(whole.len()), digest: Digest::of(&whole) };
    world.replies(2, event, Reply::Error(Refusal::BadOffset { offset: wide(come) }))?;
    world.replies(2, transfer(&whole, 0), Reply::Continue)?;
    world.replies(2, piece(&whole, 0, whole.len()), Reply::Stored)
}
