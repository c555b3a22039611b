//! A request of the load, with everything that is needed to make it again, and what its answer has to say.

use harness::{Reply, Session, digest, frame, noise};
use serde_json::Value;

use super::{Step, fault};
use crate::dice::Dice;

const TYPES: [&str; 3] = ["application/octet-stream", "image/png", "text/plain"];
const KIB: u64 = 1024;

/// A request that changes something.
#[derive(Clone, Debug)]
pub(super) enum Request {
    Upload(Upload),
    Remove { sequence: u64, name: String },
    Leave { sequence: u64 },
}

/// Under what a file is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Target {
    /// This sequence of the client's session.
    Session(u64),
    /// This transfer id, without a session.
    Transfer(String),
}

/// A file to send.
#[derive(Clone, Debug)]
pub(super) struct Upload {
    pub(super) target: Target,
    pub(super) content: Vec<u8>,
    pub(super) digest: String,
    mime_type: &'static str,
    /// Whether the header states the digest from the beginning.
    states_digest: bool,
    /// The part of it that the server once said it has. It never gets smaller.
    pub(super) told: usize,
}

impl Upload {
    pub(super) fn new(target: Target, dice: &mut Dice) -> Self {
        let size = size(dice);
        let content = noise(dice.roll(), usize::try_from(size).unwrap_or(0));
        let digest = digest("blake3", &content);
        let mime_type = TYPES[dice.index(TYPES.len())];
        Self { target, content, digest, mime_type, states_digest: dice.between(0, 2) == 0, told: 0 }
    }

    pub(super) fn size(&self) -> u64 {
        u64::try_from(self.content.len()).unwrap_or(u64::MAX)
    }
}

/// Mostly small, as files are; now and then one that a kill will meet in the middle.
fn size(dice: &mut Dice) -> u64 {
    match dice.between(0, 100) {
        0..5 => 0,
        5..60 => dice.between(1, 4 * KIB),
        60..86 => dice.between(4 * KIB, 64 * KIB),
        86..95 => dice.between(64 * KIB, 1_024 * KIB + 2),
        _ => dice.between(1_024 * KIB, 4_096 * KIB),
    }
}

impl Request {
    /// Its sequence, if it has one.
    pub(super) fn sequence(&self) -> Option<u64> {
        match self {
            Self::Upload(Upload { target: Target::Session(sequence), .. })
            | Self::Remove { sequence, .. }
            | Self::Leave { sequence } => Some(*sequence),
            Self::Upload(Upload { target: Target::Transfer(_), .. }) => None,
        }
    }

    /// Its header; of an upload, for the bytes from `offset` on.
    pub(super) fn header(&self, session: Option<&Session>, offset: usize) -> Value {
        let numbered = |action, sequence| match session {
            Some(session) => session.numbered(action, sequence),
            None => frame::with(frame::stateful(action), "session.sequence", sequence),
        };
        match self {
            Self::Remove { sequence, name } => frame::with(numbered("remove", *sequence), "file", name.as_str()),
            Self::Leave { sequence } => numbered("disconnect", *sequence),
            Self::Upload(upload) => {
                let header = match &upload.target {
                    Target::Session(sequence) => numbered("transfer", *sequence),
                    Target::Transfer(id) => frame::with(frame::stateless("transfer"), "transfer_id", id.as_str()),
                };
                let header = frame::with(header, "mime_type", upload.mime_type);
                let header = frame::with(header, "size", upload.content.len() - offset);
                if offset == 0 && !upload.states_digest {
                    return header;
                }
                frame::with(frame::with(header, "digest", upload.digest.as_str()), "offset", offset)
            }
        }
    }

    /// Its answer says what it has to.
    pub(super) fn check(&self, reply: &Reply) -> Step<()> {
        let right = match self {
            Self::Upload(upload) => {
                let file = &reply["file"];
                reply["status"] == "stored"
                    && reply["ack"] == "durable"
                    && file["size"] == upload.size()
                    && file["digest"] == upload.digest.as_str()
                    && file["stored_as"].is_string()
            }
            Self::Remove { .. } => reply["status"] == "removed",
            Self::Leave { .. } => reply["status"] == "session_closed",
        };
        let numbered = self.sequence().is_none_or(|sequence| reply["sequence"] == sequence);
        if right && numbered { Ok(()) } else { fault(&format!("not the answer to {}", self.header(None, 0)), reply) }
    }
}
