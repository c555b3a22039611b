//! Draws a trace that a server has written. No server runs meanwhile; nothing else of this program is needed for it.

use std::fs::{self, File};
use std::io::{self, BufReader, Write as _};

use trace::Story;
use trace::ladder::Form;

use crate::cli::LadderCommand;

/// Reads, chooses, draws. The error is for a person.
pub(crate) fn draw(command: &LadderCommand) -> Result<(), String> {
    let LadderCommand { recorded, session, output } = command;
    let unreadable = |error: &dyn std::fmt::Display| format!("cannot read the trace {}: {error}", recorded.display());
    let file = File::open(recorded).map_err(|error| unreadable(&error))?;
    let story = Story::of_trace(BufReader::new(file)).map_err(|error| unreadable(&error))?;
    let story = match session {
        Some(id) => story.of_session(id).ok_or_else(|| format!("the trace has no session {id}, or more than one"))?,
        None => story,
    };
    let Some(drawing) = output else {
        // A reader that has seen enough is no error.
        let _ = io::stdout().write_all(Form::Text.draw(&story).as_bytes());
        return Ok(());
    };
    let file = drawing.file();
    fs::write(file, drawing.of(&story)).map_err(|error| format!("cannot write {}: {error}", file.display()))
}
