//! What the engine tests share: where the project lies, and running a program that must be there. A missing
//! program is an error that says how to get it, never a test that quietly passes.

pub mod redis;
pub mod tshark;

use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::Command;

/// The folder of the whole project.
#[must_use]
pub fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Runs a program to its end and returns what it printed on standard output. `package` is the Debian package
/// that brings the program.
pub fn run(command: &mut Command, package: &str) -> Result<String, String> {
    let output = command.output().map_err(|error| {
        let missing = error.kind() == ErrorKind::NotFound;
        let hint = if missing { format!("; Debian has it in the package {package}") } else { String::new() };
        format!("{command:?}: {error}{hint}")
    })?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(printed)
    } else {
        Err(format!("{command:?}: {}\n{printed}{}", output.status, String::from_utf8_lossy(&output.stderr)))
    }
}

/// The lines of the README that type a frame into `nc`, in order, sent to `address` instead of the default.
/// Exactly what a reader types, so that the README cannot go stale.
pub fn typed_frames(address: &str) -> Result<Vec<String>, String> {
    let path = root().join("README.md");
    let readme = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let (host, port) = address.rsplit_once(':').ok_or_else(|| format!("no address: {address}"))?;
    let typed = |line: &str| line.starts_with("printf ") && line.contains(DEFAULT_ADDRESS);
    Ok(readme
        .lines()
        .filter(|line| typed(line))
        .map(|line| line.replace(DEFAULT_ADDRESS, &format!("nc -N {host} {port}")))
        .collect())
}

/// As the README writes it.
const DEFAULT_ADDRESS: &str = "nc -N 127.0.0.1 65432";
