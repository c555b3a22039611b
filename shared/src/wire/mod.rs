//! What the header line says: raw fields, the request they make, the reply. Cuts no bytes; that is
//! [`crate::codec`].

mod value;

pub use value::{Ack, FileName, MimeType, Mode};
