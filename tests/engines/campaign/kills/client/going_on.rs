//! What a client does first on a new connection: it continues its session at the exact sequence, settles the request
//! that has no answer, asks for the last answer once more, and compares the session's list with its ledger.

use std::collections::BTreeSet;

use harness::{RawClient, Reply, Session, digest, frame, names};
use serde_json::Value;

use super::request::{Request, Target, Upload};
use super::{Client, Step, answer_of, ask, fault, folder_of};

/// What the server has of the request without an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    /// The session has counted it.
    Counted,
    /// It has not.
    NotCounted,
    /// Only the request itself will tell.
    Unknown,
}

impl Client {
    pub(super) fn go_on(&mut self, line: &mut RawClient) -> Step<()> {
        let fate = match self.session.clone() {
            None => Fate::Unknown,
            Some(session) => {
                let reply = ask(line, &session.resume(), b"")?;
                if let (Some(leaving @ Request::Leave { .. }), "session_closed") =
                    (self.open.clone(), reply["status"].as_str().unwrap_or_default())
                {
                    leaving.check(&reply)?;
                    self.counts.found_done += 1;
                    self.close(leaving, &reply);
                    return Ok(());
                }
                self.counts.continued += 1;
                self.fate(&reply)?
            }
        };
        self.settle_open(line, fate)?;
        self.hear_again(line)?;
        match self.session.clone() {
            Some(session) => self.compare_list(line, &session),
            None => Ok(()),
        }
    }

    /// The session goes on exactly where its client expects it.
    fn fate(&self, resumed: &Reply) -> Step<Fate> {
        if resumed["status"] != "session_resumed" {
            return fault("the session does not go on", resumed);
        }
        let next = resumed["session"]["next_sequence"].as_u64();
        let numbered = self.open.as_ref().is_some_and(|request| request.sequence().is_some());
        if next == Some(self.next) {
            return Ok(if numbered { Fate::NotCounted } else { Fate::Unknown });
        }
        if numbered && next == Some(self.next + 1) {
            return Ok(Fate::Counted);
        }
        let expected = format!("its client expects {}{}", self.next, if numbered { " or one more" } else { "" });
        fault(&format!("the session goes on at another sequence, {expected}"), resumed)
    }

    /// Sends the request without an answer again, as far as it is needed.
    fn settle_open(&mut self, line: &mut RawClient, fate: Fate) -> Step<()> {
        let Some(request) = self.open.clone() else { return Ok(()) };
        let reply = match &request {
            Request::Remove { .. } | Request::Leave { .. } => {
                ask(line, &request.header(self.session.as_ref(), 0), b"")?
            }
            Request::Upload(upload) => self.upload_again(line, &request, upload, fate)?,
        };
        request.check(&reply)?;
        let done_before = reply.is_replayed();
        if (fate == Fate::Counted && !done_before) || (fate == Fate::NotCounted && done_before) {
            return fault(&format!("{fate:?}, and its answer does not fit that"), &reply);
        }
        self.counts.found_done += u64::from(done_before);
        self.close(request, &reply);
        Ok(())
    }

    /// Asks before it sends anything, and sends no more than the rest.
    fn upload_again(&mut self, line: &mut RawClient, request: &Request, upload: &Upload, fate: Fate) -> Step<Reply> {
        let offset = if fate == Fate::Counted { 0 } else { self.offset(line, upload)? };
        let header = request.header(self.session.as_ref(), offset);
        let answer = ask(line, &frame::with(header, "expect", "continue"), b"")?;
        if answer["status"] != "continue" {
            return Ok(answer);
        }
        if fate == Fate::Counted {
            return fault("a counted upload is wanted again", &answer);
        }
        if offset > 0 {
            self.counts.resumed += 1;
            self.counts.spared_bytes += u64::try_from(offset).unwrap_or(0);
        }
        line.try_send(&upload.content[offset..])?;
        Ok(line.try_reply()?)
    }

    /// How much of the upload the server has. Once told, that does not become less.
    fn offset(&mut self, line: &mut RawClient, upload: &Upload) -> Step<usize> {
        let question = match (&upload.target, &self.session) {
            (Target::Session(_), Some(session)) => session.frame("status"),
            (Target::Session(_), None) => return Ok(0),
            (Target::Transfer(id), _) => frame::with(frame::stateless("status"), "transfer_id", id.as_str()),
        };
        let status = ask(line, &question, b"")?;
        let answered = status["status"] == "session_status" || status["status"] == "stored";
        if !answered && status.code() != Some("file_unknown") {
            return fault("no answer to status", &status);
        }
        let Some(offset) = status["partial"]["offset"].as_u64() else {
            // Then nothing of it had come, or the part has become the file and is not counted yet.
            if upload.told > 0 && status["status"] != "stored" && !self.is_visible(upload) {
                return fault(&format!("nothing is left of a part of which {} bytes were told", upload.told), &status);
            }
            self.tell(0);
            return Ok(0);
        };
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let sequence = match upload.target {
            Target::Session(sequence) => sequence.into(),
            Target::Transfer(_) => Value::Null,
        };
        let fits = offset <= upload.content.len()
            && offset >= upload.told
            && status["partial"]["sequence"] == sequence
            && status["partial"]["prefix_digest"] == digest("blake3", &upload.content[..offset]);
        if !fits {
            return fault(&format!("a part of {} bytes, of which {} were told", upload.size(), upload.told), &status);
        }
        self.tell(offset);
        Ok(offset)
    }

    fn tell(&mut self, offset: usize) {
        if let Some(Request::Upload(open)) = &mut self.open {
            open.told = offset;
        }
    }

    /// Whether there is a file under the sequence of an upload.
    fn is_visible(&self, upload: &Upload) -> bool {
        let (Target::Session(sequence), Some(session)) = (&upload.target, &self.session) else { return false };
        let folder = self.storage.join(folder_of(session));
        folder.exists() && names(&folder).iter().any(|name| name.starts_with(&format!("file_{sequence}_")))
    }

    /// The last answer of the session is given again, and nothing else happens.
    fn hear_again(&mut self, line: &mut RawClient) -> Step<()> {
        let (Some((request, answer)), Some(session)) = (&self.last, &self.session) else { return Ok(()) };
        let header = request.header(Some(session), 0);
        let header = match request {
            Request::Upload(_) => frame::with(header, "expect", "continue"),
            Request::Remove { .. } | Request::Leave { .. } => header,
        };
        let again = ask(line, &header, b"")?;
        if !again.is_replayed() || answer_of(&again) != *answer {
            return fault(&format!("not the kept answer {answer}"), &again);
        }
        self.counts.replayed += 1;
        Ok(())
    }

    /// The server lists what the ledger has, each sequence once.
    fn compare_list(&self, line: &mut RawClient, session: &Session) -> Step<()> {
        let list = ask(line, &session.frame("list"), b"")?;
        if list["status"] != "files" || list["next_offset"] != Value::Null {
            return fault("no list", &list);
        }
        let entries = list.lines();
        let sequences: BTreeSet<Option<u64>> = entries.iter().map(|entry| entry["sequence"].as_u64()).collect();
        let prefix = folder_of(session);
        let mut expected = self.ledger.files.iter().filter(|(name, _)| name.starts_with(&prefix)).count();
        for entry in &entries {
            let kept = entry["stored_as"].as_str().and_then(|name| self.ledger.files.get(name));
            let right = kept.is_some_and(|kept| {
                entry["size"] == kept.size && (entry["digest"].is_null() || entry["digest"] == kept.digest.as_str())
            });
            if !right {
                return fault(&format!("the list has what nobody was told of: {entry}"), &list);
            }
            expected -= 1;
        }
        if expected > 0 || sequences.len() != entries.len() {
            return fault(&format!("the list lacks {expected} files or has a sequence twice: {entries:?}"), &list);
        }
        Ok(())
    }
}
