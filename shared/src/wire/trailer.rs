//! The line behind a payload: the digest of a sender that hashed while it sent.

use serde::{Deserialize, Serialize};

use super::Refusal;
use super::json::{self, Json};
use super::raw::{bad_field, header_fault};
use crate::digest::{Digest, DigestKind};
use crate::error::ErrorCode;

/// A trailer as it is written.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Trailer {
    /// Absent in the trailer of chunks whose header promised none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// Reads a trailer line, without its LF, by the same rules as a header.
///
/// # Errors
/// Bytes that are no strict JSON object, an unknown member, or a digest that was not promised like this.
pub fn read_trailer(line: &[u8], promised: Option<DigestKind>) -> Result<Trailer, Refusal> {
    let members = json::parse(line).map_err(header_fault)?;
    if json::has_other_number(&members) {
        return Err(Refusal::fatal(ErrorCode::BadHeader, "numbers are integers from 0 to 2^53-1"));
    }
    if let Some(key) = members.keys().find(|key| *key != "digest") {
        return Err(Refusal::fatal(ErrorCode::UnknownField, "a trailer holds a digest").of_field(key));
    }
    let digest = match members.get("digest") {
        None => None,
        Some(Json::Text(text)) => {
            let digest = Digest::from_wire(text);
            Some(digest.ok_or_else(|| bad_field("digest", "blake3:<64 hex digits> or sha256:<64 hex digits>"))?)
        }
        Some(_) => return Err(bad_field("digest", "a string")),
    };
    if digest.map(Digest::kind) == promised {
        Ok(Trailer { digest })
    } else {
        Err(bad_field("digest", "in the trailer a digest of the kind that the header promised"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailer_keeps_the_header_s_promise() {
        let digest = DigestKind::Blake3.hasher().finish();
        let line = format!("{{\"digest\":\"{digest}\"}}");
        let code = |line: &str, promised| read_trailer(line.as_bytes(), promised).map_err(|refusal| refusal.code);
        assert_eq!(code(&line, Some(DigestKind::Blake3)), Ok(Trailer { digest: Some(digest) }));
        assert_eq!(code("{}", None), Ok(Trailer::default()));
        assert_eq!(code(&line, Some(DigestKind::Sha256)), Err(ErrorCode::BadField));
        assert_eq!(code(&line, None), Err(ErrorCode::BadField));
        assert_eq!(code("{}", Some(DigestKind::Blake3)), Err(ErrorCode::BadField));
        assert_eq!(code("{\"digest\":1}", None), Err(ErrorCode::BadField));
        assert_eq!(code("{\"x\":\"\"}", None), Err(ErrorCode::UnknownField));
        assert_eq!(code("{\"digest\":", None), Err(ErrorCode::BadHeader));
    }
}
