//! What the client's exit code says. One enum; the wire's error table points into it.

/// The client's exit codes, as `client --help` and the README list them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum ExitCode {
    /// Everything asked for was done; every file sent is stored and its digest compared.
    Success = 0,
    /// The server failed inside, or said something that is not in the protocol.
    Server = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// A local file could not be read or written.
    LocalFile = 3,
    /// No connection, or it was lost.
    Connection = 4,
    /// The bytes stored are not the bytes sent.
    Integrity = 5,
    /// The server refused the request.
    Refused = 6,
    /// A limit of the server stands in the way; some pass with time.
    Limits = 7,
    /// The session is gone; a new one is needed.
    SessionGone = 8,
    /// Some of several files failed, others arrived.
    Partial = 9,
    /// Client and server speak no common version.
    Version = 10,
    /// The configuration has an error.
    Configuration = 11,
    /// Interrupted by the user.
    Interrupted = 130,
}

impl ExitCode {
    /// Every code, in order.
    pub const ALL: [Self; 13] = [
        Self::Success,
        Self::Server,
        Self::Usage,
        Self::LocalFile,
        Self::Connection,
        Self::Integrity,
        Self::Refused,
        Self::Limits,
        Self::SessionGone,
        Self::Partial,
        Self::Version,
        Self::Configuration,
        Self::Interrupted,
    ];

    /// The number the shell sees.
    #[must_use]
    #[expect(clippy::as_conversions, reason = "the discriminant of a repr(u8) enum is its number")]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// One line for the table in `--help`.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Success => "all done; every file sent is stored and verified",
            Self::Server => "the server failed or broke the protocol",
            Self::Usage => "the command line makes no sense",
            Self::LocalFile => "a local file could not be read or written",
            Self::Connection => "no connection, or it was lost",
            Self::Integrity => "the bytes stored are not the bytes sent",
            Self::Refused => "the server refused the request",
            Self::Limits => "a limit of the server stands in the way",
            Self::SessionGone => "the session is gone",
            Self::Partial => "some of several files failed",
            Self::Version => "client and server speak no common version",
            Self::Configuration => "the configuration has an error",
            Self::Interrupted => "interrupted",
        }
    }
}
