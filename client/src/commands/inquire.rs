//! `list`, `status`, `remove` and `ping`: one question each, and its answer shown.

use shared::exit::ExitCode;
use shared::wire::{Action, FileEntry, Status};

use super::Context;
use super::again::Again;
use super::joined::{Joined, expect, session};
use crate::cli::{InSession, Remove};
use crate::env::Stopwatch;
use crate::event::{Event, Summary};
use crate::failure::{Failure, exit_of_several};
use crate::header::Header;
use crate::text::{counted, neutral};
use crate::transport::Body;

/// Bytes of the longest page of a list.
const PAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The files of a session, page by page.
pub(super) async fn list(which: &InSession, context: &Context) -> Result<ExitCode, Failure> {
    let mut again = Again::new(context);
    // Another connection goes on in the same session, also when another one is the last by then.
    let id = context.remembered.find(&context.server, which.session.as_deref())?.id.to_wire();
    let mut joined = None;
    let mut from = 1;
    let mut files = 0_u64;
    loop {
        let (entries, next) = again.ask(async || page(context, &id, &mut joined, from).await).await?;
        let mut least = from;
        for entry in &entries {
            // A list that does not rise would never end.
            if entry.sequence.get() < least {
                return Err(Failure::Broken("its list goes round in a circle".to_owned()));
            }
            if entry.stored_as.chars().any(char::is_control) {
                return Err(Failure::Broken("a stored file's name with control characters".to_owned()));
            }
            least = entry.sequence.get().saturating_add(1);
            context.report.event(&Event::File(entry));
            files = files.saturating_add(1);
        }
        match next {
            None => break,
            // A page may be empty, where files were removed; but it leads on.
            Some(next) if next < least || next <= from => {
                return Err(Failure::Broken("its list goes round in a circle".to_owned()));
            }
            Some(next) => from = next,
        }
    }
    context.report.talk(&format!("{} in session {}", counted(files, "file"), id));
    Ok(ExitCode::Success)
}

/// A page of the list, over the connection there is, or over a new one. One that fails is not kept.
async fn page(
    context: &Context,
    id: &str,
    kept: &mut Option<Joined>,
    from: u64,
) -> Result<(Vec<FileEntry>, Option<u64>), Failure> {
    let mut joined = match kept.take() {
        Some(joined) => joined,
        None => Joined::open(context, Some(id)).await?,
    };
    let reply = joined.connection.ask(&Header::ask(Action::List, joined.id).beginning_at(from)).await?;
    let reply = expect(reply, Status::Files)?;
    let mut text = Vec::new();
    // The end of an empty frame was taken with its header.
    while reply.size > 0 || reply.trailer.is_some() {
        match joined.connection.body().await? {
            Body::Bytes(bytes) => text.extend_from_slice(&bytes),
            Body::End(_) => break,
        }
        if text.len() > PAGE_BYTES_MAX {
            return Err(Failure::Broken("its list is too long".to_owned()));
        }
    }
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let entries: Result<Vec<FileEntry>, _> = lines.map(serde_json::from_slice).collect();
    let entries = entries.map_err(|error| Failure::Broken(format!("its list cannot be read: {error}")))?;
    *kept = Some(joined);
    Ok((entries, reply.next_offset))
}

/// The session as the server sees it.
pub(super) async fn status(which: &InSession, context: &Context) -> Result<ExitCode, Failure> {
    let question = async || {
        let mut joined = Joined::open(context, which.session.as_deref()).await?;
        let reply = joined.connection.ask(&Header::ask(Action::Status, joined.id)).await?;
        expect(reply, Status::SessionStatus)
    };
    let reply = Again::new(context).ask(question).await?;
    let (record, now) = (reply.record.as_deref().cloned(), reply.server_time_ms);
    let info = session(reply)?;
    context.report.event(&Event::Status {
        session: info.id,
        state: info.state,
        epoch: info.epoch.get(),
        next_sequence: info.next_sequence,
        expires_in_s: info.expires_in_s,
        server_time_ms: now,
        record,
    });
    Ok(ExitCode::Success)
}

/// Removes files one by one; one that fails does not keep the others.
pub(super) async fn remove(remove: &Remove, context: &Context) -> Result<ExitCode, Failure> {
    let watch = Stopwatch::start();
    let mut joined = Joined::open(context, remove.session.session.as_deref()).await?;
    let mut failures = Vec::new();
    let mut done = 0_u64;
    for file in &remove.files {
        let sequence = joined.held.next;
        let header = Header::change(Action::Remove, joined.id, sequence).of_file(file);
        let answered = match joined.change(context, &header).await {
            Ok(reply) => {
                let closing = reply.closing;
                expect(reply, Status::Removed).map(|reply| (reply, closing)).map_err(|failure| (failure, closing))
            }
            // Whether it was removed stays unknown, so its sequence can serve no other request.
            Err(failure) => Err((failure, true)),
        };
        let closing = match answered {
            Ok((reply, _)) if reply.sequence != Some(sequence) => {
                return Err(Failure::Broken("the answer to another sequence".to_owned()));
            }
            Ok((reply, closing)) => {
                joined.held.next = joined.held.next.max(sequence.next());
                done = done.saturating_add(1);
                context.report.event(&Event::Removed { stored_as: file, sequence, replayed: reply.replayed });
                closing
            }
            Err((failure, closing)) => {
                context.report.failed(Some(file), &failure);
                failures.push(failure);
                closing
            }
        };
        if closing {
            break;
        }
    }
    let untried = remove.files.len().saturating_sub(failures.len());
    let untried = u64::try_from(untried).unwrap_or(u64::MAX).saturating_sub(done);
    if untried > 0 {
        context.report.warn(&format!("{} not tried, because the connection is gone", counted(untried, "file")));
    }
    context.note(context.remembered.advance(&context.server, &joined.held).await);
    let exit = exit_of_several(done, &failures);
    let failed = u64::try_from(failures.len()).unwrap_or(u64::MAX).saturating_add(untried);
    if remove.files.len() > 1 {
        let ms = watch.millis();
        context.report.event(&Event::Summary(Summary {
            done: "removed",
            files: done,
            already: 0,
            bytes: 0,
            sent_again: 0,
            failed,
            ms,
            exit: exit.code(),
        }));
    }
    Ok(exit)
}

/// What the server can do, and how long it takes to say so.
pub(super) async fn ping(context: &Context) -> Result<ExitCode, Failure> {
    let watch = Stopwatch::start();
    let mut connection = context.connection().await?;
    let connect_us = watch.micros();
    let watch = Stopwatch::start();
    let reply = expect(connection.ask(&Header::hello()).await?, Status::Hello)?;
    let round_trip_us = watch.micros();
    let hello = reply.hello.ok_or_else(|| Failure::Broken("a hello that says nothing".to_owned()))?;
    if !hello.versions.iter().any(|version| version == shared::wire::VERSION) {
        return Err(Failure::Version(neutral(&hello.versions.join(", "))));
    }
    let server = context.server.to_string();
    context.report.event(&Event::Hello { server, hello: &hello, connect_us, round_trip_us });
    Ok(ExitCode::Success)
}
