//! What this run writes down for another one, and what ended runs left for this one.

use shared::error::Retry;
use shared::id::{Sequence, SessionId};

use super::Sending;
use crate::commands::current::Current;
use crate::conversation::{Attempt, Conversation, Event as Happened, Held};
use crate::env::Clock;
use crate::failure::Failure;
use crate::journal::{Errand, Journal, Place, Round};
use crate::sources::{Origin, Source};

impl Sending<'_> {
    /// Takes over what ended runs left of these files, and puts those of a session first: their numbers come before
    /// all that are new.
    pub(in crate::commands) fn take_over(&mut self, sources: &mut Vec<Source>, round: &Round) {
        let errands: Vec<Errand> = sources.iter().filter_map(|source| self.errand(source)).collect();
        let taken = self.journal.take(errands.iter(), Clock::wall_ms());
        let taken = self.noted(taken).unwrap_or_default();
        self.left = taken.into_iter().map(|(errand, place)| (errand.clone(), place)).collect();
        let stored = self.pass_over(sources, round);
        let named = self.conversation.as_ref().and_then(Conversation::session).map(|named| named.id);
        // There may be several; a client is in one session at a time.
        let places = self.left.iter().map(|(_, place)| place);
        let first = places.filter_map(held).min_by_key(|held| held.next).map(|held| held.id);
        // Where nothing is left to go on with, there may be a session that was to be closed.
        let id = named.or(first).or(stored.map(|(id, _)| id));
        if let Some(held) = id.and_then(|id| self.furthest(id, stored)) {
            self.conversation = self.conversation.take().map(|conversation| conversation.after(held));
            sources.sort_by_cached_key(|source| self.sequence_left(source).unwrap_or(u64::MAX));
        }
    }

    /// The session as it was when the newest of its answers was written down, wherever that was: a journal is written
    /// before an answer comes, what is remembered may be of another run, and of a run that was killed it may be old. A
    /// server that is behind that is known by it, and an older ticket would lead back.
    fn furthest(&self, id: SessionId, stored: Option<(SessionId, Sequence)>) -> Option<Held> {
        let remembered = self.context.remembered.find(&self.context.server, Some(&id.to_wire())).ok();
        let left = self.left.iter().filter_map(|(_, place)| held(place));
        let newest = left.chain(remembered).filter(|held| held.id == id).max_by_key(|held| held.next)?;
        let stored = stored.filter(|(of, _)| *of == id).map_or(newest.next, |(_, last)| last.next());
        Some(Held { next: newest.next.max(stored), ..newest })
    }

    fn sequence_left(&self, source: &Source) -> Option<u64> {
        let (_, place) = self.find_left(self.errand(source).as_ref())?;
        let session = self.conversation.as_ref().and_then(Conversation::session)?;
        match place {
            Place::Session { id, sequence, .. } if *id == session.id => Some(sequence.get()),
            Place::Session { .. } | Place::Transfer(_) => None,
        }
    }

    pub(super) fn find_left(&self, errand: Option<&Errand>) -> Option<&(Errand, Place)> {
        self.left.iter().find(|(left, _)| Some(left) == errand)
    }

    pub(super) fn errand(&self, source: &Source) -> Option<Errand> {
        let Origin::File(path, _) = &source.origin else { return None };
        let name = source.name.as_ref().map(shared::wire::FileName::as_str);
        Errand::of(&self.context.server.to_string(), self.mode, path, name)
    }

    /// How the conversation is told of the file.
    pub(super) fn offer(&mut self, current: &mut Current<'_>) -> Happened {
        let session = self.conversation.as_ref().and_then(Conversation::session).map(|held| held.id);
        let left = match self.find_left(current.errand.as_ref()) {
            Some((_, Place::Transfer(id))) => {
                current.transfer = *id;
                Some(None)
            }
            Some((_, Place::Session { id, sequence, .. })) if Some(*id) == session => Some(Some(*sequence)),
            Some(_) | None => None,
        };
        match left {
            Some(sequence) => {
                self.context.report.talk(&format!("{}: going on with what an earlier run left", current.label));
                self.left.retain(|(left, _)| Some(left) != current.errand.as_ref());
                Happened::Left(sequence)
            }
            None => Happened::File(self.context.clock.now()),
        }
    }

    /// Writes down under what the file goes out now.
    pub(super) fn note(&mut self, current: &mut Current<'_>, attempt: Attempt) {
        let session = self.conversation.as_ref().and_then(Conversation::session);
        let place = match (attempt.sequence, session) {
            (Some(sequence), Some(held)) => {
                Place::Session { id: held.id, secret: held.secret.clone(), sequence, next: held.next }
            }
            _ => Place::Transfer(current.transfer),
        };
        let Some(errand) = current.errand.as_ref().filter(|_| current.noted.as_ref() != Some(&place)) else { return };
        let noted = self.journal.note(errand, &place, Clock::wall_ms());
        if self.noted(noted).is_some() {
            current.noted = Some(place);
        }
    }

    /// The file has its answer.
    pub(super) fn settle(&mut self, current: &Current<'_>) {
        let Some(errand) = &current.errand else { return };
        let settled = self.journal.settle(errand);
        self.noted(settled);
    }

    pub(super) fn strike_out(&mut self, errand: &Errand) {
        let struck = self.journal.strike(errand);
        self.noted(struck);
    }

    /// A file nobody needs to go on with is struck out: it was refused, or cannot be read.
    pub(super) fn strike_unless_open(&mut self, current: &Current<'_>, failure: &Failure) {
        if let (false, Some(errand)) = (leaves_open(failure), &current.errand) {
            self.strike_out(errand);
        }
    }

    /// Says once that nothing can be written down; it is no reason to stop.
    pub(super) fn noted<T>(&mut self, done: Result<T, Failure>) -> Option<T> {
        match done {
            Ok(done) => Some(done),
            Err(failure) => {
                self.context.report.warn(&format!("another run could not go on with this one: {failure}"));
                self.journal = Journal::at(None);
                None
            }
        }
    }
}

/// Whether another run could still do what failed in this one.
pub(super) fn leaves_open(failure: &Failure) -> bool {
    match failure {
        Failure::Lost(_) | Failure::Unreachable { .. } | Failure::Unknown(_) | Failure::Interrupted => true,
        Failure::Refused(body) => matches!(body.code.retry(), Retry::Later | Retry::Resume | Retry::NewSession),
        Failure::Usage(_)
        | Failure::Configuration(_)
        | Failure::Local { .. }
        | Failure::Integrity { .. }
        | Failure::Broken(_)
        | Failure::Version(_)
        | Failure::NoSession(_)
        | Failure::Unclosed { .. } => false,
    }
}

fn held(place: &Place) -> Option<Held> {
    match place {
        Place::Session { id, secret, next, .. } => Some(Held { id: *id, secret: secret.clone(), next: *next }),
        Place::Transfer(_) => None,
    }
}
