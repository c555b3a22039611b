//! `send`: finds what is to be sent, and says what became of it.

use std::io::Read;

use shared::exit::ExitCode;

use super::Context;
use super::sending::Sending;
use crate::access_key::AccessKey;
use crate::cli::{ModeName, Send};
use crate::conversation::{Afterwards, Conversation, Held};
use crate::env::Stopwatch;
use crate::event::{Event, Summary};
use crate::failure::Failure;
use crate::journal::Round;
use crate::sources::{Found, Origin, Source, find};
use crate::text::{neutral, quoted};

/// Sends everything and says what became of each.
pub(super) async fn run(send: Send, context: &Context, input: Box<dyn Read + std::marker::Send>) -> ExitCode {
    let watch = Stopwatch::start();
    let (session, mut found) = match prepare(&send, context).await {
        Ok(prepared) => prepared,
        Err(failure) => {
            context.report.failed(None, &failure);
            return failure.exit();
        }
    };
    let mode = send.mode.or(context.settings.mode).unwrap_or(ModeName::Auto);
    let afterwards = if send.close { Afterwards::Close } else { Afterwards::Keep };
    let ack = send.ack.or(context.settings.ack).map(Into::into);
    let conversation = Conversation::new(mode.into(), afterwards, session);
    let access_key = match send.access_key_file.as_deref().map(AccessKey::read).transpose() {
        Ok(key) => key,
        Err(failure) => {
            context.report.failed(None, &failure);
            return failure.exit();
        }
    };
    let mut sending = Sending::new(context, conversation, mode.word(), ack, access_key, input);
    for (label, failure) in found.failures {
        sending.fail(Some(&label), failure);
    }
    for (label, why) in found.skipped {
        context.report.event(&Event::Skipped { path: &label, why });
    }
    sending.take_over(&mut found.sources, &round(&send, mode, context));
    let total: Option<u64> = found.sources.iter().map(Source::size).sum();
    context.start_bar(total);
    let mut interrupt = context.interrupt.clone();
    tokio::select! {
        biased;
        () = sending.all(&found.sources) => {}
        () = interrupt.wait() => {
            sending.fail(None, Failure::Interrupted);
            go_on_later(&found.sources, context);
        }
    }
    context.report.end_bar();
    let tally = sending.finish().await;
    let exit = tally.exit();
    let failed = tally.failures.iter().filter(|failure| !matches!(failure, Failure::Interrupted)).count();
    let failed = u64::try_from(failed).unwrap_or(u64::MAX).saturating_add(tally.untried);
    context.report.event(&Event::Summary(Summary {
        done: "stored",
        files: tally.files,
        already: tally.already,
        bytes: tally.bytes,
        sent_again: tally.sent_again,
        failed,
        ms: watch.millis(),
        exit: exit.code(),
    }));
    exit
}

/// What a later run of the same command is known by. How patient it is and what it says make no difference.
fn round(send: &Send, mode: ModeName, context: &Context) -> Round {
    let name = send.name.as_ref().map(|name| name.as_str().to_owned());
    Round::of(context.server.to_string(), mode.word(), send.session.clone(), name, &send.paths)
}

/// Says how an interrupted run is gone on with.
fn go_on_later(sources: &[Source], context: &Context) {
    let words = context.command_line.iter().map(|word| quoted(&neutral(&word.to_string_lossy())));
    context.report.talk(&format!("to go on: {}", words.collect::<Vec<_>>().join(" ")));
    if sources.iter().any(|source| !matches!(source.origin, Origin::File(..))) {
        context.report.talk("what comes through a pipe begins anew: nobody can read it twice");
    }
}

/// What is known before anything is sent.
async fn prepare(send: &Send, context: &Context) -> Result<(Option<Held>, Found), Failure> {
    let stateless = send.mode.or(context.settings.mode) == Some(ModeName::Stateless);
    if stateless && (send.session.is_some() || send.close || send.access_key_file.is_some()) {
        return Err(Failure::Usage(
            "--session, --close and --access-key-file mean nothing in stateless mode".to_owned(),
        ));
    }
    if send.name.is_some() && send.paths.len() > 1 {
        return Err(Failure::Usage("--name is for one file".to_owned()));
    }
    let session = match &send.session {
        Some(wanted) => Some(context.remembered.find(&context.server, Some(wanted))?),
        None => None,
    };
    let (paths, name) = (send.paths.clone(), send.name.clone());
    // A large tree takes its time, and Ctrl-C is to be heard meanwhile.
    let found = tokio::task::spawn_blocking(move || find(&paths, name.as_ref())).await;
    let found = found.map_err(|error| Failure::local("the files", &std::io::Error::other(error.to_string())))?;
    if send.name.is_some() && found.sources.len() > 1 {
        return Err(Failure::Usage("--name is for one file, and this is several".to_owned()));
    }
    let inputs = found.sources.iter().filter(|source| source.origin == Origin::Input).count();
    if inputs > 1 {
        return Err(Failure::Usage("standard input can be sent only once".to_owned()));
    }
    Ok((session, found))
}
