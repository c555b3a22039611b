//! The steps of a group of files that become durable together. Everything here blocks.
//!
//! The order is that of a single file (PROTOCOL.md section 10), each step done for the whole group before the next:
//! bytes durable, names given, folders durable, answers. A power cut at any point finds of each file what it would find
//! if that file were alone: before its name is durable it may be visible or not, but is whole if it is, because no
//! name is given before the bytes of the group are durable; and nobody was answered yet.
//!
//! A sync of the whole file system is the quick way, and says less than a file's own. It tells that something failed
//! and not what, and tells it once; so when it fails, each file and folder is asked by its own sync, which has not been
//! asked before and tells of its own failures alone. Whose own sync fails is given up. It does not tell of bytes that
//! were thrown away because no space was found for them; so their space is looked at. And an older Linux calls it a
//! success on a file system that has shut down; so what would fail there always comes after it: the names after the
//! bytes, and after the names a sync of the storage folder.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, MutexGuard};

use shared::id::SessionId;
use shared::wire::Ack;

use super::disk::Disk;
use super::group::{self, Commit};
use super::hold::Leaving;
use super::place::Place;
use crate::files::StorageError;
use crate::files::platform::Folder;

/// Files, or folders, from which on everything on the file system is synced instead of each of them. Two would pay
/// already, but not beside a neighbour that writes much.
const WHOLE_MIN: usize = 4;

/// A file that may have its name already.
struct Moved<'group> {
    /// With a claim: keeps newer ones away.
    leaving: Option<Leaving<'group>>,
    /// Where it is now; `None`: the name is taken.
    place: Option<Place<'group>>,
}

impl Disk {
    /// Shows all of them durably: what became of each that was not answered yet. `whole` can make everything on the
    /// file system durable; without it each is synced by itself.
    pub(super) fn commit(
        self: &Arc<Self>,
        group: Vec<Commit>,
        whole: Option<&Folder>,
    ) -> Vec<(Commit, Result<bool, StorageError>)> {
        let group = self.sync_bytes(group, whole);
        let (group, held) = self.hold_all(group);
        let moved: Vec<_> = group.iter().map(|commit| self.give_name(commit)).collect();
        let failed = self.sync_places(moved.iter().flatten().filter_map(|moved| moved.place.as_ref()), whole);
        let settled: Vec<_> =
            group.iter().zip(moved).map(|(commit, moved)| self.settle(commit, moved?, &failed)).collect();
        drop(held);
        self.groups.count(settled.iter().filter(|shown| matches!(shown, Ok(true))).count());
        group.into_iter().zip(settled).collect()
    }

    /// Makes the bytes durable; what fails is given up.
    fn sync_bytes(&self, group: Vec<Commit>, whole: Option<&Folder>) -> Vec<Commit> {
        let many = group.iter().filter(|commit| !commit.part.is_durable()).count() >= WHOLE_MIN;
        let synced = whole.filter(|_| many).is_some_and(|whole| self.sync_whole(whole));
        // Read after the sync: what failed since a file was made may have been told to another group.
        let synced = synced.then(|| self.groups.failures());
        let mut durable = Vec::with_capacity(group.len());
        for mut commit in group {
            match commit.part.make_durable(synced) {
                Ok(()) => durable.push(commit),
                Err(error) => commit.answer(|part| part.shown(Err(error))),
            }
        }
        durable
    }

    /// `false`: something may not be durable.
    fn sync_whole(&self, whole: &Folder) -> bool {
        let synced = whole.sync_whole();
        if let Err(error) = &synced {
            self.groups.failed();
            tracing::error!(%error, "a shared sync failed, so each file is synced by itself");
        }
        synced.is_ok()
    }

    /// Keeps others from the names. Whose name somebody has goes on alone: a group must not wait for another's disk
    /// access, nor two files of one name for each other.
    fn hold_all(self: &Arc<Self>, mut group: Vec<Commit>) -> (Vec<Commit>, Vec<MutexGuard<'_, ()>>) {
        if let [only] = &group[..] {
            let held = self.hold(&only.name).into_iter().collect();
            return (group, held);
        }
        let mut held = Vec::with_capacity(group.len());
        let busy = group.extract_if(.., |commit| match self.try_hold(&commit.name) {
            Some(lock) => {
                held.push(lock);
                false
            }
            None => true,
        });
        for commit in busy {
            group::alone(Arc::clone(self), commit);
        }
        (group, held)
    }

    fn give_name<'group>(&'group self, commit: &'group Commit) -> Result<Moved<'group>, StorageError> {
        let leaving = commit.part.leaving()?;
        let place = self.rename_held(commit.part.staged_name(), &commit.name, Ack::Durable)?;
        Ok(Moved { leaving, place })
    }

    /// Makes the names in these folders durable. What failed, by folder.
    fn sync_places<'place>(
        &self,
        places: impl Iterator<Item = &'place Place<'place>>,
        whole: Option<&Folder>,
    ) -> HashMap<Option<SessionId>, io::Error> {
        let places: HashMap<_, _> = places.map(|place| (place.session(), place)).collect();
        if let Some(whole) = whole
            && places.len() >= WHOLE_MIN
            && self.sync_whole(whole)
        {
            let Err(error) = self.remembering(None, self.root.sync()) else {
                self.are_durable(places.into_keys().flatten());
                return HashMap::new();
            };
            self.sure().doubtful_folders.extend(places.keys());
            return places.into_keys().map(|folder| (folder, copy(&error))).collect();
        }
        places.into_iter().filter_map(|(session, place)| Some((session, self.sync_place(place).err()?))).collect()
    }

    /// Takes a file back whose name may not be durable. Nobody could look at it meanwhile, because we hold its name.
    fn settle(
        &self,
        commit: &Commit,
        moved: Moved<'_>,
        failed: &HashMap<Option<SessionId>, io::Error>,
    ) -> Result<bool, StorageError> {
        let Some(place) = moved.place else { return Ok(false) };
        let (staged, name) = (commit.part.staged_name(), &commit.name);
        if let Some(error) = failed.get(&place.session()) {
            if !place.folder().rename_new(&name.file_name(), &self.staging, staged).unwrap_or(false) {
                tracing::error!(?name, "a file whose name could not be made durable could not be taken back either");
            }
            return Err(copy(error).into());
        }
        if let Some(leaving) = moved.leaving {
            leaving.left(self, staged);
        }
        Ok(true)
    }
}

/// The same error for another file of the folder.
fn copy(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}
