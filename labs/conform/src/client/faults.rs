//! Level 6: what goes wrong on the way, and what the client tells its user (PROTOCOL.md section 4).

use std::time::Duration;

use serde_json::{Value, json};

use super::Ground;
use super::deeds::{each_upload, first_upload};
use super::story::{Deed, Event, Task};
use crate::check::{Check, Checked, Need, failed};
use crate::env::Deadline;

type Client = Check<Ground>;

/// How long a client is asked to wait.
const WAIT_MS: u64 = 1000;

/// A file that no buffer of the system takes whole.
const LARGE: usize = 32 * 1024 * 1024;

/// Errors that no second try mends, and the exit codes of section 4.
const EXITS: [(&str, i32); 8] = [
    ("bad_field", 6),
    ("bad_name", 6),
    ("mode_disabled", 6),
    ("illegal_action", 6),
    ("transfer_reused", 6),
    ("size_too_large", 7),
    ("header_too_large", 7),
    ("unsupported_version", 10),
];

pub(super) const CHECKS: &[Client] = &[
    Client::new("a connection that is closed at once is no success by itself", "4", closed_at_once),
    Client::new("a reply that was cut is no success by itself", "4", half_reply),
    Client::new("it comes back after a reply that was cut, and the file is stored once", "5", half_reply_again)
        .needs(&[Need::Repeating]),
    Client::new("it comes back when the server stops", "4", stopping).needs(&[Need::Repeating]),
    Client::new("who is asked to wait does", "4", waits),
    Client::new(
        "an upload that is refused while it is sent ends, and is not tried again",
        "4, After a refusal",
        refused_early,
    ),
    Client::new("a reply without end is no success", "2, Grammar", endless),
    Client::new("the exit code is the one that the table of errors names", "4, Exit codes", exit_codes)
        .needs(&[Need::ExitCodes]),
];

/// What is not stored must not be told as stored; what is must be there once.
fn honest(task: &Task, ground: &Ground, deed: &mut dyn FnMut(Event) -> Deed) -> Checked {
    let story = task.with(ground, deed)?;
    if story.exits.last() == Some(&0) { task.done(&story) } else { Ok(()) }
}

fn closed_at_once(ground: &Ground) -> Checked {
    let mut closed = false;
    honest(&Task::any(ground, "hello"), ground, &mut |event| match event {
        Event::Connected if !closed => {
            closed = true;
            Deed::Close
        }
        Event::Connected | Event::Asked(_) => Deed::Right,
    })
}

fn half_reply(ground: &Ground) -> Checked {
    let task = Task::any(ground, "hello");
    // Twice, so that a client that tries once more cannot have it by luck.
    let mut halves = [Deed::Half, Deed::Half].into_iter();
    honest(&task, ground, &mut each_upload(|| halves.next().unwrap_or(Deed::Right)))
}

fn half_reply_again(ground: &Ground) -> Checked {
    let task = Task::any(ground, "hello").again();
    task.done(&task.with(ground, &mut first_upload(Deed::Half))?)
}

fn stopping(ground: &Ground) -> Checked {
    let task = Task::any(ground, "hello").again();
    let stopping = json!({"code": "shutting_down", "retry": "resume"});
    task.done(&task.with(ground, &mut first_upload(Deed::Last(stopping)))?)
}

fn waits(ground: &Ground) -> Checked {
    let task = Task::any(ground, "hello");
    let (mut told, mut waited): (Option<Deadline>, Option<Duration>) = (None, None);
    let story = task.with(ground, &mut |event| {
        if let (Some(told), None) = (told, waited) {
            waited = Some(told.elapsed());
        }
        match event {
            Event::Asked(request) if request.is("transfer") && told.is_none() => {
                told = Some(Deadline::after(Duration::MAX));
                Deed::Refuse(json!({"code": "busy", "retry": "later", "retry_after_ms": WAIT_MS}))
            }
            Event::Asked(_) | Event::Connected => Deed::Right,
        }
    })?;
    match waited {
        Some(waited) if waited < Duration::from_millis(WAIT_MS) => {
            Err(failed(format!("nothing more within {WAIT_MS} ms"), format!("more after {waited:?}")))
        }
        Some(_) if story.exits.last() == Some(&0) => task.done(&story),
        Some(_) | None => story.no_success("the server had too much to do"),
    }
}

fn refused_early(ground: &Ground) -> Checked {
    let task = Task::any(ground, vec![b'x'; LARGE]);
    let refused: Value = json!({"code": "size_too_large", "retry": "never"});
    let story = task.with(ground, &mut each_upload(|| Deed::Last(refused.clone())))?;
    story.no_success("the server refused the file")?;
    // None at all is as good: `hello` says that it is too large.
    match story.asked("transfer").count() {
        0 | 1 => Ok(()),
        times => Err(failed("one try, because the answer came while it was sent", format!("{times} tries"))),
    }
}

fn endless(ground: &Ground) -> Checked {
    let endless = format!("{{\"version\":\"{}", "2".repeat(1_000_000)).into_bytes();
    let story = Task::any(ground, "hello").with(ground, &mut each_upload(|| Deed::Say(endless.clone())))?;
    story.no_success("no reply came to its end")
}

fn exit_codes(ground: &Ground) -> Checked {
    for (code, exit) in EXITS {
        let refused = json!({"code": code, "retry": "never"});
        let story = Task::any(ground, "hello").with(ground, &mut each_upload(|| Deed::Last(refused.clone())))?;
        if story.exits != [exit] {
            return Err(failed(format!("the exit code {exit} after {code}"), format!("{:?}", story.exits)));
        }
    }
    Ok(())
}
