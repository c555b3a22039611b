//! `fetch`: a stored file's bytes into a file that appears only when they are whole and verified. Nothing
//! the server says decides where they go.

mod arriving;

use std::path::PathBuf;

use shared::digest::Digest;
use shared::error::ErrorCode;
use shared::exit::ExitCode;
use shared::wire::{Action, Reply, Status};

use super::Context;
use super::again::Again;
use super::joined::{Joined, expect};
use crate::cli::Fetch;
use crate::env::Stopwatch;
use crate::event::{Event, Summary};
use crate::failure::{Failure, exit_of_several};
use crate::header::Header;
use crate::landing::Overwrite;
use crate::reading::shown;
use crate::transport::Connection;
use arriving::{Arriving, Target};

/// Fetches files one by one; one that fails does not keep the others.
pub(super) async fn run(fetch: &Fetch, context: &Context) -> Result<ExitCode, Failure> {
    let watch = Stopwatch::start();
    if fetch.output.as_ref().is_some_and(|output| output.as_os_str() == "-") {
        context.report.give_output_to_a_file();
    }
    let overwrite = if fetch.force { Overwrite::Yes } else { Overwrite::No };
    let mut again = Again::new(context);
    let (mut done, mut bytes, mut failures) = (0_u64, 0_u64, Vec::new());
    for file in &fetch.files {
        let one = async {
            let target = target(fetch, file)?;
            let arriving = Arriving::prepare(context, file, &target, overwrite)?;
            fetch_one(context, &mut again, fetch.session.session.clone(), file, arriving).await
        };
        match one.await {
            Ok(size) => {
                done = done.saturating_add(1);
                bytes = bytes.saturating_add(size);
            }
            Err(failure) => {
                context.report.failed(Some(file), &failure);
                failures.push(failure);
            }
        }
    }
    let exit = exit_of_several(done, &failures);
    let failed = u64::try_from(failures.len()).unwrap_or(u64::MAX);
    if fetch.files.len() > 1 {
        let (ms, exit) = (watch.millis(), exit.code());
        let (done, files, already, sent_again) = ("fetched", done, 0, 0);
        context.report.event(&Event::Summary(Summary { done, files, already, bytes, sent_again, failed, ms, exit }));
    }
    Ok(exit)
}

/// The user's choice, or the last part of the name the user typed.
fn target(fetch: &Fetch, file: &str) -> Result<Target, Failure> {
    let name = file.rsplit('/').next().filter(|name| !matches!(*name, "" | "." | ".."));
    let name = name.filter(|name| !name.contains(['\\', '\0']));
    let name = name.ok_or_else(|| Failure::Usage(format!("\"{file}\" names no stored file")))?;
    match &fetch.output {
        None => Ok(Target::File(PathBuf::from(name))),
        Some(output) if output.as_os_str() == "-" => Ok(Target::Output),
        Some(output) if output.is_dir() => Ok(Target::File(output.join(name))),
        Some(output) if output.as_os_str().to_string_lossy().ends_with('/') => {
            Err(Failure::Local { what: shown(output), cause: "there is no such folder".to_owned() })
        }
        Some(_) if fetch.files.len() > 1 => {
            Err(Failure::Usage("several files need a folder behind --output".to_owned()))
        }
        Some(output) => Ok(Target::File(output.clone())),
    }
}

async fn fetch_one(
    context: &Context,
    again: &mut Again<'_>,
    mut wanted: Option<String>,
    file: &str,
    mut arriving: Arriving<'_>,
) -> Result<u64, Failure> {
    let watch = Stopwatch::start();
    let brought = loop {
        match bring(context, &mut wanted, file, &mut arriving).await {
            Ok(brought) => break Ok(brought),
            Err(failure) => {
                if arriving.has_moved() {
                    again.progress();
                }
                if !arriving.can_go_on() {
                    break Err(failure);
                }
                if let Err(failure) = again.after(failure).await {
                    break Err(failure);
                }
            }
        }
    };
    context.report.end_bar();
    let (size, digest) = brought?;
    again.progress();
    let (path, ms) = (arriving.finish()?, watch.millis());
    context.report.event(&Event::Fetched { stored_as: file, path, size, digest, ms });
    Ok(size)
}

/// Brings what is missing of the file, over one connection.
async fn bring(
    context: &Context,
    wanted: &mut Option<String>,
    file: &str,
    arriving: &mut Arriving<'_>,
) -> Result<(u64, Digest), Failure> {
    let (mut connection, reply) = ask(context, wanted, file, arriving.offset()).await?;
    let digest = arriving.take(&mut connection, &reply).await?;
    Ok((arriving.here(), digest))
}

/// Asks for the file: those of a session in it, others without. A session that was asked once is `wanted` from then on,
/// also when another one is the last by then.
async fn ask(
    context: &Context,
    wanted: &mut Option<String>,
    file: &str,
    offset: u64,
) -> Result<(Connection, Reply), Failure> {
    let of_session = file.strip_prefix("session_").and_then(|rest| rest.split_once('/'));
    if of_session.is_none() && wanted.is_none() {
        let mut connection = context.connection().await?;
        let reply = connection.ask(&Header::stateless_fetch(file).beginning_at(offset)).await?;
        let body = match expect(reply, Status::File) {
            // With simple names a session's files look like these, and only the session may have them.
            Err(Failure::Refused(body)) if matches!(body.code, ErrorCode::FileUnknown | ErrorCode::ModeDisabled) => {
                body
            }
            other => return Ok((connection, other?)),
        };
        return match Joined::open(context, None).await {
            Ok(joined) => ask_in(joined, wanted, file, offset).await,
            Err(failure @ (Failure::Lost(_) | Failure::Unreachable { .. })) => Err(failure),
            // Nobody spoke of a session: the answer to what was asked is the answer.
            Err(_) => Err(Failure::Refused(body)),
        };
    }
    // The name itself says which session it belongs to; one that is not remembered cannot be asked.
    let session = wanted.as_deref().or(of_session.map(|(id, _)| id));
    ask_in(Joined::open(context, session).await?, wanted, file, offset).await
}

async fn ask_in(
    mut joined: Joined,
    wanted: &mut Option<String>,
    file: &str,
    offset: u64,
) -> Result<(Connection, Reply), Failure> {
    *wanted = Some(joined.id.to_wire());
    let header = Header::ask(Action::Fetch, joined.id).of_file(file).beginning_at(offset);
    let reply = joined.connection.ask(&header).await?;
    Ok((joined.connection, expect(reply, Status::File)?))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cli::InSession;

    #[test]
    fn the_target_is_what_the_user_typed_and_never_leaves_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("file_1_2.txt");
        let target = |output: Option<&Path>, file: &str| {
            let session = InSession { session: None };
            let fetch =
                Fetch { files: vec![file.to_owned()], output: output.map(Path::to_owned), force: false, session };
            super::target(&fetch, file).map_err(|failure| failure.exit().code())
        };
        let file = |path: &Path| Ok(Target::File(path.to_owned()));
        assert_eq!(target(None, "session_x/file_1_2.txt"), file(Path::new("file_1_2.txt")));
        assert_eq!(target(Some(folder.path()), "session_x/file_1_2.txt"), file(&inside));
        assert_eq!(target(Some(Path::new("-")), "a"), Ok(Target::Output));
        assert_eq!(target(Some(Path::new("nowhere/")), "a"), Err(3));
        for wrong in ["", "a/", "a/..", ".", "a\\b"] {
            assert_eq!(target(None, wrong), Err(2), "{wrong}");
        }
    }
}
