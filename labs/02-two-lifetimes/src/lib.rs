//! Lab 02, Two Lifetimes. This file is yours; README.md says what it must do, and `cargo lab check 02` whether it does.

use grade_02::{Connection, Event, Link, Said, State};

/// Part A. Serves one Week 01 connection to its end.
pub fn serve(link: &mut dyn Link) {
    todo!("write serve")
}

/// Part B. A session, which outlives its connections.
pub struct Session {
    // What must be remembered when no connection is left?
}

impl Session {
    /// A session that this connection has just opened.
    pub fn open(connection: Connection) -> Self {
        todo!("write Session::open")
    }
}

impl grade_02::Session for Session {
    fn on(&mut self, event: Event) -> Vec<Said> {
        todo!("write Session::on")
    }

    fn state(&self) -> State {
        todo!("write Session::state")
    }
}
