//! The server as a program of this package.

use std::process::ExitCode;

fn main() -> ExitCode {
    server::program::main()
}
