//! What a server says it can do: its answer to `hello` (PROTOCOL.md sections 3 and 4).

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use super::requests::{frame, stateless};
use crate::check::{Checked, Need};
use crate::frame::Frame;
use crate::judge::reason;
use crate::link::Link;
use crate::record::Record;

/// The member `hello` of the reply, empty when there was none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Offer {
    hello: Option<Value>,
}

impl Offer {
    /// Asks. A server that cannot be asked is taken to offer everything, which is noted.
    pub(crate) fn ask(address: SocketAddr, patience: Duration) -> (Self, Vec<String>) {
        match Self::asked(address, patience) {
            Ok(hello) => (Self { hello: Some(hello) }, Vec::new()),
            Err(stop) => {
                let note = format!("hello has no answer, so everything is taken as offered: {}", reason(&stop));
                (Self::default(), vec![note])
            }
        }
    }

    fn asked(address: SocketAddr, patience: Duration) -> Checked<Value> {
        let record = Record::default();
        let ask = |header: &Value| -> Checked<Frame> {
            let mut link = Link::connect(address, patience, &record)?;
            link.send(frame(header, ""));
            link.frame("a reply to hello")
        };
        let mut reply = ask(&stateless("hello"))?;
        if reply.text("error.code") == Some("mode_disabled") {
            reply = ask(&json!({"version": "2.0", "session": {"mode": "stateful", "action": "hello"}}))?;
        }
        match reply.get("hello") {
            Some(hello) => Ok(hello.clone()),
            None => Err(reply.wrong(&record, "hello", "the member hello in the reply")),
        }
    }

    /// Why a check that needs this says nothing about the server.
    pub(crate) fn lacks(&self, need: Need) -> Option<String> {
        let names = |list: &str, name: &str| {
            let Some(hello) = &self.hello else { return true };
            hello.get(list).and_then(Value::as_array).is_some_and(|names| names.iter().any(|known| known == name))
        };
        match need {
            Need::Stateless => (!names("modes", "stateless")).then(|| "hello names no mode stateless".to_owned()),
            Need::Stateful => (!names("modes", "stateful")).then(|| "hello names no mode stateful".to_owned()),
            // Only clients may lack these.
            Need::Tickets | Need::Week01 | Need::Repeating | Need::Resuming | Need::ExitCodes => None,
            Need::Tokens => self.tickets().then(|| "sessions are tickets, which forget more".to_owned()),
        }
    }

    /// Whether sessions live with their clients.
    pub(crate) fn tickets(&self) -> bool {
        self.hello.as_ref().and_then(|hello| hello.get("store")).is_some_and(|store| store == "ticket")
    }

    /// A limit, as the server says it, or the default of section 11.
    pub(crate) fn limit(&self, name: &str, default: u64) -> u64 {
        let limits = self.hello.as_ref().and_then(|hello| hello.get("limits"));
        limits.and_then(|limits| limits.get(name)).and_then(Value::as_u64).unwrap_or(default)
    }

    /// Bytes a header may have.
    pub(crate) fn header_bytes_max(&self) -> usize {
        usize::try_from(self.limit("header_bytes_max", 8192)).unwrap_or(8192)
    }
}
