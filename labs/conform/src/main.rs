//! The kit's program; all of it is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    conform::program::main()
}
