//! The texts of the help, and what of them comes from the tables the program itself uses.

use std::fmt::Write as _;

use shared::exit::ExitCode;

use crate::event::KINDS;

pub(super) const EXAMPLES: &str = "Examples:
  client send file.png                       in a session, which stays open for the next commands
  client send photos/ '*.pdf' --close        a folder and a pattern; ends the session afterwards
  client send big.iso --mode stateless       without a session
  tar c src | client send - --name src.tar   standard input
  client send big.iso --retries 50           goes on where it was cut, however often; so does
                                             the same command after it was killed or stopped
  client list                                what the session holds
  client fetch session_…/file_1_….png -o picture.png
  client fetch STORED_AS --retries 50        over as many connections as it takes
  client send file.png --explain             every frame, with what it means
  client send file.png --ladder run.html     the same drawn, beside the connection and the session

`client help` and `--help` also show exit codes, configuration and JSON events.";

pub(super) const SEND_NOTES: &str =
    "Folders are sent with everything in them, sorted; names are relative, with the folder's own name in front.
A symbolic link is followed when you name it, and not inside a folder. A name that begins with a dash: ./-name.
A named pipe is sent when you name it, and neither from a folder nor for a pattern. Pipes and - are sent behind all
files, because nobody knows how long one must be waited for.";

pub(super) const SESSIONS_NOTES: &str = "Examples:
  client sessions ls
  client sessions forget 0b6e
  client sessions forget --all

What is forgotten here still lives at its server until nobody has used it for a while.
Its files stay. `client send --close` ends a session at once.";

/// Exit codes, configuration, and events, from the tables the program itself uses.
pub(super) fn long_help() -> String {
    let mut text = format!("{EXAMPLES}\n\nExit codes:\n");
    for code in ExitCode::ALL {
        let _ = writeln!(text, "  {:>3}  {}", code.code(), code.meaning());
    }
    text.push_str(
        "\nConfiguration (flags win over the environment, the environment over the file):\n\
         \x20 DFT_SERVER  server: HOST:PORT\n\
         \x20 DFT_MODE    mode: stateless, stateful or auto\n\
         \x20 DFT_ACK     ack: written or durable\n\
         \x20 DFT_OUTPUT  output: human, json or quiet\n\
         \x20 The file is $XDG_CONFIG_HOME/dft/client.yaml (~/.config/dft/client.yaml), one `key: value` a line.\n\
         \x20 Sessions are remembered in $XDG_STATE_HOME/dft/session.json (~/.local/state/dft/session.json),\n\
         \x20 and what is under way, or stored by a run that was cut, in the folder journal beside it.\n\
         \x20 Both hold secrets and no contents.\n\
         \x20 NO_COLOR switches colours off.\n\
         \nEvents of --json, by their \"event\":\n",
    );
    for (kind, meaning) in KINDS {
        let _ = writeln!(text, "  {kind:<10} {meaning}");
    }
    text
}
