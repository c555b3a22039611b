//! Wireshark without its window, with the project's dissector.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{root, run};

/// The folder of the dissector.
#[must_use]
pub fn folder() -> PathBuf {
    root().join("labs/wireshark")
}

/// What tshark says of a capture with these arguments beside. `tshark` reads it as a fresh user would.
pub fn tshark(capture: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new("tshark");
    command.env("WIRESHARK_CONFIG_DIR", "/nonexistent").arg("-n").arg("-r").arg(capture);
    command.arg("-X").arg(format!("lua_script:{}", folder().join("dft.lua").display()));
    run(command.args(arguments), "tshark")
}

/// The values of these fields, packet by packet; a field can stand in a packet more than once.
pub fn fields(capture: &Path, names: &[&str], arguments: &[&str]) -> Result<Vec<Vec<Vec<String>>>, String> {
    let mut all = vec!["-T", "fields", "-E", "aggregator=|", "-E", "separator=/t"];
    for name in names {
        all.extend(["-e", name]);
    }
    all.extend(arguments);
    let values = |text: &str| text.split('|').filter(|value| !value.is_empty()).map(str::to_owned).collect();
    Ok(tshark(capture, &all)?.lines().map(|line| line.split('\t').map(values).collect()).collect())
}
