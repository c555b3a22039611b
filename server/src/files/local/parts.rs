//! The parts in the staging folder that wait for their rest: which there are, who writes them, which have to go.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::id::Timestamp;

use super::disk::{Disk, PART};
use super::hold::{Held, Hold};
use crate::files::platform::Folder;
use crate::files::{Claimant, Keeping, PartKey, StorageError};

/// Ends the name of a part that waits for its rest.
const KEPT: &str = ".kept";

/// What is known of the parts. Its lock is held for moments only, never while bytes are read or written.
#[derive(Debug)]
pub(super) struct Parts {
    keeping: Keeping,
    index: Mutex<Index>,
}

#[derive(Debug, Default)]
struct Index {
    known: HashMap<PartKey, Known>,
    /// The names of parts may not have become durable, and nobody can find out.
    doubtful: bool,
}

#[derive(Debug, Default)]
struct Known {
    writer: Option<Arc<Held>>,
    /// Who claimed it last, in the life of this server.
    last: Option<Claimant>,
    /// What nobody writes: its bytes.
    length: u64,
    /// When it was last written or told of, by the file system's clock.
    touched_ms: u64,
}

impl Parts {
    /// Finds the parts that an earlier server left and that can be continued; removes what looks like one and cannot.
    pub(super) fn found(staging: &Folder, keeping: Keeping) -> io::Result<Self> {
        let mut names = Vec::new();
        staging.each_name(&mut |name| {
            if let Some(digits) = name.strip_suffix(KEPT) {
                names.push((PartKey::parse(digits), name.to_owned()));
            }
        })?;
        let mut index = Index::default();
        for (key, name) in names {
            let Some(key) = key else { continue };
            let file = staging.open_or_create(&name)?;
            let length = file.metadata()?.len();
            // A second name is that of a visible file, where a rename is made of two steps and the server was killed
            // between them. Nobody may write into that.
            if length == 0 || Folder::has_other_names(&file)? {
                staging.remove(&name)?;
                continue;
            }
            let touched_ms = Folder::changed_ms(&file)?;
            // Gives back what was reserved for the rest.
            file.set_len(length)?;
            index.known.insert(key, Known { length, touched_ms, ..Known::default() });
        }
        Ok(Self { keeping, index: Mutex::new(index) })
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    /// The name of a part in the staging folder.
    pub(super) fn part_name(key: PartKey) -> String {
        format!("{}{KEPT}", key.digits())
    }

    /// Makes the caller the writer of a part. What comes back must be settled first; the second value says whether
    /// that can take a while, and otherwise how long the part is.
    pub(super) fn enter(self: &Arc<Self>, key: PartKey, by: Claimant) -> Result<(Hold, Option<u64>), StorageError> {
        let mut index = self.parts.index();
        let known = index.known.entry(key).or_default();
        if known.last.is_some_and(|last| by.yields_to(last, known.writer.is_some())) {
            return Err(StorageError::Overtaken);
        }
        known.last = Some(by);
        let older = known.writer.take();
        if let Some(older) = &older {
            older.overtaken.cancel();
        }
        let length = older.is_none().then_some(known.length);
        let held = Arc::new(Held::new(key, older, known.length));
        known.writer = Some(Arc::clone(&held));
        Ok((Hold { disk: Arc::clone(self), held }, length))
    }

    /// Ends a claim. If it is the newest, what it leaves is kept.
    pub(super) fn release(&self, held: &Arc<Held>) {
        let length = held.end(self);
        let touched_ms = if length == 0 { 0 } else { self.touched_ms(held.key) };
        let mut index = self.parts.index();
        let Entry::Occupied(mut known) = index.known.entry(held.key) else { return };
        if !known.get().writer.as_ref().is_some_and(|newest| Arc::ptr_eq(newest, held)) {
            return;
        }
        if length == 0 {
            known.remove();
            return;
        }
        let last = known.get().last;
        known.insert(Known { writer: None, last, length, touched_ms });
        self.drop_surplus(index);
    }

    /// Removes the parts that are more than may be kept.
    fn drop_surplus(&self, mut index: MutexGuard<'_, Index>) {
        let idle = index.known.iter().filter(|(_, known)| known.writer.is_none());
        let idle = idle.map(|(key, known)| (known.touched_ms, *key, known.length)).collect();
        let surplus = self.parts.keeping.surplus(idle);
        let retired: Vec<String> = surplus.into_iter().filter_map(|key| self.retire(&mut index, key)).collect();
        drop(index);
        for name in retired {
            tracing::info!("a part was dropped to make room for newer ones");
            // What stays behind is cleared away at the next start.
            let _removed = self.staging.remove(&name);
        }
    }

    /// Removes what was left by an earlier server beyond what may be kept.
    pub(super) fn bound_parts(&self) {
        self.drop_surplus(self.parts.index());
    }

    /// How much there is of a part, once it is durable.
    pub(super) fn kept(&self, key: PartKey) -> Result<Option<u64>, StorageError> {
        let writer = match self.parts.index().known.get(&key) {
            None => return Ok(None),
            Some(known) => known.writer.clone(),
        };
        if let Some(writer) = writer {
            // What it received counts; that it may have ended meanwhile does not matter.
            let _flushed = writer.flush(self);
        }
        let Some(file) = self.staging.open_file(&Self::part_name(key))? else { return Ok(None) };
        let length = file.metadata()?.len();
        if length == 0 {
            return Ok(None);
        }
        if let Err(error) = file.sync_all() {
            // Nobody knows which of its bytes will be there.
            self.forget(key);
            return Err(error.into());
        }
        self.sync_part_names()?;
        if let Err(error) = Folder::touch(&file) {
            tracing::warn!(%error, ?key, "a part could not be touched");
        }
        let touched_ms = Folder::changed_ms(&file)?;
        if let Some(known) = self.parts.index().known.get_mut(&key) {
            known.touched_ms = touched_ms;
        }
        Ok(Some(length))
    }

    #[cfg(test)]
    pub(super) fn doubt_part_names(&self) {
        self.parts.index().doubtful = true;
    }

    fn sync_part_names(&self) -> Result<(), StorageError> {
        if self.parts.index().doubtful {
            return Err(StorageError::GivenUp);
        }
        self.staging.sync().map_err(|error| {
            self.parts.index().doubtful = true;
            error.into()
        })
    }

    /// The part's file, if it has so many bytes.
    pub(super) fn open_part(&self, key: PartKey, length: u64) -> Result<Option<File>, StorageError> {
        let Some(file) = self.staging.open_file(&Self::part_name(key))? else { return Ok(None) };
        Ok((file.metadata()?.len() >= length).then_some(file))
    }

    /// Whether there is a part that [`Disk::forget`] could remove.
    pub(super) fn knows(&self, key: PartKey) -> bool {
        self.parts.index().known.contains_key(&key)
    }

    /// Removes a part, unless it has a writer.
    pub(super) fn forget(&self, key: PartKey) {
        let mut index = self.parts.index();
        let retired = match index.known.get(&key) {
            Some(known) if known.writer.is_none() => self.retire(&mut index, key),
            Some(_) | None => None,
        };
        drop(index);
        if let Some(name) = retired {
            let _removed = self.staging.remove(&name);
        }
    }

    /// Removes at most `at_most` parts nobody came back for.
    pub(super) fn sweep_parts(&self, now: Timestamp, at_most: usize) -> usize {
        let mut index = self.parts.index();
        let kept_ms = self.parts.keeping.kept_ms;
        let old = index.known.iter().filter(|(_, known)| {
            known.writer.is_none() && now.millis_since(Timestamp::from_millis(known.touched_ms)) > kept_ms
        });
        let old: Vec<PartKey> = old.map(|(key, _)| *key).take(at_most).collect();
        let retired: Vec<String> = old.into_iter().filter_map(|key| self.retire(&mut index, key)).collect();
        drop(index);
        for name in &retired {
            let _removed = self.staging.remove(name);
        }
        retired.len()
    }

    /// Removes the file of a part whose gate the caller holds.
    pub(super) fn remove_part(&self, key: PartKey) {
        if let Err(error) = self.staging.remove(&Self::part_name(key)) {
            tracing::warn!(%error, ?key, "a part could not be removed");
        }
    }

    /// Takes the name from a part nobody writes. Removing a large file takes a while; a new part of this name must not
    /// wait for it, let alone be removed by it.
    fn retire(&self, index: &mut Index, key: PartKey) -> Option<String> {
        index.known.remove(&key);
        let nameless = self.staged_name(PART);
        let renamed = self.staging.rename_over(&Self::part_name(key), &nameless);
        renamed.is_ok().then_some(nameless)
    }

    fn touched_ms(&self, key: PartKey) -> u64 {
        let file = self.staging.open_file(&Self::part_name(key)).ok().flatten();
        file.and_then(|file| Folder::changed_ms(&file).ok()).unwrap_or_default()
    }
}
