//! What the user wants unless a flag says otherwise: flags, then the environment, then the configuration
//! file, then defaults. Every error is found at once and says where it is and what was expected.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_yaml::{Mapping, Value};
use shared::congestion::Congestion;

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
    pub(crate) congestion: Option<Congestion>,
}

/// The one table of keys: in the file, in the environment, and what is expected.
const KEYS: [(&str, &str, &str); 5] = [
    ("server", "DFT_SERVER", "HOST:PORT"),
    ("mode", "DFT_MODE", "stateless, stateful or auto"),
    ("ack", "DFT_ACK", "written or durable"),
    ("output", "DFT_OUTPUT", "human, json or quiet"),
    ("congestion", "DFT_CONGESTION", "auto, system, cubic or bbr"),
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
                let near = near_value(key, &shown);
                errors.push(format!("{variable}: \"{shown}\": expected {expected}{near}"));
            }
        }
        for variable in environment.names() {
            // The server's variables begin like ours; only what looks like one of ours was meant for us.
            if let (Some(near), Some(value)) = (near_variable(variable), environment.variable(variable)) {
                let (name, shown) = (neutral(variable), neutral(&value.to_string_lossy()));
                errors.push(format!("{name}: \"{shown}\": unknown variable; did you mean {near}?"));
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
            let (key, shown) = (scalar(key), scalar(value));
            let place = place(line_of(text, &key));
            let Some((name, _, expected)) = KEYS.into_iter().find(|(name, ..)| *name == key) else {
                let (key, shown, hint) = (neutral(&key), neutral(&shown), suggestion(&key));
                errors.push(format!("{place}: unknown key \"{key}\" with \"{shown}\"; {hint}"));
                continue;
            };
            // A number that happens to read like an address is still none.
            if value.as_str().and_then(|text| self.set(name, text)).is_none() {
                let near = near_value(name, &shown);
                errors.push(format!("{place}: {name}: \"{}\": expected {expected}{near}", neutral(&shown)));
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
            "congestion" => self.congestion = Some(Congestion::from_word(value)?),
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
    let names = KEYS.map(|(name, ..)| name);
    match nearest(names.iter().copied(), key, 0.75) {
        Some(name) => format!("did you mean \"{name}\"?"),
        None => format!("expected {}", names.join(", ")),
    }
}

/// The value that was perhaps meant, behind what was expected.
fn near_value(key: &str, value: &str) -> String {
    let names = match key {
        "mode" => names::<ModeName>(),
        "ack" => names::<AckName>(),
        "output" => names::<FormatName>(),
        "congestion" => Congestion::ALL.map(|choice| choice.as_str().to_owned()).to_vec(),
        // Nobody can guess an address.
        _ => Vec::new(),
    };
    let near = nearest(names.iter().map(String::as_str), &value.to_ascii_lowercase(), 0.75);
    near.map(|name| format!("; did you mean \"{name}\"?")).unwrap_or_default()
}

fn names<V: ValueEnum>() -> Vec<String> {
    V::value_variants().iter().filter_map(V::to_possible_value).map(|value| value.get_name().to_owned()).collect()
}

/// The variable of ours that a name almost is. What all of them begin with says nothing.
fn near_variable(name: &str) -> Option<&'static str> {
    let rest = name.strip_prefix("DFT_")?;
    let ours = KEYS.map(|(_, variable, _)| variable);
    // The server's are made of a section and a name, ours of one word.
    if ours.contains(&name) || rest.contains('_') {
        return None;
    }
    let endings = ours.iter().filter_map(|variable| variable.strip_prefix("DFT_"));
    let near = nearest(endings, rest, 0.9)?;
    ours.into_iter().find(|variable| variable.strip_prefix("DFT_") == Some(near))
}

fn nearest<'a>(names: impl Iterator<Item = &'a str>, text: &str, likeness_min: f64) -> Option<&'a str> {
    let near = names.map(|name| (strsim::jaro_winkler(name, text), name));
    let near = near.filter(|(likeness, _)| *likeness > likeness_min).max_by(|a, b| a.0.total_cmp(&b.0));
    near.map(|(_, name)| name)
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
    fn only_text_is_a_value_and_near_ones_are_named() {
        for (file, variables, error) in [
            ("server: 7\n", &[][..], "client.yaml:1: server: \"7\": expected HOST:PORT"),
            ("server: null\n", &[], "client.yaml:1: server: \"null\": expected HOST:PORT"),
            ("server: true\n", &[], "client.yaml:1: server: \"true\": expected HOST:PORT"),
            (
                "mode: statefull\n",
                &[],
                "client.yaml:1: mode: \"statefull\": expected stateless, stateful or auto; did you mean \"stateful\"?",
            ),
            (
                "",
                &[("DFT_ACK", "durabel")],
                "DFT_ACK: \"durabel\": expected written or durable; did you mean \"durable\"?",
            ),
            ("", &[("DFT_SERVR", "a:1")], "DFT_SERVR: \"a:1\": unknown variable; did you mean DFT_SERVER?"),
        ] {
            assert_eq!(load(file, variables).unwrap_err(), error);
        }
        for of_server in ["DFT_SERVER_PORT", "DFT_LIMITS_HEADER_BYTES_MAX", "DFT_STATEFUL_PERSISTENCE", "DFT_LOG_LEVEL"]
        {
            assert!(load("", &[(of_server, "1")]).is_ok(), "{of_server}");
        }
    }

    #[test]
    fn all_errors_are_told_at_once_with_place_and_expectation() {
        let text =
            load("# mine\nservr: a:1\nmode: both\nack: 3\nnonsense: [1]\n", &[("DFT_OUTPUT", "xml")]).unwrap_err();
        assert_eq!(
            text,
            "client.yaml:2: unknown key \"servr\" with \"a:1\"; did you mean \"server\"?\n\
             client.yaml:3: mode: \"both\": expected stateless, stateful or auto\n\
             client.yaml:4: ack: \"3\": expected written or durable\n\
             client.yaml:5: unknown key \"nonsense\" with \"- 1\"; expected server, mode, ack, output, congestion\n\
             DFT_OUTPUT: \"xml\": expected human, json or quiet"
        );
        assert!(load("a: [1\n", &[]).unwrap_err().starts_with("client.yaml:"));
    }
}
