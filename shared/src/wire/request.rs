//! What a client asked for. Only requests that make sense can be built, and only here; nobody checks a
//! missing field again.

use super::raw::{Ext, RawHeader, bad_field};
use super::{Ack, Action, FileName, MimeType, Mode, Refusal};
use crate::codec::{Framing, Payload};
use crate::digest::{Digest, DigestKind};
use crate::error::ErrorCode;
use crate::id::{Holder, Sequence, SessionId, Token, TransferId};

/// One request with what surrounds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What follows the header.
    pub framing: Framing,
    /// The client waits for an answer before it sends the payload.
    pub expects_continue: bool,
    /// What the client asks for beyond the version.
    pub ext: Ext,
    /// What is asked.
    pub request: Request,
}

/// A request, by mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// What can the server do? The same answer in both modes.
    Hello(Mode),
    /// Carries all it needs.
    Stateless(StatelessRequest),
    /// Belongs to a session.
    Stateful(StatefulRequest),
}

/// A request of which the server remembers nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatelessRequest {
    /// Store one file; with an id it can be repeated.
    Transfer(Option<TransferId>, Upload),
    /// What is there of this transfer?
    Status(TransferId),
    /// One file's bytes.
    Fetch(FetchRange),
}

/// A request within a session, or to open one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatefulRequest {
    /// Open a session; with an access key, perhaps the only one of its holder.
    Open(Option<Holder>),
    /// Continue a session.
    Continue(SessionId, Proof),
    /// This action inside a session that it does not name.
    Unnamed(Action),
    /// Anything else, inside the session.
    Inside(SessionId, SessionRequest),
}

/// What shows that a session is the client's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// Its token.
    Token(Token),
    /// Its newest ticket: so many bytes of session data.
    Ticket(u64),
}

/// A request inside a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionRequest {
    /// Store one file.
    Transfer(Sequence, Upload),
    /// Remove one file.
    Remove(Sequence, String),
    /// End the session.
    Disconnect(Sequence),
    /// The session as the server sees it.
    Status,
    /// Keep it alive.
    Heartbeat,
    /// Its files, from this sequence on.
    List(Sequence),
    /// One file's bytes.
    Fetch(FetchRange),
}

/// A file to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Gives the extension.
    pub mime_type: MimeType,
    /// The client's name for it.
    pub name: Option<FileName>,
    /// Bytes of this frame's payload.
    pub payload: Payload,
    /// Position in the file of the payload's first byte.
    pub offset: u64,
    /// Digest of the whole file, stated before it comes.
    pub digest: Option<Digest>,
    /// Digest of the whole file, promised after it.
    pub trailer: Option<DigestKind>,
    /// The promise wanted; `None` leaves it to the server.
    pub ack: Option<Ack>,
}

impl Upload {
    /// Bytes of the whole file, when the header tells.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        match self.payload {
            // Both are at most 2^53-1, so nothing saturates.
            Payload::Sized(size) => Some(self.offset.saturating_add(size)),
            Payload::Chunked => None,
        }
    }

    /// The algorithm the client speaks of in this frame, else the default.
    #[must_use]
    pub fn digest_kind(&self) -> DigestKind {
        self.digest.map(Digest::kind).or(self.trailer).unwrap_or_default()
    }
}

/// A file's bytes from an offset to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchRange {
    /// The `stored_as` of an earlier reply, as the client wrote it.
    pub file: String,
    /// The first byte wanted.
    pub offset: u64,
}

impl Request {
    /// The action asked for.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::Hello(_) => Action::Hello,
            Self::Stateless(StatelessRequest::Transfer(..)) => Action::Transfer,
            Self::Stateless(StatelessRequest::Status(_)) => Action::Status,
            Self::Stateless(StatelessRequest::Fetch(_)) => Action::Fetch,
            Self::Stateful(StatefulRequest::Open(_) | StatefulRequest::Continue(..)) => Action::Connect,
            Self::Stateful(StatefulRequest::Unnamed(action)) => *action,
            Self::Stateful(StatefulRequest::Inside(_, request)) => request.action(),
        }
    }

    /// The sequence, where there is one.
    #[must_use]
    pub fn sequence(&self) -> Option<Sequence> {
        match self {
            Self::Stateful(StatefulRequest::Inside(_, request)) => request.sequence(),
            Self::Hello(_)
            | Self::Stateless(_)
            | Self::Stateful(StatefulRequest::Open(_) | StatefulRequest::Continue(..) | StatefulRequest::Unnamed(_)) => {
                None
            }
        }
    }

    /// The kind of digest its trailer promises.
    #[must_use]
    pub fn promised_digest(&self) -> Option<DigestKind> {
        match self {
            Self::Stateless(StatelessRequest::Transfer(_, upload))
            | Self::Stateful(StatefulRequest::Inside(_, SessionRequest::Transfer(_, upload))) => upload.trailer,
            Self::Hello(_) | Self::Stateless(_) | Self::Stateful(_) => None,
        }
    }

    /// The mode of the frame.
    #[must_use]
    pub fn mode(&self) -> Mode {
        match self {
            Self::Hello(mode) => *mode,
            Self::Stateless(_) => Mode::Stateless,
            Self::Stateful(_) => Mode::Stateful,
        }
    }
}

impl SessionRequest {
    /// The action asked for.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::Transfer(..) => Action::Transfer,
            Self::Remove(..) => Action::Remove,
            Self::Disconnect(_) => Action::Disconnect,
            Self::Status => Action::Status,
            Self::Heartbeat => Action::Heartbeat,
            Self::List(_) => Action::List,
            Self::Fetch(_) => Action::Fetch,
        }
    }

    /// The sequence, where there is one.
    #[must_use]
    pub fn sequence(&self) -> Option<Sequence> {
        match self {
            Self::Transfer(sequence, _) | Self::Remove(sequence, _) | Self::Disconnect(sequence) => Some(*sequence),
            Self::Status | Self::Heartbeat | Self::List(_) | Self::Fetch(_) => None,
        }
    }
}

impl TryFrom<RawHeader> for Frame {
    type Error = Refusal;

    /// The checks of what fields mean together, in the order of PROTOCOL.md section 2.
    fn try_from(raw: RawHeader) -> Result<Self, Refusal> {
        let framing = raw.framing;
        let (expects_continue, ext) = (raw.expects_continue, raw.ext);
        let refused = if expects_continue { framing.without_payload() } else { framing };
        let request = request(raw).map_err(|refusal| Refusal { framing: Some(refused), ..refusal })?;
        Ok(Self { framing, expects_continue, ext, request })
    }
}

fn request(mut raw: RawHeader) -> Result<Request, Refusal> {
    let session = raw.session.take();
    let (mode, action) = session.as_ref().map_or((Mode::Stateless, Action::Transfer), |s| (s.mode, s.action));
    fields_fit(&raw, mode, action)?;
    if let Some(session) = session.as_ref().filter(|_| mode == Mode::Stateless) {
        for (present, field) in [
            (session.id.is_some(), "session.id"),
            (session.token.is_some(), "session.token"),
            (session.sequence.is_some(), "session.sequence"),
        ] {
            if present {
                return Err(bad_field(field, "nothing in stateless mode"));
            }
        }
    }
    if !action.exists_in(mode) {
        let message = format!("{action} does not exist in {mode} mode");
        return Err(Refusal::fatal(ErrorCode::IllegalAction, message).of_field("session.action"));
    }
    match session {
        Some(session) if mode == Mode::Stateful => stateful(raw, &session),
        Some(_) | None => stateless(raw, action),
    }
}

/// Every field stands where its action wants it.
fn fields_fit(raw: &RawHeader, mode: Mode, action: Action) -> Result<(), Refusal> {
    let uploads = action == Action::Transfer;
    let opens = mode == Mode::Stateful && action == Action::Connect;
    let names_file = matches!(action, Action::Fetch | Action::Remove);
    let identified = mode == Mode::Stateless && matches!(action, Action::Transfer | Action::Status);
    let positioned = matches!(action, Action::Transfer | Action::Fetch | Action::List);
    for (present, fits, field) in [
        (raw.name.is_some(), uploads, "name"),
        (raw.file.is_some(), names_file, "file"),
        (raw.digest.is_some(), uploads && raw.trailer.is_none(), "digest"),
        (raw.trailer.is_some(), uploads, "trailer"),
        (raw.transfer_id.is_some(), identified, "transfer_id"),
        (raw.offset.is_some(), positioned, "offset"),
        (raw.expects_continue, uploads, "expect"),
        (raw.holder.is_some(), opens, "auth.access_key"),
    ] {
        if present && !fits {
            return Err(match (field, uploads) {
                ("digest", true) => bad_field(field, "a digest or a trailer, not both"),
                _ => bad_field(field, &format!("no {field} in a {mode} {action}")),
            });
        }
    }
    if uploads && raw.mime_type.is_none() {
        return Err(bad_field("mime_type", "type/subtype in every transfer"));
    }
    if uploads && raw.size.is_none() {
        return Err(bad_field("size", "an integer or null in every transfer"));
    }
    if !uploads && !matches!(raw.size, None | Some(Payload::Sized(0))) {
        return Err(bad_field("size", "0 or nothing, because this action has no payload"));
    }
    if names_file && raw.file.is_none() {
        return Err(bad_field("file", "the stored_as of an earlier reply"));
    }
    if raw.framing.session_data > 0 && (mode, action) != (Mode::Stateful, Action::Connect) {
        return Err(bad_field("session.data_size", "0; session data is the ticket in connect"));
    }
    Ok(())
}

fn upload(raw: RawHeader) -> Result<Upload, Refusal> {
    let offset = raw.offset.unwrap_or(0);
    let payload = raw.framing.payload;
    let whole = match payload {
        Payload::Sized(size) => offset.checked_add(size).filter(|whole| *whole <= crate::id::INTEGER_MAX),
        Payload::Chunked => Some(offset),
    };
    if whole.is_none() {
        return Err(bad_field("offset", "offset + size of at most 2^53-1"));
    }
    if offset > 0 && raw.digest.is_none() && raw.trailer.is_none() {
        return Err(bad_field("digest", "the digest of the whole file with an offset above 0"));
    }
    let mime_type = raw.mime_type.ok_or_else(|| bad_field("mime_type", "type/subtype in every transfer"))?;
    Ok(Upload { mime_type, name: raw.name, payload, offset, digest: raw.digest, trailer: raw.trailer, ack: raw.ack })
}

fn fetch(raw: RawHeader) -> Result<FetchRange, Refusal> {
    let file = raw.file.ok_or_else(|| bad_field("file", "the stored_as of an earlier reply"))?;
    Ok(FetchRange { file, offset: raw.offset.unwrap_or(0) })
}

fn stateless(raw: RawHeader, action: Action) -> Result<Request, Refusal> {
    let request = match action {
        Action::Hello => return Ok(Request::Hello(Mode::Stateless)),
        Action::Transfer => StatelessRequest::Transfer(raw.transfer_id, upload(raw)?),
        Action::Status => StatelessRequest::Status(
            raw.transfer_id.ok_or_else(|| bad_field("transfer_id", "the id of the transfer in question"))?,
        ),
        Action::Fetch => StatelessRequest::Fetch(fetch(raw)?),
        Action::Connect | Action::Heartbeat | Action::List | Action::Remove | Action::Disconnect => {
            return Err(Refusal::fatal(ErrorCode::IllegalAction, format!("{action} needs a session")));
        }
    };
    Ok(Request::Stateless(request))
}

fn stateful(raw: RawHeader, session: &super::raw::RawSession) -> Result<Request, Refusal> {
    let action = session.action;
    if session.sequence.is_some() && !action.takes_sequence() {
        return Err(bad_field("session.sequence", "no sequence, because this action changes nothing"));
    }
    if session.token.is_some() && action != Action::Connect {
        return Err(bad_field("session.token", "a token only in connect"));
    }
    if action == Action::Hello {
        return Ok(Request::Hello(Mode::Stateful));
    }
    if action == Action::Connect {
        let ticket = Some(raw.framing.session_data).filter(|bytes| *bytes > 0);
        let request = match (session.id, session.token.clone(), ticket) {
            (_, Some(_), Some(_)) => return Err(bad_field("session.data_size", "a token or a ticket, not both")),
            (None, None, None) => StatefulRequest::Open(raw.holder),
            (Some(id), Some(token), None) => StatefulRequest::Continue(id, Proof::Token(token)),
            (Some(id), None, Some(bytes)) => StatefulRequest::Continue(id, Proof::Ticket(bytes)),
            (None, Some(_), None) => return Err(bad_field("session.id", "the id of the session the token belongs to")),
            (None, None, Some(_)) => {
                return Err(bad_field("session.data_size", "no ticket without the id of its session"));
            }
            (Some(_), None, None) => {
                return Err(bad_field("session.token", "the token or the ticket of the session to continue"));
            }
        };
        return Ok(Request::Stateful(request));
    }
    let sequence = || session.sequence.ok_or_else(|| bad_field("session.sequence", "an integer of at least 1"));
    let request = match action {
        Action::Transfer => SessionRequest::Transfer(sequence()?, upload(raw)?),
        Action::Remove => SessionRequest::Remove(sequence()?, fetch(raw)?.file),
        Action::Disconnect => SessionRequest::Disconnect(sequence()?),
        Action::Status => SessionRequest::Status,
        Action::Heartbeat => SessionRequest::Heartbeat,
        Action::List => {
            let first = raw.offset.map_or(Some(Sequence::FIRST), Sequence::new);
            SessionRequest::List(first.ok_or_else(|| bad_field("offset", "a sequence, so at least 1"))?)
        }
        Action::Fetch => SessionRequest::Fetch(fetch(raw)?),
        Action::Hello | Action::Connect => {
            return Err(Refusal::fatal(ErrorCode::IllegalAction, format!("{action} is no request inside a session")));
        }
    };
    let Some(id) = session.id else {
        return Ok(Request::Stateful(StatefulRequest::Unnamed(action)));
    };
    Ok(Request::Stateful(StatefulRequest::Inside(id, request)))
}
