//! What the server in the kit does with a request: a small server as PROTOCOL.md wants it, for clients that send files.

use std::time::Duration;

use serde_json::{Value, json};

use super::host::Host;
use super::memory::Memory;
use super::replies::{hello, line, record, refusal, reply, with};
use super::request::Request;
use super::story::Mode;
use crate::bytes::brief;
use crate::check::{Checked, failed};
use crate::frame::Frame;
use crate::link::Link;

/// How long a client that waits must be silent to be believed.
pub(super) const SILENCE: Duration = Duration::from_millis(150);

impl Host<'_> {
    /// Reads a part of the payload and keeps it, as a server does whose client is gone.
    pub(super) fn cut(&mut self, link: &mut Link, request: &Request, count: usize) -> Checked {
        if request.waits() {
            link.send(line(&reply("continue")));
        }
        let came = link.exactly(count.try_into().unwrap_or(u64::MAX), "the payload")?;
        if !matches!(request.frame.get("size"), Some(Value::Null)) {
            let data = self.behind(request, came)?;
            self.memory.keep(Memory::key(request), data);
        }
        Ok(())
    }

    /// Receives a file and says that it is not the one its digest names.
    pub(super) fn misfit(&mut self, link: &mut Link, request: &mut Request) -> Checked {
        if request.waits() {
            link.send(line(&reply("continue")));
        }
        link.body(&mut request.frame, "the rest of the upload")?;
        if let Some(key) = Memory::key(request) {
            self.memory.drop_part(&key);
        }
        link.send(line(&refusal(json!({"code": "digest_mismatch", "retry": "same"}), request, false)));
        Ok(())
    }

    /// What is there of a file before its offset, and this behind it.
    fn behind(&self, request: &Request, payload: Vec<u8>) -> Checked<Vec<u8>> {
        let offset = usize::try_from(request.offset()).unwrap_or(usize::MAX);
        if offset == 0 {
            return Ok(payload);
        }
        let part = self.memory.part(Memory::key(request).as_deref());
        let begin = part.and_then(|part| part.get(..offset));
        let begin = begin.ok_or_else(|| {
            request.frame.wrong(&self.ground.record, "offset", "an offset that is no larger than what was told")
        })?;
        Ok([begin, &payload].concat())
    }

    /// Carries a request out and makes the reply.
    pub(super) fn answered(
        &mut self,
        link: &mut Link,
        request: &mut Request,
        bound: &mut Option<String>,
    ) -> Checked<Value> {
        let record = &self.ground.record;
        let action = request.action().to_owned();
        if self.mode == Mode::Stateful && !["hello", "connect"].contains(&action.as_str()) {
            let id = request.frame.text("session.id").map(str::to_owned);
            if bound.is_none() || id != *bound {
                return Err(request.frame.wrong(record, "session.id", "the id of the session that is bound"));
            }
        }
        match action.as_str() {
            "hello" => Ok(hello(self.memory.store)),
            "connect" => {
                link.body(&mut request.frame, "the session data")?;
                self.connect(request, bound)
            }
            "transfer" | "disconnect" => self.numbered(link, request),
            "status" => Ok(self.status(request)),
            "heartbeat" => Ok(self.in_session(request, reply("heartbeat_ack"))),
            other => Err(request.frame.wrong(record, "session.action", &format!("no {other} to send a file"))),
        }
    }

    fn connect(&mut self, request: &Request, bound: &mut Option<String>) -> Checked<Value> {
        let record = &self.ground.record;
        if bound.is_some() {
            return Err(request.frame.wrong(record, "session.action", "no second connect on a bound connection"));
        }
        let Some(id) = request.frame.text("session.id").map(str::to_owned) else {
            request.frame.lacks(record, "session.token")?;
            no_ticket(&request.frame)?;
            let (id, told) = self.memory.open();
            *bound = Some(id);
            return Ok(with(reply("session_created"), "session", told));
        };
        let session = self.memory.session(&id);
        let session = session.ok_or_else(|| request.frame.wrong(record, "session.id", "a session that was opened"))?;
        match &session.ticket {
            None => {
                request.frame.demand(record, "session.token", &session.token.clone().into())?;
                no_ticket(&request.frame)?;
            }
            Some(ticket) => {
                request.frame.lacks(record, "session.token")?;
                if request.frame.session_data != ticket.as_bytes() {
                    let came = brief(&request.frame.session_data);
                    return Err(failed(format!("the newest ticket as session data, {ticket}"), came));
                }
            }
        }
        if session.ended {
            return Ok(with(reply("session_closed"), "replayed", true.into()));
        }
        session.epoch += 1;
        let (next, told) = (session.next, session.told());
        let mut resumed = with(reply("session_resumed"), "session", told);
        if let Some(part) = self.memory.part(Some(&format!("{id}/{next}"))) {
            resumed = with(resumed, "partial", json!({"sequence": next, "offset": part.len()}));
        }
        *bound = Some(id);
        Ok(resumed)
    }

    fn status(&mut self, request: &Request) -> Value {
        if self.mode == Mode::Stateful {
            let id = request.frame.text("session.id").unwrap_or_default().to_owned();
            let next = self.memory.session(&id).map_or(1, |session| session.next);
            let answer = with(self.in_session(request, reply("session_status")), "record", record());
            return match self.memory.partial(Some(&format!("{id}/{next}"))) {
                Some(partial) => with(answer, "partial", with(partial, "sequence", next.into())),
                None => answer,
            };
        }
        let key = request.frame.text("transfer_id");
        match (self.memory.done(key), self.memory.partial(key)) {
            (Some(done), _) => done.reply.clone(),
            (None, Some(partial)) => with(reply("session_status"), "partial", partial),
            (None, None) => refusal(json!({"code": "file_unknown", "retry": "never"}), request, false),
        }
    }

    /// A request that may be repeated: done once, and answered the same again.
    fn numbered(&mut self, link: &mut Link, request: &mut Request) -> Checked<Value> {
        let record = &self.ground.record;
        let key = Memory::key(request);
        if let Some(done) = self.memory.done(key.as_deref()) {
            let again = with(done.reply.clone(), "replayed", true.into());
            let size = request.frame.number("size").map(|size| size + request.offset());
            let other = size.is_some_and(|size| u64::try_from(done.size) != Ok(size));
            if done.facts != request.facts() || other {
                let path = if self.mode == Mode::Stateful { "session.sequence" } else { "transfer_id" };
                return Err(request.frame.wrong(record, path, "the same request as before under a used name"));
            }
            if !request.waits() {
                link.body(&mut request.frame, "the rest of the frame")?;
            }
            return Ok(again);
        }
        if self.mode == Mode::Stateful {
            let id = request.frame.text("session.id").unwrap_or_default();
            let next = self.memory.session(id).map_or(1, |session| session.next);
            let sequence = request.frame.number("session.sequence");
            if sequence.is_none() {
                return Err(request.frame.wrong(record, "session.sequence", "a number for a changing request"));
            }
            if sequence != Some(next) {
                if !request.waits() {
                    link.body(&mut request.frame, "the rest of the frame")?;
                }
                let gap = json!({"code": "sequence_gap", "retry": "same", "expected_sequence": next});
                return Ok(refusal(gap, request, false));
            }
        }
        let answer = if request.is("transfer") { self.stored(link, request)? } else { reply("session_closed") };
        Ok(self.counted(request, key, answer))
    }

    /// Receives a file.
    fn stored(&mut self, link: &mut Link, request: &mut Request) -> Checked<Value> {
        // Looked for before the payload is asked for, as a server does.
        self.behind(request, Vec::new())?;
        if request.waits() {
            link.silent_for(SILENCE, "nothing before the answer to expect: continue")?;
            link.send(line(&reply("continue")));
        }
        link.body(&mut request.frame, "the rest of the upload")?;
        let data = self.behind(request, request.frame.payload.clone())?;
        request.digest_holds(&data, &self.ground.record)?;
        let file = json!({
            "stored_as": format!("received_{:032x}.bin", self.memory.files.len()),
            "size": data.len(), "digest": request.digest_of(&data),
        });
        self.memory.files.push(data);
        Ok(with(with(reply("stored"), "file", file), "ack", "durable".into()))
    }

    /// Counts a request that was carried out, and keeps its answer.
    fn counted(&mut self, request: &Request, key: Option<String>, answer: Value) -> Value {
        let mut answer = answer;
        if let Some(sequence) = request.frame.number("session.sequence") {
            let id = request.frame.text("session.id").unwrap_or_default();
            if let Some(session) = self.memory.session(id) {
                session.next = sequence + 1;
                session.ended = request.is("disconnect");
            }
            answer = with(self.in_session(request, answer), "sequence", sequence.into());
        }
        let size = answer.pointer("/file/size").and_then(Value::as_u64).unwrap_or(0);
        self.memory.note(key, request.facts(), usize::try_from(size).unwrap_or(usize::MAX), &answer);
        answer
    }

    /// A reply that tells of the request's session.
    fn in_session(&mut self, request: &Request, answer: Value) -> Value {
        let id = request.frame.text("session.id").unwrap_or_default();
        match self.memory.session(id) {
            Some(session) => with(answer, "session", session.told()),
            None => answer,
        }
    }
}

/// There is no session data, because no ticket was given.
fn no_ticket(frame: &Frame) -> Checked {
    let data = &frame.session_data;
    if data.is_empty() { Ok(()) } else { Err(failed("no session data without a ticket", brief(data))) }
}
