//! A session as a well-behaved client holds it: its id, what proves it, and the connection it is on. What goes
//! wrong in it is a check's own doing.

use serde_json::{Value, json};

use super::Ground;
use super::reply::Reply;
use super::requests::{frame, upload, with};
use crate::check::{Checked, failed};
use crate::link::Link;

/// What continues a session.
#[derive(Debug, Clone)]
pub(super) enum Proof {
    Token(String),
    Ticket(Vec<u8>),
}

/// A session that is open, or was.
pub(crate) struct Session<'a> {
    pub(super) link: Link<'a>,
    pub(super) id: String,
    pub(super) proof: Proof,
}

impl<'a> Session<'a> {
    /// Opens one on a connection of its own.
    pub(super) fn open(ground: &'a Ground) -> Checked<Self> {
        Self::open_on(ground.connect()?).map(|(session, _)| session)
    }

    /// Opens one on this connection.
    pub(super) fn open_on(mut link: Link<'a>) -> Checked<(Self, Reply<'a>)> {
        let connect = json!({"version": "2.0", "session": {"mode": "stateful", "action": "connect"}});
        let reply = link.ask(frame(&connect, ""))?.is("session_created")?;
        let id = reply.text("session.id")?.to_owned();
        let proof = match reply.frame.text("session.token") {
            Some(token) => Proof::Token(token.to_owned()),
            None if !reply.frame.session_data.is_empty() => Proof::Ticket(reply.frame.session_data.clone()),
            None => return Err(failed("a session.token, or a ticket as session data", "neither")),
        };
        Ok((Self { link, id, proof }, reply))
    }

    /// The object `session` of a frame in it.
    pub(super) fn member(&self, action: &str) -> Value {
        json!({"mode": "stateful", "action": action, "id": self.id})
    }

    /// The header of a request that has no number.
    pub(super) fn request(&self, action: &str) -> Value {
        json!({"version": "2.0", "session": self.member(action)})
    }

    /// The header of a request that has one.
    pub(super) fn numbered(&self, action: &str, sequence: u64) -> Value {
        json!({"version": "2.0", "session": with(&self.member(action), json!({"sequence": sequence}))})
    }

    /// The header of an upload.
    pub(super) fn upload(&self, sequence: u64, size: usize) -> Value {
        with(&self.numbered("transfer", sequence), upload(size))
    }

    /// Sends a frame and reads the reply; a ticket in it is the newest.
    pub(super) fn ask(&mut self, header: &Value, payload: impl AsRef<[u8]>) -> Checked<Reply<'a>> {
        self.link.send(frame(header, payload));
        self.reply()
    }

    /// The next reply; a ticket in it is the newest.
    pub(super) fn reply(&mut self) -> Checked<Reply<'a>> {
        let reply = self.link.reply()?;
        if let (Proof::Ticket(ticket), false) = (&mut self.proof, reply.frame.session_data.is_empty()) {
            ticket.clone_from(&reply.frame.session_data);
        }
        Ok(reply)
    }

    /// Stores a file under this number.
    pub(super) fn stores(&mut self, sequence: u64, data: &[u8]) -> Checked<Reply<'a>> {
        let reply = self.ask(&self.upload(sequence, data.len()), data)?.stored(data)?;
        reply.has("sequence", sequence)?;
        Ok(reply)
    }

    /// The frame that continues it.
    pub(super) fn resuming(&self) -> Vec<u8> {
        let (proof, data) = match &self.proof {
            Proof::Token(token) => (json!({"token": token}), &[][..]),
            Proof::Ticket(ticket) => (json!({"data_size": ticket.len()}), ticket.as_slice()),
        };
        frame(&json!({"version": "2.0", "session": with(&self.member("connect"), proof)}), data)
    }

    /// Continues it on another connection; the one it was on comes back.
    pub(super) fn resume_on(&mut self, link: Link<'a>) -> Checked<(Reply<'a>, Link<'a>)> {
        let old = std::mem::replace(&mut self.link, link);
        self.link.send(self.resuming());
        let reply = self.reply()?.is("session_resumed")?;
        reply.has("session.id", self.id.as_str())?;
        Ok((reply, old))
    }
}
