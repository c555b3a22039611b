//! A client: what it knows of its upload, and what it brings to a server. Asks nothing itself.

use crate::Carried;
use crate::due::Service;

/// Who uploads, and what it knows of its upload.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) name: usize,
    /// How it must be served.
    pub(crate) service: Service,
    pub(crate) carried: Option<Carried>,
    pub(crate) files: u32,
    pub(crate) bytes: u64,
    /// What is special about what it brings.
    pub(crate) special: Option<Special>,
}

/// What a reader must know of what a client brings.
#[derive(Clone, Debug)]
pub(crate) struct Special {
    pub(crate) how: String,
    /// The byte of the context that makes it so.
    pub(crate) at: Option<usize>,
}

impl Client {
    pub(crate) fn new(name: usize, service: Service) -> Self {
        Self { name, service, carried: None, files: 0, bytes: 0, special: None }
    }

    /// Somebody who says the same, and brings this; `how` says what that is.
    pub(crate) fn bringing(&self, carried: Carried, how: &str) -> Self {
        let special = Some(Special { how: how.to_owned(), at: None });
        Self { carried: Some(carried), special, ..self.clone() }
    }

    /// The same client, that will come again with what it has now.
    pub(crate) fn remembering(&self, how: &str) -> Self {
        Self { special: Some(Special { how: how.to_owned(), at: None }), ..self.clone() }
    }

    /// Somebody who has changed the context at this byte.
    pub(crate) fn forging(&self, context: Vec<u8>, at: usize, how: String) -> Self {
        Self { carried: Some(Carried::Context(context)), special: Some(Special { how, at: Some(at) }), ..self.clone() }
    }
}
