//! What each field of the wire means, in a few words. Knows no values.

use super::Direction;

/// One short explanation for each field of the wire.
pub(super) fn meaning(path: &str, direction: Direction) -> &'static str {
    match path {
        "version" => "the protocol both sides speak",
        "status" => "what this reply says",
        "mime_type" if direction == Direction::Received => "the kind of bytes in the reply's payload",
        "mime_type" => "the kind of bytes; gives the stored file its extension",
        "size" if direction == Direction::Sent => {
            "payload bytes that follow the header; null: chunks until one of length 0"
        }
        "size" => "payload bytes that follow the header",
        "name" => "the file's name here; a label, never a path there",
        "file" if direction == Direction::Sent => "the stored file in question",
        "file.stored_as" => "where it is, relative to the storage folder",
        "file.size" => "bytes of the whole file",
        "file.digest" => "computed there from the bytes that arrived; compared here",
        "trailer" => "a line behind the payload will carry a digest of this kind",
        "digest" => "the digest of the whole payload",
        "transfer_id" => "this upload's secret; makes it safe to repeat without a session",
        "offset" => "where to begin",
        "ack" if direction == Direction::Sent => "the promise wanted",
        "ack" => "the promise kept: written survives a crash of the server, durable a power cut",
        "expect" => "the server answers before the payload is sent",
        "session.id" => "which session; null: none yet, or none at all",
        "session.mode" => "stateless: nothing is remembered; stateful: the server keeps a session",
        "session.action" => "what is asked",
        "session.sequence" => "the number of this change: each is done at most once",
        "session.token" => "the secret that continues the session (shown in part)",
        "auth.access_key" => "a secret that holds one session at a time (shown in part)",
        "session.state" => "the stage the session is in",
        "session.epoch" => "which of the session's connections this is; the newest wins",
        "session.next_sequence" => "the number the server waits for",
        "session.expires_in_s" => "seconds of silence the session survives",
        "session.data_size" => "bytes of session data before the payload",
        "sequence" => "which request this answers",
        "record.client_address" => "where the session's last connection came from",
        "record.created_at" => "when the session was opened, in ms of the server's clock",
        "record.last_activity" => "when it was last heard of",
        "record.message_count" => "requests the session remembers",
        "record.total_bytes" => "payload bytes it has stored",
        "record.files_transferred" => "files it has stored",
        "record.state_bytes" => "bytes the server keeps to remember all this",
        "hello.versions" => "protocols the server speaks",
        "hello.modes" => "modes it offers",
        "hello.actions" => "what can be asked of it",
        "hello.digests" => "digests it can compute",
        "hello.acks" => "promises it can give",
        "hello.store" => "where it keeps sessions",
        "hello.limits.header_bytes_max" => "bytes of the longest header line it reads",
        "hello.limits.stateless_request_bytes_max" => "bytes of the largest upload without a session",
        "hello.limits.stateful_request_bytes_max" => "bytes of the largest upload in a session",
        "hello.limits.in_flight_max" => "frames that may wait for their answers",
        "hello.limits.heartbeat_interval_s" => "how often a silent client should be heard",
        "hello.limits.session_timeout_s" => "seconds of silence a session survives",
        "replayed" => "an old answer again; nothing was done now",
        "replaced" => "another session of the access key was ended, and its device disconnected",
        "degraded_from" => "the mode that was wanted and cannot be had now",
        "closing" => "the server closes the connection after this",
        "server_time_ms" => "the server's clock",
        "partial.sequence" => "the number of the upload that was cut",
        "partial.offset" => "bytes of it that are there for good",
        "partial.prefix_digest" => "the digest of these bytes; compared here before the rest is sent",
        "next_offset" => "the list goes on from here",
        "ext.explain" => "the server is asked to explain itself",
        "error.code" => "why it was refused",
        "error.retry" => "what the server advises",
        "error.message" => "the same in words",
        "error.field" => "the field that is wrong",
        "error.reason" => "what exactly happened",
        "error.offset" => "how many bytes the server has already",
        "error.supported" => "the protocols the server speaks",
        "error.expected_sequence" => "the number that would be right",
        "error.retry_after_ms" => "how long to wait",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use shared::digest::{Digest, DigestKind};
    use shared::error::ErrorCode;
    use shared::id::{Epoch, Sequence, SessionId, Timestamp, Token, TransferId};
    use shared::wire::{
        Ack, Action, ErrorBody, FileInfo, FileName, Hello, HelloLimits, MimeType, Mode, Partial, Record, Reply,
        SessionInfo, Status,
    };

    use super::*;
    use crate::access_key::AccessKey;
    use crate::explain::Node;
    use crate::header::{FileFacts, Header};

    fn digest() -> Digest {
        DigestKind::Blake3.hasher().finish()
    }

    /// Every field a reply can have; one more does not compile here.
    fn full_reply() -> Reply {
        Reply {
            version: "2.0".into(),
            status: Status::Error,
            mime_type: "a/b".into(),
            size: 1,
            session: Some(SessionInfo {
                id: SessionId::from_random([1; 16]),
                mode: Mode::Stateful,
                state: "active".into(),
                epoch: Epoch::FIRST,
                next_sequence: Sequence::FIRST,
                expires_in_s: 1,
                data_size: 1,
                token: Some("t".into()),
                ticket: bytes::Bytes::new(),
            }),
            sequence: Some(Sequence::FIRST),
            file: Some(FileInfo { stored_as: "x".into(), size: 1, digest: Some(digest()) }),
            ack: Some(Ack::Durable),
            record: Some(
                Record {
                    client_address: "a".into(),
                    created_at: Timestamp::from_millis(1),
                    last_activity: Timestamp::from_millis(1),
                    message_count: 1,
                    total_bytes: 1,
                    files_transferred: 1,
                    state_bytes: 1,
                }
                .into(),
            ),
            partial: Some(Partial { sequence: Some(Sequence::FIRST), offset: 1, prefix_digest: Some(digest()) }),
            next_offset: Some(1),
            replayed: true,
            replaced: true,
            degraded_from: Some(Mode::Stateful),
            hello: Some(
                Hello {
                    versions: vec!["2.0".into()],
                    modes: vec![Mode::Stateful],
                    actions: vec!["x".into()],
                    digests: vec![DigestKind::Blake3],
                    acks: vec![Ack::Durable],
                    store: Some("memory".into()),
                    limits: HelloLimits {
                        header_bytes_max: 1,
                        stateless_request_bytes_max: 1,
                        stateful_request_bytes_max: 1,
                        in_flight_max: 1,
                        heartbeat_interval_s: 1,
                        session_timeout_s: 1,
                    },
                }
                .into(),
            ),
            trailer: Some(DigestKind::Blake3),
            server_time_ms: Some(Timestamp::from_millis(1)),
            closing: true,
            // Its answers are shown as sentences of their own.
            explain: None,
            error: Some(ErrorBody {
                code: ErrorCode::Busy,
                retry: ErrorCode::Busy.retry(),
                message: "m".into(),
                expected_sequence: Some(Sequence::FIRST),
                offset: Some(1),
                retry_after_ms: Some(1),
                supported: Some(vec!["2.0".into()]),
                reason: Some("r".into()),
                field: Some("f".into()),
            }),
        }
    }

    #[test]
    fn every_field_of_the_wire_has_a_meaning() {
        let (id, token) = (SessionId::from_random([1; 16]), Token::from_random([2; 32]));
        let key = AccessKey::of_a_test("k");
        let facts = FileFacts {
            mime_type: MimeType::octet_stream(),
            size: Some(1),
            name: FileName::from_wire("a"),
            ack: Some(Ack::Written),
        };
        let mut lines = vec![(Direction::Received, serde_json::to_vec(&full_reply()).unwrap())];
        for header in [
            Header::resume(id, &crate::secret::Secret::Token(token)),
            Header::open_with(&key),
            Header::ask(Action::List, id).beginning_at(7),
            Header::stateless_fetch("x"),
            Header::stateless_transfer(facts.clone(), TransferId::from_random([3; 16])).expecting_continue(),
            Header::stateful_transfer(facts, id, Sequence::FIRST).explained(),
        ] {
            lines.push((Direction::Sent, serde_json::to_vec(&header).unwrap()));
        }
        for (direction, line) in lines {
            for (path, _) in Node::fields(&line) {
                assert!(!meaning(&path, direction).is_empty(), "{path}");
            }
        }
    }
}
