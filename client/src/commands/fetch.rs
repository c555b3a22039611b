//! `fetch`: a stored file's bytes into a file that appears only when they are whole and verified. Nothing
//! the server says decides where they go.

use std::path::PathBuf;

use shared::digest::DigestKind;
use shared::error::ErrorCode;
use shared::exit::ExitCode;
use shared::wire::{Action, Reply, Status};

use super::Context;
use super::joined::{Joined, expect};
use crate::cli::Fetch;
use crate::env::Stopwatch;
use crate::event::{Event, Summary};
use crate::failure::{Failure, exit_of_several};
use crate::header::Header;
use crate::landing::{Landing, Overwrite};
use crate::reading::shown;
use crate::transport::{Body, Connection};

/// Where fetched bytes go.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Output,
    File(PathBuf),
}

/// Fetches files one by one; one that fails does not keep the others.
pub(super) async fn run(fetch: &Fetch, context: &Context) -> Result<ExitCode, Failure> {
    let watch = Stopwatch::start();
    if fetch.output.as_ref().is_some_and(|output| output.as_os_str() == "-") {
        context.report.give_output_to_a_file();
    }
    let overwrite = if fetch.force { Overwrite::Yes } else { Overwrite::No };
    let (mut done, mut bytes, mut failures) = (0_u64, 0_u64, Vec::new());
    for file in &fetch.files {
        let one = async {
            let target = target(fetch, file)?;
            fetch_one(context, fetch.session.session.as_deref(), file, &target, overwrite).await
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
    wanted: Option<&str>,
    file: &str,
    target: &Target,
    overwrite: Overwrite,
) -> Result<u64, Failure> {
    let watch = Stopwatch::start();
    let landing = match target {
        Target::Output => None,
        Target::File(path) => Some(Landing::prepare(path, overwrite)?),
    };
    let (mut connection, reply) = ask(context, wanted, file).await?;
    let (size, stored_as) = match &reply.file {
        Some(info) if info.stored_as == file => (info.size, file),
        Some(_) => return Err(Failure::Broken("the bytes of another file".to_owned())),
        None => return Err(Failure::Broken("a file's bytes and not its size".to_owned())),
    };
    if reply.size != size {
        return Err(Failure::Broken("a part of the file where the whole was asked for".to_owned()));
    }
    let kind = reply.trailer.or(reply.file.as_ref().and_then(|info| info.digest).map(shared::digest::Digest::kind));
    let kind = kind.unwrap_or(DigestKind::Blake3);
    context.start_bar(Some(size));
    let received = receive(context, &mut connection, &reply, landing, kind).await;
    context.report.end_bar();
    let (digest, landing) = received?;
    let path = match (landing, target) {
        (Some(landing), Target::File(path)) => {
            landing.finish()?;
            shown(path)
        }
        _ => "-".to_owned(),
    };
    let ms = watch.millis();
    context.report.event(&Event::Fetched { stored_as, path, size, digest, ms });
    Ok(size)
}

/// Asks for the file: those of a session in it, others without.
async fn ask(context: &Context, wanted: Option<&str>, file: &str) -> Result<(Connection, Reply), Failure> {
    let of_session = file.strip_prefix("session_").and_then(|rest| rest.split_once('/'));
    if of_session.is_none() && wanted.is_none() {
        let mut connection = context.connection().await?;
        let reply = connection.ask(&Header::stateless_fetch(file)).await?;
        return match expect(reply, Status::File) {
            // With simple names a session's files look like these, and only the session may have them.
            Err(Failure::Refused(body)) if matches!(body.code, ErrorCode::FileUnknown | ErrorCode::ModeDisabled) => {
                match Joined::open(context, None).await {
                    Ok(joined) => ask_in(joined, file).await,
                    // Nobody spoke of a session: the answer to what was asked is the answer.
                    Err(_) => Err(Failure::Refused(body)),
                }
            }
            other => Ok((connection, other?)),
        };
    }
    // The name itself says which session it belongs to; one that is not remembered cannot be asked.
    let wanted = wanted.or(of_session.map(|(id, _)| id));
    ask_in(Joined::open(context, wanted).await?, file).await
}

async fn ask_in(mut joined: Joined, file: &str) -> Result<(Connection, Reply), Failure> {
    let reply = joined.connection.ask(&Header::ask(Action::Fetch, joined.id).of_file(file)).await?;
    Ok((joined.connection, expect(reply, Status::File)?))
}

/// Takes the bytes and compares their digest.
async fn receive(
    context: &Context,
    connection: &mut Connection,
    reply: &Reply,
    mut landing: Option<Landing>,
    kind: DigestKind,
) -> Result<(shared::digest::Digest, Option<Landing>), Failure> {
    let mut hasher = kind.hasher();
    let mut trailer = None;
    // The end of an empty frame was taken with its header.
    while reply.size > 0 || reply.trailer.is_some() {
        match connection.body().await? {
            Body::Bytes(bytes) => {
                context.report.advance(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
                hasher.update(&bytes);
                match &mut landing {
                    Some(landing) => landing.write(&bytes)?,
                    None => write_output(context, &bytes)?,
                }
            }
            Body::End(end) => {
                trailer = end.digest;
                break;
            }
        }
    }
    if landing.is_none() {
        context.report.flush().map_err(|error| Failure::local("standard output", &error))?;
    }
    let digest = hasher.finish();
    let stated = [trailer, reply.file.as_ref().and_then(|info| info.digest)];
    let mut compared = false;
    for stated in stated.into_iter().flatten().filter(|stated| stated.kind() == kind) {
        if stated != digest {
            return Err(Failure::integrity("the bytes that came are not the bytes stored", stated, digest));
        }
        compared = true;
    }
    if compared {
        Ok((digest, landing))
    } else {
        Err(Failure::Broken("a file's bytes without their digest".to_owned()))
    }
}

fn write_output(context: &Context, bytes: &[u8]) -> Result<(), Failure> {
    context.report.raw(bytes).map_err(|error| Failure::local("standard output", &error))
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
