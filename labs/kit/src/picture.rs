//! What a failed check shows besides its words: a few rows on the screen, and in files all of it, with the ladder of
//! its frames and a trace for Wireshark.

use std::borrow::Cow;
use std::fmt;
use std::fs;
use std::io::BufWriter;
use std::path::Path;
use std::time::Duration;

use trace::ladder::{Form, page};
use trace::{Ending, Side};

use crate::{Recording, Ruler};

/// Bytes, or what connections carried.
#[derive(Clone, Debug)]
pub enum Picture {
    /// A stretch of one byte stream.
    Bytes(Ruler),
    /// What connections carried.
    Wire(Recording),
}

impl Picture {
    /// Draws it into `folder`, behind `words` that say what it is about. The files begin with `name`.
    pub(crate) fn draw(&self, folder: &Path, name: &str, title: &str, words: &str) -> Result<(), String> {
        let recording = self.recording();
        let (story, bytes) = (recording.story(), self.whole());
        let html = page(&story, title, &[("What happened", words), ("Bytes", &bytes)]);
        let text = format!("{title}\n\n{words}\n{bytes}\n{}", Form::Text.draw(&story));
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let at = |ending: &str| folder.join(format!("{name}.{ending}"));
        for (path, text) in [(at("ladder.html"), html), (at("ladder.txt"), text)] {
            fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        let path = at("pcapng");
        fs::File::create(&path)
            .and_then(|file| recording.capture(BufWriter::new(file)))
            .map_err(|error| format!("{}: {error}", path.display()))
    }

    /// What of it stands on the screen beside the words of a study: one stream has room there, a wire has not.
    pub(crate) fn beside_words(&self) -> String {
        match self {
            Self::Bytes(ruler) => ruler.whole(),
            Self::Wire(_) => String::new(),
        }
    }

    fn whole(&self) -> String {
        match self {
            Self::Bytes(ruler) => ruler.whole(),
            Self::Wire(recording) => recording.whole(),
        }
    }

    /// What the wire carried. A stream is told as if it had come over one connection, a millisecond a read.
    fn recording(&self) -> Cow<'_, Recording> {
        let ruler = match self {
            Self::Wire(recording) => return Cow::Borrowed(recording),
            Self::Bytes(ruler) => ruler,
        };
        let mut recording = Recording::default();
        let mut at = Duration::ZERO;
        recording.open(at, 1);
        for piece in ruler.pieces() {
            at = at.saturating_add(Duration::from_millis(1));
            recording.bytes(at, 1, Side::Client, piece);
        }
        recording.end(at.saturating_add(Duration::from_millis(1)), 1, Side::Client, Ending::Finished);
        Cow::Owned(recording)
    }
}

impl fmt::Display for Picture {
    /// What of it stands on the screen.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(ruler) => ruler.fmt(out),
            Self::Wire(recording) => recording.fmt(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use trace::pcapng::Reader;

    use super::*;

    #[test]
    fn a_picture_is_drawn_as_a_page_as_text_and_as_a_trace() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = b"{\"mime_type\":\"a/b\",\"size\":2}\nhi".to_vec();
        let ruler = Ruler { bytes, reads: vec![0, 4], caret: Some((4, "lost".into())), ..Ruler::default() };
        Picture::Bytes(ruler).draw(folder.path(), "01-a", "lab 01, a", "all the <words>").unwrap();
        let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
        let html = String::from_utf8(read("01-a.ladder.html")).unwrap();
        assert!(
            html.contains("all the &lt;words&gt;") && html.contains("^ byte 4: lost") && html.contains("<svg"),
            "{html}"
        );
        let text = String::from_utf8(read("01-a.ladder.txt")).unwrap();
        assert!(text.contains("all the <words>") && text.contains("Week 01 upload, 31 B ──"), "{text}");
        let trace = read("01-a.pcapng");
        let mut reader = Reader::new(&trace[..]).unwrap();
        assert_eq!(std::iter::from_fn(|| reader.next_event().unwrap()).count(), 4, "opened, two reads, ended");
    }
}
