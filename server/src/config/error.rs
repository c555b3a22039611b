//! What is wrong with a configuration, said so that it can be put right: all of it at once.

use std::fmt;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use shared::exit::ExitCode;

/// Everything that is wrong with a configuration. Prints as a report without colours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigErrors {
    path: String,
    text: String,
    errors: Vec<ConfigError>,
    omitted: usize,
}

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ConfigError {
    pub(crate) title: String,
    pub(crate) at: At,
    /// What else there is to say: what was expected if no line shows it, what may have been meant.
    pub(crate) notes: Vec<Note>,
}

/// Where it is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum At {
    /// These bytes of the file, and what to write beside them.
    Span(Range<usize>, String),
    /// The second bytes clash with the first.
    Spans([(Range<usize>, String); 2]),
    /// The file as a whole.
    File,
    /// Not in the file; the title names the variable or flag.
    Elsewhere,
}

/// A line below the source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Note {
    /// A fact.
    Fact(String),
    /// Something to try.
    Help(String),
}

/// Errors shown. Looking up the place of each is work, and nobody reads more.
const SHOWN_MAX: usize = 100;

impl ConfigErrors {
    /// No errors yet, about the file with this path and text.
    pub(crate) fn about(path: String, text: &str) -> Self {
        Self { path, text: text.to_owned(), errors: Vec::new(), omitted: 0 }
    }

    /// Adds an error; what makes it is not called once there are too many to show.
    pub(crate) fn add(&mut self, error: impl FnOnce() -> ConfigError) {
        if self.errors.len() < SHOWN_MAX {
            self.errors.push(error());
        } else {
            self.omitted += 1;
        }
    }

    /// `Ok` when nothing is wrong.
    pub(crate) fn none_or_err(self) -> Result<(), Self> {
        if self.errors.is_empty() { Ok(()) } else { Err(self) }
    }

    /// How many there are; never 0 in an error that was returned.
    #[must_use]
    pub fn count(&self) -> usize {
        self.errors.len() + self.omitted
    }

    /// What the process ends with.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::Configuration
    }

    /// The report in colours, for a terminal.
    #[must_use]
    pub fn styled(&self) -> String {
        self.rendered(&Renderer::styled())
    }

    fn rendered(&self, renderer: &Renderer) -> String {
        let renderer = renderer.clone().decor_style(DecorStyle::Ascii);
        let mut paragraphs: Vec<_> = self.errors.iter().map(|error| renderer.render(&[self.group(error)])).collect();
        if self.omitted > 0 {
            paragraphs.push(format!("and {} more", self.omitted));
        }
        if self.count() > 1 {
            paragraphs.push(format!("{} errors in the configuration", self.count()));
        }
        paragraphs.join("\n\n")
    }

    fn group<'a>(&'a self, error: &'a ConfigError) -> Group<'a> {
        let snippet = || Snippet::source(&self.text).path(&self.path);
        let title = Level::ERROR.primary_title(&error.title);
        let group = match &error.at {
            At::Span(bytes, label) => {
                title.element(snippet().annotation(AnnotationKind::Primary.span(bytes.clone()).label(label)))
            }
            At::Spans([(first, first_label), (second, second_label)]) => title.element(
                snippet()
                    .annotation(AnnotationKind::Context.span(first.clone()).label(first_label))
                    .annotation(AnnotationKind::Primary.span(second.clone()).label(second_label)),
            ),
            At::File => title.element(Origin::path(&self.path)),
            At::Elsewhere => Group::with_title(title),
        };
        group.elements(error.notes.iter().map(|note| match note {
            Note::Fact(text) => Level::NOTE.message(text),
            Note::Help(text) => Level::HELP.message(text),
        }))
    }
}

impl ConfigError {
    /// An error that needs no further words.
    pub(crate) fn new(title: String, at: At) -> Self {
        Self { title, at, notes: Vec::new() }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.rendered(&Renderer::plain()))
    }
}

impl std::error::Error for ConfigErrors {}
