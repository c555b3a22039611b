//! The command line: what can be typed, and the help for it. Carries nothing out.

mod help;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{PathBufValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use shared::wire::{Ack, FileName};
use trace::ladder::Drawing;

use crate::address::Address;
use crate::conversation::Wanted;
use crate::report::Format;
use help::{EXAMPLES, SEND_NOTES, SESSIONS_NOTES, long_help};

/// Sends files to a dual-mode server, stateless or in a session, and gets them back.
#[derive(Debug, Parser)]
#[command(name = "client", version, max_term_width = 110, after_help = EXAMPLES, after_long_help = long_help())]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The server [default: 127.0.0.1:65432]
    #[arg(long, global = true, value_name = "HOST:PORT", help_heading = "Options for every command")]
    pub(crate) to: Option<Address>,
    /// One JSON object per event on standard output
    #[arg(long, global = true, group = "said", help_heading = "Options for every command")]
    pub(crate) json: bool,
    /// Of each thing only its name, and errors
    #[arg(short, long, global = true, group = "said", help_heading = "Options for every command")]
    pub(crate) quiet: bool,
    /// The form of the output; wins over the configuration
    #[arg(long, global = true, group = "said", value_name = "FORM", help_heading = "Options for every command")]
    pub(crate) format: Option<FormatName>,
    /// Show every frame both ways, with what each part means
    #[arg(long, global = true, help_heading = "Options for every command")]
    pub(crate) explain: bool,
    /// How often to try again without progress after the connection was lost [default: 8]; stated, it holds for a
    /// server that was never reached too
    #[arg(long, global = true, value_name = "N", help_heading = "Options for every command",
          value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub(crate) retries: Option<u32>,
    /// How long to go on without any progress; a fifth of it, and at least 60, for one reply
    #[arg(long, global = true, value_name = "SECONDS", default_value = "300", help_heading = "Options for every command",
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Send files, folders, patterns, or standard input
    #[command(after_help = SEND_NOTES)]
    Send(Send),
    /// Get stored files back
    Fetch(Fetch),
    /// List the files of the session
    List(InSession),
    /// Show the session as the server sees it
    Status(InSession),
    /// Remove stored files of the session
    Remove(Remove),
    /// The sessions remembered here
    #[command(subcommand, after_help = SESSIONS_NOTES)]
    Sessions(Sessions),
    /// Ask the server what it can do, and how far away it is
    Ping,
}

impl Command {
    /// Where its ladder is drawn.
    pub(crate) fn ladder(&self) -> Option<Drawing> {
        if let Self::Send(send) = self { send.ladder.clone() } else { None }
    }

    /// Whether what it says is all it does.
    pub(crate) fn only_asks(&self) -> bool {
        match self {
            Self::List(_) | Self::Status(_) | Self::Ping | Self::Sessions(Sessions::Ls) => true,
            Self::Send(_) | Self::Fetch(_) | Self::Remove(_) | Self::Sessions(Sessions::Forget(_)) => false,
        }
    }
}

/// `send`.
#[derive(Debug, Args)]
pub(crate) struct Send {
    /// Files, folders, quoted patterns, or - for standard input
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// How to send [default: auto]
    #[arg(long, value_enum)]
    pub(crate) mode: Option<ModeName>,
    /// The promise to wait for [default: the server's]
    #[arg(long, value_enum)]
    pub(crate) ack: Option<AckName>,
    /// The name the server is told, for one file or -
    #[arg(long, value_parser = file_name)]
    pub(crate) name: Option<FileName>,
    /// Go on with a remembered session: its id, the beginning of it, or "last"
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// A file with the key of which the server lets one device at a time have a session
    #[arg(long, value_name = "FILE")]
    pub(crate) access_key_file: Option<PathBuf>,
    /// End the session when all is sent
    #[arg(long)]
    pub(crate) close: bool,
    /// Draw every frame beside the life of its connection and of the session; the ending says how: .svg, .html, .mmd
    /// (Mermaid) or .txt
    #[arg(long, value_name = "FILE", value_parser = PathBufValueParser::new().try_map(Drawing::new))]
    pub(crate) ladder: Option<Drawing>,
}

/// `fetch`.
#[derive(Debug, Args)]
pub(crate) struct Fetch {
    /// Where the server stored it, as `send` and `list` print it
    #[arg(required = true, value_name = "STORED_AS")]
    pub(crate) files: Vec<String>,
    /// A file, a folder, or - for standard output [default: the current folder]
    #[arg(short, long, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,
    /// Overwrite a file that is there
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) session: InSession,
}

/// `remove`.
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Where the server stored it, as `send` and `list` print it
    #[arg(required = true, value_name = "STORED_AS")]
    pub(crate) files: Vec<String>,
    #[command(flatten)]
    pub(crate) session: InSession,
}

/// `sessions`.
#[derive(Debug, Subcommand)]
pub(crate) enum Sessions {
    /// Show them, the last one first
    Ls,
    /// Forget one with what is under way in it, or all with everything that runs left
    Forget(Forget),
}

/// `sessions forget`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub(crate) struct Forget {
    /// The session's id, the beginning of it, or "last"
    #[arg(value_name = "ID", group = "which")]
    pub(crate) id: Option<String>,
    /// Every session of every server
    #[arg(long, group = "which")]
    pub(crate) all: bool,
}

/// Which session is meant.
#[derive(Debug, Args)]
pub(crate) struct InSession {
    /// A remembered session: its id or the beginning of it [default: that of the last send]
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
}

/// `--mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModeName {
    /// Each file by itself; the server remembers nothing
    Stateless,
    /// All files in one session
    Stateful,
    /// In a session, if the server can have one
    Auto,
}

impl ModeName {
    /// As it is typed.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Stateless => "stateless",
            Self::Stateful => "stateful",
            Self::Auto => "auto",
        }
    }
}

impl From<ModeName> for Wanted {
    fn from(name: ModeName) -> Self {
        match name {
            ModeName::Stateless => Self::Stateless,
            ModeName::Stateful => Self::Stateful,
            ModeName::Auto => Self::Auto,
        }
    }
}

/// `--ack`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AckName {
    /// The file survives a crash of the server
    Written,
    /// The file survives a power cut
    Durable,
}

impl From<AckName> for Ack {
    fn from(name: AckName) -> Self {
        match name {
            AckName::Written => Self::Written,
            AckName::Durable => Self::Durable,
        }
    }
}

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatName {
    /// Lines for a person
    Human,
    /// Like --json
    Json,
    /// Like --quiet
    Quiet,
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Human => Self::Human,
            FormatName::Json => Self::Json,
            FormatName::Quiet => Self::Quiet,
        }
    }
}

impl Common {
    /// The output asked for here, if any.
    pub(crate) fn format(&self) -> Option<FormatName> {
        let asked = [(self.json, FormatName::Json), (self.quiet, FormatName::Quiet)];
        self.format.or(asked.into_iter().find_map(|(flag, format)| flag.then_some(format)))
    }
}

/// Reads the command line. What is not a command comes back as the text to print: help, version, or an error.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(args)
}

fn file_name(text: &str) -> Result<FileName, &'static str> {
    FileName::from_wire(text).ok_or("expected parts of 1 to 255 bytes joined by /, without . or .. or backslashes")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use shared::exit::ExitCode;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_long_help_lists_every_exit_code() {
        let help = Cli::command().render_long_help().to_string();
        for code in ExitCode::ALL {
            assert!(help.contains(code.meaning()), "{code:?}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for args in [
            &["client"][..],
            &["client", "send"],
            &["client", "send", "a", "--mode", "both"],
            &["client", "send", "a", "--name", "../x"],
            &["client", "send", "a", "--ladder", "ladder.png"],
            &["client", "send", "a", "--json", "--quiet"],
            &["client", "list", "--to", "a:b:c"],
            &["client", "ping", "--timeout", "0"],
            &["client", "ping", "--retries", "1001"],
            &["client", "sessions", "forget"],
            &["client", "sessions", "forget", "a", "--all"],
        ] {
            assert!(parse(args.iter().map(OsString::from)).is_err(), "{args:?}");
        }
        assert!(parse(["client", "send", "--", "-dash"].map(OsString::from)).is_ok());
    }
}
