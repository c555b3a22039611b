//! Where everything the program says goes: data to standard output, talk to standard error, one progress
//! bar in all. Decides nothing.

use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::console::Seen;
use crate::event::{Event, Failed, Layout, Line};
use crate::failure::Failure;
use crate::text::{escaped, neutral};

/// For whom the output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// A person.
    Human,
    /// A program: one object per event.
    Json,
    /// A script: of each thing only its name, and errors.
    Quiet,
}

/// Whether to paint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    Yes,
    No,
}

/// A handle to what the program says; all its clones say it in the same place.
#[derive(Clone)]
pub(crate) struct Report(Arc<Mutex<Inner>>);

struct Inner {
    output: Box<dyn Write + Send>,
    errors: Box<dyn Write + Send>,
    format: Format,
    layout: Layout,
    colour: Colour,
    errors_seen: Seen,
    bar: ProgressBar,
    holds: Holds,
    /// Why output was lost first.
    lost: Option<std::io::Error>,
}

/// What standard output holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// Events.
    Events,
    /// A fetched file: nothing may stand between or behind its bytes.
    File,
}

impl Report {
    pub(crate) fn new(
        (output, output_seen): (Box<dyn Write + Send>, Seen),
        (errors, errors_seen): (Box<dyn Write + Send>, Seen),
        format: Format,
        colour: Colour,
    ) -> Self {
        let layout = if output_seen == Seen::ByPerson { Layout::Broken } else { Layout::OneLine };
        let bar = ProgressBar::hidden();
        let (holds, lost) = (Holds::Events, None);
        Self(Arc::new(Mutex::new(Inner { output, errors, format, layout, colour, errors_seen, bar, holds, lost })))
    }

    /// Says that something happened.
    pub(crate) fn event(&self, event: &Event<'_>) {
        self.lock().event(event);
    }

    /// Says why something was not done.
    pub(crate) fn failed(&self, what: Option<&str>, failure: &Failure) {
        self.event(&Event::Failed(Failed::new(what, failure)));
    }

    /// A word to the user beside the events.
    pub(crate) fn talk(&self, text: &str) {
        let mut inner = self.lock();
        if inner.format == Format::Human {
            inner.write_error(text);
        }
    }

    /// A word that matters in every format.
    pub(crate) fn warn(&self, text: &str) {
        self.lock().write_error(&format!("warning: {text}"));
    }

    /// Frames, for `--explain`.
    pub(crate) fn explain(&self, text: &str) {
        self.lock().write_error(text);
    }

    /// Standard output is a fetched file's from now on; events for a program go to standard error.
    pub(crate) fn give_output_to_a_file(&self) {
        self.lock().holds = Holds::File;
    }

    /// Why some of the events did not reach standard output, unless nobody was left to read them.
    pub(crate) fn lost_output(&self) -> Option<Failure> {
        self.lock().lost.take().map(|error| Failure::local("standard output", &error))
    }

    /// Bytes of a fetched file.
    pub(crate) fn raw(&self, bytes: &[u8]) -> std::io::Result<()> {
        self.lock().output.write_all(bytes)
    }

    pub(crate) fn flush(&self) -> std::io::Result<()> {
        self.lock().output.flush()
    }

    pub(crate) fn colour(&self) -> Colour {
        self.lock().colour
    }

    /// Shows a bar over so many bytes, or a spinner when nobody knows how many; only to a person.
    pub(crate) fn start_bar(&self, bytes: Option<u64>) {
        let mut inner = self.lock();
        if inner.format != Format::Human || inner.errors_seen != Seen::ByPerson {
            return;
        }
        let template = match bytes {
            Some(_) => "{wide_bar} {decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec}  {eta}",
            None => "{spinner} {decimal_bytes}  {decimal_bytes_per_sec}  {elapsed}",
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let target = ProgressDrawTarget::stderr_with_hz(10);
        inner.bar = ProgressBar::with_draw_target(bytes, target).with_style(style);
        inner.bar.enable_steady_tick(Duration::from_millis(200));
    }

    /// So many bytes more are through.
    pub(crate) fn advance(&self, bytes: u64) {
        self.lock().bar.inc(bytes);
    }

    /// So many bytes are to be sent again, or will not come.
    pub(crate) fn set_back(&self, bytes: u64) {
        self.lock().bar.dec(bytes);
    }

    pub(crate) fn end_bar(&self) {
        self.lock().bar.finish_and_clear();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Report {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Report(..)")
    }
}

impl Inner {
    fn event(&mut self, event: &Event<'_>) {
        match self.format {
            Format::Json => {
                if let Ok(line) = serde_json::to_string(event) {
                    self.write_output(&escaped(&line));
                }
                // A person who looks on should not have to read JSON to see what is not sent.
                if let (Event::Failed(_) | Event::Skipped { .. }, Line::Talk(text)) = (event, event.words(self.layout))
                {
                    self.write_error(&text);
                }
            }
            Format::Quiet => match (event, event.words(self.layout)) {
                (Event::Stored(stored) | Event::Already(stored), _) => self.write_output(&neutral(&stored.place)),
                (Event::File(entry), _) => self.write_output(&neutral(&entry.stored_as)),
                (Event::Removed { stored_as, .. } | Event::Fetched { stored_as, .. }, _) => {
                    self.write_output(&neutral(stored_as));
                }
                (Event::Failed(_) | Event::Skipped { .. }, Line::Talk(text)) => self.write_error(&text),
                // What is remembered of a session is another thing than what was asked for.
                (Event::Degraded { .. }, Line::Talk(text)) => self.write_error(&format!("warning: {text}")),
                (_, Line::Data(text)) => self.write_output(&text),
                (_, Line::Talk(_)) => {}
            },
            Format::Human => match event.words(self.layout) {
                Line::Data(text) => self.write_output(&text),
                Line::Talk(text) => self.write_error(&text),
            },
        }
    }

    /// Nobody may be left to read it, as behind `| head`; that is no error. Other reasons are kept.
    fn write_output(&mut self, text: &str) {
        let output = match (self.holds, self.format) {
            (Holds::Events, Format::Human | Format::Json | Format::Quiet) => &mut self.output,
            (Holds::File, Format::Human | Format::Json) => &mut self.errors,
            // The bytes are all a script asked for.
            (Holds::File, Format::Quiet) => return,
        };
        let written = self.bar.suspend(|| writeln!(output, "{text}").and_then(|()| output.flush()));
        if let Err(error) = written
            && self.holds == Holds::Events
            && error.kind() != std::io::ErrorKind::BrokenPipe
        {
            self.lost.get_or_insert(error);
        }
    }

    fn write_error(&mut self, text: &str) {
        let painted = match (self.colour, text.split_once(':')) {
            (Colour::Yes, Some(("error", rest))) => format!("\u{1b}[1;31merror:\u{1b}[0m{rest}"),
            (Colour::Yes, Some(("warning", rest))) => format!("\u{1b}[1;33mwarning:\u{1b}[0m{rest}"),
            (Colour::Yes | Colour::No, _) => text.to_owned(),
        };
        let errors = &mut self.errors;
        self.bar.suspend(|| {
            let _ = writeln!(errors, "{painted}").and_then(|()| errors.flush());
        });
    }
}
