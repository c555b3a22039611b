//! Level 5: an upload that was cut goes on where it was (PROTOCOL.md section 5, Continuing a cut upload). That a rest
//! comes with the digest of the whole file, and begins nowhere behind what was told, is judged with every upload.

use serde_json::{Value, json};

use super::Ground;
use super::replies::{line, with};
use super::story::{Deed, Event, Mode, Story, Task};
use crate::check::{Check, Checked, Need, failed};
use crate::digest::blake3;

type Client = Check<Ground>;

/// Bytes of the file that is cut, and how many of them arrive.
const WHOLE: usize = 300_000;
const ARRIVED: usize = 200_000;

pub(super) const CHECKS: &[Client] = &[
    Client::new("a cut upload goes on behind what arrived", "5", goes_on).needs(&[Need::Stateless]),
    Client::new("a beginning that is not the file's own is not gone on with", "5", changed).needs(&[Need::Stateless]),
    Client::new("a part that is gone is sent again from its first byte", "5", gone).needs(&[Need::Stateless]),
    Client::new("a rest that does not fit is sent again from the first byte", "5", misfit).needs(&[Need::Stateless]),
    Client::new("a session goes on in the file that was cut", "5, 6", in_a_session).needs(&[Need::Stateful]),
    Client::new("it goes on as often as it is cut", "5", thrice).needs(&[Need::Stateless]),
];

/// The file: every block of it is another.
fn content() -> Vec<u8> {
    (0..WHOLE).map(|place| u8::try_from(place / 256 % 251).unwrap_or_default()).collect()
}

/// The first uploads are cut behind so many bytes; then this is done with every other request.
fn cut(
    ground: &Ground,
    mode: Mode,
    cuts: &[usize],
    mut deed: impl FnMut(&super::request::Request) -> Deed,
) -> Checked<(Task, Story)> {
    let task = Task::of(mode, content()).again();
    let mut cuts = cuts.iter();
    let story = task.with(ground, &mut |event| match event {
        Event::Connected => Deed::Right,
        Event::Asked(request) => match request.is("transfer").then(|| cuts.next()).flatten() {
            Some(count) => Deed::Cut(*count),
            None => deed(request),
        },
    })?;
    Ok((task, story))
}

/// The offsets of the uploads, in order.
fn offsets(story: &Story) -> Vec<u64> {
    story.asked("transfer").map(super::request::Request::offset).collect()
}

fn began(story: &Story, expected: &[usize]) -> Checked {
    let came = offsets(story);
    if came.iter().map(|offset| usize::try_from(*offset).ok()).eq(expected.iter().map(|offset| Some(*offset))) {
        return Ok(());
    }
    Err(failed(format!("uploads from {expected:?}"), format!("uploads from {came:?}")))
}

fn goes_on(ground: &Ground) -> Checked {
    let (task, story) = cut(ground, Mode::Stateless, &[ARRIVED], |_| Deed::Right)?;
    task.done(&story)?;
    began(&story, &[0, ARRIVED])
}

fn changed(ground: &Ground) -> Checked {
    let other = |reply: Value| match reply.get("partial").cloned() {
        Some(partial) => line(&with(reply, "partial", with(partial, "prefix_digest", blake3(b"other").into()))),
        None => line(&reply),
    };
    let (task, story) =
        cut(
            ground,
            Mode::Stateless,
            &[ARRIVED],
            |request| {
                if request.is("status") { Deed::Retold(other) } else { Deed::Right }
            },
        )?;
    task.done(&story)?;
    began(&story, &[0, 0])
}

fn gone(ground: &Ground) -> Checked {
    let (task, story) = cut(ground, Mode::Stateless, &[ARRIVED], |request| {
        let unknown = || Deed::Refuse(json!({"code": "file_unknown", "retry": "never"}));
        if request.is("status") { unknown() } else { Deed::Right }
    })?;
    task.done(&story)?;
    began(&story, &[0, 0])
}

fn misfit(ground: &Ground) -> Checked {
    let mut refused = false;
    let (task, story) = cut(ground, Mode::Stateless, &[ARRIVED], |request| {
        let first = request.is("transfer") && !refused;
        refused |= first;
        if first { Deed::Misfit } else { Deed::Right }
    })?;
    task.done(&story)?;
    began(&story, &[0, ARRIVED, 0])
}

fn in_a_session(ground: &Ground) -> Checked {
    let (task, story) = cut(ground, Mode::Stateful, &[ARRIVED], |_| Deed::Right)?;
    task.done(&story)?;
    began(&story, &[0, ARRIVED])
}

fn thrice(ground: &Ground) -> Checked {
    let (task, story) = cut(ground, Mode::Stateless, &[ARRIVED, 50_000, 1], |_| Deed::Right)?;
    task.done(&story)?;
    began(&story, &[0, ARRIVED, ARRIVED + 50_000, ARRIVED + 50_001])
}
