//! The stored answer to a request that changed something, and how a repeat of that request is recognised
//! (PROTOCOL.md section 5).

use crate::digest::Digest;
use crate::id::Sequence;
use crate::wire::{Ack, Action, FileInfo, FileName, MimeType, SessionRequest};

/// What makes two requests the same, told by the header alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    pub(super) action: Action,
    pub(super) mime_type: Option<MimeType>,
    pub(super) name: Option<FileName>,
    pub(super) file: Option<String>,
    pub(super) total: Option<u64>,
    pub(super) digest: Option<Digest>,
}

impl Fingerprint {
    /// The fingerprint of a request as its header states it; `None` for one that changes nothing.
    #[must_use]
    pub fn of(request: &SessionRequest) -> Option<Self> {
        let bare =
            Self { action: request.action(), mime_type: None, name: None, file: None, total: None, digest: None };
        match request {
            SessionRequest::Transfer(_, upload) => Some(Self {
                mime_type: Some(upload.mime_type.clone()),
                name: upload.name.clone(),
                total: upload.total(),
                digest: upload.digest,
                ..bare
            }),
            SessionRequest::Remove(_, file) => Some(Self { file: Some(file.clone()), ..bare }),
            SessionRequest::Disconnect(_) => Some(bare),
            SessionRequest::Status | SessionRequest::Heartbeat | SessionRequest::List(_) | SessionRequest::Fetch(_) => {
                None
            }
        }
    }

    /// Whether `repeat` asks for what this fingerprint's request did. What a repeat does not state, it
    /// does not contradict.
    #[must_use]
    fn covers(&self, repeat: &Self) -> bool {
        self.action == repeat.action
            && self.mime_type == repeat.mime_type
            && self.name == repeat.name
            && self.file == repeat.file
            && (repeat.total.is_none() || self.total == repeat.total)
            && (repeat.digest.is_none() || self.digest == repeat.digest)
    }

    /// The client's name for the file, if it gave one.
    #[must_use]
    pub fn name(&self) -> Option<&FileName> {
        self.name.as_ref()
    }
}

/// What was done under a sequence, and what the client was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The request's place in the session.
    pub sequence: Sequence,
    /// What was done.
    pub outcome: Outcome,
    pub(super) request: Fingerprint,
}

/// What a request changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A file was stored, and this promise kept.
    Stored(FileInfo, Ack),
    /// A file was removed.
    Removed(String),
    /// The session was ended.
    Closed,
}

impl Receipt {
    /// The receipt of `request`. What the header left open, the outcome fills in.
    #[must_use]
    pub fn new(sequence: Sequence, request: Fingerprint, outcome: Outcome) -> Self {
        let request = match &outcome {
            Outcome::Stored(file, _) => Fingerprint { total: Some(file.size), digest: file.digest, ..request },
            Outcome::Removed(_) | Outcome::Closed => request,
        };
        Self { sequence, outcome, request }
    }

    /// Whether `repeat` is the request this receipt answers.
    #[must_use]
    pub fn answers(&self, repeat: &Fingerprint) -> bool {
        self.request.covers(repeat)
    }

    /// The client's name for the file, if it gave one.
    #[must_use]
    pub fn name(&self) -> Option<&FileName> {
        self.request.name()
    }

    /// Bytes of memory it takes, about.
    #[must_use]
    pub fn state_bytes(&self) -> usize {
        let texts = self.request.name.as_ref().map_or(0, |name| name.as_str().len())
            + self.request.mime_type.as_ref().map_or(0, |mime| mime.as_str().len())
            + self.request.file.as_ref().map_or(0, String::len);
        let stored = match &self.outcome {
            Outcome::Stored(file, _) => file.stored_as.len(),
            Outcome::Removed(file) => file.len(),
            Outcome::Closed => 0,
        };
        size_of::<Self>() + texts + stored
    }
}
