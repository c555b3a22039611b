//! Every way a request can be refused: one row per code, with its class, the advice to the client and
//! the exit code of a client that gives up on it (PROTOCOL.md section 4). Rows are added, never renamed.

use serde::{Deserialize, Serialize};

use crate::exit::ExitCode;

/// What a client should do after an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// The same request will fail again.
    Never,
    /// Again, now.
    Same,
    /// Again, after a wait.
    Later,
    /// Reconnect, `connect`, go on.
    Resume,
    /// Open a new session.
    NewSession,
}

impl Retry {
    /// The wire's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Same => "same",
            Self::Later => "later",
            Self::Resume => "resume",
            Self::NewSession => "new_session",
        }
    }
}

/// Where a code belongs. Framing errors always close the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorClass {
    /// The bytes are no frame; what follows cannot be understood.
    Framing,
    /// The request makes no sense, or may not be.
    Request,
    /// The session does not allow it.
    Session,
    /// Not now, or not so much.
    Capacity,
    /// The server's own fault.
    Server,
}

macro_rules! error_codes {
    ($( $(#[doc = $doc:literal])+ $variant:ident = $wire:literal, $class:ident, $retry:ident, $exit:ident; )+) => {
        /// An error code of the wire.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
        pub enum ErrorCode {
            $( $(#[doc = $doc])+ #[serde(rename = $wire)] $variant, )+
        }

        impl ErrorCode {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )+ ];

            /// The wire's spelling.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $wire, )+ }
            }

            /// The class the code belongs to.
            #[must_use]
            pub fn class(self) -> ErrorClass {
                match self { $( Self::$variant => ErrorClass::$class, )+ }
            }

            /// What the client should do.
            #[must_use]
            pub fn retry(self) -> Retry {
                match self { $( Self::$variant => Retry::$retry, )+ }
            }

            /// The exit code of a client that gives up on it.
            #[must_use]
            pub fn exit(self) -> ExitCode {
                match self { $( Self::$variant => ExitCode::$exit, )+ }
            }

            /// What it means, in one line.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $( Self::$variant => concat!($($doc),+).trim_ascii_start(), )+ }
            }
        }
    };
}

error_codes! {
    /// A header line is longer than the limit.
    HeaderTooLarge = "header_too_large", Framing, Never, Limits;
    /// A header line was begun and not finished in time.
    HeaderTimeout = "header_timeout", Framing, Resume, Connection;
    /// A header is not UTF-8, or holds a control character.
    BadEncoding = "bad_encoding", Framing, Never, Refused;
    /// A header, chunk length or trailer breaks the grammar.
    BadHeader = "bad_header", Framing, Never, Refused;
    /// A key stands twice in one object.
    DuplicateKey = "duplicate_key", Framing, Never, Refused;
    /// A header holds a field this version does not have.
    UnknownField = "unknown_field", Framing, Never, Refused;
    /// The version is missing or not spoken here.
    UnsupportedVersion = "unsupported_version", Framing, Never, Version;
    /// The connection ended inside a frame.
    Truncated = "truncated", Framing, Resume, Connection;
    /// A payload made too little progress.
    PayloadTimeout = "payload_timeout", Framing, Resume, Connection;

    /// A field has a value it cannot have, or is missing or out of place.
    BadField = "bad_field", Request, Never, Refused;
    /// The file's name is one the wire does not carry.
    BadName = "bad_name", Request, Never, Refused;
    /// The action is not possible in this mode or at this stage.
    IllegalAction = "illegal_action", Request, Never, Refused;
    /// The server does not offer this mode.
    ModeDisabled = "mode_disabled", Request, Never, Refused;
    /// The upload is larger than the server takes.
    SizeTooLarge = "size_too_large", Request, Never, Limits;
    /// The offset is not one the server can go on from.
    BadOffset = "bad_offset", Request, Same, Refused;
    /// The bytes that arrived are not those the digest names.
    DigestMismatch = "digest_mismatch", Request, Same, Integrity;
    /// There is no such file here.
    FileUnknown = "file_unknown", Request, Never, Refused;
    /// The transfer id belongs to another upload.
    TransferReused = "transfer_reused", Request, Never, Refused;
    /// A newer request took this transfer over.
    TransferMoved = "transfer_moved", Request, Never, Refused;

    /// The request needs the session its connection is bound to.
    SessionRequired = "session_required", Session, Resume, SessionGone;
    /// No session has this id and token.
    SessionUnknown = "session_unknown", Session, NewSession, SessionGone;
    /// The session has ended.
    SessionGone = "session_gone", Session, NewSession, SessionGone;
    /// A newer connection holds the session.
    SessionMoved = "session_moved", Session, Never, SessionGone;
    /// Another session of the access key is alive.
    SessionExists = "session_exists", Session, Later, Refused;
    /// The server holds as many sessions as it may.
    SessionFull = "session_full", Session, Later, Limits;
    /// The sequence is ahead of the next one.
    SequenceGap = "sequence_gap", Session, Same, Refused;
    /// The sequence was used by another request.
    SequenceReused = "sequence_reused", Session, Never, Refused;
    /// The sequence is older than the replies kept.
    SequenceTooOld = "sequence_too_old", Session, Never, Refused;
    /// The proof of identity does not hold.
    AuthFailed = "auth_failed", Session, Never, Refused;

    /// The server has too much to do.
    Busy = "busy", Capacity, Later, Limits;
    /// This address asks too often.
    RateLimited = "rate_limited", Capacity, Later, Limits;
    /// The client's share is used up.
    QuotaExceeded = "quota_exceeded", Capacity, Later, Limits;
    /// The disk is full.
    StorageFull = "storage_full", Capacity, Later, Limits;
    /// The session store does not answer.
    StoreUnavailable = "store_unavailable", Capacity, Later, Limits;
    /// The server is stopping.
    ShuttingDown = "shutting_down", Capacity, Resume, Connection;

    /// The server could not read or write its storage.
    IoError = "io_error", Server, Same, Server;
    /// The server broke one of its own rules.
    Internal = "internal", Server, Later, Server;
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_spelling_and_says_what_it_means() {
        let mut spellings: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        spellings.sort_unstable();
        spellings.dedup();
        assert_eq!(spellings.len(), ErrorCode::ALL.len());
        for code in ErrorCode::ALL {
            assert!(code.meaning().ends_with('.'), "{code}");
            assert_eq!(serde_json::to_string(code).unwrap(), format!("\"{code}\""));
            assert_eq!(serde_json::to_string(&code.retry()).unwrap(), format!("\"{}\"", code.retry().as_str()));
        }
    }
}
