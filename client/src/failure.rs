//! Everything that can go wrong for a client: what is said about it, what the user can do, which exit
//! code it gives. The only place that turns a failure into an exit code.

use std::fmt::Write as _;
use std::io;

use shared::digest::Digest;
use shared::error::{ErrorCode, Retry};
use shared::exit::ExitCode;
use shared::wire::ErrorBody;

use crate::text::{counted, neutral, span};

/// Why something asked for was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line makes no sense, in a way its parser cannot see.
    #[error("{0}")]
    Usage(String),
    /// The configuration has errors, one a line.
    #[error("{0}")]
    Configuration(String),
    /// A local file could not be read or written.
    #[error("{what}: {cause}")]
    Local {
        /// The file, and what was tried.
        what: String,
        /// The system's answer, in words.
        cause: String,
    },
    /// Nobody answers at the address.
    #[error("no connection to {address}: {cause}")]
    Unreachable {
        /// Where.
        address: String,
        /// The system's answer, in words.
        cause: String,
    },
    /// The connection was there, and is not any more.
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// No answer came to a file, and it could not be asked for: nobody knows whether the file is stored.
    #[error("whether it is stored is unknown: no answer came, and it could not be asked for: {0}")]
    Unknown(String),
    /// The bytes there are not the bytes here.
    #[error("{what}: expected {expected}, got {got}")]
    Integrity {
        /// Whose bytes.
        what: String,
        /// What this side computed.
        expected: String,
        /// What the other side says.
        got: String,
    },
    /// The server refused.
    #[error("{}", refusal(.0))]
    Refused(Box<ErrorBody>),
    /// The server said something that is not in the protocol.
    #[error("the server broke the protocol: {0}")]
    Broken(String),
    /// The server answers in a version this client does not speak.
    #[error("the server answers in version {0}, this client speaks 2.0")]
    Version(String),
    /// No session is remembered that could be used.
    #[error("{0}")]
    NoSession(String),
    /// Everything was sent, and the session is still there, as far as anybody knows.
    #[error("{} stored, but the session could not be closed: {cause}", counted(*.files, "file"))]
    Unclosed {
        /// What no longer depends on it.
        files: u64,
        /// What stands in the way.
        cause: Box<Failure>,
    },
    /// The user wanted to stop.
    #[error("interrupted")]
    Interrupted,
}

impl Failure {
    /// A local file and what the system said about it.
    pub(crate) fn local(what: impl Into<String>, cause: &io::Error) -> Self {
        Self::Local { what: what.into(), cause: system_words(cause) }
    }

    /// Two digests that should be one.
    pub(crate) fn integrity(what: impl Into<String>, expected: Digest, got: Digest) -> Self {
        Self::Integrity { what: what.into(), expected: expected.to_wire(), got: got.to_wire() }
    }

    /// The exit code when this is all there is to say.
    pub(crate) fn exit(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::Usage,
            Self::Configuration(_) => ExitCode::Configuration,
            Self::Local { .. } => ExitCode::LocalFile,
            Self::Unreachable { .. } | Self::Lost(_) | Self::Unknown(_) => ExitCode::Connection,
            Self::Integrity { .. } => ExitCode::Integrity,
            Self::Refused(body) => body.code.exit(),
            Self::Broken(_) => ExitCode::Server,
            Self::Version(_) => ExitCode::Version,
            Self::NoSession(_) => ExitCode::SessionGone,
            Self::Unclosed { cause, .. } => cause.exit(),
            Self::Interrupted => ExitCode::Interrupted,
        }
    }

    /// What the server said, if it refused.
    pub(crate) fn refusal(&self) -> Option<&ErrorBody> {
        match self {
            Self::Refused(body) => Some(body),
            Self::Unclosed { cause, .. } => cause.refusal(),
            Self::Usage(_)
            | Self::Configuration(_)
            | Self::Local { .. }
            | Self::Unreachable { .. }
            | Self::Lost(_)
            | Self::Unknown(_)
            | Self::Integrity { .. }
            | Self::Broken(_)
            | Self::Version(_)
            | Self::NoSession(_)
            | Self::Interrupted => None,
        }
    }

    /// What the user can do about it, when there is something.
    pub(crate) fn advice(&self) -> Option<String> {
        match self {
            Self::Usage(_) => Some("run `client --help` for the commands and their options".to_owned()),
            Self::Unreachable { .. } => {
                Some("is the server running? `server --mode dual` starts one; `--to HOST:PORT` names another".to_owned())
            }
            Self::Lost(_) => Some("run the same command again when the server is back".to_owned()),
            Self::Unknown(_) => Some(
                "the file may be stored or not; `client list` shows what a session holds, and sending it again does no harm"
                    .to_owned(),
            ),
            Self::Integrity { .. } => Some("do not rely on that copy; send or fetch the file again".to_owned()),
            Self::Refused(body) => Some(refusal_advice(body)),
            Self::Version(_) => Some("use the client that belongs to this server".to_owned()),
            Self::Broken(_) => Some("is this address really a dual-mode file transfer server? try `client ping`".to_owned()),
            Self::NoSession(_) => Some("`client send` opens a session and remembers it for the other commands".to_owned()),
            Self::Unclosed { .. } => Some("a session that nobody uses ends by itself; what is stored in it stays".to_owned()),
            Self::Configuration(_) | Self::Local { .. } | Self::Interrupted => None,
        }
    }
}

/// The exit code of a run over several things: the failure's own when nothing went well, `Partial` when
/// something did.
pub(crate) fn exit_of_several(done: u64, failures: &[Failure]) -> ExitCode {
    if failures.iter().any(|failure| failure.exit() == ExitCode::Interrupted) {
        return ExitCode::Interrupted;
    }
    match failures.first() {
        None => ExitCode::Success,
        Some(_) if done > 0 => ExitCode::Partial,
        Some(first) => first.exit(),
    }
}

/// The system's words without its numbers.
pub(crate) fn system_words(error: &io::Error) -> String {
    let text = neutral(&error.to_string());
    match text.split_once(" (os error ") {
        Some((words, _)) => words.to_lowercase(),
        None => text,
    }
}

fn refusal(body: &ErrorBody) -> String {
    let mut text = format!("the server refused ({}): {}", body.code, neutral(&body.message));
    if let Some(field) = &body.field {
        let _ = write!(text, "; field {}", neutral(field));
    }
    if let Some(reason) = &body.reason {
        let _ = write!(text, "; reason: {}", neutral(reason));
    }
    if let Some(supported) = &body.supported {
        let _ = write!(text, "; it speaks {}", neutral(&supported.join(", ")));
    }
    text
}

/// The server's advice in words, with the facts it gave.
fn refusal_advice(body: &ErrorBody) -> String {
    let wait = body.retry_after_ms.map_or_else(|| "in a while".to_owned(), |millis| format!("in {}", span(millis)));
    match (body.code, body.retry) {
        (ErrorCode::SizeTooLarge, _) => {
            "`client ping` shows the limits; a session (`--mode stateful`) usually takes larger files".to_owned()
        }
        (ErrorCode::ModeDisabled, _) => "`client ping` shows the modes the server offers".to_owned(),
        (ErrorCode::FileUnknown, _) => "`client list` shows the files of the session".to_owned(),
        (ErrorCode::StorageFull, _) => format!("the server's disk is full; try again {wait}"),
        (ErrorCode::SessionMoved, _) => {
            "another client went on with this session; `--session` names it, and no session begins a new one".to_owned()
        }
        (ErrorCode::SessionExists, _) => {
            "one session at a time may have this access key; `--session last` goes on with the one of this device"
                .to_owned()
        }
        (ErrorCode::SessionGone, _) if body.reason.as_deref() == Some("replaced") => {
            "another session was begun with the same access key, here or on another device, and only one may have it"
                .to_owned()
        }
        (_, Retry::Never) => "the same request would be refused again".to_owned(),
        (_, Retry::Same) => "try again now".to_owned(),
        (_, Retry::Later) => format!("try again {wait}"),
        (_, Retry::Resume) => "connect again and go on; running the same command again does that".to_owned(),
        (_, Retry::NewSession) => "the session cannot go on; `client send` opens a new one".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: ErrorCode) -> Failure {
        Failure::Refused(Box::new(code.into()))
    }

    #[test]
    fn every_failure_has_its_exit_code() {
        for (failure, exit) in [
            (Failure::Broken("x".into()), 1),
            (Failure::Usage("x".into()), 2),
            (Failure::local("x", &io::Error::other("y")), 3),
            (Failure::Lost("x".into()), 4),
            (Failure::Unknown("x".into()), 4),
            (Failure::Integrity { what: "x".into(), expected: "a".into(), got: "b".into() }, 5),
            (refused(ErrorCode::BadName), 6),
            (refused(ErrorCode::Busy), 7),
            (refused(ErrorCode::SessionGone), 8),
            (Failure::NoSession("x".into()), 8),
            (Failure::Version("9".into()), 10),
            (Failure::Configuration("x".into()), 11),
            (Failure::Interrupted, 130),
        ] {
            assert_eq!(failure.exit().code(), exit, "{failure}");
        }
    }

    #[test]
    fn some_of_several_is_an_exit_code_of_its_own() {
        assert_eq!(exit_of_several(2, &[]).code(), 0);
        assert_eq!(exit_of_several(2, &[refused(ErrorCode::BadName)]).code(), 9);
        assert_eq!(exit_of_several(0, &[refused(ErrorCode::BadName), refused(ErrorCode::Busy)]).code(), 6);
        assert_eq!(exit_of_several(2, &[Failure::Interrupted]).code(), 130);
    }

    #[test]
    fn every_error_of_the_wire_comes_with_words_and_advice() {
        for code in ErrorCode::ALL {
            let failure = refused(*code);
            assert!(failure.to_string().contains(code.as_str()));
            assert!(failure.advice().is_some_and(|advice| !advice.is_empty()), "{code}");
        }
    }

    #[test]
    fn a_server_cannot_write_to_the_terminal() {
        let body = ErrorBody {
            field: Some("\u{1b}]0;pwned\u{7}".into()),
            ..ErrorBody::new(ErrorCode::BadField, "\u{1b}[31mred\r")
        };
        let text = Failure::Refused(Box::new(body)).to_string();
        assert!(!text.chars().any(char::is_control), "{text}");
    }
}
