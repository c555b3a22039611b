//! `sessions`: the sessions this user's client remembers, shown and forgotten. Asks no server.

use shared::exit::ExitCode;

use super::Context;
use crate::cli::{Forget, Sessions};
use crate::env::Clock;
use crate::event::Event;
use crate::failure::Failure;
use crate::journal::Journal;
use crate::remembered::Kept;
use crate::text::counted;

pub(super) async fn run(what: &Sessions, context: &Context) -> Result<ExitCode, Failure> {
    match what {
        Sessions::Ls => list(context),
        Sessions::Forget(forget) => self::forget(forget, context).await,
    }
}

fn list(context: &Context) -> Result<ExitCode, Failure> {
    let kept = context.remembered.all()?;
    for session in &kept {
        context.report.event(&Event::Remembered(session));
    }
    let count = u64::try_from(kept.len()).unwrap_or(u64::MAX);
    context.report.talk(&format!("{} remembered, the last one first", counted(count, "session")));
    Ok(ExitCode::Success)
}

async fn forget(forget: &Forget, context: &Context) -> Result<ExitCode, Failure> {
    let mut kept = context.remembered.all()?;
    match forget.id.as_deref() {
        None => {}
        Some("last") => kept.truncate(1),
        Some(id) => {
            let id = id.to_ascii_lowercase();
            kept.retain(|session| session.session.to_wire().starts_with(&id));
            if kept.len() > 1 {
                return Err(Failure::NoSession(format!("more than one remembered session begins with {id}")));
            }
        }
    }
    if kept.is_empty() && !forget.all {
        return Err(Failure::NoSession("no such session is remembered".to_owned()));
    }
    for Kept { server, session, .. } in &kept {
        let address = server.parse().map_err(|_| Failure::NoSession(format!("{server} is no address")))?;
        context.remembered.forget(&address, *session).await?;
        context.report.event(&Event::Forgotten { session: *session });
    }
    // What was under way in them cannot be gone on with, and its secrets go too.
    let sessions: Vec<_> = kept.iter().map(|kept| kept.session).collect();
    let sessions = (!forget.all).then_some(sessions.as_slice());
    Journal::at(context.journals.clone()).forget(sessions, Clock::wall_ms())?;
    Ok(ExitCode::Success)
}
