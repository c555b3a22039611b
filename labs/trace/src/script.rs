//! Connections for tests: what each side does, a millisecond after what was done before.

use std::time::Duration;

use bytes::Bytes;

use crate::{Ending, Ends, Event, Side, What};

/// Events as a recorder would tell them.
#[derive(Default)]
pub(crate) struct Script {
    events: Vec<Event>,
    ms: u64,
    sent: Vec<[u64; 2]>,
}

impl Script {
    pub(crate) fn events(self) -> Vec<Event> {
        self.events
    }

    /// The next connection opens.
    pub(crate) fn opens(mut self) -> Self {
        self.sent.push([0; 2]);
        let connection = self.sent.len();
        self.does(connection, What::Opened)
    }

    /// The client of the connection of this number says something.
    pub(crate) fn client(self, connection: usize, bytes: impl AsRef<[u8]>) -> Self {
        self.says(connection, Side::Client, bytes.as_ref())
    }

    /// Its server says something.
    pub(crate) fn server(self, connection: usize, bytes: impl AsRef<[u8]>) -> Self {
        self.says(connection, Side::Server, bytes.as_ref())
    }

    pub(crate) fn ends(self, connection: usize, by: Side, how: Ending) -> Self {
        let (offset, heard) = self.offsets(connection, by);
        self.does(connection, What::Ended { by, how, offset, heard })
    }

    /// Nothing happens for so long.
    pub(crate) fn waits(mut self, ms: u64) -> Self {
        self.ms += ms;
        self
    }

    fn says(mut self, connection: usize, from: Side, bytes: &[u8]) -> Self {
        let (offset, heard) = self.offsets(connection, from);
        self.sent[connection - 1][usize::from(from == Side::Server)] += u64::try_from(bytes.len()).unwrap();
        self.does(connection, What::Bytes { from, offset, heard, bytes: Bytes::copy_from_slice(bytes) })
    }

    fn offsets(&self, connection: usize, from: Side) -> (u64, u64) {
        let [client, server] = self.sent[connection - 1];
        if from == Side::Client { (client, server) } else { (server, client) }
    }

    fn does(mut self, connection: usize, what: What) -> Self {
        self.ms += 1;
        let port = 40_000 + u16::try_from(connection).unwrap();
        let ends = Ends::new(([127, 0, 0, 1], port).into(), ([127, 0, 0, 1], 65_432).into());
        self.events.push(Event { at: Duration::from_millis(1_700_000_000_000 + self.ms), ends, what });
        self
    }
}

const ID: &str = "1f2e3d4c-5b6a-4978-8695-a4b3c2d1e0f0";

/// A frame of a session as a client writes it.
pub(crate) fn request(action: &str, more: &str, in_session: &str) -> String {
    let id = if action == "connect" && in_session.is_empty() { "null".to_owned() } else { format!("\"{ID}\"") };
    format!(
        "{{\"version\":\"2.0\"{more},\"session\":{{\"mode\":\"stateful\",\"action\":\"{action}\",\"id\":{id}{in_session}}}}}\n"
    )
}

/// A reply that shows a session.
pub(crate) fn reply(status: &str, epoch: u64, next: u64, more: &str) -> String {
    format!(
        "{{\"version\":\"2.0\",\"status\":\"{status}\",\"mime_type\":\"a/b\",\"size\":0,\"session\":{{\"id\":\"{ID}\",\
         \"mode\":\"stateful\",\"state\":\"active\",\"epoch\":{epoch},\"next_sequence\":{next},\"expires_in_s\":300}}{more}}}\n"
    )
}

/// A refusal.
pub(crate) fn refusal(code: &str, more: &str) -> String {
    format!(
        "{{\"version\":\"2.0\",\"status\":\"error\",\"mime_type\":\"a/b\",\"size\":0,\
         \"error\":{{\"code\":\"{code}\",\"retry\":\"never\",\"message\":\"no\"}}{more}}}\n"
    )
}

/// An upload of five bytes, of which this many come.
pub(crate) fn upload(sequence: u64, name: &str, coming: usize) -> String {
    let more = format!(",\"mime_type\":\"text/plain\",\"size\":5,\"name\":\"{name}\"");
    let header = request("transfer", &more, &format!(",\"sequence\":{sequence}"));
    format!("{header}{}", &"hello"[..coming])
}

/// A session over two connections, with all that can go wrong: a file with an evil name, a cut one, a takeover, a
/// replay, a gap, silence, the end.
pub(crate) fn eventful() -> Vec<Event> {
    let token = format!(",\"token\":\"{}\"", "A".repeat(43));
    Script::default()
        .opens()
        .client(1, request("connect", "", ""))
        .server(1, reply("session_created", 1, 1, ""))
        .client(1, upload(1, "<b>&\\\"it's\\\"#;", 5))
        .server(1, reply("stored", 1, 2, ",\"sequence\":1"))
        .client(1, upload(2, "two.txt", 3))
        .opens()
        .client(2, request("connect", "", &token))
        .server(2, reply("session_resumed", 2, 2, ",\"partial\":{\"sequence\":2,\"offset\":3}"))
        .server(1, refusal("session_moved", ",\"closing\":true"))
        .ends(1, Side::Client, Ending::Reset)
        .client(2, upload(2, "two.txt", 5))
        .server(2, reply("stored", 2, 3, ",\"sequence\":2"))
        .client(2, upload(1, "one.txt", 5))
        .server(2, reply("stored", 2, 3, ",\"sequence\":1,\"replayed\":true"))
        .client(2, upload(7, "seven.txt", 5))
        .server(2, refusal("sequence_gap", ""))
        .waits(3_000)
        .client(2, request("disconnect", "", ",\"sequence\":3"))
        .server(2, reply("session_closed", 2, 4, ",\"sequence\":3"))
        .ends(2, Side::Client, Ending::Finished)
        .ends(2, Side::Server, Ending::Finished)
        .events()
}
