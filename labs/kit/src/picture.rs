//! What a failed check shows besides its words: a few rows on the screen, and in files all of it. Of what came over a
//! wire these are the ladder of its frames and a trace for Wireshark too.

use std::borrow::Cow;
use std::fmt;
use std::fs;
use std::io::BufWriter;
use std::path::Path;
use std::time::Duration;

use trace::ladder::{Form, page, sheet};
use trace::{Ending, Side};

use crate::{Recording, Ruler};

/// Bytes, what connections carried, or texts.
#[derive(Clone, Debug)]
pub enum Picture {
    /// A stretch of one byte stream.
    Bytes(Ruler),
    /// What connections carried.
    Wire(Recording),
    /// Texts under their headings, of what came over no wire. The screen has no room for them.
    Sheet(Vec<(&'static str, String)>),
}

impl Picture {
    /// Draws it into `folder`, behind `words` that say what it is about. The files begin with `name`.
    pub(crate) fn draw(&self, folder: &Path, name: &str, title: &str, words: &str) -> Result<(), String> {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let at = |ending: &str| folder.join(format!("{name}.{ending}"));
        let (recording, bytes) = match self {
            Self::Bytes(ruler) => (Cow::Owned(streamed(ruler)), ruler.whole()),
            Self::Wire(recording) => (Cow::Borrowed(recording), recording.whole()),
            Self::Sheet(texts) => {
                let behind = texts.iter().map(|(head, text)| (*head, text.as_str()));
                let all: Vec<_> = [("What happened", words)].into_iter().chain(behind).collect();
                let text =
                    all.iter().fold(title.to_owned() + "\n", |all, (head, text)| all + "\n" + head + "\n\n" + text);
                write(&at("html"), &sheet(title, &all))?;
                write(&at("txt"), &text)?;
                return Ok(());
            }
        };
        let story = recording.story();
        write(&at("ladder.html"), &page(&story, title, &[("What happened", words), ("Bytes", &bytes)]))?;
        write(&at("ladder.txt"), &format!("{title}\n\n{words}\n{bytes}\n{}", Form::Text.draw(&story)))?;
        let path = at("pcapng");
        fs::File::create(&path)
            .and_then(|file| recording.capture(BufWriter::new(file)))
            .map_err(|error| format!("{}: {error}", path.display()))
    }

    /// How the names of its files end.
    pub(crate) fn endings(&self) -> &'static str {
        match self {
            Self::Bytes(_) | Self::Wire(_) => ".ladder.html, .ladder.txt, .pcapng",
            Self::Sheet(_) => ".html, .txt",
        }
    }

    /// What of it stands on the screen beside the words of a study: one stream has room there, a wire has not.
    pub(crate) fn beside_words(&self) -> String {
        match self {
            Self::Bytes(ruler) => ruler.whole(),
            Self::Wire(_) | Self::Sheet(_) => String::new(),
        }
    }
}

/// A stream, told as if it had come over one connection, a millisecond a read.
fn streamed(ruler: &Ruler) -> Recording {
    let mut recording = Recording::default();
    let mut at = Duration::ZERO;
    recording.open(at, 1);
    for piece in ruler.pieces() {
        at = at.saturating_add(Duration::from_millis(1));
        recording.bytes(at, 1, Side::Client, piece);
    }
    recording.end(at.saturating_add(Duration::from_millis(1)), 1, Side::Client, Ending::Finished);
    recording
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

impl fmt::Display for Picture {
    /// What of it stands on the screen.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(ruler) => ruler.fmt(out),
            Self::Wire(recording) => recording.fmt(out),
            Self::Sheet(_) => Ok(()),
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

    #[test]
    fn a_sheet_is_drawn_as_a_page_and_as_text_and_takes_no_room_on_the_screen() {
        let folder = tempfile::tempdir().unwrap();
        let picture = Picture::Sheet(vec![("The disk", "file_1: <3 bytes>\n".into())]);
        picture.draw(folder.path(), "06-a", "lab 06, a", "words\n").unwrap();
        assert_eq!(picture.endings(), ".html, .txt");
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("06-a.txt"), "lab 06, a\n\nWhat happened\n\nwords\n\nThe disk\n\nfile_1: <3 bytes>\n");
        let html = read("06-a.html");
        assert!(html.contains("<h2>The disk</h2>\n<pre>file_1: &lt;3 bytes&gt;") && !html.contains("<svg"), "{html}");
        assert_eq!(picture.to_string(), "");
    }
}
