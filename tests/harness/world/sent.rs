//! A file as a client sends it.

use bytes::Bytes;
use shared::codec::Payload;
use shared::digest::{Digest, DigestKind};
use shared::id::Sequence;
use shared::wire::{Ack, FileName, MimeType, Upload};

use super::ScriptedBody;

/// A file and how it is sent. Five bytes make two chunks.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Its bytes.
    pub content: Bytes,
    /// What its header says.
    pub upload: Upload,
    chunk_bytes: usize,
    trailer: Option<Digest>,
}

impl Sent {
    /// Plain text.
    #[must_use]
    pub fn text(content: &'static str) -> Self {
        Self::bytes(Bytes::from_static(content.as_bytes())).typed("text/plain")
    }

    /// Bytes of which nothing is known.
    #[must_use]
    pub fn bytes(content: Bytes) -> Self {
        let upload = Upload {
            mime_type: MimeType::octet_stream(),
            name: None,
            payload: Payload::Sized(u64::try_from(content.len()).unwrap()),
            offset: 0,
            digest: None,
            trailer: None,
            ack: None,
        };
        Self { content, upload, chunk_bytes: 3, trailer: None }
    }

    /// The same under another type.
    #[must_use]
    pub fn typed(mut self, mime_type: &str) -> Self {
        self.upload.mime_type = MimeType::from_wire(mime_type).unwrap();
        self
    }

    /// The same with a name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.upload.name = Some(FileName::from_wire(name).unwrap());
        self
    }

    /// The same without a length in its header.
    #[must_use]
    pub fn chunked(mut self) -> Self {
        self.upload.payload = Payload::Chunked;
        self
    }

    /// The same in chunks of so many bytes.
    #[must_use]
    pub fn in_chunks_of(self, chunk_bytes: usize) -> Self {
        Self { chunk_bytes, ..self }
    }

    /// The same, asking for this promise.
    #[must_use]
    pub fn wanting(mut self, ack: Ack) -> Self {
        self.upload.ack = Some(ack);
        self
    }

    /// The same, beginning at `offset` of the whole.
    #[must_use]
    pub fn from(mut self, offset: u64) -> Self {
        self.upload.offset = offset;
        self
    }

    /// The same, stating the digest of `content` in its header.
    #[must_use]
    pub fn stating(mut self, kind: DigestKind, content: &[u8]) -> Self {
        self.upload.digest = Some(digest(kind, content));
        self
    }

    /// The same, with the digest of `content` behind it.
    #[must_use]
    pub fn trailing(mut self, kind: DigestKind, content: &[u8]) -> Self {
        self.upload.trailer = Some(kind);
        self.trailer = Some(digest(kind, content));
        self
    }

    /// What its header says.
    #[must_use]
    pub fn upload(&self) -> Upload {
        self.upload.clone()
    }

    /// Its payload.
    #[must_use]
    pub fn body(&self) -> ScriptedBody {
        ScriptedBody::new(self.content.clone(), self.chunk_bytes, self.trailer)
    }
}

/// The digest of these bytes.
#[must_use]
pub fn digest(kind: DigestKind, content: &[u8]) -> Digest {
    let mut hasher = kind.hasher();
    hasher.update(content);
    hasher.finish()
}

/// A sequence from its number.
#[must_use]
pub fn sequence(number: u64) -> Sequence {
    Sequence::new(number).unwrap()
}
