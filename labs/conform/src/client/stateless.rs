//! Level 3: uploads that carry everything they need (PROTOCOL.md sections 3 to 5).

use serde_json::{Value, json};

use super::Ground;
use super::deeds::{each_upload, first_upload};
use super::replies::{line, with};
use super::story::{Deed, Event, Mode, Task};
use crate::check::{Check, Checked, Need, failed};
use crate::digest::sha256;

type Client = Check<Ground>;

pub(super) const CHECKS: &[Client] = &[
    Client::new("several files are several uploads", "1, 3", several),
    Client::new("each upload has a transfer_id of its own, if it has one", "2, 5", own_ids),
    Client::new("a file that is stored with another digest is no success", "5", wrong_digest),
    Client::new("a file that is stored with another size is no success", "4", wrong_size),
    Client::new("an error is no success, and what never helps is not tried again", "4", never),
    Client::new("a file whose reply was lost is sent again under the same transfer_id", "5", lost_reply)
        .needs(&[Need::Repeating]),
    Client::new("a server that speaks no 2.0 is not spoken to in 1.0", "9", not_older),
];

fn several(ground: &Ground) -> Checked {
    Task::several(Mode::Stateless, &["one.txt", "two.png", "three.bin"]).goes_well(ground, || Deed::Right)
}

fn own_ids(ground: &Ground) -> Checked {
    let task = Task::several(Mode::Stateless, &["one.txt", "two.txt", "three.txt"]);
    let story = task.with(ground, &mut |_| Deed::Right)?;
    let ids: Vec<_> = story.asked("transfer").filter_map(|request| request.frame.text("transfer_id")).collect();
    let twice = ids.iter().enumerate().any(|(place, id)| ids.iter().take(place).any(|before| before == id));
    if twice { Err(failed("another transfer_id for each file", ids.join(", "))) } else { task.done(&story) }
}

/// The digest of something else.
pub(super) fn other_digest(reply: Value) -> String {
    match reply.get("file").cloned() {
        Some(file) => line(&with(reply, "file", with(file, "digest", sha256(b"something else").into()))),
        None => line(&reply),
    }
}

fn wrong_digest(ground: &Ground) -> Checked {
    let task = Task::of(Mode::Stateless, "hello");
    let story = task.with(ground, &mut each_upload(|| Deed::Retold(other_digest)))?;
    story.no_success("the digest in the reply is that of something else")
}

fn wrong_size(ground: &Ground) -> Checked {
    let other = |reply: Value| match reply.get("file").cloned() {
        Some(file) => line(&with(reply, "file", with(file, "size", 4.into()))),
        None => line(&reply),
    };
    let story = Task::of(Mode::Stateless, "hello").with(ground, &mut each_upload(|| Deed::Retold(other)))?;
    story.no_success("the size in the reply is another")
}

fn never(ground: &Ground) -> Checked {
    let refused = || Deed::Refuse(json!({"code": "bad_field", "retry": "never", "field": "mime_type"}));
    let story = Task::of(Mode::Stateless, "hello").with(ground, &mut each_upload(refused))?;
    story.no_success("the server refused the file")?;
    story.times("transfer", 1, "one try, because the same request fails again")
}

fn lost_reply(ground: &Ground) -> Checked {
    let task = Task::of(Mode::Stateless, "hello").again();
    task.done(&task.with(ground, &mut first_upload(Deed::Lose))?)
}

fn not_older(ground: &Ground) -> Checked {
    let refused = || Deed::Last(json!({"code": "unsupported_version", "retry": "never", "supported": ["1.0"]}));
    // A header without a version, or with another, is found by the rules that every header is judged by.
    let story = Task::of(Mode::Stateless, "hello").with(ground, &mut |event| match event {
        Event::Connected => Deed::Right,
        Event::Asked(_) => refused(),
    })?;
    story.no_success("nothing was stored")
}
