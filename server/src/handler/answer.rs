//! What a handler answers, before a connection sends it; and how inner failures become rows of the error
//! table: the cause is logged here, the client sees code and advice only.

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use shared::error::ErrorCode;
use shared::session::{Phase, Session};
use shared::wire::{ErrorBody, Reply, Status};

use crate::env::NoDice;
use crate::files::{RevealError, Source, StorageError};
use crate::sessions::{SealError, StoreError};

/// A reply, what it carries, and the session it speaks of.
#[derive(Debug)]
pub struct Answer {
    /// The header, still without session and clock.
    pub reply: Reply,
    /// What goes before the payload: the session's ticket, from a server that has such.
    pub session_data: Bytes,
    /// The payload behind it.
    pub payload: AnswerPayload,
    /// The session as it is now; shown in the reply.
    pub session: Option<Arc<Session>>,
    /// What a session was doing when it was continued; told to people.
    pub found: Option<Phase>,
}

/// The payload of an answer.
#[derive(Debug)]
pub enum AnswerPayload {
    /// None.
    Nothing,
    /// These bytes.
    Bytes(Bytes),
    /// So many bytes of a file.
    File(Box<dyn Source>),
}

impl Answer {
    /// An answer of one line.
    #[must_use]
    pub fn new(reply: Reply) -> Self {
        Self { reply, session_data: Bytes::new(), payload: AnswerPayload::Nothing, session: None, found: None }
    }

    /// An answer that says nothing but its status.
    #[must_use]
    pub fn of(status: Status) -> Self {
        Self::new(Reply::new(status))
    }

    /// The same answer, speaking of `session`.
    #[must_use]
    pub fn in_session(self, session: Arc<Session>) -> Self {
        Self { session: Some(session), ..self }
    }
}

impl From<StorageError> for ErrorBody {
    fn from(error: StorageError) -> Self {
        if let StorageError::Overtaken = error {
            return ErrorCode::TransferMoved.into();
        }
        tracing::error!(%error, cause = error.source().map(tracing::field::display), "storage");
        match error {
            StorageError::Full => ErrorCode::StorageFull.into(),
            StorageError::GivenUp | StorageError::Overtaken | StorageError::Io(_) => ErrorCode::IoError.into(),
        }
    }
}

impl From<RevealError> for ErrorBody {
    fn from(error: RevealError) -> Self {
        match error {
            RevealError::Failed(error) => error.into(),
            RevealError::Occupied(_) => {
                tracing::error!("every name tried was taken");
                ErrorCode::Internal.into()
            }
        }
    }
}

impl From<StoreError> for ErrorBody {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => ErrorCode::SessionFull.into(),
            StoreError::Held(_) => ErrorCode::SessionExists.into(),
            StoreError::Unavailable(_) => {
                tracing::error!(%error, cause = error.source().map(tracing::field::display), "session store");
                ErrorCode::StoreUnavailable.into()
            }
            StoreError::Damaged(_) => {
                tracing::error!(%error, cause = error.source().map(tracing::field::display), "session store");
                Self { reason: Some("damaged".to_owned()), ..ErrorCode::SessionGone.into() }
            }
            StoreError::Conflict | StoreError::Exists => {
                tracing::error!(%error, "session store");
                ErrorCode::Internal.into()
            }
        }
    }
}

impl From<SealError> for ErrorBody {
    fn from(error: SealError) -> Self {
        tracing::error!(%error, "a session could not be sealed");
        ErrorCode::Internal.into()
    }
}

impl From<NoDice> for ErrorBody {
    fn from(error: NoDice) -> Self {
        tracing::error!(%error, "dice");
        ErrorCode::Internal.into()
    }
}
