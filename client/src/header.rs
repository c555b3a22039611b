//! The header of an outgoing frame, in the order of PROTOCOL.md section 2. Says nothing about when it is sent.

use bytes::Bytes;
use serde::Serialize;
use shared::digest::DigestKind;
use shared::id::{Sequence, SessionId, TransferId};
use shared::wire::{Ack, Action, FileName, MimeType, Mode, VERSION};

use crate::access_key::AccessKey;
use crate::secret::Secret;

/// One request header. Fields that do not apply are left out.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Header {
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    mime_type: Option<MimeType>,
    #[serde(skip_serializing_if = "Size::is_absent")]
    size: Size,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<FileName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trailer: Option<DigestKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transfer_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ack: Option<Ack>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expect: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth: Option<Auth>,
    session: Session,
    #[serde(skip_serializing_if = "Option::is_none")]
    ext: Option<Ext>,
    /// What goes behind the line.
    #[serde(skip)]
    session_data: Bytes,
}

/// The payload's length as a header states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Size {
    /// No payload.
    Absent,
    /// Written as `null`: chunks follow.
    Unknown,
    Known(u64),
}

impl Size {
    fn is_absent(&self) -> bool {
        *self == Self::Absent
    }
}

#[derive(Debug, Clone, Serialize)]
struct Session {
    id: Option<SessionId>,
    mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<Sequence>,
    action: Action,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_size: Option<usize>,
}

#[derive(Debug, Clone, Serialize)]
struct Auth {
    access_key: String,
}

#[derive(Debug, Clone, Serialize)]
struct Ext {
    explain: &'static str,
}

/// What a transfer says about its file.
#[derive(Debug, Clone)]
pub(crate) struct FileFacts {
    /// Gives the extension.
    pub(crate) mime_type: MimeType,
    /// Bytes; `None` when nobody knows yet.
    pub(crate) size: Option<u64>,
    /// The file's name here.
    pub(crate) name: Option<FileName>,
    /// The promise wanted.
    pub(crate) ack: Option<Ack>,
}

impl Header {
    fn new(action: Action, mode: Mode, id: Option<SessionId>) -> Self {
        Self {
            version: VERSION,
            mime_type: None,
            size: Size::Absent,
            name: None,
            file: None,
            trailer: None,
            transfer_id: None,
            offset: None,
            ack: None,
            expect: None,
            auth: None,
            session: Session { id, mode, sequence: None, action, token: None, data_size: None },
            ext: None,
            session_data: Bytes::new(),
        }
    }

    /// What can the server do?
    pub(crate) fn hello() -> Self {
        Self::new(Action::Hello, Mode::Stateless, None)
    }

    /// Open a session.
    pub(crate) fn open() -> Self {
        Self::new(Action::Connect, Mode::Stateful, None)
    }

    /// Open the one session this key may have.
    pub(crate) fn open_with(key: &AccessKey) -> Self {
        Self { auth: Some(Auth { access_key: key.to_wire() }), ..Self::open() }
    }

    /// Continue a session.
    pub(crate) fn resume(id: SessionId, secret: &Secret) -> Self {
        let mut header = Self::new(Action::Connect, Mode::Stateful, Some(id));
        match secret {
            Secret::Token(token) => header.session.token = Some(token.to_wire()),
            Secret::Ticket(ticket) => {
                header.session.data_size = Some(ticket.len());
                header.session_data = ticket.clone();
            }
        }
        header
    }

    /// The bytes between the line and the payload.
    pub(crate) fn session_data(&self) -> Bytes {
        self.session_data.clone()
    }

    /// A request inside a session that changes nothing.
    pub(crate) fn ask(action: Action, id: SessionId) -> Self {
        Self::new(action, Mode::Stateful, Some(id))
    }

    /// A request inside a session that changes something.
    pub(crate) fn change(action: Action, id: SessionId, sequence: Sequence) -> Self {
        let mut header = Self::ask(action, id);
        header.session.sequence = Some(sequence);
        header
    }

    /// One file, by itself.
    pub(crate) fn stateless_transfer(file: FileFacts, transfer: TransferId) -> Self {
        let mut header = Self::new(Action::Transfer, Mode::Stateless, None).with_file(file);
        header.transfer_id = Some(transfer.to_wire());
        header
    }

    /// One file of a session.
    pub(crate) fn stateful_transfer(file: FileFacts, id: SessionId, sequence: Sequence) -> Self {
        Self::change(Action::Transfer, id, sequence).with_file(file)
    }

    /// What is there of a file that was sent by itself?
    pub(crate) fn stateless_status(transfer: TransferId) -> Self {
        Self { transfer_id: Some(transfer.to_wire()), ..Self::new(Action::Status, Mode::Stateless, None) }
    }

    /// A stored file's bytes, without a session.
    pub(crate) fn stateless_fetch(stored_as: &str) -> Self {
        Self::new(Action::Fetch, Mode::Stateless, None).of_file(stored_as)
    }

    /// The same header, about a stored file.
    pub(crate) fn of_file(self, stored_as: &str) -> Self {
        Self { file: Some(stored_as.to_owned()), ..self }
    }

    /// The same header, from this position on.
    pub(crate) fn beginning_at(self, offset: u64) -> Self {
        Self { offset: (offset > 0).then_some(offset), ..self }
    }

    /// The same transfer without the first `offset` bytes of its file, which the server has.
    pub(crate) fn behind(self, offset: u64) -> Self {
        let size = match self.size {
            Size::Known(whole) => Size::Known(whole.saturating_sub(offset)),
            other @ (Size::Absent | Size::Unknown) => other,
        };
        Self { size, offset: (offset > 0).then_some(offset), ..self }
    }

    /// The same header; the server is to answer before the payload comes.
    pub(crate) fn expecting_continue(self) -> Self {
        Self { expect: Some("continue"), ..self }
    }

    /// The same header; the server is to explain itself.
    pub(crate) fn explained(self) -> Self {
        Self { ext: Some(Ext { explain: "yes" }), ..self }
    }

    fn with_file(self, file: FileFacts) -> Self {
        Self {
            mime_type: Some(file.mime_type),
            size: file.size.map_or(Size::Unknown, Size::Known),
            name: file.name,
            ack: file.ack,
            trailer: Some(DigestKind::Blake3),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::id::Token;
    use shared::wire::{Dialect, Frame, Incoming, read_header};

    use super::*;

    fn facts(size: Option<u64>) -> FileFacts {
        FileFacts {
            mime_type: MimeType::octet_stream(),
            size,
            name: FileName::from_wire("a/b"),
            ack: Some(Ack::Written),
        }
    }

    #[test]
    fn every_header_is_one_the_server_s_own_reader_takes() {
        let id = SessionId::from_random([1; 16]);
        let token = Token::from_random([2; 32]);
        let transfer = TransferId::from_random([3; 16]);
        for header in [
            Header::hello(),
            Header::open(),
            Header::resume(id, &Secret::Token(token)),
            Header::resume(id, &Secret::Ticket(Bytes::from_static(b"sealed"))),
            Header::ask(Action::Status, id),
            Header::ask(Action::List, id).beginning_at(7),
            Header::change(Action::Disconnect, id, Sequence::FIRST),
            Header::change(Action::Remove, id, Sequence::FIRST).of_file("session_x/file_1_2.txt"),
            Header::stateless_fetch("received_00.txt").explained(),
            Header::stateless_transfer(facts(Some(0)), transfer),
            Header::stateless_transfer(facts(None), transfer).expecting_continue(),
            Header::stateful_transfer(facts(None), id, Sequence::FIRST).explained(),
            Header::stateless_transfer(facts(Some(9)), transfer).behind(4),
            Header::stateless_status(transfer),
        ] {
            let line = serde_json::to_vec(&header).unwrap();
            let Incoming::Frame(raw) = read_header(&line, Dialect::Unsettled).unwrap() else { panic!("{header:?}") };
            Frame::try_from(*raw).unwrap();
        }
    }

    #[test]
    fn an_unknown_size_is_null_and_none_is_left_out() {
        let transfer = TransferId::from_random([3; 16]);
        let json = |header| serde_json::to_string(&header).unwrap();
        assert!(json(Header::stateless_transfer(facts(None), transfer)).contains(r#""size":null"#));
        assert!(!json(Header::hello()).contains("size"));
    }
}
