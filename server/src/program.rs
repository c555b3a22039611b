//! The program from arguments to exit code. Stands in the library, so that other packages can have a program of
//! the same few lines.

use std::error::Error;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use crate::cli::{self, Command, SessionsCommand, Surroundings};
use crate::config::{Config, StorePlace};
use crate::sessions::Migrated;
use crate::{ladder, move_sessions, run, signals};

/// Arguments, configuration, signals and exit code; the server itself is [`run`].
#[must_use]
pub fn main() -> ExitCode {
    let cli = cli::parse_from(std::env::args_os()).unwrap_or_else(|error| error.exit());
    let effective = match cli.load(&Surroundings::of_process()) {
        Ok(effective) => effective,
        Err(errors) => {
            let coloured = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            eprintln!("{}", if coloured { errors.styled() } else { errors.to_string() });
            return errors.exit_code().code().into();
        }
    };
    let done = match cli.command {
        Some(Command::CheckConfig) => {
            // A reader that has seen enough is no error.
            let _ = write!(io::stdout(), "{effective}");
            Ok(())
        }
        Some(Command::Sessions(SessionsCommand::Migrate { from, to })) => moved(&effective.config, &from, &to),
        Some(Command::Ladder(ladder)) => ladder::draw(&ladder),
        None => served(&effective.config),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn served(config: &Config) -> Result<(), String> {
    let ready = |address| {
        // Whoever started the server reads its address here; nobody has to.
        let _ = writeln!(io::stdout(), "listening on {address}").and_then(|()| io::stdout().flush());
    };
    on_runtime(async {
        signals::outlive_file_limit();
        // Signals are listened for before anybody hears that there is a server.
        run(config, ready, signals::stop()).await.map_err(|error| with_causes(&error))
    })
}

fn moved(config: &Config, from: &StorePlace, to: &StorePlace) -> Result<(), String> {
    let migrated = on_runtime(async { move_sessions(config, from, to).await.map_err(|error| with_causes(&error)) })?;
    let Migrated { live, tombstones, there_already, differing } = migrated;
    let line = format!("moved {live} live and {tombstones} ended sessions, {there_already} of them were there already");
    let _ = writeln!(io::stdout(), "{line}");
    if differing == 0 {
        return Ok(());
    }
    Err(format!("{differing} sessions are in both stores and differ; both were left as they are"))
}

fn on_runtime<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = runtime().map_err(|error| error.to_string())?;
    let done = runtime.block_on(work);
    // A thread may still wait for a disk that does not answer. Nobody was told of what it does, and the process ends.
    runtime.shutdown_background();
    done
}

/// Connections are served by threads of their own; what is left is little.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// An error and what is behind it, on one line.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let behind = error.to_string();
        if !text.ends_with(&behind) {
            text.push_str(": ");
            text.push_str(&behind);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_disk_that_does_not_answer_does_not_hold_up_the_end() {
        let (answer, disk) = mpsc::channel::<()>();
        let (told, ended) = mpsc::channel();
        std::thread::spawn(move || {
            let work = async {
                tokio::task::spawn_blocking(move || disk.recv());
                Ok(())
            };
            told.send(on_runtime(work))
        });
        assert_eq!(ended.recv_timeout(Duration::from_secs(10)), Ok(Ok(())));
        drop(answer);
    }
}
