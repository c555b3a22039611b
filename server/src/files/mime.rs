//! From a MIME type to the extension of a stored file. Reads no file and trusts no client: the result is one of
//! our own strings, or `bin`.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::LazyLock;

use shared::wire::MimeType;

/// The extension of a stored file: 1 to 8 lower-case letters and digits from the table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Extension(&'static str);

/// Bytes of the longest extension.
const BYTES_MAX: usize = 8;

/// The customary extension where the type has several, so that the alphabet does not choose; and for types that
/// are in use without being in the library's list.
const CUSTOMARY: &[(&str, &str)] = &[
    ("application/font-sfnt", "ttf"),
    ("application/gzip", "gz"),
    ("application/java-archive", "jar"),
    ("application/javascript", "js"),
    ("application/manifest+json", "json"),
    ("application/msaccess", "mdb"),
    ("application/msword", "doc"),
    ("application/octet-stream", "bin"),
    ("application/onenote", "one"),
    ("application/pkcs7-mime", "p7m"),
    ("application/postscript", "ps"),
    ("application/toml", "toml"),
    ("application/vnd.framemaker", "fm"),
    ("application/vnd.iccprofile", "icc"),
    ("application/vnd.ms-excel", "xls"),
    ("application/vnd.ms-outlook", "msg"),
    ("application/vnd.ms-powerpoint", "ppt"),
    ("application/vnd.ms-works", "wps"),
    ("application/vnd.palm", "pdb"),
    ("application/vnd.quark.quarkxpress", "qxd"),
    ("application/vnd.sqlite3", "sqlite"),
    ("application/vnd.tcpdump.pcap", "pcap"),
    ("application/vnd.visio", "vsd"),
    ("application/x-bzip2", "bz2"),
    ("application/x-cbr", "cbr"),
    ("application/x-director", "dir"),
    ("application/x-gzip", "gz"),
    ("application/x-ms-application", "bin"),
    ("application/x-msdownload", "dll"),
    ("application/x-ndjson", "ndjson"),
    ("application/x-sh", "sh"),
    ("application/x-shockwave-flash", "swf"),
    ("application/x-tar", "tar"),
    ("application/x-texinfo", "texi"),
    ("application/x-troff", "tr"),
    ("application/x-x509-ca-cert", "crt"),
    ("application/x-yaml", "yaml"),
    ("application/x-zip-compressed", "zip"),
    ("application/xhtml+xml", "xhtml"),
    ("application/xml", "xml"),
    ("application/yaml", "yaml"),
    ("application/zstd", "zst"),
    ("audio/aac", "aac"),
    ("audio/aiff", "aiff"),
    ("audio/basic", "au"),
    ("audio/mid", "mid"),
    ("audio/midi", "mid"),
    ("audio/mp3", "mp3"),
    ("audio/mp4", "m4a"),
    ("audio/mpeg", "mp3"),
    ("audio/ogg", "ogg"),
    ("audio/opus", "opus"),
    ("audio/wav", "wav"),
    ("audio/x-mpegurl", "m3u"),
    ("audio/x-pn-realaudio", "ram"),
    ("audio/x-wav", "wav"),
    ("image/avif", "avif"),
    ("image/bmp", "bmp"),
    ("image/heic", "heic"),
    ("image/heif", "heif"),
    ("image/jp2", "jp2"),
    ("image/jpeg", "jpg"),
    ("image/jpg", "jpg"),
    ("image/jxl", "jxl"),
    ("image/pict", "pict"),
    ("image/png", "png"),
    ("image/svg+xml", "svg"),
    ("image/tiff", "tiff"),
    ("image/vnd.djvu", "djvu"),
    ("image/x-ms-bmp", "bmp"),
    ("message/rfc822", "eml"),
    ("model/iges", "igs"),
    ("model/mesh", "msh"),
    ("model/x3d+xml", "x3d"),
    ("text/calendar", "ics"),
    ("text/html", "html"),
    ("text/javascript", "js"),
    ("text/markdown", "md"),
    ("text/plain", "txt"),
    ("text/sgml", "sgml"),
    ("text/stylus", "styl"),
    ("text/x-c", "c"),
    ("text/x-c++src", "cpp"),
    ("text/x-markdown", "md"),
    ("text/x-python", "py"),
    ("text/x-rust", "rs"),
    ("text/x-yaml", "yaml"),
    ("text/xml", "xml"),
    ("text/yaml", "yaml"),
    ("video/3gpp", "3gp"),
    ("video/3gpp2", "3g2"),
    ("video/mpeg", "mpg"),
    ("video/mp4", "mp4"),
    ("video/quicktime", "mov"),
    ("video/vnd.dlna.mpeg-tts", "ts"),
    ("video/x-dv", "dv"),
    ("video/x-matroska", "mkv"),
    ("video/x-ms-asf", "asf"),
    ("x-world/x-vrml", "wrl"),
];

/// Every extension a stored file may have. The library's types are found through its extensions, because it does
/// not list them.
static ALL: LazyLock<BTreeSet<Extension>> = LazyLock::new(|| {
    let mut all: BTreeSet<Extension> = CUSTOMARY.iter().map(|(_, extension)| Extension(extension)).collect();
    all.extend(listed_types().into_iter().map(of_lower_case));
    all.insert(Extension::UNKNOWN);
    all
});

impl Extension {
    /// For bytes of which nothing is known.
    pub const UNKNOWN: Self = Self("bin");

    /// The customary extension of files of this type; case does not matter.
    #[must_use]
    pub fn of(mime_type: &MimeType) -> Self {
        of_lower_case(&mime_type.as_str().to_ascii_lowercase())
    }

    /// The customary type of files with this extension.
    #[must_use]
    pub fn mime_type(self) -> &'static str {
        mime_guess::from_ext(self.0).first_raw().unwrap_or("application/octet-stream")
    }

    /// The extension spelled like this, if stored files may have it.
    #[must_use]
    pub fn known(text: &str) -> Option<Self> {
        Self::all().find(|known| known.0 == text)
    }

    /// Every extension a stored file may have, in alphabetical order.
    pub fn all() -> impl Iterator<Item = Self> {
        ALL.iter().copied()
    }

    /// The letters, without a dot.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Debug for Extension {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0)
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0)
    }
}

fn of_lower_case(mime_type: &str) -> Extension {
    if let Some((_, extension)) = CUSTOMARY.iter().find(|(listed, _)| *listed == mime_type) {
        return Extension(extension);
    }
    candidates(mime_type).next().map_or(Extension::UNKNOWN, Extension)
}

/// What the library knows, in alphabetical order, without what would not do as the end of a name.
fn candidates(mime_type: &str) -> impl Iterator<Item = &'static str> {
    let listed = mime_type.split_once('/').and_then(|(kind, subtype)| mime_guess::get_extensions(kind, subtype));
    listed.unwrap_or_default().iter().copied().filter(|extension| is_harmless(extension))
}

fn is_harmless(extension: &str) -> bool {
    (1..=BYTES_MAX).contains(&extension.len())
        && extension.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn listed_types() -> BTreeSet<&'static str> {
    let extensions = mime_guess::get_extensions("*", "*").unwrap_or_default();
    extensions.iter().flat_map(|extension| mime_guess::from_ext(extension).iter_raw()).collect()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn of(mime_type: &str) -> &'static str {
        Extension::of(&MimeType::from_wire(mime_type).unwrap()).as_str()
    }

    #[test]
    fn the_extension_is_the_customary_one() {
        for (mime_type, extension) in [
            ("image/jpeg", "jpg"),
            ("text/plain", "txt"),
            ("image/svg+xml", "svg"),
            ("text/html", "html"),
            ("application/gzip", "gz"),
            ("audio/mpeg", "mp3"),
            ("video/mp4", "mp4"),
            ("video/quicktime", "mov"),
            ("image/tiff", "tiff"),
            ("application/zip", "zip"),
            ("application/pdf", "pdf"),
            ("application/json", "json"),
            ("text/markdown", "md"),
            ("IMAGE/Png", "png"),
            ("Text/X-Fortran", "f"),
            ("application/octet-stream", "bin"),
            ("nobody/knows", "bin"),
            ("application/vnd.denovo.fcselayout-link", "bin"),
        ] {
            assert_eq!(of(mime_type), extension, "{mime_type}");
        }
    }

    /// The table is a file so that a new version of the library shows what it changes. To accept a change, write
    /// what the failure prints.
    #[test]
    fn the_table_is_the_one_that_is_written_down() {
        let mut table = String::new();
        let ours = CUSTOMARY.iter().map(|(mime_type, _)| *mime_type);
        for mime_type in listed_types().into_iter().chain(ours).collect::<BTreeSet<_>>() {
            writeln!(table, "{mime_type} {}", of(mime_type)).unwrap();
        }
        println!("{table}");
        assert!(table == include_str!("mime_table.txt"), "mime_table.txt is not what is printed above");
    }

    #[test]
    fn every_extension_is_harmless_and_known() {
        assert!(Extension::all().count() > 700);
        for extension in Extension::all() {
            assert!(is_harmless(extension.as_str()), "{extension}");
            assert_eq!(Extension::known(extension.as_str()), Some(extension));
        }
        for unknown in ["", "JPG", "jpeg", "n-gage", "../x", "."] {
            assert_eq!(Extension::known(unknown), None, "{unknown}");
        }
    }
}
