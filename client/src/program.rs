//! The program from arguments to exit code. Stands in the library, so that other packages can have a program of
//! the same few lines.

use std::process::ExitCode;

use crate::{Console, Environment, Interrupt, run};

/// Arguments, environment, console and signals of this process, given to [`run`].
#[must_use]
pub fn main() -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let exit = runtime.block_on(async {
        let (stop, interrupt) = Interrupt::pair();
        tokio::spawn(async move {
            if crate::signals::stop().await {
                let _ = stop.send(true);
            }
            // The first one asks to stop cleanly, the second leaves.
            if crate::signals::stop().await {
                std::process::exit(shared::exit::ExitCode::Interrupted.code().into());
            }
        });
        let environment = Environment::of_process().interrupted_by(interrupt);
        run(std::env::args_os(), environment, Console::of_process()).await
    });
    // A thread may still wait for a terminal or a pipe nobody writes to; nothing is owed to it.
    runtime.shutdown_background();
    exit.code().into()
}
