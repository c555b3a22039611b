//! A file as a client sends it: the request that announces it, and its bytes.

use std::rc::Rc;

use crate::{Receipt, Request};

/// An upload, and the whole file that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// What its header says.
    pub request: Request,
    file: Rc<[u8]>,
}

impl Upload {
    /// The upload of a whole file, with its digest in the header.
    #[must_use]
    pub fn new(name: &str, content: &str) -> Self {
        let file: Rc<[u8]> = content.as_bytes().into();
        let request = Request { name: name.to_owned(), offset: 0, size: length(&file), digest: Some(digest(&file)) };
        Self { request, file }
    }

    /// The same, but the header states no digest.
    #[must_use]
    pub fn without_digest(mut self) -> Self {
        self.request.digest = None;
        self
    }

    /// The same, but only what is behind the first `offset` bytes. Its header states the digest, as a rest must.
    #[must_use]
    pub fn rest(mut self, offset: u64) -> Self {
        let offset = offset.min(length(&self.file));
        (self.request.offset, self.request.size) = (offset, length(&self.file).saturating_sub(offset));
        if offset > 0 {
            self.request.digest = Some(digest(&self.file));
        }
        self
    }

    /// The reply when the file was stored under this name.
    #[must_use]
    pub fn receipt(&self, stored_as: &str) -> Receipt {
        // What the server stored, whatever the header said of it.
        Receipt { stored_as: stored_as.to_owned(), size: length(&self.file), digest: digest(&self.file) }
    }

    /// The bytes behind the header.
    pub(crate) fn payload(&self) -> &[u8] {
        let offset = usize::try_from(self.request.offset).unwrap_or(usize::MAX);
        self.file.get(offset..).unwrap_or_default()
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn digest(bytes: &[u8]) -> String {
    format!("blake3:{}", blake3::hash(bytes).to_hex())
}
