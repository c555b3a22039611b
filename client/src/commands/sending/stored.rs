//! What a run of the same command stored before it was cut is not sent again.

use shared::id::{Sequence, SessionId};

use super::Sending;
use crate::commands::current::Current;
use crate::env::Clock;
use crate::event::{Event, Stored};
use crate::journal::{Place, Round};
use crate::sources::Source;
use crate::text::counted;

impl Sending<'_> {
    /// Takes out the files that are stored and unchanged since. Their session may be gone; they are not: no session
    /// takes its files with it when it ends. Gives the session of the last of them, and the highest number among them.
    pub(super) fn pass_over(&mut self, sources: &mut Vec<Source>, round: &Round) -> Option<(SessionId, Sequence)> {
        let before = self.journal.stored_before(round, Clock::wall_ms());
        let mut before = self.noted(before).filter(|before| !before.is_empty())?;
        let mut session = None;
        sources.retain(|source| {
            let Some(errand) = self.errand(source) else { return true };
            let Some(stored) = before.take(&errand, self.ack) else { return true };
            // Killed between the two notes, a run left it in both. Another copy of the same file may be under way too.
            if self.find_left(Some(&errand)).is_some_and(|(_, place)| is_at(&stored, place)) {
                self.strike_out(&errand);
                self.left.retain(|(left, _)| *left != errand);
            }
            self.tally.already = self.tally.already.saturating_add(1);
            self.context.report.event(&Event::Already(&stored));
            session = further(session, &stored);
            false
        });
        if self.tally.already > 0 {
            let files = counted(self.tally.already, "file");
            self.context.report.talk(&format!("already stored by the run that was cut: {files}"));
        }
        session
    }

    /// Writes down that a file is stored.
    pub(super) fn write_down(&mut self, current: &Current<'_>, stored: &Stored) {
        let Some(errand) = &current.errand else { return };
        let added = self.journal.add_stored(errand, stored);
        self.noted(added);
    }
}

/// How far a session was, when this was stored in it too.
fn further(session: Option<(SessionId, Sequence)>, stored: &Stored) -> Option<(SessionId, Sequence)> {
    let Some(here) = stored.session.zip(stored.sequence) else { return session };
    session.filter(|(id, _)| *id == here.0).max(Some(here))
}

/// Whether this is the file that was under way there.
fn is_at(stored: &Stored, place: &Place) -> bool {
    match place {
        Place::Session { id, sequence, .. } => stored.session == Some(*id) && stored.sequence == Some(*sequence),
        // It is named by its id.
        Place::Transfer(id) => stored.place.contains(&id.to_wire().replace('-', "")),
    }
}
