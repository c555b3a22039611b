//! Uploads cut in the middle, over TCP: what is there is told, and the rest is all that is sent.

use harness::{Options, Patience, RawClient, Reply, Server, ServerProcess, Session, frame};
use serde_json::{Value, json};

use crate::SERVER;

/// A file in both modes: how it is sent, and how it is asked for.
struct Upload {
    session: Option<Session>,
    id: String,
    content: Vec<u8>,
}

impl Upload {
    fn stateless(content: Vec<u8>) -> Self {
        Self { session: None, id: harness::uuid(), content }
    }

    fn header(&self, offset: usize) -> Value {
        let size = self.content.len() - offset;
        let header = match &self.session {
            Some(session) => session.upload(1, "image/png", size),
            None => frame::with(frame::upload("image/png", size), "transfer_id", self.id.as_str()),
        };
        if offset == 0 {
            return header;
        }
        let header = frame::with(header, "digest", harness::digest("sha256", &self.content));
        frame::with(header, "offset", offset)
    }

    /// What the server says is there, on a connection of its own.
    fn status(&self, client: &mut RawClient) -> Reply {
        match &self.session {
            Some(session) => client.ask(&session.frame("status"), b""),
            None => client.ask(&frame::with(frame::stateless("status"), "transfer_id", self.id.as_str()), b""),
        }
    }

    fn bound(&self, address: std::net::SocketAddr) -> (RawClient, Option<Value>) {
        let mut client = RawClient::connect(address);
        let resumed = self.session.as_ref().map(|session| client.ask(&session.resume(), b"").is("session_resumed"));
        (client, resumed.map(|resumed| resumed["partial"].clone()))
    }

    /// Goes on where the server says; how much had to be sent.
    fn finish(&self, address: std::net::SocketAddr) -> (RawClient, usize, Reply) {
        let (mut client, _) = self.bound(address);
        let partial = self.status(&mut client)["partial"].clone();
        let offset = usize::try_from(partial["offset"].as_u64().unwrap_or(0)).expect("an offset");
        if offset > 0 {
            assert_eq!(partial["prefix_digest"], harness::digest("blake3", &self.content[..offset]));
        }
        let stored = client.ask(&self.header(offset), &self.content[offset..]).is("stored");
        (client, self.content.len() - offset, stored)
    }
}

fn both(server: &Server, content: &[u8]) -> [Upload; 2] {
    let (_, session) = server.open_session();
    let stateless = Upload::stateless(content.to_vec());
    [Upload { session: Some(session), ..Upload::stateless(content.to_vec()) }, stateless]
}

#[test]
fn an_upload_cut_in_the_middle_goes_on_in_both_modes() {
    let mut server = Server::start(Options::default());
    for (size, cut) in [(1_000, 400), (3_000_000, 1_700_001), (3_000_000, 2_999_999)] {
        let content = harness::noise(1, size);
        for upload in both(&server, &content) {
            let (mut client, _) = upload.bound(server.address);
            client.send_frame(&upload.header(0), &content[..cut]);
            client.half_close();
            client.reply().refuses("truncated");

            let (mut client, resumed) = upload.bound(server.address);
            let expected = upload.session.as_ref().map(|_| json!({"sequence": 1, "offset": cut}));
            assert_eq!(resumed, expected, "what was received is told");
            let status = upload.status(&mut client).is("session_status");
            assert_eq!(status.number("partial.offset"), u64::try_from(cut).expect("small"));
            let refused = client.ask(&upload.header(cut + 1), &content[cut + 1..]).refuses("bad_offset");
            assert_eq!(refused.number("error.offset"), u64::try_from(cut).expect("small"));

            drop(client);
            let (mut client, sent, stored) = upload.finish(server.address);
            assert_eq!(sent, size - cut);
            assert_eq!(stored["file"]["digest"], harness::digest("sha256", &content));
            assert!(harness::visible(&server.storage)[stored.stored_as()] == content);
            assert_eq!(upload.status(&mut client)["partial"], Value::Null);
        }
    }
    server.stop();
    assert_eq!(harness::names(&server.storage).len(), 6);
    assert!(harness::staged(&server.storage).is_empty());
}

#[test]
fn a_half_open_connection_is_taken_over_and_nothing_it_sent_is_sent_again() {
    let server = Server::start(Options::default());
    let content = harness::noise(2, 3_000_000);
    for upload in both(&server, &content) {
        let (mut older, _) = upload.bound(server.address);
        older.send_frame(&upload.header(0), &content[..2_000_000]);
        // Bytes may still be under way, so it is asked until they have come. No answer takes the upload from its writer.
        if upload.session.is_none() {
            let mut asking = server.connect();
            server.until(|| upload.status(&mut asking)["partial"]["offset"] == 2_000_000);
        }
        let (mut newer, sent, stored) = upload.finish(server.address);
        let moved = if upload.session.is_some() { "session_moved" } else { "transfer_moved" };
        older.reply().refuses(moved);
        assert!(upload.session.is_some() || sent == 1_000_000);
        assert!(harness::visible(&server.storage)[stored.stored_as()] == content);
        newer.ask(&frame::stateless("hello"), b"").is("hello");
    }
}

#[test]
fn a_changed_file_starts_over() {
    let server = Server::start(Options::default());
    let content = harness::noise(3, 2_000_000);
    for mut upload in both(&server, &content) {
        let (mut client, _) = upload.bound(server.address);
        client.send_frame(&upload.header(0), &content[..1_500_000]);
        client.half_close();
        client.reply().refuses("truncated");
        upload.content = harness::noise(4, 2_000_000);
        let (mut client, _) = upload.bound(server.address);
        let refused = client.ask(&upload.header(1_500_000), &upload.content[1_500_000..]);
        refused.refuses("digest_mismatch");
        assert_eq!(upload.status(&mut client)["partial"], Value::Null, "the part is dropped");
        drop(client);
        let (_, sent, stored) = upload.finish(server.address);
        assert_eq!(sent, 2_000_000);
        assert!(harness::visible(&server.storage)[stored.stored_as()] == upload.content);
    }
}

#[test]
fn a_transfer_goes_on_after_its_server_was_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let upload = Upload::stateless(harness::noise(5, 5_000_000));
    let mut told = 0;
    for kill in 1..=4 {
        let mut server = ServerProcess::start(SERVER, folder.path(), &[]);
        let mut client = server.connect();
        let offset = upload.status(&mut client)["partial"]["offset"].as_u64().unwrap_or(0);
        assert!(offset >= told, "an offset once told never decreases");
        let offset = usize::try_from(offset).expect("small");
        let mut sending = server.connect();
        sending.send(frame::bytes(&upload.header(offset), &upload.content[offset..kill * 1_000_000]));
        let patience = Patience::fresh();
        while upload.status(&mut client)["partial"]["offset"] != kill * 1_000_000 {
            assert!(patience.lasts(), "what was sent is told");
        }
        told = upload.status(&mut client).number("partial.offset");
        server.kill();
    }
    let server = ServerProcess::start(SERVER, folder.path(), &[]);
    let (_, sent, stored) = upload.finish(server.address);
    assert_eq!(sent, 1_000_000, "not more than the rest");
    assert!(harness::visible(folder.path())[stored.stored_as()] == upload.content);
}
