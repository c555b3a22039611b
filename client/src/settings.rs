//! What the user wants unless a flag says otherwise: flags, then the environment, then the configuration
//! file, then defaults. Every error is found at once and says where it is and what was expected.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_yaml::{Mapping, Value};

use crate::address::Address;
use crate::cli::{AckName, FormatName, ModeName};
use crate::env::Environment;
use crate::failure::{Failure, system_words};
use crate::text::neutral;

/// Bytes of the longest configuration file.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// What is configured outside the command line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Settings {
    pub(crate) server: Option<Address>,
    pub(crate) mode: Option<ModeName>,
    pub(crate) ack: Option<AckName>,
    pub(crate) output: Option<FormatName>,
}

/// The one table of keys: in the file, in the environment, and what is expected.
const KEYS: [(&str, &str, &str); 4] = [
    ("server", "DFT_SERVER", "HOST:PORT"),
    ("mode", "DFT_MODE", "stateless, stateful or auto"),
    ("ack", "DFT_ACK", "written or durable"),
    ("output", "DFT_OUTPUT", "human, json or quiet"),
];

impl Settings {
    /// Reads environment and file.
    pub(crate) fn load(environment: &Environment) -> Result<Self, Failure> {
        let mut settings = Self::default();
        let mut errors = Vec::new();
        if let Some(path) = environment.folder("XDG_CONFIG_HOME", ".config").map(|f| f.join("dft/client.yaml")) {
            match read(&path) {
                Ok(Some(text)) => settings.take_file(&path, &text, &mut errors),
                Ok(None) => {}
                Err(cause) => errors.push(format!("{}: {cause}", path.display())),
            }
        }
        for (key, variable, expected) in KEYS {
            let Some(value) = environment.variable(variable) else { continue };
            if value.to_str().and_then(|text| settings.set(key, text)).is_none() {
                let shown = neutral(&value.to_string_lossy());
                errors.push(format!("{variable}: \"{shown}\": expected {expected}"));
            }
        }
        if errors.is_empty() { Ok(settings) } else { Err(Failure::Configuration(errors.join("\n"))) }
    }

    fn take_file(&mut self, path: &Path, text: &str, errors: &mut Vec<String>) {
        let place = |line: usize| format!("{}:{line}", path.display());
        let mapping = match serde_yaml::from_str::<Option<Mapping>>(text) {
            Ok(mapping) => mapping.unwrap_or_default(),
            Err(error) => {
                let line = error.location().map_or(1, |location| location.line());
                return errors.push(format!("{}: {}", place(line), neutral(&error.to_string())));
            }
        };
        for (key, value) in &mapping {
            let key = scalar(key);
            let place = place(line_of(text, &key));
            let Some((name, _, expected)) = KEYS.into_iter().find(|(name, ..)| *name == key) else {
                errors.push(format!("{place}: unknown key \"{}\"; {}", neutral(&key), suggestion(&key)));
                continue;
            };
            let value = scalar(value);
            if self.set(name, &value).is_none() {
                errors.push(format!("{place}: {name}: \"{}\": expected {expected}", neutral(&value)));
            }
        }
    }

    /// Takes one value; `None` when it is not one the key can have.
    fn set(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "server" => self.server = Some(value.parse().ok()?),
            "mode" => self.mode = Some(ModeName::from_str(value, false).ok()?),
            "ack" => self.ack = Some(AckName::from_str(value, false).ok()?),
            "output" => self.output = Some(FormatName::from_str(value, false).ok()?),
            _ => return None,
        }
        Some(())
    }
}

fn read(path: &PathBuf) -> Result<Option<String>, String> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() > FILE_BYTES_MAX => Err("is too long for a configuration".to_owned()),
        Ok(_) => std::fs::read_to_string(path).map(Some).map_err(|error| system_words(&error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(system_words(&error)),
    }
}

/// The line of a key at the beginning of a line; this configuration has no deeper ones.
fn line_of(text: &str, key: &str) -> usize {
    let starts = |line: &str| {
        let line = line.trim_start().trim_start_matches(['"', '\'']);
        line.strip_prefix(key).is_some_and(|rest| rest.trim_start_matches(['"', '\'']).trim_start().starts_with(':'))
    };
    text.lines().position(starts).map_or(1, |index| index.saturating_add(1))
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other @ (Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::Sequence(_)
        | Value::Mapping(_)
        | Value::Tagged(_)) => serde_yaml::to_string(other).unwrap_or_default().trim().to_owned(),
    }
}

fn suggestion(key: &str) -> String {
    let near = KEYS.into_iter().map(|(name, ..)| (strsim::jaro_winkler(name, key), name));
    match near.filter(|(likeness, _)| *likeness > 0.75).max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((_, name)) => format!("did you mean \"{name}\"?"),
        None => format!("expected {}", KEYS.map(|(name, ..)| name).join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, variables: &[(&str, &str)]) -> Result<Settings, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("dft")).unwrap();
        std::fs::write(folder.path().join("dft/client.yaml"), file).unwrap();
        let config_home = ("XDG_CONFIG_HOME", folder.path().to_str().unwrap());
        let environment = Environment::new(variables.iter().copied().chain([config_home]));
        let prefix = format!("{}/dft/", folder.path().display());
        Settings::load(&environment).map_err(|failure| failure.to_string().replace(&prefix, ""))
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let settings = load("server: a:1\nmode: stateful\n", &[("DFT_SERVER", "b:2"), ("DFT_ACK", "written")]).unwrap();
        assert_eq!(settings.server.map(|address| address.to_string()), Some("b:2".to_owned()));
        assert_eq!(settings.mode, Some(ModeName::Stateful));
        assert_eq!(settings.ack, Some(AckName::Written));
    }

    #[test]
    fn an_empty_file_configures_nothing() {
        assert_eq!(load("", &[]), Ok(Settings::default()));
        assert_eq!(load("# nothing\n", &[("DFT_MODE", "")]), Ok(Settings::default()));
    }

    #[test]
    fn all_errors_are_told_at_once_with_place_and_expectation() {
        let text =
            load("# mine\nservr: a:1\nmode: both\nack: 3\nnonsense: [1]\n", &[("DFT_OUTPUT", "xml")]).unwrap_err();
        assert_eq!(
            text,
            "client.yaml:2: unknown key \"servr\"; did you mean \"server\"?\n\
             client.yaml:3: mode: \"both\": expected stateless, stateful or auto\n\
             client.yaml:4: ack: \"3\": expected written or durable\n\
             client.yaml:5: unknown key \"nonsense\"; expected server, mode, ack, output\n\
             DFT_OUTPUT: \"xml\": expected human, json or quiet"
        );
        assert!(load("a: [1\n", &[]).unwrap_err().starts_with("client.yaml:"));
    }
}
