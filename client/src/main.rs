//! The client's program: the process's arguments, environment and console given to [`client::run`].

use std::process::ExitCode;

use client::{Console, Environment, Interrupt};

#[tokio::main]
async fn main() -> ExitCode {
    let (stop, interrupt) = Interrupt::pair();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            let _ = stop.send(true);
        }
        // The first one asks to stop cleanly, the second leaves.
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(shared::exit::ExitCode::Interrupted.code().into());
        }
    });
    let environment = Environment::of_process().interrupted_by(interrupt);
    let exit = client::run(std::env::args_os(), environment, Console::of_process()).await;
    // Runtime threads may still wait for a terminal or a pipe nobody writes to; nothing is owed to them.
    std::process::exit(exit.code().into())
}
