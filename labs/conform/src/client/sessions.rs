//! Level 4: conversations (PROTOCOL.md sections 3, 5 and 6). That frames name the bound session, and that a number is
//! used for one request, is judged wherever there is a session.

use serde_json::{Value, json};

use super::Ground;
use super::deeds::{each_upload, first_upload};
use super::replies::{line, with};
use super::request::{Request, Sent};
use super::stateless::other_digest;
use super::story::{Deed, Event, Mode, Story, Task};
use crate::check::{Check, Checked, Need, Stop, failed};

type Client = Check<Ground>;

pub(super) const CHECKS: &[Client] = &[
    Client::new("several files are one session, numbered from 1", "3, 5", numbered),
    Client::new("a file of a session that is stored with another digest is no success", "5", wrong_digest),
    Client::new("an error uses up no number", "5", refused),
    Client::new(
        "a request whose reply was lost is repeated under its number, over a new connection",
        "5, 6",
        lost_reply,
    )
    .needs(&[Need::Repeating]),
    Client::new("a session is continued by id and token", "6, Continuing", continued).needs(&[Need::Repeating]),
    Client::new("a session that is a ticket is continued with the newest one", "7, Tickets", newest_ticket)
        .needs(&[Need::Repeating, Need::Tickets]),
    Client::new("who is told session_moved does not take the session back", "6, Continuing", moved),
    Client::new("a server that lost what it answered is not asked to go on", "6, Continuing", forgetful)
        .needs(&[Need::Repeating]),
    Client::new("a session that cannot be had is no success", "4, 6", full),
];

/// Names and contents of three files.
const THREE: [&str; 3] = ["one.txt", "two.png", "three.bin"];

/// The numbers of the uploads, in order.
fn numbers(story: &Story) -> Vec<u64> {
    story.asked("transfer").filter_map(|request| request.frame.number("session.sequence")).collect()
}

fn numbered(ground: &Ground) -> Checked {
    let task = Task::several(Mode::Stateful, &THREE);
    let story = task.with(ground, &mut |_| Deed::Right)?;
    story.times("connect", 1, "one session")?;
    if numbers(&story) != [1, 2, 3] {
        return Err(failed("the numbers 1, 2, 3", format!("{:?}", numbers(&story))));
    }
    task.done(&story)
}

fn wrong_digest(ground: &Ground) -> Checked {
    let task = Task::of(Mode::Stateful, "hello");
    let story = task.with(ground, &mut each_upload(|| Deed::Retold(other_digest)))?;
    story.no_success("the digest in the reply is that of something else")
}

fn refused(ground: &Ground) -> Checked {
    let refused = Deed::Refuse(json!({"code": "bad_name", "retry": "never"}));
    let story = Task::several(Mode::Stateful, &THREE).with(ground, &mut first_upload(refused))?;
    story.no_success("the server refused a file")?;
    // A client may stop at the first refusal. One that goes on has to use the number again.
    let went_on = story.asked("transfer").skip(1).any(|request| request.sent == Sent::Behind);
    if went_on && story.stored.len() + 1 < THREE.len() {
        return Err(failed(
            "the refused number again, for the next file",
            format!("the numbers {:?}", numbers(&story)),
        ));
    }
    Ok(())
}

fn lost_reply(ground: &Ground) -> Checked {
    let task = Task::several(Mode::Stateful, &THREE).again();
    task.done(&task.with(ground, &mut first_upload(Deed::Lose))?)
}

fn continued(ground: &Ground) -> Checked {
    let task = Task::several(Mode::Stateful, &THREE).again();
    came_back(&task, &task.with(ground, &mut first_upload(Deed::Lose))?)
}

fn newest_ticket(ground: &Ground) -> Checked {
    let task = Task::several(Mode::Stateful, &THREE).again().with_tickets();
    // The first answer brings a newer ticket than the opening, and the second never comes.
    let mut deeds = [Deed::Right, Deed::Lose].into_iter();
    came_back(&task, &task.with(ground, &mut each_upload(|| deeds.next().unwrap_or(Deed::Right)))?)
}

/// It came back to the one session it had, and all is well.
fn came_back(task: &Task, story: &Story) -> Checked {
    let ids = |request: &Request| request.frame.text("session.id").is_some();
    if story.asked("connect").filter(|request| ids(request)).count() == 0 {
        return Err(failed("a connect with the session's id after a lost connection", "none"));
    }
    let opened = story.asked("connect").filter(|request| !ids(request)).count();
    if opened == 1 { task.done(story) } else { Err(failed("one session", format!("{opened} were opened"))) }
}

fn moved(ground: &Ground) -> Checked {
    let task = Task::of(Mode::Stateful, "hello");
    let moved = Deed::Last(json!({"code": "session_moved", "retry": "never"}));
    let story = task.with(ground, &mut first_upload(moved))?;
    story.no_success("another connection has the session")?;
    story.times("connect", 1, "no second connect, or two clients would take turns for ever")
}

fn forgetful(ground: &Ground) -> Checked {
    let task = Task::several(Mode::Stateful, &THREE).again();
    let back = |reply: Value| match reply.get("session").cloned() {
        Some(session) => line(&with(reply, "session", with(session, "next_sequence", 1.into()))),
        None => line(&reply),
    };
    let (mut uploads, mut old, mut asked) = (0, None, None);
    let story = task.with(ground, &mut |event| match event {
        Event::Asked(request) => {
            let id = request.frame.text("session.id").map(str::to_owned);
            // A later run may ask for the session again, and is told the same again.
            let connects = request.is("connect") && id.is_some() && (old.is_none() || old == id);
            if connects {
                old = id;
                return Deed::Retold(back);
            }
            if old.is_some() && old == id {
                asked = asked.take().or(Some(request.action().to_owned()));
            }
            uploads += usize::from(request.is("transfer"));
            if request.is("transfer") && uploads == 2 { Deed::Close } else { Deed::Right }
        }
        Event::Connected => Deed::Right,
    });
    match (asked, old) {
        (Some(action), _) => Err(failed("nothing more in a session whose answers were lost", action)),
        // What it had stored before, it may store again: who lost answers may have lost files.
        (None, Some(_)) => task.believed(&story?),
        (None, None) => story.and(Err(Stop::NotOffered("it does not come back to its session".to_owned()))),
    }
}

fn full(ground: &Ground) -> Checked {
    let story = Task::of(Mode::Stateful, "hello").with(ground, &mut |event| match event {
        Event::Asked(request) if request.is("connect") => {
            Deed::Refuse(json!({"code": "mode_disabled", "retry": "never"}))
        }
        Event::Asked(_) | Event::Connected => Deed::Right,
    })?;
    story.no_success("the server gave it no session")
}
