//! Reads the configuration and prints it; serving follows.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use server::cli::{self, Surroundings};

fn main() -> ExitCode {
    let cli = cli::parse_from(std::env::args_os()).unwrap_or_else(|error| error.exit());
    match cli.load(&Surroundings::of_process()) {
        Ok(effective) => {
            print!("{effective}");
            ExitCode::SUCCESS
        }
        Err(errors) => {
            let coloured = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            eprintln!("{}", if coloured { errors.styled() } else { errors.to_string() });
            errors.exit_code().code().into()
        }
    }
}
