//! The command line, and where the configuration is read from: file, environment and flags.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::builder::{OsStringValueParser, PathBufValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use trace::ladder::Drawing;

use crate::config::{self, ConfigErrors, ConfigFile, Effective, Flag, Layers, StorePlace};

/// Read when no `--config` names another.
const CONFIG_FILE: &str = "config.yaml";

/// Bytes of the longest configuration file. One with every key and comment has a hundredth of it.
const CONFIG_BYTES_MAX: u64 = 1024 * 1024;

const EXAMPLES: &str = "\
Examples:
  server                                  both modes on 127.0.0.1:65432, files in ./storage
  server --mode stateless --port 0        one mode, any free port; the first line of output names it
  server --host 0.0.0.0 --storage /srv/files
  server --config lab.yaml -vv            settings from a file, log level two steps higher
  server --persistence sqlite             sessions survive a restart
  server --trace run.pcapng               everything that connections carry, for Wireshark
  server ladder run.pcapng -o run.svg     draws it, connections and sessions side by side
  server check-config --config lab.yaml   prints every setting and where it comes from
  server sessions migrate --from sqlite --to redis://127.0.0.1:6379/0

Settings: flags win over environment variables, these over the file, the file over the defaults.
Every key of the file has a variable: stateful.max_sessions is DFT_STATEFUL_MAX_SESSIONS.
config.example.yaml explains all of them.

Exit codes: 0 ended as asked, 1 it could not be done, 2 the command line makes no sense, 11 the configuration has an error, 130 a second signal ended it at once.";

/// Receives files over TCP, with a session (stateful) or without one (stateless).
#[derive(Parser, Clone, PartialEq, Eq, Debug)]
#[command(name = "server", version, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    settings: Settings,
}

/// What can be done instead of serving.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Print every setting and where it comes from, or all that is wrong; serve nothing.
    CheckConfig,
    /// Look after stored sessions while no server runs.
    #[command(subcommand)]
    Sessions(SessionsCommand),
    /// Draw what a trace tells: every frame, beside the life of its connection and of its session.
    Ladder(LadderCommand),
}

/// `ladder`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct LadderCommand {
    /// What --trace has written
    #[arg(value_name = "TRACE")]
    pub recorded: PathBuf,
    /// Only this session and its connections: its id, or the beginning of it
    #[arg(long, value_name = "ID")]
    pub session: Option<String>,
    /// Where to; the ending says how: .svg, .html, .mmd (Mermaid) or .txt [default: text on standard output]
    #[arg(short, long, value_name = "FILE", value_parser = PathBufValueParser::new().try_map(Drawing::new))]
    pub output: Option<Drawing>,
}

/// What can be done with stored sessions.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum SessionsCommand {
    /// Move all sessions, live and ended, from one store to another. Begun again after a failure, it goes on.
    Migrate {
        /// Where they are: sqlite, sqlite:PATH, redis, or an address like redis://host:port/number
        #[arg(long, value_name = "STORE")]
        from: StorePlace,
        /// Where they shall be
        #[arg(long, value_name = "STORE")]
        to: StorePlace,
    },
}

#[derive(Args, Clone, PartialEq, Eq, Debug)]
struct Settings {
    /// Address to listen on; 0.0.0.0 is every network of this machine [server.host]
    #[arg(long, global = true, value_name = "ADDRESS", value_parser = setting("server.host"))]
    host: Option<OsString>,
    /// Port to listen on; 0 takes a free one [server.port]
    #[arg(long, global = true, value_name = "PORT", value_parser = setting("server.port"))]
    port: Option<OsString>,
    /// Folder to store files in; made when missing [storage.path]
    #[arg(long, global = true, value_name = "FOLDER", value_parser = setting("storage.path"))]
    storage: Option<OsString>,
    /// Requests to serve [server.mode]
    #[arg(long, global = true, value_name = "MODE", value_parser = choice("server.mode"))]
    mode: Option<OsString>,
    /// Where sessions are remembered [stateful.persistence]
    #[arg(long, global = true, value_name = "STORE", value_parser = choice("stateful.persistence"))]
    persistence: Option<OsString>,
    /// Write everything that connections carry to this file, as pcapng for Wireshark [trace.file]
    #[arg(long, global = true, value_name = "FILE", value_parser = setting("trace.file"))]
    trace: Option<OsString>,
    /// Configuration file; without it config.yaml in the current folder, if there is one
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Log more; may be repeated
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

/// What a program finds around it. Tests bring their own.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The folder in which relative paths begin.
    pub folder: PathBuf,
    /// The environment.
    pub variables: Vec<(OsString, OsString)>,
}

impl Surroundings {
    /// Those of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self { folder: PathBuf::new(), variables: std::env::vars_os().collect() }
    }
}

/// Reads a command line, the program's name first. The error is clap's: it prints itself and knows its exit
/// code, which is 0 for `--help` and `--version` and 2 for a mistake.
pub fn parse_from<T: Into<OsString> + Clone>(arguments: impl IntoIterator<Item = T>) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(arguments)
}

impl Cli {
    /// Reads file, environment and flags into one configuration.
    pub fn load(&self, around: &Surroundings) -> Result<Effective, ConfigErrors> {
        config::resolve(&Layers {
            file: self.file(&around.folder),
            variables: around.variables.clone(),
            flags: self.flags(),
            verbosity: self.settings.verbose,
        })
    }

    fn file(&self, folder: &Path) -> Option<ConfigFile> {
        let asked = self.settings.config.as_deref();
        let path = asked.unwrap_or(Path::new(CONFIG_FILE));
        match read(&folder.join(path)) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound && asked.is_none() => None,
            content => Some(ConfigFile { path: path.to_owned(), content }),
        }
    }

    fn flags(&self) -> Vec<Flag> {
        let settings = &self.settings;
        [
            ("--host", "server.host", &settings.host),
            ("--port", "server.port", &settings.port),
            ("--storage", "storage.path", &settings.storage),
            ("--mode", "server.mode", &settings.mode),
            ("--persistence", "stateful.persistence", &settings.persistence),
            ("--trace", "trace.file", &settings.trace),
        ]
        .into_iter()
        .filter_map(|(name, key, value)| Some(Flag { name, key, value: value.clone()? }))
        .collect()
    }
}

/// A value that the key accepts, so that a wrong one is told like any other mistake on the command line.
fn setting(key: &'static str) -> impl TypedValueParser<Value = OsString> {
    OsStringValueParser::new().try_map(move |value| config::accepts(key, &value).map(|()| value))
}

/// The same for a key that is a choice; the help lists its words.
fn choice(key: &'static str) -> impl TypedValueParser<Value = OsString> {
    PossibleValuesParser::new(config::words(key)).map(OsString::from)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    // One byte more than allowed tells that there is more.
    File::open(path)?.take(CONFIG_BYTES_MAX + 1).read_to_end(&mut content)?;
    if u64::try_from(content.len()).unwrap_or(u64::MAX) > CONFIG_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is longer than 1 MiB"));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::config::{LogLevel, Persistence, ServerMode};

    fn parsed(line: &str) -> Result<Cli, clap::Error> {
        parse_from(["server"].into_iter().chain(line.split_whitespace()))
    }

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_arrives_in_the_configuration() {
        let line = "--host ::1 --port 0 --storage some/where --mode stateless --persistence sqlite --trace t.pcapng -v";
        for line in [line.to_owned(), format!("check-config {line}"), format!("{line} check-config")] {
            let folder = tempfile::tempdir().unwrap();
            let around = Surroundings { folder: folder.path().into(), variables: Vec::new() };
            let cli = parsed(&line).unwrap();
            let config = cli.load(&around).unwrap().config;
            assert_eq!((config.host.as_str(), config.port, config.mode), ("::1", 0, ServerMode::Stateless));
            assert_eq!((config.storage, config.log.level), ("some/where".into(), LogLevel::Debug));
            assert_eq!((config.persistence, config.trace_file), (Persistence::Sqlite, "t.pcapng".into()));
            assert_eq!(cli.command, line.contains("check-config").then_some(Command::CheckConfig));
        }
    }

    #[test]
    fn a_mistake_on_the_command_line_ends_with_2_and_says_what_was_expected() {
        let rows = [
            ("--port 70000", "expected an integer from 0 to 65535"),
            ("--port x", "expected an integer from 0 to 65535"),
            ("--host 127.0.0.1:80", "the port has a key of its own"),
            ("--mode daul", "'dual'"),
            ("--storage ~/files", "`~` is not expanded here"),
            ("--prot 1", "'--port'"),
            ("--persistence disk", "memory, sqlite, redis"),
            ("sessions migrate --from sqlite", "--to"),
            ("sessions migrate --from memory --to redis", "nothing to move"),
            ("check-confg", "'check-config'"),
            ("ladder run.pcapng -o run.png", "says what to draw"),
        ];
        for (line, said) in rows {
            let error = parsed(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains(said), "{error}");
        }
        for line in ["--help", "--version", "help check-config"] {
            assert_eq!(parsed(line).unwrap_err().exit_code(), 0, "{line}");
        }
    }

    #[test]
    fn the_file_is_the_one_that_was_named_or_the_one_in_the_current_folder() {
        let folder = tempfile::tempdir().unwrap();
        let around = Surroundings { folder: folder.path().into(), variables: Vec::new() };
        let port = |line: &str| parsed(line).unwrap().load(&around).map(|effective| effective.config.port);
        assert_eq!(port(""), Ok(65_432));
        std::fs::write(folder.path().join("config.yaml"), "server: {port: 1}").unwrap();
        std::fs::write(folder.path().join("lab.yaml"), "server: {port: 2}").unwrap();
        assert_eq!(port(""), Ok(1));
        assert_eq!(port("--config lab.yaml"), Ok(2));
        assert_eq!(port("--config lab.yaml --port 3"), Ok(3));
        let missing = port("--config nowhere.yaml").unwrap_err().to_string();
        assert!(missing.starts_with("error: the configuration file nowhere.yaml cannot be read: "), "{missing}");
    }

    #[test]
    fn a_file_is_read_up_to_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.yaml");
        let bytes_max = usize::try_from(CONFIG_BYTES_MAX).unwrap();
        for (bytes, fits) in [(bytes_max - 1, true), (bytes_max, true), (bytes_max + 1, false)] {
            std::fs::write(&path, "#".repeat(bytes)).unwrap();
            let around = Surroundings { folder: folder.path().into(), variables: Vec::new() };
            assert_eq!(parsed("").unwrap().load(&around).is_ok(), fits, "{bytes}");
        }
    }
}
