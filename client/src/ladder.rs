//! What `--ladder` draws: the connections of one command, from its first byte to its last, whatever came of them.

use std::sync::{Arc, Mutex, PoisonError};

use trace::ladder::Drawing;
use trace::{Listener, Recorder, Story};

use crate::env::Clock;
use crate::failure::Failure;

/// A ladder that is drawn when the command has come to its end.
#[derive(Debug)]
pub(crate) struct Ladder {
    drawing: Drawing,
    story: Arc<Mutex<Story>>,
}

impl Ladder {
    /// A ladder of nothing yet.
    pub(crate) fn new(drawing: Drawing) -> Self {
        Self { drawing, story: Arc::default() }
    }

    /// Records for it.
    pub(crate) fn recorder(&self) -> Recorder {
        let story: Arc<dyn Listener> = self.story.clone();
        Recorder::new(Clock::steady(), story)
    }

    /// Draws what was recorded.
    pub(crate) fn draw(self) -> Result<(), Failure> {
        let story = self.story.lock().unwrap_or_else(PoisonError::into_inner);
        let file = self.drawing.file();
        let written = std::fs::write(file, self.drawing.of(&story));
        written.map_err(|error| Failure::local(file.to_string_lossy(), &error))
    }
}
