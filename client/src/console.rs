//! The three streams a program has, and whether a person looks at them. Formats nothing.

use std::io::{self, IsTerminal as _, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Standard input, output and error as the program is to see them.
pub struct Console {
    pub(crate) input: Box<dyn Read + Send>,
    pub(crate) output: Box<dyn Write + Send>,
    pub(crate) errors: Box<dyn Write + Send>,
    pub(crate) output_seen: Seen,
    pub(crate) errors_seen: Seen,
}

/// Who reads a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A person at a terminal.
    ByPerson,
    /// A file, a pipe or another program.
    ByProgram,
}

impl Console {
    /// The streams of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let seen = |terminal| if terminal { Seen::ByPerson } else { Seen::ByProgram };
        Self {
            input: Box::new(io::stdin()),
            output: Box::new(io::stdout()),
            errors: Box::new(io::stderr()),
            output_seen: seen(io::stdout().is_terminal()),
            errors_seen: seen(io::stderr().is_terminal()),
        }
    }

    /// Streams in memory: `input` is read, and what is written can be looked at meanwhile and afterwards.
    #[must_use]
    pub fn captured(input: impl Into<Vec<u8>>) -> (Self, Captured) {
        let captured = Captured { output: Shared::default(), errors: Shared::default() };
        let console = Self {
            input: Box::new(io::Cursor::new(input.into())),
            output: Box::new(captured.output.clone()),
            errors: Box::new(captured.errors.clone()),
            output_seen: Seen::ByProgram,
            errors_seen: Seen::ByProgram,
        };
        (console, captured)
    }

    /// The streams of this process, but talk goes where data goes, as for a program that tells a story.
    #[must_use]
    pub fn of_process_in_one() -> Self {
        let process = Self::of_process();
        Self { errors: Box::new(io::stdout()), errors_seen: process.output_seen, ..process }
    }
}

impl std::fmt::Debug for Console {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Console(..)")
    }
}

/// What a program wrote.
#[derive(Debug, Clone)]
pub struct Captured {
    output: Shared,
    errors: Shared,
}

impl Captured {
    /// Standard output so far.
    #[must_use]
    pub fn output(&self) -> Vec<u8> {
        self.output.bytes()
    }

    /// Standard output so far, as text.
    #[must_use]
    pub fn output_text(&self) -> String {
        String::from_utf8_lossy(&self.output.bytes()).into_owned()
    }

    /// Standard error so far, as text.
    #[must_use]
    pub fn errors_text(&self) -> String {
        String::from_utf8_lossy(&self.errors.bytes()).into_owned()
    }
}

#[derive(Debug, Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
