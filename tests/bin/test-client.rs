//! The client as a program of this package.

use std::process::ExitCode;

fn main() -> ExitCode {
    client::program::main()
}
