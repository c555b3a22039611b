//! What kind of bytes a file holds: by its name, else by how it begins. Reads no files.

use std::path::Path;

use shared::wire::MimeType;

/// The MIME type of a file with this name, if it has one, that begins with `first`.
pub(crate) fn mime_type(name: Option<&Path>, first: &[u8]) -> MimeType {
    let by_name = name.and_then(|name| mime_guess::from_path(name).first_raw()).and_then(MimeType::from_wire);
    let by_content = || infer::get(first).and_then(|kind| MimeType::from_wire(kind.mime_type()));
    by_name.or_else(by_content).unwrap_or_else(MimeType::octet_stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_it_else_the_content_else_nobody() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        for (name, first, mime) in [
            (Some("a.png"), &b""[..], "image/png"),
            (Some("a.JPG"), b"", "image/jpeg"),
            (Some("a.txt"), png, "text/plain"),
            (Some("picture"), png, "image/png"),
            (None, png, "image/png"),
            (Some("a.nosuchthing"), b"hello", "application/octet-stream"),
            (None, b"", "application/octet-stream"),
        ] {
            assert_eq!(mime_type(name.map(Path::new), first).as_str(), mime, "{name:?}");
        }
    }
}
