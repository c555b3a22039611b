//! What happens to a session, as its connections would carry it. Makes no frames that a check depends on: they are for
//! the picture.

use std::time::Duration;

use lab_kit::{Ending, Recording, Side};

use crate::model::FIRST;
use crate::{Connection, Event, Reason, Reply, Said};

const ID: &str = "1f2e3d4c-5b6a-4978-8695-a4b3c2d1e0f0";
/// Between two events.
const STEP: Duration = Duration::from_millis(1);
/// How long a session may be silent.
const TIMEOUT: Duration = Duration::from_secs(300);

/// A conversation while it is recorded.
pub(crate) struct Talk {
    pub(crate) recording: Recording,
    now: Duration,
    epoch: u64,
    next: u64,
}

impl Talk {
    /// A session that was just opened.
    pub(crate) fn new() -> Self {
        let mut talk = Self { recording: Recording::default(), now: Duration::ZERO, epoch: 1, next: 1 };
        talk.recording.open(talk.now, FIRST.0);
        let line = "{\"version\":\"2.0\",\"session\":{\"id\":null,\"mode\":\"stateful\",\"action\":\"connect\"}}\n";
        talk.carries(FIRST, Side::Client, line);
        let token = "A".repeat(43);
        let line =
            reply("session_created", &format!(",\"session\":{}", talk.session(&format!(",\"token\":\"{token}\""))));
        talk.carries(FIRST, Side::Server, &line);
        talk
    }

    pub(crate) fn takes(&mut self, event: Event, said: &[Said]) {
        match event {
            Event::Connect(from) => {
                self.pass(STEP);
                self.recording.open(self.now, from.0);
                self.carries(
                    from,
                    Side::Client,
                    &request("connect", "", &format!(",\"token\":\"{}\"", "A".repeat(43))),
                );
            }
            Event::Transfer(from) => {
                let line = request(
                    "transfer",
                    ",\"mime_type\":\"text/plain\",\"size\":2",
                    &format!(",\"sequence\":{}", self.next),
                );
                self.carries(from, Side::Client, &(line + "hi"));
            }
            Event::Disconnect(from) => {
                let line = request("disconnect", "", &format!(",\"sequence\":{}", self.next));
                self.carries(from, Side::Client, &line);
            }
            Event::Lost(from) => {
                self.pass(STEP);
                self.recording.end(self.now, from.0, Side::Client, Ending::Reset);
            }
            Event::Silence => {
                self.pass(TIMEOUT);
                self.recording.note(self.now, "the session's timeout has passed without a word");
            }
        }
        for one in said {
            let line = self.reply(one.reply);
            self.carries(one.to, Side::Server, &line);
        }
    }

    fn reply(&mut self, said: Reply) -> String {
        match said {
            Reply::Resumed { epoch, next_sequence } => {
                (self.epoch, self.next) = (epoch, next_sequence);
                reply("session_resumed", &format!(",\"session\":{}", self.session("")))
            }
            Reply::Stored { sequence } => {
                self.next = sequence.saturating_add(1);
                reply("stored", &format!(",\"sequence\":{sequence},\"session\":{}", self.session("")))
            }
            Reply::Closed => reply("session_closed", &format!(",\"session\":{}", self.session(""))),
            Reply::Moved => error("session_moved", "never", "", ",\"closing\":true"),
            Reply::Gone(Reason::Closed) => error("session_gone", "new_session", ",\"reason\":\"closed\"", ""),
            Reply::Gone(Reason::Expired) => error("session_gone", "new_session", ",\"reason\":\"expired\"", ""),
        }
    }

    fn session(&self, more: &str) -> String {
        let Self { epoch, next, .. } = self;
        format!(
            "{{\"id\":\"{ID}\",\"mode\":\"stateful\",\"state\":\"active\",\"epoch\":{epoch},\"next_sequence\":{next},\
             \"expires_in_s\":300{more}}}"
        )
    }

    fn carries(&mut self, connection: Connection, from: Side, line: &str) {
        self.pass(STEP);
        self.recording.bytes(self.now, connection.0, from, line.as_bytes());
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now.saturating_add(time);
    }
}

fn request(action: &str, more: &str, in_session: &str) -> String {
    format!(
        "{{\"version\":\"2.0\"{more},\"session\":{{\"id\":\"{ID}\",\"mode\":\"stateful\",\"action\":\"{action}\"{in_session}}}}}\n"
    )
}

fn reply(status: &str, more: &str) -> String {
    format!("{{\"version\":\"2.0\",\"status\":\"{status}\",\"mime_type\":\"text/plain\",\"size\":0{more}}}\n")
}

fn error(code: &str, retry: &str, facts: &str, more: &str) -> String {
    let error = format!("{{\"code\":\"{code}\",\"retry\":\"{retry}\",\"message\":\"no\"{facts}}}");
    reply("error", &format!(",\"error\":{error}{more}"))
}
