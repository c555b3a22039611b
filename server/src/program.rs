//! The program from arguments to exit code. Stands in the library, so that other packages can have a program of
//! the same few lines.

use std::error::Error;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use crate::cli::{self, Command, Surroundings};
use crate::{run, signals};

/// Threads that serve, however few cores there are.
const WORKER_THREADS_MIN: usize = 4;

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
    if let Some(Command::CheckConfig) = cli.command {
        // A reader that has seen enough is no error.
        let _ = write!(io::stdout(), "{effective}");
        return ExitCode::SUCCESS;
    }
    let ready = |address| {
        // Whoever started the server reads its address here; nobody has to.
        let _ = writeln!(io::stdout(), "listening on {address}").and_then(|()| io::stdout().flush());
    };
    let served = runtime().map_err(|error| error.to_string()).and_then(|runtime| {
        // Signals are listened for before anybody hears that there is a server.
        let served = async { run(&effective.config, ready, signals::stop()).await };
        runtime.block_on(served).map_err(|error| with_causes(&error))
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Small files are written by the threads that serve, and now and then the disk holds one up; so there are more of
/// them than cores.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = cores.saturating_mul(2).max(WORKER_THREADS_MIN);
    tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()
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
