//! A story as a ladder: time runs down, each frame is a rung between client and server, and beside them stand the
//! lives of the connections and of the sessions, which are not the same.

mod html;
mod mermaid;
mod picture;
mod svg;
mod text;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::Story;
use picture::Picture;

/// A file that a ladder is to be drawn into; its name says how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Drawing {
    file: PathBuf,
    form: Form,
}

/// A file whose name does not say what is to be drawn.
#[derive(Debug, thiserror::Error)]
#[error("a name that ends in .svg, .html, .mmd or .txt says what to draw")]
pub struct NoDrawing;

/// What a ladder is drawn as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// Lines of characters.
    Text,
    /// A sequence diagram for Mermaid, which many pages draw by themselves.
    Mermaid,
    /// A drawing.
    Svg,
    /// A page with the drawing in it, for a lecture.
    Html,
}

impl Drawing {
    /// A drawing in this file.
    pub fn new(file: PathBuf) -> Result<Self, NoDrawing> {
        let form = match file.extension().and_then(OsStr::to_str) {
            Some("txt") => Form::Text,
            Some("mmd") => Form::Mermaid,
            Some("svg") => Form::Svg,
            Some("html") => Form::Html,
            Some(_) | None => return Err(NoDrawing),
        };
        Ok(Self { file, form })
    }

    /// Where it belongs.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The drawing of a story, to be put there.
    #[must_use]
    pub fn of(&self, story: &Story) -> String {
        self.form.draw(story)
    }
}

impl Form {
    /// Draws a story.
    #[must_use]
    pub fn draw(self, story: &Story) -> String {
        let picture = Picture::of(story);
        match self {
            Self::Text => text::draw(&picture),
            Self::Mermaid => mermaid::draw(&picture),
            Self::Svg => svg::draw(&picture),
            Self::Html => html::draw(&picture, "Connections and sessions", &[]),
        }
    }
}

/// A page with the drawing of a story, and before it texts under their headings.
#[must_use]
pub fn page(story: &Story, title: &str, texts: &[(&str, &str)]) -> String {
    html::draw(&Picture::of(story), title, texts)
}

/// A page of texts under their headings, of what is no story.
#[must_use]
pub fn sheet(title: &str, texts: &[(&str, &str)]) -> String {
    html::sheet(title, texts, "")
}

#[cfg(test)]
mod tests;
