//! What the header line says: raw fields, the request they make, the reply. Cuts no bytes; that is
//! [`crate::codec`].

mod action;
mod json;
mod raw;
mod refusal;
mod reply;
mod request;
mod trailer;
mod value;

pub use action::Action;
pub use raw::{Dialect, Ext, Incoming, RawHeader, RawSession, VERSION, Week01Upload, read_header, wants_json};
pub use refusal::Refusal;
pub use reply::{
    ErrorBody, Explanation, FileEntry, FileInfo, Hello, HelloLimits, Partial, Record, Reply, SessionInfo, Status,
};
pub use request::{FetchRange, Frame, Proof, Request, SessionRequest, StatefulRequest, StatelessRequest, Upload};
pub use trailer::{Trailer, read_trailer};
pub use value::{Ack, FileName, MimeType, Mode};
